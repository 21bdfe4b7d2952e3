"""Is it real? A likelihood-ratio test of uncertainty given the score, and how large the effect is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, logit

from core.arrays import FloatArray, IntArray
from core.errors import InputError
from core.holdout.cells import Cells
from core.holdout.contrast import Contrast, contrast_extremes
from core.holdout.cube import CountCube
from core.holdout.logistic import LogisticFit, fit_logistic, weighted_inverse
from core.holdout.strata import LEAST_DIVISOR, Strata, equal_runs, narrow_runs

if TYPE_CHECKING:
    import pandas as pd

STRATA, STRATUM_ROWS, WIDEST_STRATUM = 300, 25, 0.05
KNOTS, KNOT_EVENTS = 20, 25
LEAST_INFORMATION = 5.0
SCORE_FLOOR = 1e-6
DESIGN_CAP = 6_000_000


@dataclass(frozen=True, slots=True)
class UncertaintyTest:
    """Outcome of the test.

    Attributes
    ----------
    deviance, df, p_value
        Twice the gain in log-likelihood from letting the levels differ; χ² with df under no effect. Each row counts
        once, also in a weighted holdout. df is 0 and p 1 where the rows cannot tell.
    overall
        The contrast over all scores.
    bands
        The contrast within three bands of the score; intervals at Bonferroni's level over the bands.
    rows, levels
        What the test rests on.
    confidence
        Coverage of the intervals.
    """

    deviance: float
    df: int
    p_value: float
    overall: Contrast
    bands: tuple[Contrast, ...]
    rows: int
    levels: int
    confidence: float

    @property
    def supported(self) -> bool:
        """Whether the data support any effect at the 5 % level (1 - confidence)."""
        return self.p_value < 1 - self.confidence

    @property
    def changes_sign(self) -> bool:
        """Whether some band lies clearly above zero and another clearly below."""
        return any(band.lo > 0 for band in self.bands) and any(band.hi < 0 for band in self.bands)

    def frame(self) -> "pd.DataFrame":
        """Columns scores, score_lo, score_hi, rows, effect, lo, hi: all scores, then the bands."""
        import pandas as pd

        lines = [("all", self.overall)] + [(f"band {i}", band) for i, band in enumerate(self.bands, start=1)]
        return pd.DataFrame(
            [
                {
                    "scores": name,
                    "score_lo": c.score_lo,
                    "score_hi": c.score_hi,
                    "rows": c.rows,
                    "effect": c.effect,
                    "lo": c.lo,
                    "hi": c.hi,
                }
                for name, c in lines
            ]
        )


def deviance_test(cube: CountCube, *, confidence: float = 0.95) -> UncertaintyTest:
    r"""Likelihood-ratio test of uncertainty given the score.

    Definition
        With z = logit(score),

        .. math::
            H_0: \mathrm{logit}\,P(y=1) = f(z), \qquad
            H_1: \mathrm{logit}\,P(y=1) = f(z) + d\gamma, \qquad
            G^2 = 2(\ell_1 - \ell_0) \sim \chi^2_{df}\ \text{under } H_0 ,

        f piecewise linear with at most 20 knots, d the columns 1[k] and 1[k]·z of the levels k. From d everything is
        removed that strata of the score (narrow bins of at least 25 rows), f or a straight line in z inside a stratum
        can express, so that rows are only compared at the same score; of what is left, those df directions are tested
        that hold at least 5 units of information.

        The effect is the contrast of the most with the least uncertain level, see
        :func:`core.holdout.contrast.contrast_extremes`.

    Parameters
    ----------
    cube
        Fine cube; within a cell the mean score stands for the scores. At least two levels with rows.

    Returns
    -------
    UncertaintyTest

    Raises
    ------
    InputError
        Fewer than two levels have rows.

    Notes
    -----
    A coarse two-way table of score bin × level is no such test: where uncertainty goes with the score, the score still
    varies inside a bin, and the table rejects without any effect of uncertainty. Nor is a smooth curve under H0 enough:
    where uncertainty is a function of the score (the entropy of a probability), the levels would make up for every bend
    that the curve cannot follow. Directions with little information are left out because χ² does not hold for them when
    positives are few.

    Weights do not enter the test. Where rows were sampled by label, the logit of the sampled rows differs from the
    population's by a constant, which f takes up; where they were sampled by score, uncertainty or at random, P(y=1) at
    a score and uncertainty is the population's. Only sampling by label *and* uncertainty together would disturb it.
    The effect, in points, is of the population: it uses the weights.
    Cost O(levels · bins · parameters²) for each of a few Newton steps.

    References
    ----------
    McCullagh and Nelder (1989), Generalized Linear Models, chapter 4. Breslow and Day (1980), Statistical Methods in
    Cancer Research I, for strata. Prentice and Pyke (1979), Biometrika 66, for rows sampled by label.
    """
    cells, edges = _present(cube)
    sample = _Sample.of(cells, edges, trials=cells.rows, positives=cells.positives)
    curve = _fit_curve(sample)
    deviance, df = _deviance(sample, curve)
    if cells.weighted:
        sample = _Sample.of(cells, edges, trials=cells.weight, positives=cells.weight_positives)
        curve = _fit_curve(sample)
    expected = np.zeros(cells.weight.shape)
    expected[sample.level, sample.column] = curve.rate
    overall, bands = contrast_extremes(cells, edges, expected=expected, confidence=confidence)
    p_value = float(chdtrc(df, deviance)) if df > 0 else 1.0
    levels = cells.weight.shape[0]
    return UncertaintyTest(deviance, df, p_value, overall, bands, cube.rows, levels, confidence)


def _present(cube: CountCube) -> tuple[Cells, FloatArray]:
    """Levels with rows, on score bins few enough for the design to fit into memory."""
    levels = np.flatnonzero(cube.cells.rows.sum(axis=1) > 0)
    if len(levels) < 2:
        raise InputError("All rows lie in one uncertainty level.", fix="Choose more levels, or other level edges.")
    bins = max(STRATA, DESIGN_CAP // (2 * len(levels) ** 2))
    if bins < len(cube.score_edges) - 1:
        starts = equal_runs(cube.cells.rows.sum(axis=0), bins)
        cube = cube.coarsen(np.append(cube.score_edges[starts], cube.score_edges[-1]))
    return cube.cells.map(lambda sums: sums[levels]), cube.score_edges


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """The filled cells m in order of score bin."""

    level: IntArray
    column: IntArray  # score bin
    rows: IntArray
    z: FloatArray  # logit of the mean score, mean 0 and variance 1 over the rows
    spread: FloatArray  # variance of z inside the cell
    width: FloatArray  # width in z of the cell's score bin
    trials: FloatArray
    positives: FloatArray

    @classmethod
    def of(cls, cells: Cells, edges: FloatArray, *, trials: npt.NDArray[Any], positives: npt.NDArray[Any]) -> Self:
        """Cells with the trials and positives to fit to, shape (levels, bins): rows, or sums of weights."""
        column, level = np.nonzero(cells.weight.T > 0)
        found = cells.map(lambda sums: sums[level, column])
        unit = found.rows.sum() / trials.sum()
        z, width = _logit(found.mean_score), np.diff(_logit(edges))[column]
        trials, positives = trials[level, column] * unit, positives[level, column] * unit
        centre = np.average(z, weights=trials)
        scale = max(np.sqrt(np.average((z - centre) ** 2, weights=trials)), 1e-9)
        return cls(
            level,
            column,
            found.rows,
            (z - centre) / scale,
            _spread_inside(z, trials, column, width) / scale**2,
            width / scale,
            trials,
            positives,
        )


def _spread_inside(z: FloatArray, trials: FloatArray, column: IntArray, width: FloatArray) -> FloatArray:
    """Variance of z inside each cell, if the rows of a score bin are spread evenly over it."""
    total = np.bincount(column, trials)
    mean = np.bincount(column, trials * z) / np.where(total > 0, total, 1)
    return np.asarray(np.maximum(width**2 / 12 - (z - mean[column]) ** 2, 0))


def _logit(score: FloatArray) -> FloatArray:
    return np.asarray(logit(np.clip(score, SCORE_FLOOR, 1 - SCORE_FLOOR)))


def _curve_columns(sample: _Sample) -> FloatArray:
    """1, z and (z - knot)₊ with knots at quantiles of z: one knot per 25 rows of the rarer class, at most 20."""
    positives = sample.positives.sum()
    events = min(positives, sample.trials.sum() - positives)
    count = int(np.clip(events // KNOT_EVENTS, 1, KNOTS))
    order = np.argsort(sample.z)
    share = np.cumsum(sample.trials[order]) / sample.trials.sum()
    at = np.searchsorted(share, np.arange(1, count + 1) / (count + 1))
    knots = np.unique(sample.z[order][np.minimum(at, len(order) - 1)])
    z = sample.z[:, None]
    return np.hstack([np.ones_like(z), z, np.maximum(z - knots, 0)])


def _fit_curve(sample: _Sample) -> LogisticFit:
    """The curve of the score alone; a constant where the rows hold one class."""
    n, k = sample.trials.sum(), sample.positives.sum()
    if not 0 < k < n:
        rate = (k + 0.5) / (n + 1)
        return LogisticFit(np.zeros(0), np.full(len(sample.z), rate), 0.0)
    return fit_logistic(_curve_columns(sample), sample.trials, sample.positives)


def _deviance(sample: _Sample, null: LogisticFit) -> tuple[float, int]:
    """Deviance and its degrees of freedom; (0, 0) where the rows cannot tell."""
    tested = _tested_columns(sample, null.rate)
    df = tested.shape[1]
    if df == 0:
        return 0.0, 0
    design = np.hstack([_curve_columns(sample), tested])
    full = fit_logistic(design, sample.trials, sample.positives, start=null)
    return max(2 * (full.log_likelihood - null.log_likelihood), 0.0), df


def _tested_columns(sample: _Sample, rate: FloatArray) -> FloatArray:
    """What level and level × z say beyond the score; orthonormal in the information of the null model."""
    strata = Strata(_strata_starts(sample), sample.trials * rate * (1 - rate))
    inside = (sample.level[:, None] == np.unique(sample.level)).astype(np.float64)
    terms = strata.centred(np.hstack([inside, inside * sample.z[:, None]]))
    z, spread = strata.centred(sample.z[:, None]), sample.spread[:, None]
    # Inside a stratum the line in z is fitted to rows. Rows vary inside a cell too, and level × z with them.
    variance = np.maximum(strata.sum(z**2 + spread), LEAST_DIVISOR)
    covariance = strata.sum(z * terms + spread * np.hstack([0 * inside, inside]))
    terms -= z * strata.spread(covariance / variance)
    columns = _curve_columns(sample)
    weight, curve = strata.weight[:, None], strata.centred(columns)
    size = np.sqrt(np.sum(weight * columns**2, axis=0))
    terms -= curve @ (weighted_inverse(curve, strata.weight, scale=size) @ (curve.T @ (weight * terms)))
    information, direction = np.linalg.eigh(terms.T @ (weight * terms))
    enough = information > max(LEAST_INFORMATION, 1e-9 * information[-1])
    return np.asarray(terms @ direction[:, enough] / np.sqrt(information[enough]))


def _strata_starts(sample: _Sample) -> IntArray:
    """Where the strata start: as narrow as 25 rows, by count and by weight, allow."""
    _, first, column = np.unique(sample.column, return_index=True, return_inverse=True)
    rows = np.minimum(np.bincount(column, sample.trials), np.bincount(column, sample.rows))
    most = max(STRATUM_ROWS, rows.sum() / STRATA)
    runs = narrow_runs(rows, sample.width[first], least=STRATUM_ROWS, most=most, widest=WIDEST_STRATUM)
    return np.asarray(first[runs], dtype=np.int64)
