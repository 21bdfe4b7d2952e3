"""The exported Python: alone, deterministic, and safe whatever the columns are called."""

import ast
import math
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings

from core.thresholds.export_python import to_python
from core.thresholds.policy import Columns
from tests.thresholds.policies import DIGEST, INTERVAL, POLICIES, make_policy, odd_rows, policies


def run(policy):
    """The module that the text makes."""
    module = {}
    exec(to_python(policy), module)  # noqa: S102
    return module


def test_by_hand():
    decide = run(make_policy())["decide"]
    assert decide(0.75, 0) is True
    assert decide(0.7499, 0) is False
    assert decide(1.0, 10) is False  # that level accepts none
    assert decide(0.5, 3000) is True
    assert decide(0.5, 3001) is False
    assert run(make_policy(outside="nearest"))["decide"](0.5, 3001) is True
    assert decide(Decimal("0.75"), np.float32(5)) is True
    assert [decide(*row) for row in [(None, 1), (1, None), (math.nan, 1), (1, math.inf)]] == [False] * 4


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_decides_as_the_policy_does(policy):
    assert_decides_alike(policy)


@settings(max_examples=60, deadline=None)
@given(policies())
def test_decides_as_any_policy_does(policy):
    assert_decides_alike(policy)


def assert_decides_alike(policy):
    """The module and the policy agree on the odd rows."""
    scores, values = odd_rows(policy)
    decide = run(policy)["decide"]
    assert [decide(s, u) for s, u in zip(scores, values, strict=True)] == policy.decide(scores, values).tolist()


@settings(max_examples=60, deadline=None)
@given(policies())
def test_holds_the_same_numbers_and_names(policy):
    module = run(policy)
    assert module["LEVEL_EDGES"] == policy.level_edges
    assert tuple(math.inf if t is None else t for t in module["THRESHOLDS"]) == policy.thresholds
    assert (module["SCORE_COLUMN"], *module["UNCERTAINTY_COLUMNS"]) == policy.columns.names
    assert (module["POLICY_HASH"], module["DATA_DIGEST"]) == (policy.hash, DIGEST)
    assert to_python(policy) == to_python(policy)
    assert to_python(policy).isascii()


def test_names_are_not_code():
    name = '"""\nimport os\n#'
    policy = make_policy(columns=Columns(name, ("'; {hash} \u2028\\",), "evidence"))
    tree = ast.parse(to_python(policy))
    assert [type(node).__name__ for node in tree.body] == [
        "Expr",
        "ImportFrom",
        "ImportFrom",
        *["Assign"] * 6,
        "FunctionDef",
    ]
    assert run(policy)["SCORE_COLUMN"] == name


def test_runs_alone():
    code = f"{to_python(make_policy())}\nprint(decide(0.8, 5), decide(0.7, 5))"
    found = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "True False\n"


def test_says_where_it_comes_from():
    policy = make_policy(columns=INTERVAL)
    text = to_python(policy)
    assert text.startswith(f'"""Decision rule of a RecScope policy.\n\npolicy {policy.hash}\ndata   {DIGEST}\n"""')
    assert "('low', 'high')  # uncertainty is the second minus the first" in text
