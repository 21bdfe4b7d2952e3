"""Laws of the time from an impression to its conversion, for simulated worlds."""

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from core.arrays import FloatArray
from core.checks import check_between
from core.errors import InputError

Kind = Literal["exponential", "weibull", "log_normal", "mixture"]

HOUR: Final = 3_600.0
DAY: Final = 86_400.0
_LN2: Final = math.log(2.0)


@dataclass(frozen=True, slots=True)
class DelayLaw:
    """How long conversions take.

    Definition
        With m = median · exp(shift), where the shift of a row comes from its covariates:
        ``exponential`` G(e) = 1 − 2^(−e/m); ``weibull`` G(e) = 1 − 2^(−(e/m)^shape);
        ``log_normal`` G(e) = Φ(ln(e/m)/spread);
        ``mixture`` G(e) = fast_share · (1 − 2^(−e/fast)) + (1 − fast_share) · Φ(ln(e/m)/spread), in which the fast
        part is the same for every row.

    Attributes
    ----------
    kind
        Family.
    median
        Days until half of the conversions of an average row are in (of the slow part in a mixture).
    shape
        Exponent of the Weibull law; below 1 the tail is heavier than exponential.
    spread
        Standard deviation of the logarithm (log-normal and mixture).
    fast_share, fast_hours
        Share of the fast part of a mixture, and its median in hours.
    slope
        Change of ln m by one unit of the first covariate.
    agreement
        Change of −ln m by one unit of the log-odds of conversion: above 0, likely buyers are quick.

    Examples
    --------
    >>> DelayLaw("exponential", median=2.0).arrived_by(np.array([2 * DAY]), shift=np.zeros(1))
    array([0.5])
    """

    kind: Kind = "mixture"
    median: float = 3.0
    shape: float = 0.7
    spread: float = 1.3
    fast_share: float = 0.3
    fast_hours: float = 1.0
    slope: float = 0.6
    agreement: float = 0.1

    def __post_init__(self) -> None:
        """Check every field."""
        if self.kind not in get_args(Kind):
            raise InputError(f"There is no delay law {self.kind!r}.", fix=f"Choose one of {', '.join(get_args(Kind))}.")
        for name in ("median", "shape", "spread", "fast_hours"):
            check_between(getattr(self, name), 1e-6, 1e6, name=name.replace("_", " "))
        check_between(self.fast_share, 0, 1, name="fast share")
        for name in ("slope", "agreement"):
            check_between(getattr(self, name), -10, 10, name=name)

    def arrived_by(self, age: FloatArray, *, shift: FloatArray) -> FloatArray:
        """Probability G(e) that a conversion that will ever come has come by age e.

        Parameters
        ----------
        age
            Seconds, any shape; negative ages have probability 0.
        shift
            Shift of ln m of each row.
        """
        age = np.maximum(age, 0.0)
        relative = age / (self.median * DAY * np.exp(shift))
        if self.kind == "exponential":
            return np.asarray(-np.expm1(-_LN2 * relative))
        if self.kind == "weibull":
            return np.asarray(-np.expm1(-_LN2 * relative**self.shape))
        with np.errstate(divide="ignore"):
            slow: FloatArray = ndtr(np.log(relative) / self.spread)
        if self.kind == "log_normal":
            return slow
        fast = -np.expm1(-_LN2 * age / (self.fast_hours * HOUR))
        return np.asarray(self.fast_share * fast + (1 - self.fast_share) * slow)

    def draw(self, shift: FloatArray, *, rng: np.random.Generator) -> FloatArray:
        """Draw a delay in seconds per entry of ``shift``."""
        middle = self.median * DAY * np.exp(shift)
        if self.kind == "exponential":
            return np.asarray(middle * rng.standard_exponential(shift.shape) / _LN2)
        if self.kind == "weibull":
            return np.asarray(middle * (rng.standard_exponential(shift.shape) / _LN2) ** (1 / self.shape))
        slow: FloatArray = middle * np.exp(self.spread * rng.standard_normal(shift.shape))
        if self.kind == "log_normal":
            return slow
        fast = self.fast_hours * HOUR * rng.standard_exponential(shift.shape) / _LN2
        is_fast: npt.NDArray[np.bool_] = rng.random(shift.shape) < self.fast_share
        return np.where(is_fast, fast, slow)
