"""Two engines on the same test edges: difference and ratio of each metric, resampled together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from core.arrays import FloatArray, IntArray
from core.graph.data import BoolArray
from core.graph.metrics import METRICS
from core.graph.resample import Clusters, draw_columns, find_ends

Verdict: TypeAlias = Literal["better", "worse", "no difference shown"]
FEWEST_APART = 6  # sources that differ: of fewer, all on one side, a sign test gives at least 2 · 2⁻⁵ = 0.0625
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Difference:
    """One engine against another in one metric, with 95 % intervals.

    Attributes
    ----------
    metric
        Name of the metric.
    value, other
        Of the engine, and of the one it is compared with.
    difference, lo, hi
        ``value`` - ``other``.
    ratio, ratio_lo, ratio_hi
        ``value`` / ``other``; NaN where ``other`` is 0.
    """

    metric: str
    value: float
    other: float
    difference: float
    lo: float
    hi: float
    ratio: float
    ratio_lo: float
    ratio_hi: float

    @property
    def verdict(self) -> Verdict:
        """Of the interval of the difference: better above 0, worse below, else nothing is shown."""
        return "better" if self.lo > 0 else "worse" if self.hi < 0 else "no difference shown"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One engine against another in every metric."""

    engine: str
    against: str
    differences: tuple[Difference, ...]

    def frame(self) -> pd.DataFrame:
        """One row per metric: engine, against, the fields of ``Difference``, verdict."""
        columns = list(Difference.__slots__)
        rows = [
            [self.engine, self.against, *(getattr(d, name) for name in columns), d.verdict] for d in self.differences
        ]
        return pd.DataFrame(rows, columns=["engine", "against", *columns, "verdict"])


def compare_values(
    values: FloatArray, other: FloatArray, clusters: Clusters, *, names: Sequence[str] = METRICS
) -> tuple[Difference, ...]:
    """Paired differences and ratios between the columns of two tables of the same things.

    Definition
        Both means are taken under the same 1,000 weights of the clusters (``estimate_cells``); intervals are from the
        2.5 to the 97.5 percentile of their difference and ratio. Where fewer than six clusters tell the two apart,
        each interval is widened to hold no difference, 0 and 1: no sign test of so few is significant at 5 %, while
        the draws of one cluster, or of few that agree, do not vary at all.

    Parameters
    ----------
    values, other
        float64 of shape (things, columns): from ``measure_ranks``, for the same edges in the same order. Of several
        splits, one below the other.
    clusters
        Of the same things: by source node.
    names
        Of the columns.

    Notes
    -----
    Pairing takes away what both engines find hard or easy alike, so a difference can be shown where the intervals of
    the two engines overlap. Not corrected for many comparisons.
    """
    mine, theirs = draw_columns(values, clusters), draw_columns(other, clusters)
    value, against = _means(values), _means(other)
    few = _count_apart(values, other, clusters) < FEWEST_APART
    lo, hi = _widen(*find_ends(mine - theirs), few, 0.0)
    ratio_lo, ratio_hi = _widen(*find_ends(_ratio(mine, theirs)), few, 1.0)
    ratio = _ratio(value, against)
    table = np.column_stack([value, against, value - against, lo, hi, ratio, ratio_lo, ratio_hi])
    return tuple(Difference(name, *map(float, row)) for name, row in zip(names, table, strict=True))


def _count_apart(values: FloatArray, other: FloatArray, clusters: Clusters) -> IntArray:
    """Clusters whose means of the two tables differ, for each column."""
    gap = np.nan_to_num(values - other)
    sums = np.stack([np.bincount(clusters.member, column, clusters.count) for column in gap.T], axis=1)
    return np.asarray((np.abs(sums) > _ROUNDING).sum(axis=0), dtype=np.int64)


def _widen(lo: FloatArray, hi: FloatArray, few: BoolArray, none: float) -> tuple[FloatArray, FloatArray]:
    return np.where(few, np.minimum(lo, none), lo), np.where(few, np.maximum(hi, none), hi)


def _means(values: FloatArray) -> FloatArray:
    counted = (~np.isnan(values)).sum(axis=0)
    return _ratio(np.nansum(values, axis=0), counted.astype(np.float64))


def _ratio(value: FloatArray, other: FloatArray) -> FloatArray:
    return np.asarray(np.divide(value, other, out=np.full(value.shape, np.nan), where=other != 0))
