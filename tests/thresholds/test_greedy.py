"""Level by level."""

import numpy as np
import pytest

from core.errors import InputError
from core.thresholds.exact import solve_exact
from core.thresholds.greedy import TARGETS, trace_greedy
from core.thresholds.objective import Objective
from tests.thresholds.brute import cuts_of, random_cuts


def test_by_hand() -> None:
    """Best precisions 2/4 and 3/4, so level 2 comes first, at target 1/2.

    Level 2: 3/4, 3/8, 4/12: the largest cut at 1/2 or more is 1, which leaves a slack of 3 - 2 = 1 positive.
    Level 1: 2/4, then 3/8: 3 - 4 = -1 is within the slack. In all 6/12.
    """
    frontier = trace_greedy(cuts_of([[4, 4, 4], [4, 4, 4]], [[2, 1, 0], [3, 0, 1]]), targets=[0.5])
    assert frontier.cuts.tolist() == [[2, 1]]
    assert (frontier.tp[0], frontier.accepted[0]) == (6, 12)


def test_rows_below_the_last_positive_are_left_out() -> None:
    """1/1 then 0/1: at target 1/2 both bins are allowed, and the second brings nothing."""
    assert trace_greedy(cuts_of([[1, 1]], [[1, 0]]), targets=[0.5]).cuts.tolist() == [[1]]


def test_meets_each_target_and_never_beats_the_optimum() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        cuts = random_cuts(rng)
        frontier = trace_greedy(cuts)
        for rule in range(19, 200, 20):
            objective = Objective("precision", TARGETS[rule])
            if frontier.accepted[rule]:
                assert frontier.feasible(objective)[rule]
                assert frontier.tp[rule] <= solve_exact(cuts, objective).tp


def test_is_no_optimum() -> None:
    """At 1/2 level 1 (best 4/4) goes down to its last positive, 5/10; level 2 has 2/5 and finds no slack.

    Best: 4 of level 1 in 4 rows, and 2 of level 2 in 5: 6/9.
    """
    cuts = cuts_of([[4, 6], [5, 0]], [[4, 1], [2, 0]])
    objective = Objective("precision", 0.5)
    assert trace_greedy(cuts, targets=[0.5]).tp.tolist() == [5]
    assert solve_exact(cuts, objective).tp == 6


def test_refuses_a_target_that_is_none() -> None:
    with pytest.raises(InputError, match=r"precision target is 1\.5"):
        trace_greedy(cuts_of([[2]], [[1]]), targets=[1.5])
