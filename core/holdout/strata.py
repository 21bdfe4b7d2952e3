"""Runs of neighbouring score bins: strata inside which the score hardly varies."""

from dataclasses import dataclass

import numpy as np

from core.arrays import FloatArray, IntArray

LEAST_DIVISOR = 1e-300


def equal_runs(rows: IntArray, count: int) -> IntArray:
    """Starts of at most ``count`` runs of neighbours that hold about equal rows, 0 first.

    Examples
    --------
    >>> equal_runs(np.array([3, 3, 1, 1, 1, 3]), 2)
    array([0, 2])
    """
    ends = np.cumsum(rows)
    starts = np.searchsorted(ends, ends[-1] * np.arange(1, count) / count, side="left") + 1
    return np.unique(np.append(0, starts[starts < len(rows)]))


def narrow_runs(rows: FloatArray, widths: FloatArray, *, least: float, most: float, widest: float) -> IntArray:
    """Starts of runs of neighbours, 0 first.

    A run ends once it holds ``least`` rows and, besides, holds ``most`` rows or is ``widest`` wide. Only a run that is
    alone holds fewer than ``least``.

    Examples
    --------
    >>> narrow_runs(np.array([30.0, 5, 30, 10, 40]), np.ones(5), least=25, most=60, widest=2)
    array([0, 2, 4])
    """
    starts, held, width = [0], 0.0, 0.0
    for i, (more, wider) in enumerate(zip(rows.tolist(), widths.tolist(), strict=True)):
        if held >= least and (held >= most or width >= widest):
            starts.append(i)
            held, width = 0.0, 0.0
        held += more
        width += wider
    kept = starts[:-1] if held < least and len(starts) > 1 else starts
    return np.array(kept, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """Points in runs of equal stratum, each point with its weight.

    Attributes
    ----------
    starts
        Where each stratum's run of points starts, 0 first.
    weight
        float64 of shape (points,).
    """

    starts: IntArray
    weight: FloatArray

    def sum(self, values: FloatArray) -> FloatArray:
        """Weighted sums over each stratum: (points, d) → (strata, d)."""
        return np.asarray(np.add.reduceat(self.weight[:, None] * values, self.starts, axis=0))

    def spread(self, values: FloatArray) -> FloatArray:
        """Each stratum's value at each of its points: (strata, d) → (points, d)."""
        return np.repeat(values, np.diff(self.starts, append=len(self.weight)), axis=0)

    def centred(self, values: FloatArray) -> FloatArray:
        """Values minus the weighted mean of their stratum."""
        total = np.maximum(np.add.reduceat(self.weight, self.starts), LEAST_DIVISOR)
        return np.asarray(values - self.spread(self.sum(values) / total[:, None]))
