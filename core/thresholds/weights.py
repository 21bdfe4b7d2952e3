"""Precision on a holdout that was sampled unevenly: exact where rates depend on the label, bounded otherwise."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.arrays import FloatArray
from core.checks import check_between
from core.errors import InputError
from core.thresholds.certify import check_level

GRID = 1_000


def transformed_target(target: float, *, keep_positive: float, keep_negative: float) -> float:
    r"""The target on a class-sampled holdout that stands for a target in the population.

    Definition
        Positives are kept at rate a, negatives at rate b, independently. Among accepted rows that multiplies the odds
        of a positive by a/b, so precision > target in the population exactly if, among kept rows, it exceeds

        .. math:: \sigma_s = \frac{a \sigma}{a \sigma + b (1 - \sigma)}

    Parameters
    ----------
    target
        Precision in the population, above 0 and at most 1.
    keep_positive, keep_negative
        Rates a and b, above 0 and at most 1; only their ratio matters.

    Raises
    ------
    InputError
        A number is out of range.

    Notes
    -----
    Kept rows are again independent draws, so `certify` at this target, on a cube *without* weights, is exactly valid.
    Its precisions are then those of the sample: `population_precision` carries them back. Recall needs no correction.
    A holdout with a *fixed* number of rows per class is not covered exactly: its accepted counts are not binomial.

    Examples
    --------
    Every positive and one negative in ten: odds of 1 in the population are odds of 10 in the sample.

    >>> round(transformed_target(0.5, keep_positive=1.0, keep_negative=0.1), 6) == round(10 / 11, 6)
    True
    """
    check_between(target, 1e-9, 1, name="target")
    check_between(keep_positive, 1e-9, 1, name="rate of kept positives")
    check_between(keep_negative, 1e-9, 1, name="rate of kept negatives")
    kept = keep_positive * target
    return kept / (kept + keep_negative * (1 - target))


def population_precision(sampled: float, *, keep_positive: float, keep_negative: float) -> float:
    """Precision in the population of a precision (or a bound of it) in a class-sampled holdout.

    The inverse of `transformed_target`; NaN stays NaN.

    Examples
    --------
    >>> round(population_precision(10 / 11, keep_positive=1.0, keep_negative=0.1), 6)
    0.5
    """
    positives, negatives = sampled / keep_positive, (1 - sampled) / keep_negative
    return positives / (positives + negatives)


@dataclass(frozen=True, slots=True)
class WeightedCounts:
    """Sums over the accepted rows of a frozen rule, w weights and y labels.

    Attributes
    ----------
    accepted
        Rows n.
    w, wy, w2, w2y
        Sums of w, w·y, w² and w²·y.
    largest
        A weight that no row can exceed, known from the design (1 over the smallest sampling rate), not read off the
        sample: a rare larger weight that happened not to be drawn would void the bound.
    """

    accepted: int
    w: float
    wy: float
    w2: float
    w2y: float
    largest: float

    def __post_init__(self) -> None:
        """Check that the sums can be sums of such weights."""
        ordered = 0 <= self.wy <= self.w and 0 <= self.w2y <= self.w2
        bounded = self.largest > 0 and self.w <= self.accepted * self.largest * (1 + 1e-9)
        if not (ordered and bounded and self.w2 <= self.w * self.largest * (1 + 1e-9)):  # also NaN
            raise InputError(
                f"Weights cannot sum like this: n {self.accepted}, w {self.w:.6g}, wy {self.wy:.6g}, "
                f"w² {self.w2:.6g}, w²y {self.w2y:.6g}, largest {self.largest:.6g}.",
                fix="Give non-negative weights and a largest weight that none exceeds.",
            )

    @property
    def precision(self) -> float:
        """Weighted precision; NaN where there is no weight."""
        return self.wy / self.w if self.w > 0 else float("nan")


@dataclass(frozen=True, slots=True)
class WeightedBound:
    """Lower bound of a frozen rule's precision under weights, and whether it exceeds the target."""

    precision: float
    lower: float
    certified: bool
    target: float
    delta: float
    method: str
    accepted: int


def bound_weighted(
    counts: WeightedCounts, *, target: float, delta: float, method: Literal["bernstein", "hoeffding"] = "bernstein"
) -> WeightedBound:
    r"""Bound the population precision of a frozen rule from weighted rows.

    Definition
        Precision > sigma exactly if E[z] > 0 with z = w(y - sigma) over accepted rows, which lies in an interval of
        length W. With mean m and sample variance V of n rows, the target is certified if

        .. math:: m > \sqrt{\frac{2 V \ln(2/\delta)}{n}} + \frac{7 W \ln(2/\delta)}{3(n - 1)}
            \quad\text{(bernstein)}, \qquad m > W \sqrt{\frac{\ln(1/\delta)}{2n}} \quad\text{(hoeffding)}

    Parameters
    ----------
    counts
        Sums over the accepted rows of one rule that was frozen before these rows were seen.
    target, delta
        Precision to exceed, and the probability of error.
    method
        Choose before looking: the better of the two after the fact is not a bound.

    Returns
    -------
    WeightedBound
        ``lower`` is the largest target on a grid of 0.001 up to which every target is certified.

    Raises
    ------
    InputError
        Target or delta is out of range.

    Notes
    -----
    Weights must be those of the design (inverse sampling rates), and rows independent. ``lower`` exceeds the true
    precision only if the first grid target at or above that is certified, which has probability at most delta. Sharp
    only from thousands of rows. O(1,000).

    References
    ----------
    Maurer & Pontil (2009), Empirical Bernstein bounds and sample variance penalization, COLT, Theorem 4.
    Hoeffding (1963), Probability inequalities for sums of bounded random variables, JASA 58.
    """
    check_level(delta, target=target)
    grid = np.arange(GRID + 1) / GRID
    held = _mean(counts, grid) > _margin(counts, grid, delta=delta, method=method)
    first_failure = int(np.argmin(held)) if not held.all() else len(grid)
    at = np.array([target])
    certified = bool(_mean(counts, at)[0] > _margin(counts, at, delta=delta, method=method)[0])
    lower = float(grid[max(first_failure - 1, 0)])
    return WeightedBound(counts.precision, lower, certified, target, delta, method, counts.accepted)


def _mean(counts: WeightedCounts, target: FloatArray) -> FloatArray:
    return np.asarray((counts.wy - target * counts.w) / max(counts.accepted, 1))


def _margin(counts: WeightedCounts, target: FloatArray, *, delta: float, method: str) -> FloatArray:
    n, W = counts.accepted, counts.largest
    if n < 2:
        return np.full(target.shape, np.inf)
    if method == "hoeffding":
        return np.full(target.shape, W * np.sqrt(np.log(1 / delta) / (2 * n)))
    squares = counts.w2y * (1 - 2 * target) + target**2 * counts.w2  # w²(y - sigma)², as y² = y
    V = np.maximum(squares - n * _mean(counts, target) ** 2, 0) / (n - 1)
    log = np.log(2 / delta)
    return np.asarray(np.sqrt(2 * V * log / n) + 7 * W * log / (3 * (n - 1)))
