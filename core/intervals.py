"""Confidence intervals."""

from typing import Any

import numpy as np
from scipy.special import ndtri

from core.arrays import FloatArray


def wilson(successes: Any, trials: Any, *, confidence: float = 0.95) -> tuple[FloatArray, FloatArray]:
    r"""Wilson score interval of a proportion.

    Definition
        .. math:: \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}

    Parameters
    ----------
    successes, trials
        Counts, any broadcastable shapes; fractions are allowed (effective counts of weighted rows).
    confidence
        Two-sided coverage, between 0 and 1.

    Returns
    -------
    (lo, hi)
        Arrays of the broadcast shape, within [0, 1]; (0, 1) where trials is 0.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.

    Examples
    --------
    >>> lo, hi = wilson(8, 10)
    >>> round(float(lo), 3), round(float(hi), 3)
    (0.49, 0.943)
    """
    z2 = float(ndtri(0.5 + confidence / 2)) ** 2
    n = np.asarray(trials, dtype=np.float64)
    k = np.asarray(successes, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = k / n
        centre = p + z2 / (2 * n)
        half = np.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n)))
        lo, hi = (centre - half) / (1 + z2 / n), (centre + half) / (1 + z2 / n)
    lo = np.where(n > 0, np.where(k <= 0, 0.0, np.clip(lo, 0, 1)), 0.0)
    hi = np.where(n > 0, np.where(k >= n, 1.0, np.clip(hi, 0, 1)), 1.0)
    return lo, hi


def normal(mean: Any, standard_error: Any, *, confidence: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Normal interval mean ± z·standard_error.

    Examples
    --------
    >>> lo, hi = normal(0.0, 1.0)
    >>> round(float(hi), 2)
    1.96
    """
    z = float(ndtri(0.5 + confidence / 2))
    centre, half = np.asarray(mean, dtype=np.float64), z * np.asarray(standard_error, dtype=np.float64)
    return centre - half, centre + half


def newcombe(rates: FloatArray, lo: FloatArray, hi: FloatArray) -> tuple[float, float]:
    r"""Interval of the difference of two independent rates, second minus first, from the interval of each.

    Definition
        .. math:: \left[d - \sqrt{(p_2 - l_2)^2 + (u_1 - p_1)^2},\; d + \sqrt{(u_2 - p_2)^2 + (p_1 - l_1)^2}\right],
            \qquad d = p_2 - p_1

    Parameters
    ----------
    rates, lo, hi
        Shape (2,): the rates, and their Wilson intervals.

    References
    ----------
    Newcombe (1998), Interval estimation for the difference between independent proportions, Statistics in Medicine 17,
    method 10.

    Examples
    --------
    Newcombe's Table II, (a): 56/70 against 48/80.

    >>> lo, hi = wilson([48, 56], [80, 70])
    >>> [round(end, 4) for end in newcombe(np.array([48 / 80, 56 / 70]), lo, hi)]
    [0.0524, 0.3339]
    """
    difference = float(rates[1] - rates[0])
    below = float(np.hypot(rates[1] - lo[1], hi[0] - rates[0]))
    above = float(np.hypot(hi[1] - rates[1], rates[0] - lo[0]))
    return difference - below, difference + above
