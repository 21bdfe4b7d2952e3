"""Additive sums per cell, and what follows from them: rates and their intervals."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from core.arrays import FloatArray, IntArray
from core.engine.protocol import Counts, Measure
from core.intervals import wilson

if TYPE_CHECKING:
    import pandas as pd

CELL_MEASURES: tuple[Measure, ...] = ("rows", "positives", "score", "uncertainty")
WEIGHT_MEASURES: tuple[Measure, ...] = (
    "weight",
    "weight_positives",
    "weight_squared",
    "weight_squared_positives",
)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Sums over the rows of each cell; two tables of the same cells add up to the table of all their rows.

    Attributes
    ----------
    rows, positives
        int64: number of rows, and of rows with label 1.
    weight, weight_positives, weight_squared, weight_squared_positives
        float64: Σw, Σwy, Σw², Σw²y; w = 1 where the holdout has no weights.
    score, uncertainty
        float64: Σw·score, Σw·uncertainty.
    """

    rows: IntArray
    positives: IntArray
    weight: FloatArray
    weight_positives: FloatArray
    weight_squared: FloatArray
    weight_squared_positives: FloatArray
    score: FloatArray
    uncertainty: FloatArray

    @classmethod
    def from_counts(cls, counts: Counts) -> Self:
        """Build from an engine's sums; without weight sums every row weighs 1."""
        sums: dict[Measure, Any] = dict(counts.sums)
        if "weight" not in sums:
            rows, positives = sums["rows"].astype(np.float64), sums["positives"].astype(np.float64)
            sums |= dict(zip(WEIGHT_MEASURES, (rows, positives, rows, positives), strict=True))
        return cls(**{str(measure): sums[measure] for measure in (*CELL_MEASURES, *WEIGHT_MEASURES)})

    def map(self, function: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> Self:
        """Apply an additive rearrangement (a sum, a selection, a flip) to every sum."""
        arrays = {field.name: function(getattr(self, field.name)) for field in fields(self)}
        for array in arrays.values():
            array.flags.writeable = False
        return type(self)(**arrays)

    def __add__(self, other: Self) -> Self:
        """Sums over the rows of both."""
        return type(self)(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    def total(self, axis: int | None = None) -> Self:
        """Sums along an axis, or over all cells."""
        return self.map(lambda sums: np.asarray(sums.sum(axis=axis)))

    def merge(self, starts: IntArray, *, axis: int) -> Self:
        """Sums over runs of neighbouring cells; run i goes from ``starts[i]`` to before ``starts[i + 1]``."""
        return self.map(lambda sums: np.add.reduceat(sums, starts, axis=axis))

    @property
    def weighted(self) -> bool:
        """Whether rows weigh differently; where all weigh 2 nothing is known that is not known where all weigh 1."""
        each = self.weight.sum() / max(self.rows.sum(), 1)
        pairs = (self.weight, each * self.rows), (self.weight_squared, each**2 * self.rows)
        return not all(np.allclose(one, other, atol=0) for one, other in pairs)

    @property
    def rate(self) -> FloatArray:
        """Empirical positivity Σwy / Σw; NaN in an empty cell."""
        return ratio(self.weight_positives, self.weight)

    @property
    def mean_score(self) -> FloatArray:
        """Mean score Σw·s / Σw; NaN in an empty cell."""
        return ratio(self.score, self.weight)

    @property
    def mean_uncertainty(self) -> FloatArray:
        """Mean uncertainty Σw·u / Σw; NaN in an empty cell."""
        return ratio(self.uncertainty, self.weight)

    @property
    def effective_rows(self) -> FloatArray:
        """Kish's effective number of rows (Σw)² / Σw²: the rows themselves where all weigh 1, 0 in an empty cell."""
        return np.nan_to_num(ratio(self.weight**2, self.weight_squared))

    @property
    def binomial_rows(self) -> FloatArray:
        """Number of rows at which a binomial rate has the variance of this one; see :func:`count_binomial_rows`."""
        return count_binomial_rows(
            self.weight, self.weight_positives, self.weight_squared, self.weight_squared_positives
        )

    def interval(self, *, confidence: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """Wilson interval of the rate, on :attr:`binomial_rows`."""
        n = self.binomial_rows
        return wilson(np.nan_to_num(self.rate) * n, n, confidence=confidence)

    def frame(self, *, confidence: float = 0.95) -> "pd.DataFrame":
        """Columns rows, positives, mean_score, mean_uncertainty, rate, lo, hi: one line per cell, in C order.

        The means of a cell with a single row are left out: they would be that row.
        """
        import pandas as pd

        several = self.rows > 1
        lo, hi = self.interval(confidence=confidence)
        return pd.DataFrame(
            {
                "rows": self.rows.ravel(),
                "positives": self.positives.ravel(),
                "mean_score": np.where(several, self.mean_score, np.nan).ravel(),
                "mean_uncertainty": np.where(several, self.mean_uncertainty, np.nan).ravel(),
                "rate": self.rate.ravel(),
                "lo": np.where(self.rows > 0, lo, np.nan).ravel(),
                "hi": np.where(self.rows > 0, hi, np.nan).ravel(),
            }
        )


def ratio(top: FloatArray, bottom: FloatArray) -> FloatArray:
    """Quotient; NaN where the bottom is not above zero."""
    empty = np.full(np.broadcast_shapes(np.shape(top), np.shape(bottom)), np.nan)
    return np.asarray(np.divide(top, bottom, out=empty, where=np.asarray(bottom) > 0), dtype=np.float64)


def count_binomial_rows(
    w: npt.ArrayLike, wy: npt.ArrayLike, w_squared: npt.ArrayLike, w_squared_y: npt.ArrayLike
) -> FloatArray:
    """Number of rows at which a binomial rate has the variance Σw²(y - rate)² / (Σw)² of the rate Σwy / Σw.

    Weights often go with the label (negatives drawn at a tenth, each weighing ten), and Kish's number (Σw)² / Σw² is
    then far off, in either direction. Kish's number where the rate is 0 or 1; the number of rows where all weigh the
    same.

    References
    ----------
    Korn and Graubard (1998), Confidence intervals for proportions with small expected number of positive counts
    estimated from survey data, Survey Methodology 24.
    """
    total, positive, squares, of_positives = (
        np.asarray(one, dtype=np.float64) for one in (w, wy, w_squared, w_squared_y)
    )
    rate = np.nan_to_num(ratio(positive, total))
    spread = sum_squared_residuals(squares, of_positives, rate)
    rows = np.nan_to_num(ratio(rate * (1 - rate) * total**2, spread))
    return np.where(rows > 0, rows, np.nan_to_num(ratio(total**2, squares)))


def sum_squared_residuals(w_squared: npt.ArrayLike, w_squared_y: npt.ArrayLike, rate: npt.ArrayLike) -> FloatArray:
    """Σw²(y - rate)² from Σw² and Σw²y, as y² = y."""
    squares, of_positives, at = (np.asarray(one, dtype=np.float64) for one in (w_squared, w_squared_y, rate))
    return np.asarray(of_positives * (1 - 2 * at) + at**2 * squares)
