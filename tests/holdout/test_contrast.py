"""Most against least uncertain rows at the same scores."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit, logit

from core.holdout.cells import Cells
from core.holdout.contrast import Contrast, contrast_extremes
from core.holdout.effect import deviance_test
from core.intervals import newcombe, wilson
from tests.worlds import CURVES, SHIFTS, Rows, correlated_uncertainty, draw_scores


def make_cells(rows: list[list[int]], positives: list[list[int]]) -> Cells:
    n, k = np.array(rows), np.array(positives)
    w, wy = n.astype(float), k.astype(float)
    return Cells(n, k, w, wy, w, wy, w * 0.5, w)


def compare(cells: Cells, *, expected: np.ndarray | float = 0.5) -> Contrast:
    curve = np.broadcast_to(np.asarray(expected, float), cells.rows.shape)
    edges = np.linspace(0, 1, cells.rows.shape[1] + 1)
    return contrast_extremes(cells, edges, expected=curve, confidence=0.95)[0]


TWO_BINS = make_cells([[50, 150], [50, 50]], [[20, 75], [10, 40]])


def test_by_hand() -> None:
    """Bin A: 10/50 - 20/50 = -0.2 with overlap 50·50/100 = 25. Bin B: 40/50 - 75/150 = 0.3 with 150·50/200 = 37.5.

    (25·(-0.2) + 37.5·0.3)/62.5 = 0.1
    """
    found = compare(TWO_BINS)
    assert found.effect == pytest.approx(0.1)
    assert (found.score_lo, found.score_hi, found.rows) == (0.0, 1.0, 300)
    # Positivity of both levels: 30/100 in A, 115/200 in B: (25·0.3 + 37.5·0.575)/62.5
    assert found.base == pytest.approx((25 * 0.3 + 37.5 * 0.575) / 62.5)


def test_what_the_curve_expects_is_taken_off() -> None:
    """The curve expects +0.1 between the levels in B, where their scores differ: 0.1 - 0.6·0.1 = 0.04."""
    found = compare(TWO_BINS, expected=np.array([[0.5, 0.45], [0.5, 0.55]]))
    assert found.effect == pytest.approx(0.1 - 37.5 / 62.5 * 0.1)


def test_one_bin_is_newcombe_s_interval() -> None:
    """48/80 and 56/70 in one bin, where curve and labels agree on the variance as nearly as they can."""
    found = compare(make_cells([[80], [70]], [[48], [56]]), expected=np.array([[0.6], [0.8]]))
    lo, hi = newcombe(np.array([0.6, 0.8]), *wilson([48, 56], [80, 70]))
    assert (found.effect, found.lo, found.hi) == pytest.approx((0.0, lo - 0.2, hi - 0.2))


def test_levels_turned_round_turn_the_sign() -> None:
    turned = TWO_BINS.map(lambda sums: sums[::-1].copy())
    there, back = compare(TWO_BINS), compare(turned)
    assert (back.effect, back.lo, back.hi) == pytest.approx((-there.effect, -there.hi, -there.lo))


def test_levels_between_do_not_count() -> None:
    three = make_cells([[50, 150], [999, 999], [50, 50]], [[20, 75], [3, 900], [10, 40]])
    assert compare(three).effect == pytest.approx(compare(TWO_BINS).effect)


def test_no_common_score() -> None:
    found, bands = contrast_extremes(
        make_cells([[50, 0], [0, 50]], [[20, 0], [0, 10]]),
        np.array([0.0, 0.5, 1.0]),
        expected=np.full((2, 2), 0.4),
        confidence=0.95,
    )
    assert np.isnan([found.effect, found.lo, found.hi, found.base]).all()
    assert found.rows == 0
    assert bands == ()


def test_no_positives_still_has_an_interval() -> None:
    """0 of 100 and 0 of 100: Wilson's upper end is z²/(n + z²) = 3.84/103.84 = 0.037 for each."""
    found = compare(make_cells([[100], [100]], [[0], [0]]), expected=0.005)
    assert found.effect == 0
    assert (found.lo, found.hi) == pytest.approx((-0.037, 0.037), abs=5e-4)


def true_contrast(rows: Rows, shift: Callable[..., np.ndarray], curve: Callable[..., np.ndarray], c: Contrast) -> float:
    """Overlap-weighted difference between the last and the first level, over narrow bins of the score."""
    ends = (rows.level == 0) | (rows.level == rows.level.max())
    ends &= (rows.score >= c.score_lo) & (rows.score <= c.score_hi)
    score, last = rows.score[ends], rows.level[ends] > 0
    cuts = np.unique(np.quantile(score, np.linspace(0, 1, 101)))
    at = np.clip(np.searchsorted(cuts, score, side="right") - 1, 0, len(cuts) - 2)
    z, eta = logit(score), logit(curve(score))
    top = rows.level.max()
    effect = expit(eta + shift(top * np.ones_like(z), z)) - expit(eta + shift(np.zeros_like(z), z))
    n_first, n_last = np.bincount(at, ~last, len(cuts) - 1), np.bincount(at, last, len(cuts) - 1)
    overlap = n_first * n_last / np.maximum(n_first + n_last, 1)
    mean = np.bincount(at, effect, len(cuts) - 1) / np.maximum(n_first + n_last, 1)
    return float(overlap @ mean / overlap.sum())


@pytest.mark.parametrize(
    ("scores", "curve", "shift", "n", "runs"),
    [
        ("skewed", "thinned", "less", 2_000, 250),
        ("skewed", "kinked", "flip", 2_000, 250),
        ("skewed", "kinked", "flip", 50_000, 150),
        ("skewed", "thinned", "high scores only", 20_000, 200),
        ("clicks", "calibrated", "less", 50_000, 200),
    ],
)
def test_intervals_hold_the_truth(scores: str, curve: str, shift: str, n: int, runs: int) -> None:
    """At least 92 % of intervals at 95 % (three standard errors below), and so for the three bands together."""
    rng = np.random.default_rng(11)
    score = draw_scores(scores, n, rng)
    rows = Rows(score, correlated_uncertainty(score, 0.5, rng))
    z = logit(score)
    rate = expit(logit(CURVES[curve](score)) + SHIFTS[shift](rows.level, z))
    held, bands_held, errors = [], [], []
    for _ in range(runs):
        test = deviance_test(rows.cube(rng.random(n) < rate))
        parts = (test.overall, *test.bands)
        if not held:
            truth = [true_contrast(rows, SHIFTS[shift], CURVES[curve], part) for part in parts]
        inside = [part.lo <= true <= part.hi for part, true in zip(parts, truth, strict=True)]
        held.append(inside[0])
        bands_held.append(all(inside[1:]))
        errors.append(test.overall.effect - truth[0])
    least = 0.95 - 3 * np.sqrt(0.95 * 0.05 / runs)
    assert np.mean(held) >= least
    assert np.mean(bands_held) >= least
    assert abs(np.mean(errors)) <= 0.25 * np.std(errors) + 1e-9


def test_where_positives_are_few_a_normal_interval_fails() -> None:
    """2,000 rows with about 4 positives: p̂ ± 1.96·√(p̂(1 - p̂)/n) of the difference misses, this one does not."""
    rng = np.random.default_rng(5)
    score = draw_scores("clicks", 2_000, rng)
    rows = Rows(score, rng.standard_normal(2_000))
    held, naive = [], []
    for _ in range(200):
        label = rng.random(2_000) < score
        found = deviance_test(rows.cube(label)).overall
        held.append(found.lo <= 0 <= found.hi)
        first, last = label[rows.level == 0], label[rows.level == 4]
        error = np.sqrt(first.var() / len(first) + last.var() / len(last))
        naive.append(abs(last.mean() - first.mean()) < 1.96 * error)
    assert np.mean(held) >= 0.95
    assert np.mean(naive) < 0.9
