"""The honest gain over one threshold: both certified the same way, again and again, on resampled confirmation rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from core.arrays import FloatArray, IntArray
from core.checks import check_between, check_count
from core.errors import InputError
from core.thresholds.certify import Trial
from core.thresholds.data import Cuts
from core.thresholds.precision import Tally, check_target

if TYPE_CHECKING:
    import pandas as pd

DRAWS = 400
CHUNK = 100_000  # tallies held at a time


@dataclass(frozen=True, slots=True)
class Gain:
    """Recall of a certified rule against that of the certified single threshold.

    Attributes
    ----------
    positives
        Positives of the confirmation half (rows), on which everything here rests.
    recall, recall_baseline
        On that half; 0 where nothing was certified.
    ratio, ratio_lo, ratio_hi
        recall / recall_baseline; inf where the baseline finds nothing, NaN where neither does. Draws in which neither
        was certified have no ratio and are left out of its interval; their difference is 0.
    difference, difference_lo, difference_hi
        recall - recall_baseline.
    confidence
        Two-sided, of each interval alone.
    """

    positives: int
    recall: float
    recall_baseline: float
    ratio: float
    ratio_lo: float
    ratio_hi: float
    difference: float
    difference_lo: float
    difference_hi: float
    confidence: float

    @property
    def kind(self) -> Literal["gain", "loss", "no gain", "no baseline"]:
        """What the interval of the difference says."""
        if not self.recall_baseline:
            return "no baseline"
        if self.difference_lo > 0:
            return "gain"
        return "loss" if self.difference_hi < 0 else "no gain"

    @property
    def verdict(self) -> str:
        """What to do, in one sentence with n and interval."""
        lo, hi = (f"{100 * end:+.3g}" for end in (self.difference_lo, self.difference_hi))
        ends = (
            f"{100 * self.confidence:g} % interval of the difference {lo} to {hi} points; {self.positives:,} positives"
        )
        if self.kind == "no baseline":
            recall = f"recall of the rule is {100 * self.recall:.3g} %"
            return f"No single threshold was certified, so there is no ratio; {recall} ({ends})."
        advice = "" if self.kind == "gain" else " keep one threshold;"
        return f"{self.kind.capitalize()}:{advice} recall is {self.ratio:.3g} times that of one threshold ({ends})."

    def frame(self) -> "pd.DataFrame":
        """Two lines, ratio and difference of recall: quantity, value, lo, hi, positives, confidence."""
        import pandas as pd

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
    rule: Trial,
    baseline: Trial,
    *,
    target: float,
    rng: np.random.Generator,
    confidence: float = 0.9,
    draws: int = DRAWS,
) -> Gain:
    r"""Compare what two frontiers get certified at a target, by recall on the same rows.

    Definition
        With R and R' the recall, on the confirmation half, of the rules that :func:`core.thresholds.certify.certify`
        chooses from each frontier (0 where it refuses),

        .. math:: \text{ratio} = R / R', \qquad \text{difference} = R - R'

        Bayesian bootstrap: every row of the half is given an independent Exp(1) weight, the certification is repeated
        and R and R' are measured under these weights, the same for both; the interval is between percentiles. A cell's
        sums Σw and Σw² are all that is kept of it: its weighted sum is drawn from the gamma distribution with mean Σw
        and variance Σw² (exact where all w are 1), the variance times the design effect where rows are grouped.

    Parameters
    ----------
    rule, baseline
        Trials of the two frontiers on the same half.
    target
        Precision that was certified.
    rng
        Source of randomness.
    confidence
        Two-sided.
    draws
        Bootstrap draws, 100 to 100,000.

    Raises
    ------
    InputError
        The trials are of different halves; target, confidence or draws is out of range.

    Notes
    -----
    A bootstrap of two frozen rules would call it a gain whenever chance on this half let one certificate pass and
    stopped the other. Here that chance is drawn anew each time. The tuning half is taken as it is: the interval is
    about what these two frontiers give. O(draws · (rules · levels + cuts)).

    References
    ----------
    Rubin (1981), The Bayesian bootstrap, Annals of Statistics 9. Efron & Tibshirani (1993), An Introduction to the
    Bootstrap, chapter 13.
    """
    check_between(confidence, 0.5, 0.999, name="confidence")
    check_count(draws, 100, 100_000, name="draws")
    if rule.confirm is not baseline.confirm:
        raise InputError("The two trials are of different halves.", fix="Certify both on the same rows.")
    check_target(target)
    contenders = [_Contender(trial, trial.sequence(target), target) for trial in (rule, baseline)]
    half = rule.confirm
    observed = [one.recall(Tally.of_rules(half, one.cuts), np.array(half.positives * half.unit)) for one in contenders]
    drawn = np.concatenate(list(_resample(contenders, draws=draws, rng=rng)), axis=1)
    recall, recall_baseline = (float(one) for one in observed)
    ends = (1 - confidence) / 2, (1 + confidence) / 2
    ratio_lo, ratio_hi = _percentiles(_ratio(*drawn), ends)
    difference_lo, difference_hi = _percentiles(drawn[0] - drawn[1], ends)
    return Gain(
        positives=half.positives if half.weights is None else int(half.weights.positives[:, -1].sum()),
        recall=recall,
        recall_baseline=recall_baseline,
        ratio=_ratio(np.array(recall), np.array(recall_baseline)).item(),
        ratio_lo=ratio_lo,
        ratio_hi=ratio_hi,
        difference=recall - recall_baseline,
        difference_lo=difference_lo,
        difference_hi=difference_hi,
        confidence=confidence,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Contender:
    """A frontier at a target, with the sequence in which its rules are tested."""

    trial: Trial
    order: IntArray
    target: float

    @property
    def cuts(self) -> IntArray:
        """int64 (rules, levels): the rules of the sequence."""
        return self.trial.frontier.cuts[self.order]

    def recall(self, tally: Tally, positives: FloatArray) -> FloatArray:
        """Recall of the certified rule from what each rule accepts on each level, (…, rules, levels); 0 if refused."""
        passed = np.logical_and.accumulate(
            self.trial.p_values(tally, self.order, self.target) <= self.trial.delta, axis=-1
        )
        return np.asarray(np.where(passed, tally.wy.sum(axis=-1), 0.0).max(axis=-1, initial=0.0) / positives)


def _resample(contenders: list[_Contender], *, draws: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Recalls (contenders, draws), some draws at a time."""
    trial, cuts = contenders[0].trial, np.concatenate([one.cuts for one in contenders])
    bounds = np.cumsum([len(one.order) for one in contenders])[:-1]
    step = max(1, CHUNK // max(cuts.size, 1))
    for start in range(0, draws, step):
        size = min(step, draws - start)
        tally, positives = _draw(trial.confirm, cuts, size, effect=trial.test.design_effect, rng=rng)
        parts = zip(*(np.split(getattr(tally, name), bounds, axis=1) for name in Tally.__slots__), strict=True)
        yield np.stack([one.recall(Tally(*part), positives) for one, part in zip(contenders, parts, strict=True)])


def _draw(
    half: Cuts, cuts: IntArray, size: int, *, effect: float, rng: np.random.Generator
) -> tuple[Tally, FloatArray]:
    """What rules accept on each level, (size, rules, levels), and the weight of all positives, (size,), resampled."""
    drawn = [_draw_level(half, level, cuts[:, level], size, effect=effect, rng=rng) for level in range(half.levels)]
    sums = (np.stack([getattr(tally, name) for tally, _ in drawn], axis=-1) for name in Tally.__slots__)
    return Tally(*sums), np.sum([positives for _, positives in drawn], axis=0)


def _draw_level(
    half: Cuts, level: int, cuts: IntArray, size: int, *, effect: float, rng: np.random.Generator
) -> tuple[Tally, FloatArray]:
    """(size, rules) on one level. Σw² grows with Σw from what it was, and so does the number of rows."""
    used, at = np.unique(np.append(cuts, half.bins), return_inverse=True)
    whole = Tally.of_cuts(half, level, used)
    wy = _draw_sums(whole.wy, whole.w2y, size, effect=effect, rng=rng)
    negative = _draw_sums(whole.w - whole.wy, whole.w2 - whole.w2y, size, effect=effect, rng=rng)
    w = wy + negative
    w2y = _scale(whole.w2y, wy, whole.wy)
    w2 = w2y + _scale(whole.w2 - whole.w2y, negative, whole.w - whole.wy)
    sums = (_scale(whole.rows, w, whole.w), w, wy, w2, w2y)
    return Tally(*(array[:, at[:-1]] for array in sums)), wy[:, at[-1]]


def _draw_sums(
    sums: FloatArray, squares: FloatArray, size: int, *, effect: float, rng: np.random.Generator
) -> FloatArray:
    """Cumulated sums Σw of gamma draws, (size, cuts), from cumulated Σw and Σw²."""
    mean, variance = (np.maximum(np.diff(total, prepend=0.0), 0.0) for total in (sums, squares * effect))  # not below 0
    scale = np.divide(variance, mean, out=np.ones_like(mean), where=mean > 0)
    shape = np.divide(mean, scale, out=np.zeros_like(mean), where=scale > 0)
    return np.asarray(np.cumsum(rng.standard_gamma(shape, size=(size, len(shape))) * scale, axis=1))


def _scale(whole: FloatArray, drawn: FloatArray, of: FloatArray) -> FloatArray:
    """``whole`` times drawn / of; 0 where that is 0 / 0."""
    return whole * np.divide(drawn, of, out=np.zeros_like(drawn), where=of > 0)


def _ratio(recall: FloatArray, baseline: FloatArray) -> FloatArray:
    """Infinite where only the baseline finds nothing, NaN where neither finds anything."""
    empty = np.where(recall > 0, np.inf, np.nan)
    return np.asarray(np.divide(recall, baseline, out=empty, where=baseline > 0))


def _percentiles(values: FloatArray, ends: tuple[float, float]) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    lo, hi = np.quantile(known, ends, method="inverted_cdf")  # no interpolation: inf may be among them
    return float(lo), float(hi)
