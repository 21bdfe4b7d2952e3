"""The policy as a value: decisions by hand, its hash, and what it refuses."""

import copy
import math
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given, settings

from core.errors import InputError
from core.thresholds.policy import Columns, Confirmation, LevelCounts, Versions
from tests.thresholds.policies import POLICIES, bare_policy, decide_slowly, make_policy, odd_rows, policies

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
        assert len(set(expected)) == (1 if set(policy.thresholds) == {INF} else 2)  # the rows can tell
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
            ({"weighted": 1}, "a weighted of '1'"),
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
            lambda: Confirmation(0.1, "random", (), "some levels"),
            lambda: Confirmation(0.1, "random", (), "overall", 0.5),
            lambda: Confirmation(0.1, "random", (), "overall", 1.0, math.inf),
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

    @settings(max_examples=60, deadline=None)
    @given(policies(), policies())
    def test_equal_hash_means_equal_policy(self, one, other):
        assert (one.hash == other.hash) == (one == other)


def test_importing_the_policy_loads_neither_scikit_learn_nor_torch():
    code = (
        "import sys, core.thresholds.policy_file, core.thresholds.apply, core.thresholds.export_sql, "
        "core.thresholds.export_python; print(sorted({'sklearn', 'torch', 'streamlit'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
