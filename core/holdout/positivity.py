"""Positivity over uncertainty level × score bin: edges, the counting pass, and the surface."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from core.arrays import FloatArray
from core.checks import check_count, check_edges
from core.engine.protocol import Axis, Engine, Filter, Measure
from core.errors import InputError
from core.holdout.cells import CELL_MEASURES, WEIGHT_MEASURES, Cells
from core.holdout.cube import CountCube
from core.holdout.data import Holdout
from core.jobs import Job

if TYPE_CHECKING:
    import pandas as pd

LEVELS_CAP, BINS_CAP = 100, 10_000
SLICE_STEPS = 1_000
FINE_QUANTILES = 200
WIDE_RATIO = 30
EDGE_RULE = "[lo, hi), the last one closed"

Method = Literal["equal_weight", "equal_width", "edges"]


@dataclass(frozen=True, slots=True)
class Binning:
    """How an axis is cut.

    Attributes
    ----------
    method
        ``equal_weight``: the same number of rows in each cell, as far as ties allow; ``equal_width``; ``edges``: typed.
    count
        Number of cells wanted (ties may leave fewer); not used for typed edges.
    edges
        Typed edges, increasing; used for method ``edges`` only.
    """

    method: Method
    count: int
    edges: tuple[float, ...] = ()

    @classmethod
    def typed(cls, text: str, *, name: str) -> Self:
        """Read edges as a person types them: ``0, 0.2, 0.5, 1``.

        Raises
        ------
        InputError
            Not numbers, fewer than two, or not increasing.

        Examples
        --------
        >>> Binning.typed("0, 0.5, 1", name="score edges").edges
        (0.0, 0.5, 1.0)
        """
        try:
            edges = tuple(float(part) for part in text.replace(";", ",").split(",") if part.strip())
        except ValueError as error:
            message = f"{name} must be numbers; given: {text[:60]!r}."
            raise InputError(message, fix="Type them as 0, 0.2, 0.5, 1.") from error
        return cls("edges", len(edges) - 1, check_edges(edges, name=name))


# What is used until someone chooses otherwise.
LEVELS, BINS, MINIMUM_ROWS = Binning("equal_weight", 5), Binning("equal_width", 20), 30


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Empirical positivity per uncertainty level and score bin.

    Attributes
    ----------
    cube
        Counts on the bins of the surface.
    minimum_rows
        Cells with fewer rows are hatched, not coloured.
    confidence
        Coverage of the Wilson intervals.
    """

    cube: CountCube
    minimum_rows: int
    confidence: float = 0.95

    @property
    def shown(self) -> Any:
        """Cells with enough rows to be coloured; bool of shape (levels, bins)."""
        return self.cube.cells.rows >= max(self.minimum_rows, 1)

    def frame(self) -> "pd.DataFrame":
        """One line per cell.

        Columns level, uncertainty_lo, uncertainty_hi, score_lo, score_hi, rows, positives, mean_score,
        mean_uncertainty, rate, lo, hi.
        """
        import pandas as pd

        bounds, edges = self.cube.level_bounds(), self.cube.score_edges
        bins = len(edges) - 1
        return pd.DataFrame(
            {
                "level": np.repeat(np.arange(1, self.cube.levels + 1), bins),
                "uncertainty_lo": np.repeat(bounds[:, 0], bins),
                "uncertainty_hi": np.repeat(bounds[:, 1], bins),
                "score_lo": np.tile(edges[:-1], self.cube.levels),
                "score_hi": np.tile(edges[1:], self.cube.levels),
            }
        ).join(self.cube.cells.frame(confidence=self.confidence))


def build_cube(
    holdout: Holdout, engine: Engine, *, levels: Binning, bins: Binning, where: Sequence[Filter] = ()
) -> Job[tuple[CountCube, FloatArray]]:
    """Count a holdout once, finely enough for the surface, the slices and the tests.

    The score is cut at the union of the surface's edges, 1,000 equal steps over the range of the score (so that a slice
    moves in steps) and 200 equal-weight quantiles (so that little of the score varies inside a cell).

    Returns
    -------
    (cube, bin_edges)
        The fine cube, and the edges of the surface, a subset of the cube's.

    Raises
    ------
    InputError
        Binning out of bounds, or no row inside the edges.
    """
    level_edges = yield from find_edges(holdout, engine, "uncertainty", levels, cap=LEVELS_CAP, where=where)
    quantile_shares = np.arange(1, FINE_QUANTILES) / FINE_QUANTILES
    bin_edges = yield from find_edges(holdout, engine, "score", bins, cap=BINS_CAP, where=where)
    quantiles = yield from engine.quantiles(holdout.rows, "score", quantile_shares, where=where)
    fine = np.unique(np.concatenate([_steps(holdout.rows.ranges["score"]), bin_edges, quantiles]))
    if bin_edges[-1] < fine[-1]:  # a cut just above it closes the surface's last bin
        fine = np.union1d(fine, np.nextafter(bin_edges[-1:], np.inf))
    axes = [Axis("uncertainty", level_edges), Axis("score", fine)]
    counts = yield from engine.count(holdout.rows, axes, measures_of(holdout), where=where)
    cells = orient(Cells.from_counts(counts), holdout)
    cube = CountCube(level_edges, fine, cells, holdout.more_is_certain, counts.outside)
    if cube.coarsen(bin_edges).rows == 0:
        raise InputError("No row lies inside these edges and filters.", fix="Widen the edges, or clear the filter.")
    return cube, bin_edges


def make_surface(
    cube: CountCube, bin_edges: FloatArray, *, minimum_rows: int = MINIMUM_ROWS, confidence: float = 0.95
) -> Surface:
    """Positivity surface on the bins ``bin_edges`` of a fine cube."""
    return Surface(cube.coarsen(bin_edges), check_count(minimum_rows, 0, 10**9, name="minimum rows"), confidence)


def measures_of(holdout: Holdout) -> tuple[Measure, ...]:
    """The sums that a cell of this holdout needs."""
    return (*CELL_MEASURES, *WEIGHT_MEASURES) if holdout.rows.weighted else CELL_MEASURES


def orient(cells: Cells, holdout: Holdout, *, axis: int = 0) -> Cells:
    """Put the least uncertain level first along ``axis``."""
    return cells.map(lambda sums: np.flip(sums, axis=axis).copy()) if holdout.more_is_certain else cells


def find_edges(
    holdout: Holdout,
    engine: Engine,
    column: str,
    binning: Binning,
    *,
    cap: int,
    where: Sequence[Filter],
    ends: tuple[float, float] | None = None,
) -> Job[FloatArray]:
    """Edges of an axis, the outer ones at ``ends``, or else such that they hold every row, unless they were typed.

    Where so many rows share an uncertainty that it fills a level or more, they become a level of their own.
    """
    name = {"uncertainty": "levels", "score": "bins"}[column]
    if binning.method == "edges":
        edges = check_edges(binning.edges, name=f"{column} edges")
        check_count(len(edges) - 1, 1, cap, name=name)
        return np.array(edges, dtype=np.float64)
    count = check_count(binning.count, 1, cap, name=name)
    lo, hi = ends or ((0.0, 1.0) if column == "score" else holdout.rows.ranges[column])
    if lo == hi:
        return np.array([lo, np.nextafter(hi, np.inf)])
    if binning.method == "equal_width":
        return _equal_width(lo, hi, count)
    shares = np.arange(1, count) / count
    inner = (yield from engine.quantiles(holdout.rows, column, shares, where=where)) if count > 1 else np.array([])
    found, times = np.unique(inner, return_counts=True)
    crowded = found[(times > 1) | (found == lo)]
    if column == "uncertainty" and len(crowded):
        inner = np.append(inner, (yield from values_above(holdout, engine, column, crowded, where=where)))
    if column == "uncertainty" and hi in inner:  # many rows share the largest value: it becomes a level of its own
        return np.unique([lo, *inner, np.nextafter(hi, np.inf)])
    return np.unique([lo, *inner[(inner > lo) & (inner < hi)], hi])


def values_above(
    holdout: Holdout, engine: Engine, column: str, values: FloatArray, *, where: Sequence[Filter]
) -> Job[FloatArray]:
    """The next larger value after each, where there is one, so that rows which share a value become their own cell."""
    above = np.nextafter(values, np.inf)
    lo, hi = holdout.rows.ranges[column]
    edges = np.unique([lo, *values, *above, max(hi, np.nextafter(above[-1], np.inf))])
    rows = (yield from engine.count(holdout.rows, [Axis(column, edges)], ("rows",), where=where)).sums["rows"]
    ends = np.cumsum(rows)
    ranks = ends[np.searchsorted(edges, above) - 1] + 1
    shares = ranks[ranks <= ends[-1]] / ends[-1]
    if not len(shares):
        return np.array([])
    return (yield from engine.quantiles(holdout.rows, column, shares, where=where))


def _equal_width(lo: float, hi: float, count: int) -> FloatArray:
    """Between 0 and 1 the floats nearest to i/count, so that 0.7 is the edge of its bin (in ``linspace`` it is not)."""
    share = np.arange(count + 1) / count
    return np.unique(np.clip(lo * (1 - share) + hi * share, lo, hi))


def _steps(score_range: tuple[float, float]) -> FloatArray:
    """Equal steps from 0 past the largest score, so that a slice can end above it, then 1."""
    per_unit = round(1 / slice_step(score_range))
    steps = np.arange(int(np.ceil(score_range[1] * per_unit)) + 2) / per_unit
    return np.append(steps[steps < 1], 1.0)


def slice_step(score_range: tuple[float, float]) -> float:
    """Width of the cube's finest score step: 1, 2 or 5 times a power of ten, at most 1,000 up to the largest score.

    Examples
    --------
    >>> slice_step((0.0, 0.97)), slice_step((0.0, 0.04))
    (0.001, 5e-05)
    """
    largest = max(score_range[1], 1e-6)
    for exponent in range(9, 2, -1):
        for factor in (1, 2, 5):
            step = float(f"{factor}e-{exponent}")
            if largest / step <= SLICE_STEPS * (1 + 1e-9):
                return step
    return 1 / SLICE_STEPS


def suggest_edges(value_range: tuple[float, float], *, cells: int = 3) -> str:
    """Suggest edges to start typing from: the outer hold every value, the inner are spaced evenly or by factors.

    Examples
    --------
    >>> suggest_edges((1.0, 3000.0)), suggest_edges((0.0129, 1.4762))
    ('0, 14.4225, 208.008, 3000', '0.01, 0.0626289, 0.304061, 1.48')
    """
    lo, hi = value_range
    step = 10.0 ** (np.floor(np.log10(hi - lo)) - 2)
    inner = (np.geomspace if lo > 0 and hi / lo > WIDE_RATIO else np.linspace)(lo, hi, cells + 1)[1:-1]
    digits = min(max(6, int(np.log10(max(abs(lo), abs(hi)) / (hi - lo))) + 4), 17)
    return ", ".join(f"{edge:.{digits}g}" for edge in (np.floor(lo / step) * step, *inner, np.ceil(hi / step) * step))
