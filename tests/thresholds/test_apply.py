"""A policy on rows: order, what is missing, and the very counts that its cuts and the engine have."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.jobs import finish
from core.thresholds.apply import (
    apply_policy,
    check_columns,
    count_columns,
    count_cuts,
    count_stored,
    thresholds_of,
    total,
)
from core.thresholds.data import Cuts
from core.thresholds.policy import Columns, LevelCounts
from core.thresholds.policy_file import read_policy, write_policy
from tests.thresholds.policies import INTERVAL, bare_policy, make_policy
from tests.worlds import Rows


class TestApply:
    def test_by_hand(self):
        # Levels [0, 10) from 0.75, [10, 100) none, [100, 3000] from 0.5, in file order.
        found = apply_policy(make_policy(), [0.8, None, 0.8, 0.8, math.inf, 0.6, 0.6], [[5, 5, None, 4000, 5, 50, 100]])
        assert found.decision.tolist() == [True, False, False, False, False, False, True]
        assert found.remarks == (
            ("score is missing or infinite: rejected", 2),
            ("uncertainty is missing or infinite: rejected", 1),
            ("uncertainty lies in no level: rejected", 1),
        )
        assert found.frame()["decision"].tolist() == found.decision.tolist()
        assert not found.decision.flags.writeable

    def test_nearest_level(self):
        found = apply_policy(make_policy(outside="nearest"), [0.8, 0.8], [[-1, math.inf]])
        assert found.decision.tolist() == [True, False]
        assert dict(found.remarks)["uncertainty lies in no level: decided by the nearest level"] == 1

    def test_of_an_interval(self):
        policy = bare_policy([0.0, 0.25, 1.0], [0.5, math.inf], columns=INTERVAL)
        found = apply_policy(policy, [0.6] * 4, [[0.5, 0.5, None, -math.inf], [0.625, 0.75, 1, -math.inf]])
        assert found.decision.tolist() == [True, False, False, False]  # widths 0.125, 0.25, missing, missing

    def test_of_no_rows(self):
        found = apply_policy(make_policy(), [], [[]])
        assert (found.decision.tolist(), found.remarks) == ([], ())

    def test_refuses(self):
        with pytest.raises(InputError, match="reads 1 uncertainty"):
            apply_policy(make_policy(), [0.5], [[1], [2]])
        with pytest.raises(InputError, match="low and high differ"):
            apply_policy(make_policy(columns=INTERVAL), [0.5], [[1], [2, 3]])
        with pytest.raises(InputError, match="2 scores and 1"):
            apply_policy(make_policy(), [0.5, 0.5], [[1]])
        with pytest.raises(InputError, match="uncertainty must be numbers"):
            apply_policy(make_policy(), [0.5], [["much"]])

    def test_needs_the_columns(self):
        check_columns(make_policy(), ["evidence", "x", "score"])
        with pytest.raises(InputError, match="no column 'evidence'") as caught:
            check_columns(make_policy(), ["score", "Evidence"])
        assert "rename" in caught.value.fix


class TestCounts:
    def test_by_hand(self):
        # Rows (score, evidence, label); below 0.75 of level one nothing, in level two nothing, from 0.5 in level three.
        score = [0.75, 0.7, 0.9, 0.9, 0.5, 0.4, 0.9, None]
        value = [0, 5, 9, 50, 100, 200, 9999, 5]
        label = [1, 1, 0, 1, 1, 0, 1, 1]
        found = count_columns(make_policy(), score, [value], label)
        assert found == (LevelCounts(3, 2, 2, 1), LevelCounts(1, 1, 0, 0), LevelCounts(2, 1, 1, 1))
        assert total(found) == LevelCounts(6, 4, 3, 2)
        nearest = count_columns(make_policy(outside="nearest"), score, [value], label)
        assert nearest[2] == LevelCounts(3, 2, 2, 2)  # 9999 counts to the last level

    @settings(max_examples=60, deadline=None)
    @given(seed=st.integers(0, 10**6), evidence=st.booleans(), levels=st.integers(2, 5), nearest=st.booleans())
    def test_are_those_of_the_cuts_and_of_the_engine(self, engine, store_rows, seed, evidence, levels, nearest):
        rng = np.random.default_rng(seed)
        n = 300
        score = np.round(rng.random(n), 2) if seed % 2 else rng.random(n)  # with and without ties
        value = rng.gamma(2, 5, n)
        label = np.r_[0, 1, (rng.random(n - 2) < score[2:])].astype(np.int8)
        world = Rows(score, value, levels=levels, more_is_certain=evidence)
        cuts = Cuts.from_cube(world.cube(label))
        cut = rng.integers(0, cuts.bins + 1, cuts.levels)
        cut[rng.integers(0, cuts.levels)] = 0
        columns = Columns("score", ("u",), "evidence" if evidence else "std")
        outside = "nearest" if nearest else "reject"
        policy = bare_policy(cuts.level_edges, thresholds_of(cuts, cut), columns=columns, outside=outside)

        found = count_columns(policy, score, [value], label)
        assert found == count_cuts(policy, cuts)
        stored = store_rows(score=score, uncertainty=value, label=label)
        assert found == finish(count_stored(policy, stored, engine=engine))
        levels_of_cuts = np.arange(cuts.levels)
        assert total(found).accepted == cuts.accepted[levels_of_cuts, cut].sum()  # N and TP that a solver counted
        assert total(found).true_positives == cuts.tp[levels_of_cuts, cut].sum()
        again = read_policy(write_policy(policy))
        decision = apply_policy(again, score, [value]).decision
        assert decision.sum() == total(found).accepted
        assert label[decision].sum() == total(found).true_positives

    @pytest.mark.parametrize("outside", ["reject", "nearest"])
    def test_on_fresh_rows_are_those_of_the_engine(self, engine, store_rows, outside):
        rng = np.random.default_rng(3)
        score, value = rng.random(2_000), rng.uniform(-50, 4000, 2_000)
        value[:6] = [0, 10, 100, 3000, np.nextafter(3000, np.inf), -5e-324]
        label = (rng.random(2_000) < score).astype(np.int8)
        policy = make_policy(outside=outside)
        found = finish(count_stored(policy, store_rows(score=score, uncertainty=value, label=label), engine=engine))
        assert found == count_columns(policy, score, [value], label)
        assert total(found).accepted == policy.decide(score, value).sum()

    def test_evidence_turns_the_levels_round(self):
        # Level 0 of the cuts is the least uncertain, which for evidence is the last level of the policy.
        score, value = np.array([0.2, 0.4, 0.6, 0.8]), np.array([1.0, 2.0, 3.0, 4.0])
        world = Rows(score, value, edges=(1.0, 2.5, 4.0), more_is_certain=True)
        cuts = Cuts.from_cube(world.cube(np.array([0, 0, 1, 1])))
        thresholds = thresholds_of(cuts, np.array([cuts.bins, 0]))
        assert thresholds == (math.inf, 0.0)
        policy = bare_policy(cuts.level_edges, thresholds)
        assert count_cuts(policy, cuts) == (LevelCounts(2, 0, 0, 0), LevelCounts(2, 2, 2, 2))

    def test_refuse_other_levels_and_thresholds_between_cuts(self):
        world = Rows(np.array([0.2, 0.8]), np.array([1.0, 2.0]), edges=(1.0, 2.0))
        cuts = Cuts.from_cube(world.cube(np.array([0, 1])))
        with pytest.raises(InputError, match="other levels"):
            count_cuts(bare_policy([1.0, 3.0], [0.5]), cuts)
        for threshold in (0.50001, 1.0, 7.0, -1.0):  # 1 is the closed upper edge: its rows are below no cut
            with pytest.raises(InputError, match="no cut of these counts"):
                count_cuts(bare_policy([1.0, 2.0], [threshold]), cuts)
