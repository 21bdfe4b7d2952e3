"""What is asked of a rule: a goal and a constraint, compared in integers."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

from core.errors import InputError

Kind = Literal["precision", "recall", "capacity", "cost"]
DECIMALS = 6
CAPACITY_CAP = 10**12
COST_CAP = 10**3  # times 10^6 times 2^31 rows fits into int64

_ASKS: dict[Kind, str] = {
    "precision": "a precision above 0 and at most 1",
    "recall": "a recall above 0 and at most 1",
    "capacity": "a number of rows from 0 to a trillion",
    "cost": "the cost of a false positive, in costs of a false negative, above 0 and at most 1000",
}


@dataclass(frozen=True, slots=True)
class Objective:
    """What to optimise.

    Attributes
    ----------
    kind
        ``precision``: most recall with TP/N >= target. ``recall``: highest precision with TP/P >= target. ``capacity``:
        most recall with N <= target rows (or weight). ``cost``: least target·FP + FN, where target is what a false
        positive costs in units of what a false negative costs.
    target
        See ``kind``; at most six decimals count.
    """

    kind: Kind
    target: float

    def __post_init__(self) -> None:
        """Check kind and target."""
        if self.kind not in get_args(Kind):
            raise InputError(
                f"There is no objective {str(self.kind)[:40]!r}.", fix=f"Choose one of {', '.join(_ASKS)}."
            )
        largest = {"precision": 1, "recall": 1, "capacity": CAPACITY_CAP, "cost": COST_CAP}[self.kind]
        smallest = 0 if self.kind == "capacity" else 10**-DECIMALS
        if not smallest <= self.target <= largest:  # also NaN
            raise InputError(f"The {self.kind} target is {self.target!r}.", fix=f"Give {_ASKS[self.kind]}.")

    @property
    def ratio(self) -> tuple[int, int]:
        """The target as (numerator, denominator), so that it is compared exactly."""
        exact = Fraction(round(self.target * 10**DECIMALS), 10**DECIMALS)
        return exact.numerator, exact.denominator
