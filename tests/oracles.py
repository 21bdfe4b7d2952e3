"""Slow, obvious versions of what core does quickly."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np


def quantile_by_sorting(values: Sequence[float], share: Fraction) -> float:
    """Smallest value v with #(x <= v) >= share·n, in exact arithmetic."""
    return next(v for v in sorted(values) if sum(x <= v for x in values) >= share * len(values))


def cell_by_search(value: float, edges: Sequence[float]) -> int | None:
    """The cell [edges[i], edges[i + 1]) of a value, the last one closed; None where it lies in no cell."""
    for i in range(len(edges) - 1):
        last = i == len(edges) - 2
        if edges[i] <= value < edges[i + 1] or (last and value == edges[-1]):
            return i
    return None


def sums_by_loop(
    axes: Sequence[tuple[Sequence[float], Sequence[float]]], values: Sequence[float]
) -> tuple[np.ndarray, int]:
    """Sum of ``values`` per cell of the axes, each (column, edges), and the number of rows in no cell."""
    sums, outside = np.zeros([len(edges) - 1 for _, edges in axes]), 0
    for row, value in enumerate(values):
        at = tuple(cell_by_search(column[row], edges) for column, edges in axes)
        if None in at:
            outside += 1
        else:
            sums[at] += value
    return sums, outside
