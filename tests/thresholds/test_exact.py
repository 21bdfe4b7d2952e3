"""The optimum: against every rule tried, against its bound and the heuristics, and under a budget."""

from fractions import Fraction

import numpy as np
import pytest

from core.errors import InfeasibleTarget, InputError
from core.thresholds.data import WEIGHT_UNITS
from core.thresholds.exact import solve_exact
from core.thresholds.greedy import trace_greedy
from core.thresholds.mist import bound_goal, trace_mist
from core.thresholds.objective import Kind, Objective
from core.thresholds.recalibrated import trace_recalibrated
from core.thresholds.single import trace_single
from tests.thresholds.brute import (
    best_of_all,
    counts_of,
    cuts_of,
    merit,
    random_cuts,
    random_objectives,
    world,
)


class TestByHand:
    """Level 1: 3/4, 2/5. Level 2: 4/6, 1/6. A precision of 0.6 = 3/5 has the slacks 5·TP - 3·N:

    level 1: 0, 15 - 12 = 3, 25 - 27 = -2; level 2: 0, 20 - 18 = 2, 25 - 36 = -11.
    Cuts (2, 1): -2 + 2 = 0, 9 of 15 rows. Cuts (1, 1): 5, 7 of 10 rows; MIST takes these two blocks, then 2/5 too.
    """

    cuts = cuts_of([[4, 5], [6, 6]], [[3, 2], [4, 1]])

    @pytest.mark.parametrize(
        ("kind", "target", "rule"),
        [
            ("precision", 0.6, (2, 1)),
            ("precision", 0.61, (1, 1)),
            ("precision", 0.75, (1, 0)),
            ("capacity", 9, (2, 0)),  # 5 in 9 rows; (0, 1) has 4 in 6
            ("capacity", 10, (1, 1)),  # 7 in 10 rows
            ("recall", 0.5, (1, 1)),  # 7/10; 5/9 with (2, 0), and (1, 0), 3/4, finds too few
            ("cost", 1, (1, 1)),  # saved: 3 - 1, then 2 - 3; 4 - 2, then 1 - 5
            ("cost", 0.5, (2, 1)),  # 2 - 3/2 > 0; 1 - 5/2 < 0
        ],
    )
    def test_rule(self, kind: Kind, target: float, rule: tuple[int, int]) -> None:
        solution = solve_exact(self.cuts, Objective(kind, target))
        assert solution.cuts == rule
        assert solution.optimal
        assert counts_of(self.cuts, rule) == (solution.accepted, solution.tp)

    def test_goal(self) -> None:
        """7/10 at a recall of 7/10; a saving of 7 - 3 false positives; 9 positives."""
        assert solve_exact(self.cuts, Objective("recall", 0.7)).goal == Fraction(7, 10)
        assert solve_exact(self.cuts, Objective("cost", 1)).goal == 4
        assert solve_exact(self.cuts, Objective("precision", 0.6)).goal == 9

    def test_pinned(self) -> None:
        """Level 2 whole, 5/12, costs 11 at 3/5, and level 1 has at most 3. At 1/2 it costs 2: 3/4 has 2, 5/9 has 1."""
        with pytest.raises(InfeasibleTarget):
            solve_exact(self.cuts, Objective("precision", 0.6), pinned={1: 2})
        assert solve_exact(self.cuts, Objective("precision", 0.5), pinned={1: 2}).cuts == (1, 2)
        assert solve_exact(self.cuts, Objective("precision", 0.4), pinned={0: 0, 1: 1}).cuts == (0, 1)


def test_beats_mist_where_blocks_are_coarse() -> None:
    """At 1/2, 10/10 has a slack of 10; 9/30 costs 12 and does not fit; 3/12 costs 6 and does: 13 of 22 rows.

    MIST stops at the first block that does not fit.
    """
    cuts = cuts_of([[10], [30], [12]], [[10], [9], [3]])
    mist, objective = trace_mist(cuts), Objective("precision", 0.5)
    assert mist.tp[mist.best(objective)] == 10
    assert solve_exact(cuts, objective).cuts == (1, 0, 1)


@pytest.mark.parametrize("seed", range(700))
def test_equals_every_rule_tried(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cuts = random_cuts(rng, bins=6 if seed % 10 == 0 else 4)
    pin = {int(rng.integers(cuts.levels)): int(rng.integers(cuts.bins + 1))}
    for objective in random_objectives(rng):
        for pinned in ({}, pin):
            want = best_of_all(cuts, objective, pinned)
            if want is None:
                with pytest.raises(InfeasibleTarget):
                    solve_exact(cuts, objective, pinned=pinned)
                continue
            solution = solve_exact(cuts, objective, pinned=pinned)
            assert counts_of(cuts, solution.cuts) == (solution.accepted, solution.tp)
            assert merit(solution.accepted, solution.tp, cuts.positives, objective) == want
            assert (solution.goal, solution.optimal) == (want[0], True)
            assert all(solution.cuts[level] == cut for level, cut in pinned.items())
            assert bound_goal(trace_mist(cuts, pinned=pinned), objective) >= solution.goal


@pytest.mark.parametrize("seed", range(5))
def test_no_heuristic_beats_it_and_it_does_not_beat_the_bound(seed: int) -> None:
    cuts = world(np.random.default_rng(seed), levels=5, bins=200, rows=20_000)
    frontiers = [trace(cuts) for trace in (trace_single, trace_recalibrated, trace_greedy, trace_mist)]
    for objective in (
        Objective("precision", 0.4),
        Objective("precision", 0.512345),
        Objective("recall", 0.3),
        Objective("capacity", 1500),
        Objective("cost", 0.7),
    ):
        solution = solve_exact(cuts, objective)
        reached = merit(solution.accepted, solution.tp, cuts.positives, objective)
        assert reached is not None
        assert solution.optimal
        assert solution.goal <= bound_goal(frontiers[-1], objective)
        for frontier in frontiers:
            if frontier.feasible(objective).any():
                rule = frontier.best(objective)
                found = merit(int(frontier.accepted[rule]), int(frontier.tp[rule]), cuts.positives, objective)
                assert found is not None
                assert found <= reached


def test_weights_near_the_limit_of_int64() -> None:
    """Counts up to 2^30 units and a denominator of 10^6: checked in Python's integers."""
    rng = np.random.default_rng(7)
    rows = rng.integers(1, WEIGHT_UNITS // 9, (3, 3))
    cuts = cuts_of(rows, (rows * np.sort(rng.random((3, 3)))[:, ::-1]).astype(np.int64))
    for objective in (Objective("precision", 0.678901), Objective("recall", 0.456789), Objective("cost", 1.234567)):
        solution = solve_exact(cuts, objective)
        assert merit(solution.accepted, solution.tp, cuts.positives, objective) == best_of_all(cuts, objective)


def test_an_overrun_budget_leaves_a_proven_gap() -> None:
    """Positivity rising downwards pools each level into one block, so that the relaxation says little."""
    rng = np.random.default_rng(8)
    rows = rng.integers(1, 1000, (5, 40))
    cuts = cuts_of(rows, rng.binomial(rows, np.sort(rng.beta(1, 3, (5, 40)))))
    objective = Objective("capacity", cuts.rows // 3)
    quick, full = (solve_exact(cuts, objective, budget=budget) for budget in (8, 2**20))
    assert full.optimal
    assert not quick.optimal
    assert quick.goal <= full.goal <= quick.upper
    assert quick.accepted <= objective.target


def test_everything_fits() -> None:
    """At a precision below the base rate all positives are taken, and no more rows than that needs."""
    cuts = cuts_of([[2, 2, 5], [3, 0, 1]], [[2, 1, 0], [1, 0, 0]])
    solution = solve_exact(cuts, Objective("precision", 0.1))
    assert (solution.cuts, solution.tp, solution.accepted) == ((2, 1), 4, 7)


def test_bad_pins_and_targets() -> None:
    with pytest.raises(InputError, match="Cut 9 of level 1"):
        solve_exact(TestByHand.cuts, Objective("cost", 1), pinned={0: 9})
    with pytest.raises(InfeasibleTarget, match=r"the best is 0\.75") as caught:
        solve_exact(TestByHand.cuts, Objective("precision", 0.8))
    assert caught.value.best == 0.75
