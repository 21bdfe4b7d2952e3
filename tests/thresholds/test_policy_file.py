"""The policy as a file: canonical JSON by hand, and every edit refused."""

import hashlib
import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.errors import InputError, TooLarge
from core.thresholds.objective import Objective
from core.thresholds.policy import Policy
from core.thresholds.policy_file import TEXT_CAP, read_policy, write_policy
from tests.thresholds.policies import INTERVAL, bare_policy, make_policy, policies


def test_by_hand():
    # RFC 8785: keys sorted, no blanks, 0.0 as 0 and 3000.0 as 3000.
    policy = bare_policy([0.0, 3000.0], [math.inf], objective=Objective("capacity", 100))
    body = (
        '"level_edges":[0,3000],"method":"exact","missing":"reject","objective":{"kind":"capacity","target":100},"only":[],'
        '"outside":"reject","sampling":{"keep_negatives":1,"keep_positives":1},"schema":"recscope-policy/1","seed":0,"thresholds":[null],'
        '"tuned":[{"accepted":0,"positives":0,"rows":0,"true_positives":0}],'
        '"versions":{"duckdb":"2.0.0","numpy":"2.4.6","recscope":"0.1.0"},"weighted":false}'
    )
    head = (
        '{"accept":"score >= threshold of the level",'
        '"columns":{"score":"score","uncertainty":["evidence"],"uncertainty_kind":"evidence"},'
        f'"confirmed":null,"data_digest":"{"ab" * 32}",'
    )
    expected = hashlib.sha256(f"recscope-policy-v1\n{head}{body}".encode()).hexdigest()
    assert policy.hash == expected
    assert write_policy(policy) == f'{head}"hash":"{expected}",{body}'


def test_of_the_rfc():
    # RFC 8785, 3.2.2.3 and 3.2.3: numbers as ECMAScript writes them, keys by UTF-16 code units.
    numbers = [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001]
    assert rfc8785.dumps(numbers) == b"[333333333.3333333,1e+30,4.5,0.002,1e-27]"
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert list(json.loads(rfc8785.dumps(keys)).values()) == [2, 4, 6, 7, 1, 5, 3]


@settings(max_examples=200, deadline=None)
@given(policies())
def test_round_trip(policy):
    text = write_policy(policy)
    again = read_policy(text)
    assert again == policy
    assert write_policy(again) == text
    assert again.hash == policy.hash
    assert read_policy(json.dumps(json.loads(text), indent=2)) == policy  # blanks may change


@settings(max_examples=400, deadline=None)
@given(st.data())
@example(None)
def test_a_single_edit_is_refused_or_changes_nothing(data):
    policy = make_policy(columns=INTERVAL, thresholds=(0.1 + 0.2, math.inf, 1e-7))
    text = write_policy(policy)
    if data is None:  # every deletion
        for at in range(len(text)):
            check_refused_or_equal(text[:at] + text[at + 1 :], policy)
        return
    at = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.sampled_from('0123456789.-+eE"\\{}[],: \n\tnulabcdefNI') | st.characters())
    rest = text[at:] if data.draw(st.booleans()) else text[at + 1 :]
    check_refused_or_equal(text[:at] + character + rest, policy)


def test_an_edited_threshold_says_so():
    text = write_policy(make_policy()).replace("0.75", "0.7")
    with pytest.raises(InputError, match="edited by hand") as caught:
        read_policy(text)
    assert "pin it and tune again" in caught.value.fix


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "not a policy of schema recscope-policy/1"),
        ('{"schema": "recscope-policy/2"}', "recscope-policy/2"),
        ('{"schema": ["recscope-policy/1"]}', "not a policy of schema"),
        ('{"schema": "recscope-policy/1"}', "edited by hand"),
        ('{"schema": "recscope-policy/1", "schema": "recscope-policy/1"}', "key that stands twice"),
        ('{"schema": "recscope-policy/1", "seed": NaN}', "NaN, which is not JSON"),
        ('{"schema": "recscope-policy/1", "seed": -Infinity}', "-Infinity, which is not JSON"),
        ('{"schema": "recscope-policy/1", "seed": 1e400}', "does not carry exactly"),
        ('{"schema": "recscope-policy/1", "seed": %s}' % ("1" * 5000), "does not carry exactly"),
        ('{"schema": "recscope-policy/1", "seed": "\\ud800"}', "does not carry exactly"),
    ],
)
def test_refuses_what_is_no_policy(text, message):
    with pytest.raises(InputError, match=message) as caught:
        read_policy(text)
    assert caught.value.fix


def test_refuses_a_long_file():
    with pytest.raises(TooLarge, match="1,000,001 characters"):
        read_policy(" " * (TEXT_CAP + 1))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("columns", {"score": "s"}),
        ("columns", {"score": "s", "uncertainty": "u", "uncertainty_kind": "std"}),
        ("columns", {"score": "s", "uncertainty": [{}], "uncertainty_kind": "std"}),
        ("columns", {"score": "s", "uncertainty": ["u"], "uncertainty_kind": ["std"]}),
        ("level_edges", {"0": 1}),
        ("level_edges", [0, None, 100, 3000]),
        ("level_edges", [0, 10, 100, True]),
        ("thresholds", "0.5"),
        ("thresholds", ["0.5", None, 0.5]),
        ("objective", {"kind": "precision", "target": "0.9"}),
        ("objective", {"kind": "precision", "target": 2}),
        ("objective", {"kind": ["precision"], "target": 0.9}),
        ("objective", None),
        ("tuned", None),
        ("tuned", [1, 2, 3]),
        ("tuned", [{"rows": 1, "positives": 0, "accepted": 0, "true_positives": 0.5}] * 3),
        ("confirmed", False),
        ("confirmed", {"delta": None, "split": "random", "counts": []}),
        ("versions", {"recscope": "1"}),
        ("versions", {"recscope": 1, "numpy": "1", "duckdb": "1"}),
        ("accept", "score > threshold"),
        ("missing", "accept"),
        ("note", "one key too many"),
        ("seed", None),
        ("method", None),
    ],
)
def test_refuses_a_field_though_the_hash_fits(key, value):
    with pytest.raises(InputError) as caught:
        read_policy(sealed(make_policy().document() | {key: value}))
    assert "edited by hand" not in str(caught.value)


def test_refuses_a_missing_field_though_the_hash_fits():
    document = make_policy().document()
    for key in set(document) - {"schema"}:
        with pytest.raises(InputError, match="without exactly"):
            read_policy(sealed({name: value for name, value in document.items() if name != key}))


def sealed(document: dict[str, Any]) -> str:
    """The text of a document with a hash that fits."""
    found = hashlib.sha256(b"recscope-policy-v1\n" + rfc8785.dumps(document)).hexdigest()
    return json.dumps(document | {"hash": found})


def check_refused_or_equal(text: str, policy: Policy) -> None:
    try:
        found = read_policy(text)
    except InputError:
        return
    assert found == policy
