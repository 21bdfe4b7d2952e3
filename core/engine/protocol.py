"""What an engine does: count rows in cells, find exact quantiles, evaluate a rule. One SQL text, several engines."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from core.arrays import FloatArray, IntArray
from core.jobs import Job

Measure = Literal[
    "rows", "positives", "score", "uncertainty", "weight", "weight_positives", "weight_squared",
    "weight_squared_positives", "log_loss", "log_loss_squared", "brier", "brier_squared",
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Exact counts of a column: where each range of values starts, increasing, and its rows; it ends at the next."""

    starts: FloatArray
    rows: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Stored rows: where they are and what is known of them.

    Attributes
    ----------
    path
        Parquet file with the columns ``score``, ``uncertainty``, ``label`` and any further roles.
    count
        Number of rows.
    ranges
        column → (smallest, largest) value, for every column that an axis or a quantile may use.
    weighted
        Whether there is a column ``weight``; every sum is then weighted.
    histograms
        column → its histogram over all rows, where one is known; it spares a scan for quantiles.
    """

    path: Path
    count: int
    ranges: dict[str, tuple[float, float]]
    weighted: bool
    histograms: dict[str, Histogram] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """Cells along a column: cell i is [edges[i], edges[i+1]), the last one closed.

    Attributes
    ----------
    column
        Stored column name.
    edges
        float64 of shape (cells + 1,), strictly increasing.
    """

    column: str
    edges: FloatArray

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.edges) - 1


@dataclass(frozen=True, slots=True)
class CategoryAxis:
    """Cells by the codes 0 … cells - 1 of a category column."""

    column: str
    cells: int


@dataclass(frozen=True, slots=True)
class Among:
    """Keep only rows whose category code is one of ``codes``."""

    column: str
    codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """Keep only rows whose value lies in [lo, hi)."""

    column: str
    lo: float
    hi: float


Filter = Among | Between


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Sums per cell.

    Attributes
    ----------
    sums
        measure → array of shape (cells of axis 0, cells of axis 1, …); int64 for rows and positives, else float64.
    outside
        Rows that lie in no cell of some axis.
    """

    sums: dict[Measure, FloatArray | IntArray]
    outside: int


@dataclass(frozen=True, slots=True, eq=False)
class RuleCounts:
    """What a rule does to the rows of each level: int64 arrays of shape (levels,).

    Attributes
    ----------
    rows, positives
        All rows of the level, and the positives among them.
    accepted, true_positives
        Rows with score >= the level's threshold, and the positives among them.
    """

    rows: IntArray
    positives: IntArray
    accepted: IntArray
    true_positives: IntArray


class Engine(Protocol):
    """Aggregates stored rows. Every method is a job: it yields progress and can be closed between two reports."""

    def quantiles(
        self, rows: Rows, column: str, shares: FloatArray, *, by: Axis | None = None, where: Sequence[Filter] = ()
    ) -> Job[FloatArray]:
        """Exact quantiles: for each share p the smallest value v with #(x <= v) >= p·n; of each cell of an axis.

        Shape (shares,), or (cells, shares) with NaN for a cell without rows.
        """
        ...

    def count(
        self,
        rows: Rows,
        axes: Sequence[Axis | CategoryAxis],
        measures: Sequence[Measure],
        *,
        where: Sequence[Filter] = (),
    ) -> Job[Counts]:
        """Sums of the measures in every cell of the axes."""
        ...

    def evaluate(
        self, rows: Rows, levels: Axis, thresholds: FloatArray, *, where: Sequence[Filter] = ()
    ) -> Job[RuleCounts]:
        """Exact counts of the rule ``score >= thresholds[level]`` on the rows."""
        ...
