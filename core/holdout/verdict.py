"""What a test of uncertainty supports, in plain words."""

from collections.abc import Sequence

import numpy as np

from core.holdout.contrast import Contrast
from core.holdout.effect import UncertaintyTest

SMALL_EFFECT, SMALL_SHARE = 0.005, 0.1


def state_verdict(test: UncertaintyTest) -> str:
    """Say what the data support, in plain words, with n and intervals."""
    evidence = f"(deviance {test.deviance:,.1f} on {test.df} df, p {_p(test.p_value)}, n = {test.rows:,})"
    if test.df == 0:
        return (
            "These data cannot tell: at the same score too few rows differ in uncertainty, or too few of these have "
            f"the rarer label, to say whether it matters (n = {test.rows:,})."
        )
    if not test.supported:
        return (
            f"No effect shown: once the score is known, these data do not support that uncertainty says more about "
            f"the label {evidence}.{_extremes(test.overall)}"
        )
    return f"{_direction(test)} {evidence}."


def _extremes(overall: Contrast) -> str:
    """What must not be kept back where the test of all levels and the bar of two of them disagree."""
    if not (overall.lo > 0 or overall.hi < 0):
        return ""
    return (
        f" The most and the least uncertain rows alone do differ, by {_points(overall)} at the same score: ask again "
        "with fewer levels."
    )


def _direction(test: UncertaintyTest) -> str:
    clear = [band for band in test.bands if band.lo > 0 or band.hi < 0]
    if test.changes_sign:
        return f"Uncertainty matters, and its direction changes with the score: {_listed(clear)}"
    if np.isnan(test.overall.effect):
        return "Uncertainty matters given the score, but the extreme levels share no scores to compare"
    if test.overall.lo <= 0 <= test.overall.hi:
        return (
            f"Uncertainty matters at some scores or levels, but these rows cannot say whether the most and the "
            f"least uncertain differ on average over their common scores: {_points(test.overall)}"
        )
    if any(band.effect * test.overall.effect < 0 for band in test.bands):
        return f"Uncertainty matters, but these data do not show one direction: {_listed(test.bands)}"
    word = "less" if test.overall.effect < 0 else "more"
    small = abs(test.overall.effect) < min(SMALL_EFFECT, SMALL_SHARE * test.overall.base)
    return (
        f"At the same score, the most uncertain rows turn out positive {word} often than the least uncertain ones: "
        f"{'a small difference of ' if small else ''}{_points(test.overall)} on average"
        f"{'' if len(clear) == len(test.bands) else ', not shown at every score'}"
    )


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _listed(bands: Sequence[Contrast]) -> str:
    return "; ".join(f"{_points(band)} at scores {band.score_lo:.3g}–{band.score_hi:.3g}" for band in bands)


def _points(contrast: Contrast) -> str:
    """The difference in points, with as many decimals as its interval deserves."""
    half = max(50 * (contrast.hi - contrast.lo), 1e-6)
    decimals = max(1, 1 - int(np.floor(np.log10(half))))
    effect, lo, hi = (f"{100 * value:+.{decimals}f}" for value in (contrast.effect, contrast.lo, contrast.hi))
    return f"{effect} points ({lo} to {hi})"
