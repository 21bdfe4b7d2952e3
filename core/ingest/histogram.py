"""Exact counts of a column by ranges of its values, kept while its rows are written.

A range is first the sign, the exponent and the leading 12 bits of a float's mantissa: 4,096 to each factor of two,
whatever the unit. At the end neighbours are joined until each holds about 1/4,096 of the rows.
"""

from typing import Any

import numpy as np

from core.arrays import FloatArray, IntArray

RANGES = 4_096
OCTAVES_CAP = 128  # beyond that many factors of two the counts would outgrow the rows of a batch
_MANTISSA_BITS = 12
_PER_OCTAVE = 1 << _MANTISSA_BITS
_DROPPED_BITS = 52 - _MANTISSA_BITS
_LOWEST_OCTAVE = -(1 << 11)
_ALL_BUT_SIGN = np.int64(2**63 - 1)


class HistogramCounter:
    """Counts batches of finite values."""

    def __init__(self) -> None:
        self._place = np.full(2 * -_LOWEST_OCTAVE, -1, dtype=np.int64)  # of an octave among those seen
        self._octaves: list[int] = []
        self._rows = np.zeros(0, dtype=np.int64)

    def add(self, values: FloatArray) -> None:
        """Count a batch."""
        if len(self._octaves) > OCTAVES_CAP:
            return
        keys = _ordered_bits(values) >> _DROPPED_BITS
        octaves = (keys >> _MANTISSA_BITS) - _LOWEST_OCTAVE
        self._make_room(octaves)
        at = self._place[octaves] * _PER_OCTAVE + (keys & (_PER_OCTAVE - 1))
        self._rows += np.bincount(at, minlength=len(self._rows))

    def _make_room(self, octaves: IntArray) -> None:
        seen = np.flatnonzero(np.bincount(octaves, minlength=len(self._place)))
        new = seen[self._place[seen] < 0]
        self._place[new] = len(self._octaves) + np.arange(len(new))
        self._octaves += new.tolist()
        self._rows = np.append(self._rows, np.zeros(len(new) * _PER_OCTAVE, dtype=np.int64))

    def finish(self) -> tuple[list[float], list[int]] | None:
        """Where each range starts, increasing, and its rows; None where the values span too many factors of two.

        A range ends where the next one starts.
        """
        if len(self._octaves) > OCTAVES_CAP:
            return None
        octaves = np.sort(self._octaves)
        rows = self._rows.reshape(-1, _PER_OCTAVE)[self._place[octaves]].ravel()
        first = (octaves + _LOWEST_OCTAVE) << _MANTISSA_BITS
        keys = (first[:, None] + np.arange(_PER_OCTAVE)).ravel()[rows > 0]
        ends = np.cumsum(rows[rows > 0])
        last = np.unique(np.searchsorted(ends, ends[-1] * np.arange(1, RANGES + 1) / RANGES))
        starts = np.append(0, last[:-1] + 1)
        edges = _unordered(keys[starts] << _DROPPED_BITS)
        return edges.tolist(), np.diff(ends[last], prepend=0).tolist()


def _ordered_bits(values: FloatArray) -> IntArray:
    """Bits of floats as integers of the same order; -0 is 0."""
    bits: Any = (values + 0.0).view(np.int64)
    return np.asarray(bits ^ ((bits >> 63) & _ALL_BUT_SIGN))


def _unordered(bits: IntArray) -> FloatArray:
    """The floats of :func:`_ordered_bits`, which is its own inverse but for the type."""
    return np.asarray((bits ^ ((bits >> 63) & _ALL_BUT_SIGN)).view(np.float64))
