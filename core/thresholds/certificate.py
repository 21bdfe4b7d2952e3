"""What a certificate says, and a refusal; and the counts that both rest on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.holdout.cells import count_binomial_rows
from core.intervals import wilson
from core.thresholds.data import Cuts
from core.thresholds.policy import Scope

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Counts:
    """What a rule does on one half.

    Attributes
    ----------
    rows, positives, accepted, tp
        All rows and positives, and those that it accepts, in units.
    rows_per_accepted, rows_per_positive
        Effective number of rows that an accepted unit, for the precision, and a positive unit, for the recall, stand
        for: see :func:`core.holdout.cells.count_binomial_rows`; 1 without weights.
    """

    rows: int
    positives: int
    accepted: int
    tp: int
    rows_per_accepted: float = 1.0
    rows_per_positive: float = 1.0

    @classmethod
    def of_rule(cls, half: Cuts, cuts: tuple[int, ...]) -> "Counts":
        """Look a rule up in the cuts of a half."""
        at = np.arange(half.levels), np.asarray(cuts, dtype=np.int64)
        accepted, tp = int(half.accepted[at].sum()), int(half.tp[at].sum())
        if half.weights is None:
            return cls(half.rows, half.positives, accepted, tp)
        sums = half.weights
        every = np.arange(half.levels), np.full(half.levels, half.bins)
        of_accepted, of_positives = (
            count_binomial_rows(w * half.unit, wy * half.unit, w2, w2y).item() / max(w, 1)
            for w, wy, w2, w2y in (
                (accepted, tp, sums.squares[at].sum(), sums.squares_positives[at].sum()),
                (half.positives, tp, sums.squares_positives[every].sum(), sums.squares_positives[at].sum()),
            )
        )
        return cls(half.rows, half.positives, accepted, tp, of_accepted, of_positives)

    @property
    def precision(self) -> float:
        """TP / accepted; NaN where nothing is accepted."""
        return self.tp / self.accepted if self.accepted else float("nan")

    @property
    def recall(self) -> float:
        """TP / positives; NaN without positives."""
        return self.tp / self.positives if self.positives else float("nan")

    @property
    def precision_interval(self) -> tuple[float, float]:
        """95 % Wilson interval at the effective number of rows; 0 and 1 where nothing is accepted."""
        return _interval(self.tp, self.accepted, self.rows_per_accepted)

    @property
    def recall_interval(self) -> tuple[float, float]:
        """95 % Wilson interval at the effective number of positives; 0 and 1 without positives."""
        return _interval(self.tp, self.positives, self.rows_per_positive)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A rule whose true precision exceeds the target with confidence 1 - delta.

    Attributes
    ----------
    rule, cuts
        Number of the rule on the frontier, and its cut per level.
    tuned, confirmed
        Its counts on the half it was tuned on (optimistic) and on the other half.
    scope
        ``overall``: the precision of all accepted rows. ``each level``: that of every level that accepted rows on the
        tuning half.
    precision_lower
        Lower bound that holds with confidence 1 - delta although the rule was selected: the target, or more where the
        whole sequence passed.
    pointwise_lower
        Bound of this rule alone at delta, on all accepted rows. It ignores that the rule was selected: not a guarantee.
    p_value
        Of this rule on the confirmation half.
    candidates, passed
        Rules in the sequence, and how many of them were certified.
    """

    rule: int
    cuts: tuple[int, ...]
    tuned: Counts
    confirmed: Counts
    target: float
    delta: float
    scope: Scope
    precision_lower: float
    pointwise_lower: float
    p_value: float
    candidates: int
    passed: int

    @property
    def tested(self) -> int:
        """Number of tests made on the confirmation half: those passed, and the one that failed, if any."""
        return min(self.passed + 1, self.candidates)

    def frame(self) -> "pd.DataFrame":
        """One line per half: half, rows, positives, accepted, tp, precision, recall, recall_lo, recall_hi (95 %)."""
        return _halves(self.tuned, self.confirmed)


@dataclass(frozen=True, slots=True)
class Refusal:
    """No rule could be certified.

    Attributes
    ----------
    reason
        Why, in plain words.
    tuned, confirmed
        Counts of the rule that came first in the sequence and failed, or of the one whose certificate was taken back;
        None where no rule accepts enough rows.
    taken_back
        Whether a rule passed the sequence, and whole groups, resampled, did not reach the target.
    best_certifiable_precision
        Largest target below the refused one, on a grid of 0.001, at which the sequence would certify a rule; None where
        there is none. It is *not* a certificate: it is the best of up to a thousand sequences on the same half, each of
        which may err with probability delta. It says what to try on fresh rows.
    more_accepted_rows_needed
        About how many more accepted confirmation rows the failed rule needs if its precision stays as observed; None
        where that precision is not above the target, where each level was asked for, or where it was taken back.
    """

    reason: str
    target: float
    delta: float
    scope: Scope
    candidates: int
    cuts: tuple[int, ...]
    tuned: Counts | None = None
    confirmed: Counts | None = None
    best_certifiable_precision: float | None = None
    more_accepted_rows_needed: int | None = None
    taken_back: bool = False

    @classmethod
    def take_back(cls, certificate: Certificate, *, reason: str) -> "Refusal":
        """What a certificate becomes that a bootstrap of groups contradicts."""
        return cls(
            reason=reason,
            target=certificate.target,
            delta=certificate.delta,
            scope=certificate.scope,
            candidates=certificate.candidates,
            cuts=(0,) * len(certificate.cuts),
            tuned=certificate.tuned,
            confirmed=certificate.confirmed,
            taken_back=True,
        )

    def frame(self) -> "pd.DataFrame":
        """One line per half for the rule that failed, as in a certificate; empty where there is none."""
        if self.tuned is None or self.confirmed is None:
            return _halves()
        return _halves(self.tuned, self.confirmed)


def _interval(successes: int, trials: int, rows_per_unit: float) -> tuple[float, float]:
    lo, hi = wilson(successes * rows_per_unit, trials * rows_per_unit)
    return float(lo), float(hi)


def _halves(*counts: Counts) -> "pd.DataFrame":
    import pandas as pd

    lines = []
    for half, c in zip(("tuned", "confirmed"), counts, strict=False):
        lines.append((half, c.rows, c.positives, c.accepted, c.tp, c.precision, c.recall, *c.recall_interval))
    names = ["half", "rows", "positives", "accepted", "tp", "precision", "recall", "recall_lo", "recall_hi"]
    return pd.DataFrame(lines, columns=names)
