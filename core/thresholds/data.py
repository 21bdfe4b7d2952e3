"""What every solver starts from: the candidate cuts of each uncertainty level, with counts."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from core.arrays import FloatArray, IntArray
from core.errors import InputError, TooLarge
from core.holdout.cube import CountCube

# Weights are counted in units so small that products with a target's denominator still fit into int64.
WEIGHT_UNITS = 2**30
MOST_ROWS = 2**31 - 1  # likewise


@dataclass(frozen=True, slots=True, eq=False)
class WeightSums:
    """What the cuts of a weighted holdout accept beside weight; (levels, bins + 1), from the highest score down.

    Attributes
    ----------
    rows, positives
        int64: rows.
    squares, squares_positives
        float64: Σw² and Σw²y.
    """

    rows: IntArray
    positives: IntArray
    squares: FloatArray
    squares_positives: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """Candidate cuts of every uncertainty level, counted from the highest score down.

    Cut j of a level accepts the rows with score >= threshold(j) = edges[bins - j]; cut 0 accepts none. A cut stands on
    a bin edge, so tied scores are never parted; bins may hold any number of rows.

    Attributes
    ----------
    edges
        float64 (bins + 1,), increasing: the score edges.
    accepted, tp
        int64 (levels, bins + 1), never decreasing along a level: rows, and positives, that cut j accepts, in units.
    unit
        Rows (or weight, in a weighted holdout) that one unit stands for; 1 without weights.
    level_edges, more_is_certain
        As in the cube; level 0 is the least uncertain.
    outside
        Rows in no level; they are in none of the counts, and a policy rejects them.
    weights
        Further sums, where rows weigh differently.
    """

    edges: FloatArray
    accepted: IntArray
    tp: IntArray
    unit: float
    level_edges: FloatArray
    more_is_certain: bool
    outside: int = 0
    weights: WeightSums | None = None

    @classmethod
    def from_cube(cls, cube: CountCube, *, weighted: bool | None = None) -> Self:
        """Count the cuts of a cube; ``weighted`` says whether rows weigh differently, if its cells do not tell.

        Raises
        ------
        InputError
            There are not rows of both labels.
        TooLarge
            There are 2^31 rows or more, too many for exact products in int64.
        """
        cells, unit, weights = cube.cells, 1.0, None
        rows, positives = cells.rows, cells.positives
        if not 0 < positives.sum() < rows.sum():
            raise InputError(
                f"The {cube.rows:,} rows do not have both labels ({int(positives.sum()):,} positives).",
                fix="Thresholds need positives and negatives: check the label column and the filter.",
            )
        if cube.rows > MOST_ROWS:
            raise TooLarge(f"{cube.rows:,} rows; at most {MOST_ROWS:,}.", fix="Draw a sample; it has rows to spare.")
        if cells.weighted if weighted is None else weighted:
            unit = float(cells.weight.sum()) / WEIGHT_UNITS
            positives = np.rint(cells.weight_positives / unit).astype(np.int64)
            rows = positives + np.rint((cells.weight - cells.weight_positives) / unit).astype(np.int64)
            sums = cells.rows, cells.positives, cells.weight_squared, cells.weight_squared_positives
            weights = WeightSums(*map(from_the_top, sums))
        accepted, tp = (from_the_top(counts) for counts in (rows, positives))
        return cls(cube.score_edges, accepted, tp, unit, cube.level_edges, cube.more_is_certain, cube.outside, weights)

    @property
    def weighted(self) -> bool:
        """Whether rows weigh differently."""
        return self.weights is not None

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.accepted)

    @property
    def bins(self) -> int:
        """Number of score bins."""
        return len(self.edges) - 1

    @property
    def rows(self) -> int:
        """All rows, in units."""
        return int(self.accepted[:, -1].sum())

    @property
    def positives(self) -> int:
        """All positives, in units."""
        return int(self.tp[:, -1].sum())

    def units(self, amount: float) -> int:
        """Whole units in a number of rows (or weight)."""
        return int(amount / self.unit)

    def amount(self, units: IntArray) -> IntArray:
        """Rows in a number of units, or weight to the nearest whole number."""
        return np.asarray(units) if not self.weighted else np.rint(units * self.unit).astype(np.int64)

    def threshold(self, cut: IntArray) -> FloatArray:
        """Threshold of each cut: accept score >= threshold; inf accepts none."""
        at = np.asarray(cut)
        return np.where(at == 0, np.inf, self.edges[self.bins - at])


def from_the_top(counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Sums of the last j cells of the last axis, for every j from 0."""
    total = np.zeros((*counts.shape[:-1], counts.shape[-1] + 1), dtype=counts.dtype)
    np.cumsum(counts[..., ::-1], axis=-1, out=total[..., 1:])
    total.flags.writeable = False
    return total
