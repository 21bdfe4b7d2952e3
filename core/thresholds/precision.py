"""How "precision <= target" is tested on accepted rows: exactly, at effective counts, or under weights."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from core.arrays import FloatArray, IntArray
from core.checks import check_between
from core.errors import InputError
from core.holdout.cells import count_binomial_rows, sum_squared_residuals
from core.intervals import wilson
from core.thresholds.binomial import lower_bound, rows_to_certify, tail
from core.thresholds.data import Cuts

GRID = 1_000  # bounds under weights: 0, 1/GRID, 2/GRID, …


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Sums over accepted rows, w weights and y labels; arrays of one shape. Without weights every row weighs 1.

    Attributes
    ----------
    rows
        Number of rows.
    w, wy, w2, w2y
        Sums of w, w·y, w² and w²·y.
    """

    rows: FloatArray
    w: FloatArray
    wy: FloatArray
    w2: FloatArray
    w2y: FloatArray

    @classmethod
    def of_rules(cls, half: Cuts, cuts: npt.ArrayLike) -> Self:
        """What rules, int64 (rules, levels), accept on each level; (rules, levels)."""
        return cls._at(half, (np.arange(half.levels), np.asarray(cuts, dtype=np.int64)))

    @classmethod
    def of_cuts(cls, half: Cuts, level: int, cuts: IntArray) -> Self:
        """What cuts of one level accept; (cuts,)."""
        return cls._at(half, (level, cuts))

    @classmethod
    def _at(cls, half: Cuts, at: tuple[IntArray | int, IntArray]) -> Self:
        w, wy = (np.asarray(counts[at] * half.unit, dtype=np.float64) for counts in (half.accepted, half.tp))
        if half.weights is None:
            return cls(w, w, wy, w, wy)
        sums = half.weights
        return cls(np.asarray(sums.rows[at], dtype=np.float64), w, wy, sums.squares[at], sums.squares_positives[at])

    def total(self) -> Self:
        """Sums over all levels; (rules, 1)."""
        return type(self)(*(getattr(self, name).sum(axis=-1, keepdims=True) for name in Tally.__slots__))

    @property
    def precision(self) -> FloatArray:
        """Σwy / Σw; NaN where nothing is accepted."""
        return np.asarray(np.divide(self.wy, self.w, out=np.full(np.shape(self.w), np.nan), where=self.w > 0))

    def interval(self) -> tuple[FloatArray, FloatArray]:
        """95 % Wilson interval of the precision at its effective number of rows; NaN where none."""
        rows = count_binomial_rows(self.w, self.wy, self.w2, self.w2y)
        lo, hi = wilson(np.nan_to_num(self.precision) * rows, rows)
        return np.where(rows > 0, lo, np.nan), np.where(rows > 0, hi, np.nan)


@dataclass(frozen=True, slots=True)
class BinomialTest:
    r"""Exact for independent rows that weigh alike; for grouped rows at the effective counts.

    Definition
        With t positives among n accepted rows and a design effect f >= 1,

        .. math:: p = P(\mathrm{Bin}(n/f, \sigma) \ge t/f) = I_\sigma(t/f,\, (n - t)/f + 1)

    Notes
    -----
    With f = 1 the tail is exact. With more it is an approximation (Rao & Scott 1992) that needs many groups; see
    `clustered`.
    """

    design_effect: float = 1.0

    def __post_init__(self) -> None:
        """Check the design effect."""
        _check_design_effect(self.design_effect)

    def p_values(self, tally: Tally, target: npt.ArrayLike) -> FloatArray:
        """p-value of each entry; 1 where less than one effective positive is accepted."""
        return tail(*self._effective(tally), target)

    def lower_bounds(self, tally: Tally, delta: float) -> FloatArray:
        """The largest precision that is rejected at level delta: Clopper-Pearson at the effective counts."""
        return lower_bound(*self._effective(tally), delta)

    def rows_needed(self, tally: Tally, *, target: float, delta: float) -> int | None:
        """About how many accepted rows of this precision pass; None where no number does. One entry."""
        tp, accepted = round(tally.wy.item()), round(tally.w.item())
        return rows_to_certify(tp, accepted, target=target, delta=delta, design_effect=self.design_effect)

    def describe(self, tally: Tally) -> str:
        """Positives and rows."""
        rows = f"{int(tally.wy.item()):,} positives among {int(tally.w.item()):,} accepted confirmation rows"
        if self.design_effect == 1:
            return rows
        return f"{rows} (which tell as much as {tally.w.item() / self.design_effect:,.0f} independent ones)"

    def _effective(self, tally: Tally) -> tuple[FloatArray, FloatArray]:
        tp = tally.wy / self.design_effect
        return np.asarray(np.where(tp >= 1, tp, 0.0)), np.asarray(tally.w / self.design_effect)


@dataclass(frozen=True, slots=True)
class BernsteinTest:
    r"""Valid for independent rows of any weights up to a known largest one.

    Definition
        Precision > sigma exactly if E[z] > 0 with z = w(y - sigma) over accepted rows, which lies in an interval of
        length W. With mean m and sample variance V of n rows and k = n / design effect, it is certified at delta if

        .. math:: m > \sqrt{\frac{2 V L}{k}} + \frac{7 W L}{3(k - 1)}, \qquad L = \ln(2/\delta)

        and p is the smallest such delta: a quadratic in the root of L.

    Attributes
    ----------
    largest
        W: a weight that no row can exceed, known from the design (1 over the smallest sampling rate), not read off the
        sample: a rare larger weight that happened not to be drawn would void the bound.

    Notes
    -----
    Weights must be those of the design (inverse sampling rates). Sharp only from thousands of rows. A bound is the
    largest target on a grid of 0.001 up to which every target is certified: it exceeds the true precision only if the
    first grid target at or above that is certified, which has probability at most delta.

    References
    ----------
    Maurer & Pontil (2009), Empirical Bernstein bounds and sample variance penalization, COLT, Theorem 4.
    """

    largest: float
    design_effect: float = 1.0

    def __post_init__(self) -> None:
        """Check both numbers."""
        check_between(self.largest, 1e-300, 1e300, name="largest weight")
        _check_design_effect(self.design_effect)

    def p_values(self, tally: Tally, target: npt.ArrayLike) -> FloatArray:
        """p-value of each entry; 1 where the mean is not above 0, or fewer than two rows are accepted."""
        m, V, k = self._moments(tally, np.asarray(target, dtype=np.float64))
        k = np.maximum(k, 1 + 1e-9)
        slope, spread = 7 * self.largest / (3 * (k - 1)), np.sqrt(2 * V / k)
        root = _positive_root(slope, spread, np.maximum(m, 0))
        return np.asarray(np.minimum(2 * np.exp(-(root**2)), 1.0))

    def lower_bounds(self, tally: Tally, delta: float) -> FloatArray:
        """On the grid."""
        each = Tally(*(np.asarray(getattr(tally, name))[..., None] for name in Tally.__slots__))
        held = self.p_values(each, np.arange(GRID + 1) / GRID) <= delta
        first_failure = np.where(held.all(axis=-1), GRID + 1, np.argmin(held, axis=-1))
        return np.asarray(np.maximum(first_failure - 1, 0) / GRID)

    def rows_needed(self, tally: Tally, *, target: float, delta: float) -> int | None:
        """As many as solve the inequality, with k in place of k - 1; None where no number does. One entry."""
        m, V, _ = (float(value.item()) for value in self._moments(tally, np.array(target)))
        if m <= 0:
            return None
        L = np.log(2 / delta)
        slope, spread = 7 * self.largest * L / 3, np.sqrt(2 * V * L)
        return int(np.ceil((1 / _positive_root(slope, spread, np.array(m)).item() ** 2 + 1) * self.design_effect))

    def describe(self, tally: Tally) -> str:
        """Weighted precision and rows."""
        return f"a weighted precision of {tally.precision.item():.4g} on {int(tally.rows.item()):,} accepted rows"

    def _moments(self, tally: Tally, target: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean and sample variance of z, and the effective number of rows."""
        n = np.maximum(np.asarray(tally.rows, dtype=np.float64), 1.0)
        mean = (tally.wy - target * tally.w) / n
        squares = sum_squared_residuals(tally.w2, tally.w2y, target)
        variance = np.maximum(squares - n * mean**2, 0) / np.maximum(n - 1, 1.0)
        return mean, variance, np.asarray(tally.rows / self.design_effect)


PrecisionTest = BinomialTest | BernsteinTest


def check_target(target: float) -> None:
    """Raise unless 0 < target <= 1; NaN is outside."""
    if not 0 < target <= 1:
        raise InputError(f"The target is {target!r}.", fix="Give a precision above 0 and at most 1.")


def check_delta(delta: float) -> None:
    """Raise unless 0 < delta < 0.5; NaN is outside."""
    if not 0 < delta < 0.5:
        raise InputError(f"Delta is {delta!r}.", fix="Give a probability of error above 0 and below 0.5, such as 0.1.")


def check_half(half: Cuts, test: PrecisionTest) -> None:
    """Raise unless a half can be tested like this.

    Raises
    ------
    InputError
        The half is weighted and the test takes every row as one, or a row weighs more than the largest weight.
    """
    if half.weights is None:
        return
    if not isinstance(test, BernsteinTest):
        raise InputError(
            "A weighted holdout has no exact binomial test.",
            fix="Give the largest weight that a row can have, or count without weights and give the sampling rates of "
            "the classes.",
        )
    w, w2 = half.accepted[:, -1] * half.unit, half.weights.squares[:, -1]
    if np.any(w2 > w * test.largest * (1 + 1e-9)):
        raise InputError(
            f"Rows weigh more than {test.largest:.6g}, the largest weight that was given.",
            fix="Give the largest weight that the sampling design allows: 1 over its smallest rate.",
        )


def _positive_root(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    """X >= 0 with a·x² + b·x = c."""
    return np.asarray((np.sqrt(b**2 + 4 * a * c) - b) / (2 * a))


def _check_design_effect(value: float) -> None:
    check_between(value, 1, 1e9, name="design effect")


BINOMIAL = BinomialTest()
