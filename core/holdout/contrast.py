"""How large is it? Positivity of the most against the least uncertain level, at the same scores."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from core.arrays import FloatArray, IntArray
from core.holdout.cells import Cells, ratio
from core.holdout.strata import LEAST_DIVISOR, equal_runs
from core.intervals import newcombe, wilson

COMMON_BINS, COMMON_ROWS = 100, 25
WEIGHTED_ROWS, LEAST_WEIGHTED = 200, 25
BANDS = 3


@dataclass(frozen=True, slots=True)
class Contrast:
    """Positivity of the most minus the least uncertain level, at the same scores.

    Attributes
    ----------
    score_lo, score_hi
        Range of the scores.
    effect, lo, hi
        Difference of probabilities and its interval; NaN where the two levels share no scores.
    rows
        Rows of the two levels in the range.
    base
        Positivity at these scores over all levels; NaN where the two levels share no scores.
    """

    score_lo: float
    score_hi: float
    effect: float
    lo: float
    hi: float
    rows: int
    base: float


def contrast_extremes(
    cells: Cells, edges: FloatArray, *, expected: FloatArray, confidence: float
) -> tuple[Contrast, tuple[Contrast, ...]]:
    r"""Compare the last with the first level over all scores, and within three bands of the score.

    Definition
        With observed rate :math:`r_{kb}` and expected rate :math:`e_{kb}` of level k in score bin b,

        .. math:: \frac{\sum_b o_b [(r_{Kb} - e_{Kb}) - (r_{1b} - e_{1b})]}{\sum_b o_b},
            \qquad o_b = \frac{w_{1b} w_{Kb}}{w_{1b} + w_{Kb}},

        the Mantel-Haenszel risk difference, cleared of what the common curve says about differences of the score inside
        a bin; w is Σw, so that weights of the sampling restore the population. Bands hold equal shares of Σ o_b.

    Parameters
    ----------
    cells
        Sums of shape (levels, bins); at least two levels.
    edges
        (bins + 1,) score edges.
    expected
        (levels, bins): rate that a curve of the score alone expects in each cell.
    confidence
        Coverage of the overall interval; the bands' intervals hold together (Bonferroni).

    Returns
    -------
    (overall, bands)

    Notes
    -----
    The interval combines a Wilson interval of each level's rate (Newcombe's method 10), on the number of rows at which
    the binomial variance equals that of the standardised rate; unlike a normal interval it keeps its coverage when
    positives are few. The variance is taken from the curve, Σ (o_b/Σo)² e(1 - e) Σw²/(Σw)², and from the labels around
    it, Σ (o_b/Σo)² Σw²(y - e)²/(Σw)²; the one that leaves fewer rows counts. A rate Σwy/Σw of few rows is biased where
    weights go with labels, so weighted rows are compared in wider bins, with at least 25 rows of each level.

    References
    ----------
    Mantel and Haenszel (1959), JNCI 22; Greenland and Robins (1985), Biometrics 41. Newcombe (1998), Statistics in
    Medicine 17. Li, Morgan and Zaslavsky (2018), JASA 113, for overlap weights.
    """
    extremes = cells.rows[0] + cells.rows[-1]
    wanted, least = (WEIGHTED_ROWS, LEAST_WEIGHTED) if cells.weighted else (COMMON_ROWS, 1)
    starts = equal_runs(extremes, int(np.clip(extremes.sum() // wanted, 1, COMMON_BINS)))
    bins = _bins(cells, starts, expected, least=least)
    bin_edges = np.append(edges[starts], edges[-1])
    parts = _bands(bins.overlap)
    each = 1 - (1 - confidence) / max(len(parts), 1)
    bands = tuple(_contrast(bins, bin_edges, part, each) for part in parts)
    return _contrast(bins, bin_edges, slice(0, len(starts)), confidence), bands


@dataclass(frozen=True, slots=True, eq=False)
class _Bins:
    """The extreme levels on common score bins."""

    sums: Cells  # (2, bins)
    expected: FloatArray  # (2, bins)
    noise: FloatArray  # (2, bins) Σw²e(1 - e), larger where weights go with labels
    overlap: FloatArray  # (bins,)
    base: FloatArray  # (bins,) positivity over all levels

    def take(self, which: npt.NDArray[np.bool_]) -> "_Bins":
        """Only these bins."""
        sums = self.sums.map(lambda sums: sums[:, which])
        return _Bins(sums, self.expected[:, which], self.noise[:, which], self.overlap[which], self.base[which])

    def effective_rows(self, share: FloatArray, rate: FloatArray, expected: FloatArray) -> FloatArray:
        """Rows at which the binomial variance of a level's standardised rate is its variance; shape (2,)."""
        weight = (share / self.sums.weight) ** 2
        curve = self.expected + (rate - expected)[:, None]
        residual = self.sums.weight_squared_positives * (1 - 2 * curve) + curve**2 * self.sums.weight_squared
        by_curve = ratio(expected * (1 - expected), np.sum(weight * self.noise, axis=1))
        by_labels = ratio(rate * (1 - rate), np.sum(weight * residual, axis=1))
        return np.asarray(np.fmin(by_curve, np.where(by_labels > 0, by_labels, np.nan)))


def _bins(cells: Cells, starts: IntArray, expected: FloatArray, *, least: int) -> _Bins:
    def merged(sums: FloatArray) -> FloatArray:
        return np.asarray(np.add.reduceat(sums, starts, axis=1)[[0, -1]])

    sums = cells.map(lambda sums: sums[[0, -1]]).merge(starts, axis=1)
    first, last = np.where(sums.rows.min(axis=0) >= least, sums.weight, 0)
    noise = cells.weight_squared * expected * (1 - expected)
    by_labels = cells.weight_squared_positives * (1 - 2 * expected) + expected**2 * cells.weight_squared
    inflation = max(float(by_labels.sum() / max(noise.sum(), LEAST_DIVISOR)), 1.0) if cells.weighted else 1.0
    return _Bins(
        sums=sums,
        expected=ratio(merged(cells.weight * expected), sums.weight),
        noise=merged(noise) * inflation,
        overlap=np.divide(first * last, first + last, out=np.zeros_like(first), where=first + last > 0),
        base=cells.merge(starts, axis=1).total(axis=0).rate,
    )


def _bands(overlap: FloatArray) -> list[slice]:
    """Runs of score bins that hold about equal overlap."""
    if overlap.sum() <= 0:
        return []
    share = np.cumsum(overlap) / overlap.sum()
    cuts = [0, *(int(np.searchsorted(share, i / BANDS)) + 1 for i in range(1, BANDS)), len(overlap)]
    return [slice(lo, hi) for lo, hi in pairwise(cuts) if overlap[lo:hi].sum() > 0]


def _contrast(bins: _Bins, edges: FloatArray, part: slice, confidence: float) -> Contrast:
    used = np.zeros(len(bins.overlap), dtype=np.bool_)
    used[part] = bins.overlap[part] > 0
    if not used.any():
        nan = float("nan")
        return Contrast(nan, nan, nan, nan, nan, 0, nan)
    at, bins = np.flatnonzero(used), bins.take(used)
    share = bins.overlap / bins.overlap.sum()
    rate, expected = bins.sums.rate @ share, bins.expected @ share
    rows = bins.effective_rows(share, rate, expected)
    lo, hi = newcombe(rate, *wilson(rate * rows, rows, confidence=confidence))
    shift = expected[1] - expected[0]
    return Contrast(
        score_lo=float(edges[at[0]]),
        score_hi=float(edges[at[-1] + 1]),
        effect=float(rate[1] - rate[0] - shift),
        lo=float(lo - shift),
        hi=float(hi - shift),
        rows=int(bins.sums.rows.sum()),
        base=float(bins.base @ share),
    )
