"""The honest gain of one rule over another: both frozen, counted on the same rows, with a paired interval."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.arrays import FloatArray, IntArray
from core.checks import check_between, check_count
from core.errors import InputError
from core.thresholds.certify import check_whole_rows
from core.thresholds.data import Cuts


@dataclass(frozen=True, slots=True)
class Gain:
    """Recall of a rule against that of a baseline.

    Attributes
    ----------
    positives
        Positives of the confirmation half, on which everything here rests.
    both, only_rule, only_baseline
        Positives found by both rules, or by one alone.
    ratio, ratio_lo, ratio_hi
        Recall of the rule / recall of the baseline; inf where the baseline finds nothing, NaN where neither does.
    difference, difference_lo, difference_hi
        Recall of the rule - recall of the baseline.
    confidence
        Two-sided, of each interval alone.
    """

    positives: int
    both: int
    only_rule: int
    only_baseline: int
    ratio: float
    ratio_lo: float
    ratio_hi: float
    difference: float
    difference_lo: float
    difference_hi: float
    confidence: float

    @property
    def verdict(self) -> str:
        """What to do, in one sentence with n and interval."""
        if not self.both + self.only_baseline:
            ends = f"{self.confidence:.0%} interval {self.difference_lo:.3g} to {self.difference_hi:.3g}"
            recall = f"recall of the rule is {self.difference:.3g} ({ends}; {self.positives:,} positives)"
            return f"There is no ratio: no single threshold was certified that accepts a positive; {recall}."
        ends = f"{self.confidence:.0%} interval {self.ratio_lo:.3g} to {self.ratio_hi:.3g}"
        interval = f"recall is {self.ratio:.3g} times that of one threshold ({ends}; {self.positives:,} positives)."
        if self.ratio_lo > 1:
            return f"Gain of these two rules: {interval}"
        return f"{'Loss' if self.ratio_hi < 1 else 'No gain'}: keep one threshold; {interval}"

    def frame(self) -> pd.DataFrame:
        """Two lines, ratio and difference of recall: quantity, value, lo, hi, positives, confidence."""
        return pd.DataFrame(
            {
                "quantity": ["recall_ratio", "recall_difference"],
                "value": [self.ratio, self.difference],
                "lo": [self.ratio_lo, self.difference_lo],
                "hi": [self.ratio_hi, self.difference_hi],
                "positives": self.positives,
                "confidence": self.confidence,
            }
        )


def measure_gain(
    confirm: Cuts,
    cuts: tuple[int, ...],
    baseline: tuple[int, ...],
    *,
    rng: np.random.Generator,
    confidence: float = 0.9,
    draws: int = 4_000,
) -> Gain:
    r"""Compare two frozen rules by recall on the same rows.

    Definition
        Of P positives, n11 are accepted by both rules, n10 by the rule alone, n01 by the baseline alone. On a level the
        two rules accept nested sets, so n11 is what the lower of the two cuts accepts, summed over levels.

        .. math:: \text{ratio} = \frac{n_{11} + n_{10}}{n_{11} + n_{01}}, \qquad
            \text{difference} = \frac{n_{10} - n_{01}}{P}

        Bootstrap: (n11, n10, n01, rest) ~ Multinomial(P, their shares); the interval is between percentiles.

    Parameters
    ----------
    confirm
        Cuts of the confirmation half.
    cuts, baseline
        Cut per level of the two rules: those of a certificate, or of a refusal, which accept nothing.
    rng
        Source of randomness.
    confidence
        Two-sided.
    draws
        Bootstrap draws, 100 to 1,000,000.

    Raises
    ------
    InputError
        A rule has not one cut per level; the half is weighted; confidence or draws is out of range.

    Notes
    -----
    Resampling rows moves recall only through these four counts, so no row is needed: O(levels + draws). Pairing
    matters: two rules that share most of their positives differ by much less than two independent recalls would. The
    rules are taken as they are: that each was chosen on this half among its certified ones is not in the interval.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    check_between(confidence, 0.5, 0.999, name="confidence")
    check_count(draws, 100, 1_000_000, name="draws")
    check_whole_rows(confirm)
    both, only_rule, only_baseline = _joint(confirm, cuts, baseline)
    counts = np.array([both, only_rule, only_baseline, confirm.positives - both - only_rule - only_baseline])
    observed = counts[None, :]
    drawn = rng.multinomial(confirm.positives, counts / confirm.positives, size=draws)
    ends = (1 - confidence) / 2, (1 + confidence) / 2
    ratios = _percentiles(_ratio(drawn), ends)
    differences = _percentiles(_difference(drawn), ends)
    return Gain(
        positives=confirm.positives,
        both=both,
        only_rule=only_rule,
        only_baseline=only_baseline,
        ratio=float(_ratio(observed)[0]),
        ratio_lo=ratios[0],
        ratio_hi=ratios[1],
        difference=float(_difference(observed)[0]),
        difference_lo=differences[0],
        difference_hi=differences[1],
        confidence=confidence,
    )


def _joint(confirm: Cuts, cuts: tuple[int, ...], baseline: tuple[int, ...]) -> tuple[int, int, int]:
    if not len(cuts) == len(baseline) == confirm.levels:
        raise InputError(
            f"The rules have {len(cuts)} and {len(baseline)} cuts; there are {confirm.levels} levels.",
            fix="Give one cut per level.",
        )
    levels = np.arange(confirm.levels)
    one, other = np.asarray(cuts, dtype=np.int64), np.asarray(baseline, dtype=np.int64)
    both, rule, base = (int(confirm.tp[levels, cut].sum()) for cut in (np.minimum(one, other), one, other))
    return both, rule - both, base - both


def _ratio(counts: IntArray) -> FloatArray:
    """Infinite where only the baseline finds nothing, NaN where neither finds anything."""
    rule, base = counts[:, 0] + counts[:, 1], counts[:, 0] + counts[:, 2]
    empty = np.where(rule > 0, np.inf, np.nan)
    return np.asarray(np.divide(rule, base, out=empty, where=base > 0))


def _difference(counts: IntArray) -> FloatArray:
    return np.asarray((counts[:, 1] - counts[:, 2]) / counts.sum(axis=1))


def _percentiles(values: FloatArray, ends: tuple[float, float]) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    lo, hi = np.quantile(known, ends, method="inverted_cdf")  # no interpolation: inf may be among them
    return float(lo), float(hi)
