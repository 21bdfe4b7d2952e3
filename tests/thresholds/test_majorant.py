"""PAV in integers, against scipy's."""

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from core.thresholds.majorant import find_vertices
from tests.thresholds.brute import cuts_of


def test_by_hand() -> None:
    """3/3 | 0/1 and 2/2 pool to 2/3 | 1/4: cuts 0, 1, 3, 4."""
    cuts = cuts_of([[3, 1, 2, 4]], [[3, 0, 2, 1]])
    assert find_vertices(cuts.accepted, cuts.tp)[1].tolist() == [0, 1, 3, 4]


def test_equal_slopes_are_one_block_and_empty_bins_none() -> None:
    cuts = cuts_of([[0, 2, 0, 4, 0], [0, 0, 0, 0, 0]], [[0, 1, 0, 2, 0], [0, 0, 0, 0, 0]])
    level, cut = find_vertices(cuts.accepted, cuts.tp)
    assert (level.tolist(), cut.tolist()) == ([0, 0, 1], [0, 4, 0])


@pytest.mark.parametrize("seed", range(20))
def test_slopes_are_isotonic_regression(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(1, 30, (2, 60))
    positives = rng.binomial(rows, rng.random((2, 60)))
    cuts = cuts_of(rows, positives)
    level, cut = find_vertices(cuts.accepted, cuts.tp)
    for i in range(2):
        ends = cut[level == i]
        rate = np.diff(cuts.tp[i, ends]) / np.diff(cuts.accepted[i, ends])
        want = isotonic_regression(positives[i] / rows[i], weights=rows[i], increasing=False).x
        assert np.repeat(rate, np.diff(ends)) == pytest.approx(want)


def test_a_long_cascade_ends() -> None:
    """A concave curve whose last bin pulls all others down, one after another."""
    rows, positives = np.full((1, 501), 1000), np.append(np.arange(500, 0, -1), 1000)[None]
    cuts = cuts_of(rows, positives)
    last = find_vertices(cuts.accepted, cuts.tp)[1]
    slopes = np.diff(cuts.tp[0, last]) / np.diff(cuts.accepted[0, last])
    assert last[-1] == 501
    assert np.all(np.diff(slopes) < 0)
