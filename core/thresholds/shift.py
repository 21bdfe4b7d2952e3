"""What becomes of precision when the base rate changes and the scores of each class do not."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.arrays import FloatArray
from core.checks import as_floats, check_between, check_entries
from core.errors import InputError
from core.thresholds.binomial import lower_bound, upper_bound
from core.thresholds.certificate import Counts


@dataclass(frozen=True, slots=True, eq=False)
class PriorShift:
    """Precision as a function of the base rate, and the base rate below which it falls under the target.

    Attributes
    ----------
    base_rate
        float64 (points,): base rates pi.
    precision, lo, hi
        float64 (points,): precision there, with its interval; NaN, 0 and 1 where nothing is accepted.
    observed
        Base rate of the confirmation half.
    break_even, break_even_lo, break_even_hi
        The rule meets the target from this base rate on; with its interval. NaN, 0 and 1 where
        nothing is accepted.
    rows
        Rows of the confirmation half.
    """

    base_rate: FloatArray
    precision: FloatArray
    lo: FloatArray
    hi: FloatArray
    observed: float
    break_even: float
    break_even_lo: float
    break_even_hi: float
    target: float
    confidence: float
    rows: int

    def frame(self) -> pd.DataFrame:
        """One line per base rate: base_rate, precision, lo, hi."""
        return pd.DataFrame({"base_rate": self.base_rate, "precision": self.precision, "lo": self.lo, "hi": self.hi})


def shift_prior(counts: Counts, base_rate: FloatArray, *, target: float, confidence: float = 0.9) -> PriorShift:
    r"""Carry a rule's precision over to other base rates.

    Definition
        .. math:: P'(\pi) = \frac{\pi\, TPR}{\pi\, TPR + (1 - \pi) FPR}, \qquad
            \pi^* = \frac{\sigma\, FPR}{\sigma\, FPR + (1 - \sigma) TPR}

    Parameters
    ----------
    counts
        The rule on the confirmation half.
    base_rate
        Base rates pi, each between 0 and 1.
    target
        Precision sigma, above 0 and below 1 (at 1 the break-even is 1).
    confidence
        Two-sided.

    Raises
    ------
    InputError
        A base rate or the target is out of range; the half lacks a label; rows have weights.

    Notes
    -----
    Prior shift says that p(score, uncertainty | label) stays and only p(label) moves; nothing here can check that.
    Interval: four Clopper-Pearson bounds, two of TPR and two of FPR, each one-sided at (1 - confidence)/4, hold jointly
    with at least the stated confidence. P' rises with TPR and falls with FPR, and the break-even the other way, so
    opposite corners of that box bound the whole curve and the break-even at once. Conservative; O(points).

    References
    ----------
    Saerens, Latinne & Decaestecker (2002), Adjusting the outputs of a classifier to new a priori probabilities, Neural
    Computation 14.
    """
    pi = as_floats(base_rate, name="base rates")
    check_entries(pi, (pi >= 0) & (pi <= 1), rule="A base rate must be from 0 to 1", fix="Choose one in that range.")
    check_between(target, 1e-6, 1 - 1e-6, name="target")
    check_between(confidence, 0.5, 0.999, name="confidence")
    positives, negatives, fp = counts.positives, counts.rows - counts.positives, counts.accepted - counts.tp
    if not (positives and negatives):
        raise InputError("The confirmation half has one label only.", fix="Prior shift needs positives and negatives.")
    if (counts.rows_per_accepted, counts.rows_per_positive) != (1.0, 1.0):
        raise InputError(
            "Rows have weights, and another base rate is worked out from counts of rows only.",
            fix="Give the file without its weights, with the sampling rates of the classes if they differ.",
        )
    each = (1 - confidence) / 4
    tpr, fpr = counts.tp / positives, fp / negatives
    tpr_lo, tpr_hi = (float(end(counts.tp, positives, each)) for end in (lower_bound, upper_bound))
    fpr_lo, fpr_hi = (float(end(fp, negatives, each)) for end in (lower_bound, upper_bound))
    return PriorShift(
        base_rate=pi,
        precision=_share(pi * tpr, (1 - pi) * fpr),
        lo=np.nan_to_num(_share(pi * tpr_lo, (1 - pi) * fpr_hi), nan=0.0),
        hi=np.nan_to_num(_share(pi * tpr_hi, (1 - pi) * fpr_lo), nan=1.0),
        observed=positives / counts.rows,
        break_even=float(_share(target * fpr, (1 - target) * tpr)),
        break_even_lo=float(_share(target * fpr_lo, (1 - target) * tpr_hi)),
        break_even_hi=float(_share(target * fpr_hi, (1 - target) * tpr_lo)),
        target=target,
        confidence=confidence,
        rows=counts.rows,
    )


def _share(one: FloatArray | float, other: FloatArray | float) -> FloatArray:
    """Return one / (one + other); NaN where both are 0."""
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    return np.asarray(np.divide(a, a + b, out=np.full(a.shape, np.nan), where=a + b > 0))
