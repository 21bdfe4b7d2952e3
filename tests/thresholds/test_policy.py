"""The policy as a value: decisions by hand, canonical JSON, its hash, and what it refuses."""

import copy
import hashlib
import json
import math
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.errors import InputError, TooLarge
from core.thresholds.objective import Objective
from core.thresholds.policy import TEXT_CAP, Columns, Confirmation, LevelCounts, Policy, Versions
from tests.thresholds.policies import INTERVAL, POLICIES, bare_policy, decide_slowly, make_policy, odd_rows, policies

INF, NAN = math.inf, math.nan


class TestDecide:
    def test_by_hand(self):
        # Levels [0, 10) from 0.75, [10, 100) none, [100, 3000] from 0.5.
        rows = [
            (0.75, 0, True),  # on both edges
            (0.75, -0.0, True),
            (np.nextafter(0.75, 0), 0, False),
            (0.75, np.nextafter(10, 0), True),
            (1.0, 10, False),  # 10 belongs to the level that accepts none
            (0.5, np.nextafter(100, 0), False),
            (0.5, 100, True),
            (0.5, 3000, True),  # the last level is closed
            (1.0, np.nextafter(3000, INF), False),
            (1.0, -1e-300, False),
            (None, 100, False),
            (0.5, None, False),
            (NAN, NAN, False),
            (INF, 100, False),
            (0.9, INF, False),
        ]
        found = make_policy().decide([row[0] for row in rows], [row[1] for row in rows])
        assert found.tolist() == [row[2] for row in rows]
        assert found.dtype == np.bool_

    def test_nearest_level_outside(self):
        # Below 0 counts to [0, 10), above 3000 to [100, 3000]; what is missing or infinite is near to nothing.
        policy = make_policy(outside="nearest")
        values = [-5, -5, 9e9, 9e9, INF, -INF, None]
        assert policy.decide([0.75, 0.7, 0.5, 0.4, 1, 1, 1], values).tolist() == [True, False, True] + [False] * 4

    @pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
    def test_is_the_definition(self, policy):
        scores, values = odd_rows(policy)
        expected = [decide_slowly(policy, s, u) for s, u in zip(scores, values, strict=True)]
        assert policy.decide(scores, values).tolist() == expected

    def test_of_float32_and_of_none(self):
        policy = bare_policy([0.0, 1.0], [0.1])
        # float32(0.1) is 0.100000001490116…, above the double 0.1; float32(0.7) is below 0.7 but no matter here.
        assert policy.decide(np.array([0.1], np.float32), np.array([0.5], np.float32)).tolist() == [True]
        assert policy.decide([], []).tolist() == []
        assert policy.decide(0.2, 0.5).tolist() is True

    def test_refuses_text_and_unequal_lengths(self):
        with pytest.raises(InputError, match="2 scores and 1 uncertainties"):
            make_policy().decide([0.1, 0.2], [1])
        with pytest.raises(InputError, match="score must be numbers"):
            make_policy().decide(["high"], [1])

    def test_does_not_depend_on_the_order_of_rows(self):
        rng = np.random.default_rng(0)
        score, value, order = rng.random(500), rng.uniform(-5, 4000, 500), rng.permutation(500)
        policy = make_policy()
        assert np.array_equal(policy.decide(score, value)[order], policy.decide(score[order], value[order]))


class TestValue:
    def test_is_frozen_comparable_hashable_and_can_be_copied(self):
        one, other = make_policy(), make_policy()
        assert one == other
        assert len({one, other, replace(one, seed=1)}) == 2
        assert copy.deepcopy(one) == one
        assert pickle.loads(pickle.dumps(one)) == one
        with pytest.raises(FrozenInstanceError):
            one.seed = 2

    def test_makes_plain_numbers(self):
        edges = tuple(np.array([-0.0, 10, 100, 3000]))
        policy = make_policy(
            level_edges=edges, thresholds=(np.float64(0.75), np.inf, np.float32(0.5)), seed=np.int64(0)
        )
        assert policy == make_policy()
        assert {type(x) for x in (*policy.level_edges, *policy.thresholds)} == {float}
        assert math.copysign(1, policy.level_edges[0]) == 1
        assert type(policy.seed) is int

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"level_edges": (0, 10, 10, 3000)}, "not increasing"),
            ({"level_edges": (0, 10, NAN, 3000)}, "level edge that is not a finite number"),
            ({"level_edges": (0, 10, INF, 3000)}, "level edge that is not a finite number"),
            ({"level_edges": (0,), "thresholds": ()}, "1 level edges"),
            ({"level_edges": ("0", 10, 100, 3000)}, "level edge that is not a finite number"),
            ({"level_edges": (False, 10, 100, 3000)}, "level edge that is not a finite number"),
            ({"level_edges": (0, 10, 100, 10**400)}, "level edge that is not a finite number"),
            ({"thresholds": (0.5, 0.5)}, "2 thresholds for 3 levels"),
            ({"thresholds": (0.5, INF, NAN)}, "threshold that is not a finite number"),
            ({"thresholds": (0.5, INF, -INF)}, "threshold that is not a finite number"),
            ({"thresholds": (INF, INF, 0.5)}, "3 accepted rows .tuned. in a level that accepts none"),
            ({"outside": "strictest"}, "'reject' or 'nearest'"),
            ({"method": "Exact; DROP"}, "method"),
            ({"seed": -1}, "seed"),
            ({"seed": 2**53}, "seed"),
            ({"seed": 1.0}, "seed"),
            ({"tuned": (LevelCounts(1, 1, 1, 1),)}, "tuned counts of 1 levels instead of 3"),
            ({"confirmed": Confirmation(0.1, "time", ())}, "confirmed counts of 0 levels"),
            ({"data_digest": "AB" * 32}, "data digest"),
            ({"data_digest": None}, "data digest"),
        ],
    )
    def test_refuses(self, changes, message):
        with pytest.raises(InputError, match=message) as caught:
            make_policy(**changes)
        assert caught.value.fix

    @pytest.mark.parametrize(
        "make",
        [
            lambda: LevelCounts(10, 4, 3, 5),  # more hits than accepted
            lambda: LevelCounts(10, 4, 6, 5),  # more hits than positives
            lambda: LevelCounts(10, 9, 5, 2),  # three false positives among one negative
            lambda: LevelCounts(3, 4, 0, 0),
            lambda: LevelCounts(3, 1, -1, 0),
            lambda: LevelCounts(True, 0, 0, 0),
            lambda: Columns("score", ("a", "b"), "std"),
            lambda: Columns("score", ("score",), "std"),
            lambda: Columns("score", ("a", "a"), "interval"),
            lambda: Columns("  ", ("a",), "std"),
            lambda: Columns("\ud800", ("a",), "std"),
            lambda: Columns("x" * 201, ("a",), "std"),
            lambda: Columns("score", (1,), "std"),
            lambda: Columns("score", ("a",), "doubt"),
            lambda: Confirmation(0.5, "random", ()),
            lambda: Confirmation(0.0, "random", ()),
            lambda: Confirmation(0.1, "by hand", ()),
            lambda: Versions("1\n2", "1", "1"),
        ],
    )
    def test_parts_refuse(self, make):
        with pytest.raises(InputError, match="The policy has"):
            make()

    def test_versions_here(self):
        assert Versions.here().numpy == np.__version__

    def test_counts_add(self):
        assert LevelCounts(10, 4, 3, 3) + LevelCounts(20, 5, 1, 0) == LevelCounts(30, 9, 4, 3)


class TestJson:
    def test_by_hand(self):
        # RFC 8785: keys sorted, no blanks, 0.0 as 0 and 3000.0 as 3000.
        policy = bare_policy([0.0, 3000.0], [INF], objective=Objective("capacity", 100))
        body = (
            '"level_edges":[0,3000],"method":"exact","missing":"reject","objective":{"kind":"capacity","target":100},"only":[],'
            '"outside":"reject","sampling":{"keep_negatives":1,"keep_positives":1},"schema":"recscope-policy/1","seed":0,"thresholds":[null],'
            '"tuned":[{"accepted":0,"positives":0,"rows":0,"true_positives":0}],'
            '"versions":{"duckdb":"2.0.0","numpy":"2.4.6","recscope":"unreleased"}}'
        )
        head = (
            '{"accept":"score >= threshold of the level",'
            '"columns":{"score":"score","uncertainty":["evidence"],"uncertainty_kind":"evidence"},'
            f'"confirmed":null,"data_digest":"{"ab" * 32}",'
        )
        expected = hashlib.sha256(f"recscope-policy-v1\n{head}{body}".encode()).hexdigest()
        assert policy.hash == expected
        assert policy.to_json() == f'{head}"hash":"{expected}",{body}'

    def test_of_the_rfc(self):
        # RFC 8785, 3.2.2.3 and 3.2.3: numbers as ECMAScript writes them, keys by UTF-16 code units.
        numbers = [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001]
        assert rfc8785.dumps(numbers) == b"[333333333.3333333,1e+30,4.5,0.002,1e-27]"
        keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
        assert list(json.loads(rfc8785.dumps(keys)).values()) == [2, 4, 6, 7, 1, 5, 3]

    @settings(max_examples=200, deadline=None)
    @given(policies())
    def test_round_trip(self, policy):
        text = policy.to_json()
        again = Policy.from_json(text)
        assert again == policy
        assert again.to_json() == text
        assert again.hash == policy.hash
        assert Policy.from_json(json.dumps(json.loads(text), indent=2)) == policy  # blanks may change

    @settings(max_examples=60, deadline=None)
    @given(policies(), policies())
    def test_equal_hash_means_equal_policy(self, one, other):
        assert (one.hash == other.hash) == (one == other)

    @settings(max_examples=400, deadline=None)
    @given(st.data())
    @example(None)
    def test_a_single_edit_is_refused_or_changes_nothing(self, data):
        policy = make_policy(columns=INTERVAL, thresholds=(0.1 + 0.2, INF, 1e-7))
        text = policy.to_json()
        if data is None:  # every deletion
            for at in range(len(text)):
                check_refused_or_equal(text[:at] + text[at + 1 :], policy)
            return
        at = data.draw(st.integers(0, len(text) - 1))
        character = data.draw(st.sampled_from('0123456789.-+eE"\\{}[],: \n\tnulabcdefNI') | st.characters())
        rest = text[at:] if data.draw(st.booleans()) else text[at + 1 :]
        check_refused_or_equal(text[:at] + character + rest, policy)

    def test_an_edited_threshold_says_so(self):
        text = make_policy().to_json().replace("0.75", "0.7")
        with pytest.raises(InputError, match="edited by hand") as caught:
            Policy.from_json(text)
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
    def test_refuses_what_is_no_policy(self, text, message):
        with pytest.raises(InputError, match=message) as caught:
            Policy.from_json(text)
        assert caught.value.fix

    def test_refuses_a_long_file(self):
        with pytest.raises(TooLarge, match="1,000,001 characters"):
            Policy.from_json(" " * (TEXT_CAP + 1))

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
    def test_refuses_a_field_though_the_hash_fits(self, key, value):
        document = json.loads(make_policy().to_json()) | {key: value}
        del document["hash"]
        document["hash"] = hashlib.sha256(b"recscope-policy-v1\n" + rfc8785.dumps(document)).hexdigest()
        with pytest.raises(InputError) as caught:
            Policy.from_json(json.dumps(document))
        assert "edited by hand" not in str(caught.value)

    def test_refuses_a_missing_field_though_the_hash_fits(self):
        for key in set(json.loads(make_policy().to_json())) - {"hash", "schema"}:
            document = json.loads(make_policy().to_json())
            del document["hash"], document[key]
            document["hash"] = hashlib.sha256(b"recscope-policy-v1\n" + rfc8785.dumps(document)).hexdigest()
            with pytest.raises(InputError, match="without exactly"):
                Policy.from_json(json.dumps(document))


def check_refused_or_equal(text: str, policy: Policy) -> None:
    try:
        found = Policy.from_json(text)
    except InputError:
        return
    assert found == policy


def test_importing_the_policy_loads_neither_scikit_learn_nor_torch():
    code = (
        "import sys, core.thresholds.policy, core.thresholds.apply, core.thresholds.export_sql, "
        "core.thresholds.export_python; print(sorted({'sklearn', 'torch', 'streamlit'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
