"""Exact binomial tails and the bounds that come from them, vectorised."""

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincinv

from core.arrays import FloatArray


def tail(tp: npt.ArrayLike, accepted: npt.ArrayLike, target: npt.ArrayLike) -> FloatArray:
    r"""p-value of H0 "precision <= target" from the true positives among the accepted rows.

    Definition
        .. math:: p = P(\mathrm{Bin}(n, \sigma) \ge t) = I_\sigma(t,\, n - t + 1), \qquad p = 1 \text{ where } t = 0

    Parameters
    ----------
    tp, accepted
        Counts t <= n, any broadcastable shapes.
    target
        Precision sigma, 0 to 1.

    Notes
    -----
    Given how many rows a rule accepts, their labels are independent draws with the rule's precision, so the tail is
    exact. I is the regularised incomplete beta function, O(1) per entry at any n.

    Examples
    --------
    Two of two accepted rows are positive; at a precision of 0.5 that has probability 1/4.

    >>> float(tail(2, 2, 0.5))
    0.25
    """
    t, n, sigma = (np.asarray(array, dtype=np.float64) for array in (tp, accepted, target))
    value = betainc(np.maximum(t, 1.0), np.maximum(n - t, 0.0) + 1.0, sigma)
    return np.asarray(np.where(t > 0, value, 1.0))


def lower_bound(tp: npt.ArrayLike, accepted: npt.ArrayLike, delta: npt.ArrayLike) -> FloatArray:
    r"""One-sided Clopper-Pearson bound: the largest precision that `tail` rejects at level delta; 0 where tp is 0.

    Definition
        .. math:: L = \sup\{\sigma : P(\mathrm{Bin}(n, \sigma) \ge t) \le \delta\} = I^{-1}_\delta(t,\, n - t + 1)

    References
    ----------
    Clopper & Pearson (1934), The use of confidence or fiducial limits, Biometrika 26.

    Examples
    --------
    All of 10 rows are positive: L solves L ** 10 = 0.05.

    >>> round(float(lower_bound(10, 10, 0.05)), 4), round(0.05 ** 0.1, 4)
    (0.7411, 0.7411)
    """
    t, n, level = (np.asarray(array, dtype=np.float64) for array in (tp, accepted, delta))
    value = betaincinv(np.maximum(t, 1.0), np.maximum(n - t, 0.0) + 1.0, level)
    return np.asarray(np.where(t > 0, value, 0.0))


def upper_bound(tp: npt.ArrayLike, accepted: npt.ArrayLike, delta: npt.ArrayLike) -> FloatArray:
    """One-sided Clopper-Pearson upper bound, 1 minus the lower bound of the other label; 1 where nothing is accepted.

    Examples
    --------
    >>> round(float(upper_bound(0, 10, 0.05)), 4)
    0.2589
    """
    t, n = np.asarray(tp, dtype=np.float64), np.asarray(accepted, dtype=np.float64)
    return np.asarray(1.0 - lower_bound(n - t, n, delta))


def rows_to_certify(tp: int, accepted: int, *, target: float, delta: float, design_effect: float = 1.0) -> int | None:
    """Fewest accepted rows at which the precision tp / accepted, true positives rounded down, passes the test.

    With a design effect above 1 the counts over it are tested, and nothing is rounded.

    Returns
    -------
    int or None
        At least ``accepted``; None where tp / accepted <= target, which no number of rows mends.

    Notes
    -----
    With t = n·tp/accepted not rounded, the tail falls as n grows: doubling and halving find where it passes delta.
    Rounding t down can only make the tail larger, so the answer is there or a little above, found by stepping up.

    Examples
    --------
    At a precision of 1, 0.5 ** n <= 0.1 needs n = 4.

    >>> rows_to_certify(2, 2, target=0.5, delta=0.1)
    4
    """
    if accepted == 0 or tp <= target * accepted:
        return None

    def passes(rows: int) -> bool:
        return bool(tail(tp / accepted * rows / design_effect, rows / design_effect, target) <= delta)

    low, high = accepted - 1, accepted
    while not passes(high):  # invariant: low fails, or is below accepted
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    while design_effect == 1 and not tail(tp * high // accepted, high, target) <= delta:
        whole = tp * high // accepted
        high = max(-(-(whole + 1) * accepted // tp), high + 1)  # where the next true positive comes
    return high
