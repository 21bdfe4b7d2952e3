"""Kaplan–Meier estimates of how much has converted by an age, with bands, by SciPy."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import CensoredData, ecdf

from core.arrays import FloatArray
from core.delay.data import BoolArray, Snapshot

CONFIDENCE = 0.95
ROUNDING = 1e-12  # of the product-limit estimate, which ends near 0 rather than at 0


@dataclass(frozen=True, slots=True, eq=False)
class RateCurve:
    """Share of rows that have converted by an age.

    Definition
        R(a) = 1 − S(a), S the product-limit estimate of Kaplan and Meier: rows without conversion are censored at their
        age, or at the end of the attribution window. The band is Greenwood's on the scale ln(−ln S).

    Attributes
    ----------
    age
        Ages at which R steps, seconds, increasing.
    rate, lo, hi
        R and its 95 % band from each of these ages on. The band is NaN where R is 0 or 1, where the formula has none.

    Notes
    -----
    Young and old rows are taken for alike: where the rate drifts, the early part of the curve, which all rows shape,
    and the late part, which only old rows shape, tell of different times.

    References
    ----------
    Kaplan and Meier (1958), JASA 53. Computed by :func:`scipy.stats.ecdf`.
    """

    age: FloatArray
    rate: FloatArray
    lo: FloatArray
    hi: FloatArray

    def at(self, age: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """R, lo and hi at some ages; before the first step R is 0 and the band NaN."""
        step = np.searchsorted(self.age, age, side="right")
        found = [
            np.append(first, values)[step] for first, values in ((0.0, self.rate), (np.nan, self.lo), (np.nan, self.hi))
        ]
        return found[0], found[1], found[2]


def estimate_rate(snapshot: Snapshot) -> RateCurve:
    """Estimate the curve of a snapshot.

    Notes
    -----
    Cost O(rows · log rows).
    """
    converted = snapshot.label > 0
    followed = np.minimum(snapshot.age, snapshot.window)
    return _estimate(np.where(converted, snapshot.delay, followed), converted)


def estimate_arrival(delay: FloatArray) -> RateCurve:
    """Estimate F(e) = P(delay ≤ e | conversion) from the delays of conversions none of which can be missing."""
    return _estimate(delay, np.ones(len(delay), dtype=np.bool_))


def _estimate(followed: FloatArray, converted: BoolArray) -> RateCurve:
    survival: Any = ecdf(CensoredData(uncensored=followed[converted], right=followed[~converted])).sf
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        band = survival.confidence_interval(CONFIDENCE, method="log-log")
    rate = 1.0 - survival.probabilities
    known = (rate > 0) & (rate < 1.0 - ROUNDING)
    lo, hi = (np.where(known, 1.0 - end.probabilities, np.nan) for end in (band.high, band.low))
    return RateCurve(survival.quantiles, rate, lo, hi)
