"""Reliability per uncertainty level: calibration gap, ECE, log-loss, Brier score, each with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from core.arrays import FloatArray
from core.engine.protocol import Among, Axis, CategoryAxis, Counts, Engine, Measure
from core.holdout.cells import Cells, ratio
from core.holdout.data import Holdout
from core.holdout.positivity import Surface
from core.intervals import wilson
from core.jobs import Job

LOSSES: tuple[Measure, ...] = ("log_loss", "log_loss_squared", "brier", "brier_squared")
SEED = 0  # of the resampling, so that the same rows give the same intervals everywhere
REPLICATES, LEAST_REPLICATES = 400, 40
DRAWS, DRAWN_AT_ONCE = 20_000_000, 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """How well the score is calibrated, per uncertainty level and over all.

    Attributes
    ----------
    table
        One line per level, least uncertain first, then one line ``all``. Columns: level, rows, mean_score; and, each
        with _lo and _hi: rate, gap (rate - mean score), ece, log_loss, brier.
    bins
        Number of score bins behind the ECE.
    confidence
        Coverage of the intervals.
    """

    table: pd.DataFrame
    bins: int
    confidence: float

    def frame(self) -> pd.DataFrame:
        """The table."""
        return self.table.copy()


def measure_reliability(
    surface: Surface, holdout: Holdout, engine: Engine, *, where: Sequence[Among] = (), rng: np.random.Generator
) -> Job[Reliability]:
    r"""Reliability table of a surface's levels, over the rows inside its edges.

    Definition
        gap = rate - mean score; log-loss = mean of -ln p(label), p floored at 1e-15; Brier = mean of (score - label)².
        Expected calibration error over the surface's bins b:

        .. math:: \mathrm{ECE} = \sum_b \frac{W_b}{W} |\bar y_b - \bar s_b|

    Notes
    -----
    Gap, log-loss and Brier are means over rows, p·m₁ + (1 - p)·m₀ with the rate p and the means m₁, m₀ within the two
    classes. Their intervals join the Wilson interval of p and the t intervals of m₁ and m₀ by squares (MOVER), which
    holds where positives are few and a normal interval is too narrow; with less than two rows of a class there is none,
    and the gap then has the Wilson interval of the rate joined with that of the mean score.

    The ECE is pushed up by noise, so its interval is ECE ± d, where d is the quantile of Σ (W_b/W)|ȳ*_b - p_b| over
    binomial resamples ȳ* of each bin: by the triangle inequality it covers the ECE of the population on these bins at
    least as often as stated. p_b is the rate nearest to ½ in the bin's Wilson interval, as the noise is largest there:
    resampled at the rate it shows, a bin of few rows would look quieter than it is.

    References
    ----------
    Naeini, Cooper and Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning, AAAI.
    Zou and Donner (2008), Construction of confidence limits about effect measures, Statistics in Medicine 27.
    """
    cube = surface.cube
    score = Axis("score", cube.score_edges[[0, -1]])
    axes: list[Axis | CategoryAxis] = [Axis("uncertainty", cube.level_edges), score, CategoryAxis("label", 2)]
    weights: tuple[Measure, ...] = ("weight", "weight_squared") if holdout.rows.weighted else ()
    counts = yield from engine.count(holdout.rows, axes, ("rows", "score", *weights, *LOSSES), where=where)
    cells = _with_total(cube.cells)
    table = pd.DataFrame({"level": [*(str(i) for i in range(1, cube.levels + 1)), "all"]})
    per_level = cells.total(axis=1)
    lo, hi = per_level.interval(confidence=surface.confidence)
    table = table.assign(
        rows=per_level.rows, mean_score=per_level.mean_score, rate=per_level.rate, rate_lo=lo, rate_hi=hi
    )
    classes = _Classes.of(counts, flip=cube.more_is_certain)
    for name in ("gap", "log_loss", "brier"):
        mean, below, above = classes.mean_of(name, per_level, surface.confidence)
        table[name], table[f"{name}_lo"], table[f"{name}_hi"] = mean, mean - below, mean + above
    ece, slack = _calibration_error(cells, rng, surface.confidence)
    table["ece"], table["ece_lo"], table["ece_hi"] = ece, np.maximum(ece - slack, 0), np.minimum(ece + slack, 1)
    return Reliability(table[_COLUMNS], len(cube.score_edges) - 1, surface.confidence)


_COLUMNS = ["level", "rows", "mean_score"] + [
    f"{measure}{end}" for measure in ("rate", "gap", "ece", "log_loss", "brier") for end in ("", "_lo", "_hi")
]


def _with_total(cells: Cells) -> Cells:
    """The levels, and below them a line of all of them together."""
    return cells.map(lambda sums: np.concatenate([sums, sums.sum(axis=0, keepdims=True)]))


@dataclass(frozen=True, slots=True, eq=False)
class _Classes:
    """Sums per level (and all) and class: float64 of shape (levels + 1, 2)."""

    weight: FloatArray
    effective_rows: FloatArray
    sums: dict[str, tuple[FloatArray, FloatArray]]  # name → Σw·x, Σw·x²

    @classmethod
    def of(cls, counts: Counts, *, flip: bool) -> "_Classes":
        found: dict[str, FloatArray] = {}
        for measure, values in counts.sums.items():
            levels = np.asarray(values, dtype=np.float64)[:: -1 if flip else 1, 0, :]
            found[str(measure)] = np.concatenate([levels, levels.sum(axis=0, keepdims=True)])
        weight = found.get("weight", found["rows"])
        gap = weight * [0.0, 1.0] - found["score"]
        sums = {name: (found[name], found[f"{name}_squared"]) for name in ("log_loss", "brier")}
        sums["gap"] = (gap, found["brier"])
        return cls(weight, ratio(weight**2, found.get("weight_squared", found["rows"])), sums)

    def mean_of(self, name: str, levels: Cells, confidence: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The mean over rows of each level, and how far its interval reaches below and above."""
        total, squares = self.sums[name]
        mean = ratio(total.sum(axis=1), self.weight.sum(axis=1))
        within = ratio(total, self.weight)
        freedom = self.effective_rows - 1
        variance = np.maximum(ratio(squares, self.weight) - within**2, 0)
        share = ratio(self.weight, self.weight.sum(axis=1, keepdims=True))
        t = stdtrit(np.where(freedom >= 1, freedom, np.nan), 0.5 + confidence / 2)
        errors = (t * share) ** 2 * ratio(variance, freedom)
        lo, hi = levels.interval(confidence=confidence)
        slope = within[:, 1] - within[:, 0]
        down, up = slope * (levels.rate - lo), slope * (hi - levels.rate)
        below = np.hypot(np.where(slope >= 0, down, -up), np.sqrt(errors.sum(axis=1)))
        above = np.hypot(np.where(slope >= 0, up, -down), np.sqrt(errors.sum(axis=1)))
        if name == "gap":  # without positives the rate's interval and the spread of the scores are still known
            known = np.sqrt(np.nansum(errors, axis=1))
            below = np.where(np.isnan(below), np.hypot(levels.rate - lo, known), below)
            above = np.where(np.isnan(above), np.hypot(hi - levels.rate, known), above)
        return mean, below, above


def _calibration_error(cells: Cells, rng: np.random.Generator, confidence: float) -> tuple[FloatArray, FloatArray]:
    """ECE of each level, and the half-width of its interval."""
    share = np.nan_to_num(ratio(cells.weight, cells.weight.sum(axis=1, keepdims=True)))
    ece = np.sum(share * np.abs(np.nan_to_num(cells.rate - cells.mean_score)), axis=1)
    trials = np.rint(cells.binomial_rows).astype(np.int64)
    filled = trials > 0
    n, level = trials[filled], np.nonzero(filled)[0]
    lo, hi = wilson(np.nan_to_num(cells.rate)[filled] * n, n, confidence=confidence)
    rate = np.clip(0.5, lo, hi)
    replicates = int(np.clip(DRAWS // max(len(n), 1), LEAST_REPLICATES, REPLICATES))
    noise = np.zeros((replicates, len(ece)))
    held, starts = np.unique(level, return_index=True)
    step = max(DRAWN_AT_ONCE // max(len(n), 1), 1)
    for first in range(0, replicates, step):
        some = noise[first : first + step]
        drawn = share[filled] * np.abs(rng.binomial(n, rate, size=(len(some), len(n))) / n - rate)
        some[:, held] = np.add.reduceat(drawn, starts, axis=1)
    return np.where(cells.rows.sum(axis=1) > 0, ece, np.nan), np.quantile(noise, confidence, axis=0)
