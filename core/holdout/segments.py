"""Filter by segments, and compare across them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.arrays import FloatArray
from core.engine.protocol import Among, Axis, CategoryAxis, Engine
from core.errors import InputError
from core.holdout.cells import Cells
from core.holdout.cube import CountCube
from core.holdout.data import Holdout
from core.holdout.effect import UncertaintyTest, deviance_test
from core.holdout.positivity import measures_of, orient
from core.holdout.slices import window_cells
from core.jobs import Job, Progress

if TYPE_CHECKING:
    import pandas as pd

SEGMENT_CELLS = 500_000
SMALLEST_SEGMENT = 100


def filter_rows(holdout: Holdout, column: str, values: Sequence[str]) -> Among:
    """The filter ``column in values``.

    Raises
    ------
    InputError
        No such segment, no value, or a value that the segment does not have.
    """
    segment = holdout.segment(column)
    unknown = [value for value in values if value not in segment.values]
    if unknown or not values:
        found = f"has no value {unknown[0][:80]!r}" if unknown else "is given no value"
        raise InputError(
            f"Segment {segment.name!r} {found}.",
            fix="Choose among the values that the page lists.",
        )
    return Among(segment.column, tuple(segment.values.index(value) for value in values))


def name_filter(holdout: Holdout, where: Sequence[Among]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """A filter in the file's own words: (column, values), the inverse of :func:`filter_rows`."""
    named = {segment.column: segment for segment in holdout.segments}
    return tuple(
        (named[among.column].name, tuple(named[among.column].values[code] for code in among.codes)) for among in where
    )


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

    def frame(self) -> "pd.DataFrame":
        """Columns segment, rows …, lo, hi (in the window); effect, effect_lo, effect_hi, p_value (over all scores)."""
        import pandas as pd

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
    segment = holdout.segment(column)
    edges = _thin(cube.score_edges, SEGMENT_CELLS // (len(segment.values) * cube.levels))
    by_value = CategoryAxis(segment.column, len(segment.values))
    axes: list[Axis | CategoryAxis] = [by_value, Axis("uncertainty", cube.level_edges), Axis("score", edges)]
    counts = yield from engine.count(holdout.rows, axes, measures_of(holdout), where=where)
    cells = orient(Cells.from_counts(counts), holdout, axis=1)
    order = np.argsort(-cells.rows.sum(axis=(1, 2)), kind="stable")
    order = order[cells.rows.sum(axis=(1, 2))[order] > 0]
    first, last = window_cells(edges, score=score, half_width=half_width)
    inside = cells.map(lambda sums: sums[order][:, :, first:last].sum(axis=(1, 2)))
    tests: list[UncertaintyTest | None] = []
    for i in order:
        yield Progress(len(tests) / len(order), "Testing each segment")
        tests.append(_test(_at(cells, i), cube, edges, confidence))
    values = tuple(segment.values[i] for i in order)
    return SegmentComparison(
        segment.name, values, inside, tuple(tests), float(edges[first]), float(edges[last]), confidence
    )


def _at(cells: Cells, value: int) -> Cells:
    return cells.map(lambda sums: sums[value].copy())


def _test(cells: Cells, cube: CountCube, edges: FloatArray, confidence: float) -> UncertaintyTest | None:
    rows, positives = int(cells.rows.sum()), int(cells.positives.sum())
    levels = int((cells.rows.sum(axis=1) > 0).sum())
    if rows < SMALLEST_SEGMENT or positives in (0, rows) or levels < 2:
        return None
    return deviance_test(CountCube(cube.level_edges, edges, cells, cube.more_is_certain, 0), confidence=confidence)


def _thin(edges: FloatArray, bins: int) -> FloatArray:
    keep = np.unique(np.linspace(0, len(edges) - 1, min(max(bins, 2), len(edges) - 1) + 1).round().astype(int))
    return np.asarray(edges[keep])
