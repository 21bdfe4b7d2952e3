"""One threshold for all levels."""

import numpy as np

from core.thresholds.objective import Objective
from core.thresholds.single import trace_single
from tests.thresholds.brute import cuts_of, random_cuts


def test_by_hand() -> None:
    """Level 1 has 2/2 and 1/2 positives, level 2 has 1/2 and 0/4: 3/4 above the middle edge, 4/10 in all."""
    frontier = trace_single(cuts_of([[2, 2], [2, 4]], [[2, 1], [1, 0]]))
    assert frontier.cuts.tolist() == [[0, 0], [1, 1], [2, 2]]
    assert frontier.tp.tolist() == [0, 3, 4]
    assert frontier.accepted.tolist() == [0, 4, 10]
    best = frontier.frame().iloc[frontier.best(Objective("precision", 0.75))]
    assert (best["threshold_1"], best["threshold_2"], best["recall"]) == (0.5, 0.5, 0.75)


def test_every_cut_is_a_rule() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        cuts = random_cuts(rng)
        frontier = trace_single(cuts)
        assert np.array_equal(frontier.tp, cuts.tp.sum(axis=0))
        assert np.array_equal(frontier.accepted, cuts.accepted.sum(axis=0))
