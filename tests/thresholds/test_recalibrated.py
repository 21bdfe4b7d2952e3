"""One threshold on the recalibrated score."""

import numpy as np
from scipy.optimize import isotonic_regression

from core.thresholds.recalibrated import trace_recalibrated
from core.thresholds.single import trace_single
from tests.thresholds.brute import cuts_of, random_cuts, world


def test_by_hand() -> None:
    """Both levels together: 2/2, then 1/4 and 2/3. The last two pool to 3/7, so no cut stands between them."""
    frontier = trace_recalibrated(cuts_of([[1, 2, 1], [1, 2, 2]], [[1, 1, 1], [1, 0, 1]]))
    assert frontier.cuts.tolist() == [[0, 0], [1, 1], [3, 3]]
    assert frontier.tp.tolist() == [0, 2, 5]
    assert frontier.accepted.tolist() == [0, 2, 9]


def test_is_single_restricted_to_block_ends() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        cuts = random_cuts(rng)
        recalibrated, single = trace_recalibrated(cuts), trace_single(cuts)
        assert {tuple(rule) for rule in recalibrated.cuts.tolist()} <= {tuple(rule) for rule in single.cuts.tolist()}
        assert np.all(np.diff(recalibrated.precision[1:]) <= 0)


def test_is_a_threshold_on_the_isotonic_fit() -> None:
    cuts = world(np.random.default_rng(2), levels=3, bins=100, rows=20_000)
    rows, positives = (np.diff(of.sum(axis=0)) for of in (cuts.accepted, cuts.tp))
    fitted = isotonic_regression(positives / rows, weights=rows, increasing=False).x
    ends = trace_recalibrated(cuts).cuts[1:-1, 0]
    assert ends.tolist() == (np.flatnonzero(np.diff(fitted) < -1e-12) + 1).tolist()
