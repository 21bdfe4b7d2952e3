"""A holdout sampled by class: what a question in the population is in the sample, and what the answers mean."""

from dataclasses import dataclass
from math import ceil
from typing import TypeVar

from core.arrays import FloatArray
from core.checks import check_between
from core.errors import InputError
from core.thresholds.objective import DECIMALS, Objective

LEAST_RATE = 1e-6
Precision = TypeVar("Precision", float, FloatArray)


@dataclass(frozen=True, slots=True)
class Sampling:
    r"""Shares of the positives and of the negatives of the population that are in the holdout; 1 and 1 are all.

    Definition
        Positives are kept at rate a, negatives at rate b, independently. Among accepted rows that multiplies the odds
        of a positive by a/b, so precision > target in the population exactly if, among kept rows, it exceeds

        .. math:: \sigma_s = \frac{a \sigma}{a \sigma + b (1 - \sigma)}

    Attributes
    ----------
    keep_positives, keep_negatives
        Rates a and b, above 0 and at most 1.

    Notes
    -----
    Kept rows are again independent draws, so `certify` at the sample's target, on a cube *without* weights, is exactly
    valid. Recall needs no correction. A holdout with a *fixed* number of rows per class is not covered exactly: its
    accepted counts are not binomial.

    Examples
    --------
    Every positive and one negative in ten: odds of 1 in the population are odds of 10 in the sample.

    >>> tenth = Sampling(1.0, 0.1)
    >>> tenth.in_sample(Objective("precision", 0.5)).target, round(tenth.in_population(10 / 11), 6)
    (0.909091, 0.5)
    """

    keep_positives: float = 1.0
    keep_negatives: float = 1.0

    def __post_init__(self) -> None:
        """Check the shares."""
        check_between(self.keep_positives, LEAST_RATE, 1, name="share of kept positives")
        check_between(self.keep_negatives, LEAST_RATE, 1, name="share of kept negatives")

    @property
    def even(self) -> bool:
        """Whether both classes were kept alike, so that the sample has the population's precisions."""
        return self.keep_positives == self.keep_negatives

    def in_sample(self, objective: Objective) -> Objective:
        """The question to ask of the sampled rows. A precision is rounded up, so that nothing is certified too easily.

        Raises
        ------
        InputError
            A capacity: the sample does not tell how many rows of the population a rule accepts.
        """
        if self.even or objective.kind == "recall":
            return objective
        if objective.kind == "capacity":
            raise InputError(
                "A capacity counts rows of the population, and these were sampled by class.",
                fix="Map a weight column with the inverse of each row's rate, or ask for a precision.",
            )
        if objective.kind == "cost":
            return Objective("cost", objective.target * self.keep_positives / self.keep_negatives)
        kept = self.keep_positives * objective.target
        exact = kept / (kept + self.keep_negatives * (1 - objective.target))
        return Objective("precision", min(ceil(exact * 10**DECIMALS - 1e-9) / 10**DECIMALS, 1.0))

    def in_population(self, precision: Precision) -> Precision:
        """Precisions of the sampled rows, or bounds of them, as those of the population; NaN stays NaN."""
        if self.even:
            return precision
        positives, negatives = precision / self.keep_positives, (1 - precision) / self.keep_negatives
        return positives / (positives + negatives)


ALL_ROWS = Sampling()
