"""Compare across segments, and follow positivity over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import pandas as pd

from core.checks import check_between
from core.engine.protocol import Among, Axis, CategoryAxis, Engine, FloatArray
from core.errors import InputError
from core.holdout.cells import Cells
from core.holdout.cube import CountCube
from core.holdout.data import Holdout
from core.holdout.effect import UncertaintyTest, deviance_test
from core.holdout.positivity import category_axis, measures_of, orient
from core.jobs import Job

CELLS_CAP = 500_000
SMALLEST_SEGMENT = 100
DAY = 86_400

Unit = Literal["hour", "day", "week", "month"]


def filter_rows(holdout: Holdout, column: str, values: Sequence[str]) -> Among:
    """The filter ``column in values``.

    Raises
    ------
    InputError
        No such segment, no value, or a value that the segment does not have.
    """
    axis = category_axis(holdout, column)
    segment = next(segment for segment in holdout.segments if segment.column == axis.column)
    unknown = [value for value in values if value not in segment.values]
    if unknown or not values:
        found = f"has no value {unknown[0][:80]!r}" if unknown else "is given no value"
        raise InputError(
            f"Segment {segment.name!r} {found}.",
            fix="Choose among the values that the page lists.",
        )
    return Among(axis.column, tuple(segment.values.index(value) for value in values))


@dataclass(frozen=True, slots=True, eq=False)
class SegmentComparison:
    """One line per value of a segment column.

    Attributes
    ----------
    name
        Segment column.
    values
        Its values that have rows in the window or at all, most rows first.
    cells
        Sums of shape (values,) over the rows in the score window.
    tests
        Test of uncertainty given score within each value; None below 100 rows or with a single class or level.
    score_lo, score_hi
        The score window.
    """

    name: str
    values: tuple[str, ...]
    cells: Cells
    tests: tuple[UncertaintyTest | None, ...]
    score_lo: float
    score_hi: float
    confidence: float

    def frame(self) -> pd.DataFrame:
        """Columns segment, rows …, lo, hi (in the window); effect, effect_lo, effect_hi, p_value (over all scores)."""
        tests = pd.DataFrame(
            [
                {"effect": np.nan, "effect_lo": np.nan, "effect_hi": np.nan, "p_value": np.nan}
                if test is None
                else {
                    "effect": test.overall.effect,
                    "effect_lo": test.overall.lo,
                    "effect_hi": test.overall.hi,
                    "p_value": test.p_value,
                }
                for test in self.tests
            ]
        )
        named = pd.DataFrame({"segment": self.values}).join(self.cells.frame(confidence=self.confidence))
        return named.join(tests)


def compare_segments(
    holdout: Holdout,
    engine: Engine,
    column: str,
    cube: CountCube,
    *,
    score: float = 0.5,
    half_width: float = 0.5,
    where: Sequence[Among] = (),
    confidence: float = 0.95,
) -> Job[SegmentComparison]:
    """Compare positivity in a score window, and the effect of uncertainty, across the values of a segment column.

    Parameters
    ----------
    cube
        Fine cube whose levels are used; its score bins are thinned so that at most 500,000 cells are counted.
    score, half_width
        The window; its ends are moved to the nearest bin edges.

    Raises
    ------
    InputError
        No such segment; a window outside [0, 1].
    """
    axis = category_axis(holdout, column)
    segment = next(segment for segment in holdout.segments if segment.column == axis.column)
    edges = _thin(cube.score_edges, CELLS_CAP // (axis.cells * cube.levels))
    axes: list[Axis | CategoryAxis] = [axis, Axis("uncertainty", cube.level_edges), Axis("score", edges)]
    counts = yield from engine.count(holdout.rows, axes, measures_of(holdout), where=where)
    cells = orient(Cells.from_counts(counts), holdout, axis=1)
    order = np.argsort(-cells.rows.sum(axis=(1, 2)), kind="stable")
    order = order[cells.rows.sum(axis=(1, 2))[order] > 0]
    first, last = _window(edges, score, half_width)
    inside = cells.map(lambda sums: sums[order][:, :, first:last].sum(axis=(1, 2)))
    tests = tuple(_test(cells.map(lambda sums, i=i: sums[i].copy()), cube, edges, confidence) for i in order)  # type: ignore[misc]
    values = tuple(segment.values[i] for i in order)
    return SegmentComparison(segment.name, values, inside, tests, float(edges[first]), float(edges[last]), confidence)


def _test(cells: Cells, cube: CountCube, edges: FloatArray, confidence: float) -> UncertaintyTest | None:
    rows, positives = int(cells.rows.sum()), int(cells.positives.sum())
    levels = int((cells.rows.sum(axis=1) > 0).sum())
    if rows < SMALLEST_SEGMENT or positives in (0, rows) or levels < 2:
        return None
    return deviance_test(CountCube(cube.level_edges, edges, cells, cube.more_is_certain, 0), confidence=confidence)


def _thin(edges: FloatArray, bins: int) -> FloatArray:
    keep = np.unique(np.linspace(0, len(edges) - 1, min(max(bins, 2), len(edges) - 1) + 1).round().astype(int))
    return np.asarray(edges[keep])


def _window(edges: FloatArray, score: float, half_width: float) -> tuple[int, int]:
    check_between(score, 0, 1, name="score")
    check_between(half_width, 1e-9, 1, name="half-width")
    first = min(int(np.argmin(np.abs(edges - (score - half_width)))), len(edges) - 2)
    return first, max(int(np.argmin(np.abs(edges - (score + half_width)))), first + 1)


@dataclass(frozen=True, slots=True, eq=False)
class TimeCourse:
    """Positivity per time bucket.

    Attributes
    ----------
    starts
        UTC start of each bucket.
    unit
        Width of a bucket.
    cells
        Sums of shape (buckets,).
    """

    starts: tuple[datetime, ...]
    unit: Unit
    cells: Cells
    confidence: float

    def frame(self) -> pd.DataFrame:
        """Columns time, rows, positives, mean_score, mean_uncertainty, rate, lo, hi."""
        return pd.DataFrame({"time": list(self.starts)}).join(self.cells.frame(confidence=self.confidence))


def positivity_over_time(
    holdout: Holdout, engine: Engine, *, where: Sequence[Among] = (), confidence: float = 0.95
) -> Job[TimeCourse]:
    """Positivity per hour, day, week or month (UTC), whichever gives a readable number of buckets.

    Raises
    ------
    InputError
        The holdout has no time column.
    """
    if holdout.roles.time is None:
        raise InputError("This holdout has no time column.", fix="Map one when you upload the file.")
    starts, unit = _buckets(*holdout.rows.ranges["time"])
    axis = Axis("time", np.array([start.timestamp() for start in starts], dtype=np.float64))
    counts = yield from engine.count(holdout.rows, [axis], measures_of(holdout), where=where)
    return TimeCourse(tuple(starts[:-1]), unit, Cells.from_counts(counts), confidence)


def _buckets(first: float, last: float) -> tuple[list[datetime], Unit]:
    """Bucket starts and the end of the last one; the end lies beyond the last event."""
    days = (last - first) / DAY
    unit: Unit = "hour" if days <= 3 else "day" if days <= 120 else "week" if days <= 3 * 365 else "month"
    alias = {"hour": "h", "day": "D", "week": "W-MON", "month": "MS"}[unit]
    begin = pd.Timestamp(first, unit="s", tz=UTC).floor("h" if unit == "hour" else "D")
    if unit == "week":
        begin -= pd.Timedelta(days=begin.weekday())
    if unit == "month":
        begin = begin.replace(day=1)
    starts = pd.date_range(begin, pd.Timestamp(last, unit="s", tz=UTC) + pd.Timedelta(days=32), freq=alias)
    used = int(starts.searchsorted(pd.Timestamp(last, unit="s", tz=UTC), side="right"))
    return [start.to_pydatetime() for start in starts[: used + 1]], unit
