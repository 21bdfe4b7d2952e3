"""Blocks in descending positivity, and the bound of the relaxation."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import linprog

from core.errors import InfeasibleTarget, InputError
from core.thresholds.exact import solve_exact
from core.thresholds.frontier import Frontier
from core.thresholds.mist import bound_goal, rank_blocks, refine, trace_mist
from core.thresholds.objective import Objective
from tests.thresholds.brute import counts_of, cuts_of, random_cuts, random_objectives, world
from tests.thresholds.population import make_cuts


class TestByHand:
    """Level 1: 3/4 and 1/4. Level 2: 0/1 and 2/3 pool to 2/4, then 0/4. In descending order 3/4, 2/4, 1/4, 0/4."""

    cuts = cuts_of([[4, 4, 0], [1, 3, 4]], [[3, 1, 0], [0, 2, 0]])

    def test_rules(self) -> None:
        frontier = trace_mist(self.cuts)
        assert frontier.cuts.tolist() == [[0, 0], [1, 0], [1, 2], [2, 2], [2, 3]]
        assert frontier.tp.tolist() == [0, 3, 5, 6, 6]
        assert frontier.accepted.tolist() == [0, 4, 8, 12, 16]

    def test_pinned(self) -> None:
        frontier = trace_mist(self.cuts, pinned={1: 1})
        assert frontier.cuts.tolist() == [[0, 1], [1, 1], [2, 1]]

    @pytest.mark.parametrize(
        ("kind", "target", "bound"),
        [
            ("precision", 0.5, Fraction(6)),  # 6/12: the third rule meets it, the fourth adds rows only; 2·6 - 12 = 0
            ("precision", 0.6, Fraction(5)),  # 5/8 spares 5·5 - 3·8 = 1 of the 3·4 - 5·1 = 7 that the next block costs
            ("precision", 0.7, Fraction(3)),  # 3/4 spares 10·3 - 7·4 = 2 of the 7·4 - 10·2 = 8 that 2/4 costs: + 2/4
            ("capacity", 6, Fraction(4)),  # 3 in 4 rows, and half of 2/4
            ("recall", 0.5, Fraction(3, 4)),  # 3 of 6 in 4 rows
            ("recall", 1, Fraction(1, 2)),  # 6 in 12
            ("recall", 0.75, Fraction(9, 14)),  # 4.5 of 6: 3 in 4 rows and three quarters of 2/4: 4.5/7
            ("cost", 1, Fraction(2)),  # 3 - 1 false positive; 2/4 adds 2 - 2
        ],
    )
    def test_bound(self, kind: str, target: float, bound: Fraction) -> None:
        assert bound_goal(trace_mist(self.cuts), Objective(kind, target)) == bound  # type: ignore[arg-type]


def test_bound_is_the_linear_program() -> None:
    """Most positives at a precision over mixtures of each level's cuts, solved by scipy."""
    rng = np.random.default_rng(4)
    for _ in range(60):
        cuts = random_cuts(rng)
        objective = Objective("precision", round(float(rng.uniform(0.05, 1)), 2))
        p, q = objective.ratio
        slack = q * cuts.tp - p * cuts.accepted
        one_each = np.kron(np.eye(cuts.levels), np.ones(cuts.bins + 1))
        program = linprog(
            -cuts.tp.ravel(), A_ub=-slack.reshape(1, -1), b_ub=[0], A_eq=one_each, b_eq=np.ones(cuts.levels)
        )
        mist = trace_mist(cuts)
        if mist.feasible(objective).any():
            assert bound_goal(mist, objective) == np.floor(-program.fun + 1e-7)
        else:
            assert -program.fun == pytest.approx(0, abs=1e-7)


def test_at_most_one_block_short_of_the_optimum() -> None:
    rng = np.random.default_rng(5)
    for _ in range(100):
        cuts = random_cuts(rng)
        mist, widest = trace_mist(cuts), int(rank_blocks(cuts).positives.max())
        for objective in random_objectives(rng):
            if objective.kind in ("precision", "capacity") and mist.feasible(objective).any():
                found = int(mist.tp[mist.best(objective)])
                best = solve_exact(cuts, objective).tp
                assert found <= best <= min(found + widest, bound_goal(mist, objective))


def test_nested_legal_and_counted_from_the_cuts() -> None:
    cuts = world(np.random.default_rng(6), levels=4, bins=50, rows=20_000)
    frontier = trace_mist(cuts)
    assert np.all(np.diff(frontier.cuts, axis=0) >= 0)
    for rule in range(0, len(frontier.tp), 7):
        assert counts_of(cuts, frontier.cuts[rule]) == (frontier.accepted[rule], frontier.tp[rule])
    assert np.all(np.diff(frontier.precision[1:]) <= 1e-12)


@pytest.mark.parametrize("pinned", [{2: 0}, {-1: 0}, {0: 4}, {0: -1}])
def test_refuses_pins_that_do_not_exist(pinned: dict[int, int]) -> None:
    with pytest.raises(InputError, match="does not exist"):
        trace_mist(TestByHand.cuts, pinned=pinned)


def test_names_what_can_be_reached() -> None:
    with pytest.raises(InfeasibleTarget, match=r"precision of 0\.8; the best is 0\.75") as caught:
        bound_goal(trace_mist(TestByHand.cuts), Objective("precision", 0.8))
    assert caught.value.best == 0.75
    with pytest.raises(InfeasibleTarget, match="the fewest are 8"):
        bound_goal(trace_mist(TestByHand.cuts, pinned={0: 2}), Objective("capacity", 5))


def test_blocks_in_parts() -> None:
    """Level 1 from cut 0 to 4 to 6, then level 2 from 0 to 3: halves 2, 4, 5, 6, then 2 (1.5 to the even), 3."""
    cuts = make_cuts([[1] * 6, [1] * 6], [[0] * 6, [0] * 6])
    rules = Frontier.of_cuts("mist", cuts, np.array([[0, 0], [4, 0], [6, 0], [6, 3]]))
    assert refine(rules, parts=2).cuts.tolist() == [[0, 0], [2, 0], [4, 0], [5, 0], [6, 0], [6, 2], [6, 3]]
    assert refine(rules, parts=1).cuts.tolist() == rules.cuts.tolist()
