"""The sentence about a test: every case, and never more than the rows say."""

from core.holdout.contrast import Contrast
from core.holdout.effect import UncertaintyTest
from core.holdout.verdict import state_verdict


def contrast(effect: float, half: float, *, lo: float = 0.1, hi: float = 0.9, base: float = 0.3) -> Contrast:
    return Contrast(lo, hi, effect, effect - half, effect + half, 1_000, base)


def outcome(overall: Contrast, *bands: Contrast, p: float = 1e-6, df: int = 8) -> UncertaintyTest:
    return UncertaintyTest(50.0, df, p, overall, bands, 5_000, 5, 0.95)


EVIDENCE = "(deviance 50.0 on 8 df, p < 0.001, n = 5,000)."
LAWS = ("always", "never", "law", "proves", "cause", "must")


def test_no_effect() -> None:
    said = state_verdict(outcome(contrast(-0.1, 0.01), contrast(-0.1, 0.01), p=0.2))
    assert said.startswith("No effect shown")
    assert "p = 0.200" in said


def test_no_effect_of_all_levels_does_not_keep_back_that_two_differ() -> None:
    said = state_verdict(outcome(contrast(0.042, 0.032), p=0.06))
    assert said.startswith("No effect shown")
    assert "alone do differ, by +4.2 points (+1.0 to +7.4)" in said
    assert "differ" not in state_verdict(outcome(contrast(0.042, 0.05), p=0.06))


def test_cannot_tell() -> None:
    assert state_verdict(outcome(contrast(0.0, 1.0), df=0, p=1.0)).endswith("(n = 5,000).")


def test_one_direction_everywhere() -> None:
    test = outcome(contrast(-0.1, 0.02), contrast(-0.05, 0.02), contrast(-0.15, 0.05))
    assert state_verdict(test) == (
        "At the same score, the most uncertain rows turn out positive less often than the least uncertain ones: "
        f"-10.0 points (-12.0 to -8.0) on average {EVIDENCE}"
    )


def test_one_direction_not_shown_everywhere() -> None:
    said = state_verdict(outcome(contrast(0.1, 0.02), contrast(0.05, 0.07), contrast(0.15, 0.05)))
    assert "more often" in said
    assert "not shown at every score" in said


def test_estimates_of_both_signs_are_not_one_direction() -> None:
    said = state_verdict(outcome(contrast(-0.1, 0.02), contrast(0.01, 0.02), contrast(-0.15, 0.05)))
    assert "do not show one direction" in said
    assert "often" not in said


def test_two_directions() -> None:
    test = outcome(
        contrast(-0.1, 0.02), contrast(0.05, 0.02, hi=0.4), contrast(0.0, 0.1), contrast(-0.15, 0.05, lo=0.7)
    )
    assert test.changes_sign
    assert state_verdict(test) == (
        "Uncertainty matters, and its direction changes with the score: +5.0 points (+3.0 to +7.0) at scores 0.1–0.4; "
        f"-15.0 points (-20.0 to -10.0) at scores 0.7–0.9 {EVIDENCE}"
    )


def test_average_of_zero() -> None:
    said = state_verdict(outcome(contrast(0.01, 0.02), contrast(0.01, 0.02)))
    assert "cannot say whether" in said


def test_no_common_scores() -> None:
    nan = float("nan")
    test = outcome(Contrast(nan, nan, nan, nan, nan, 0, nan))
    assert "share no scores" in state_verdict(test)
    assert not test.changes_sign


def test_small_is_small_beside_the_positivity_too() -> None:
    small = outcome(contrast(-0.004, 0.001), contrast(-0.004, 0.001))
    assert "a small difference of -0.40 points (-0.50 to -0.30)" in state_verdict(small)
    clicks = outcome(contrast(-0.001, 0.0002, base=0.002), contrast(-0.001, 0.0002, base=0.002))
    assert "small" not in state_verdict(clicks)
    assert "-0.100 points (-0.120 to -0.080)" in state_verdict(clicks)


def test_no_sentence_claims_a_law() -> None:
    effects = (-0.1, -0.001, 0.0, 0.1)
    for overall in effects:
        for first in effects:
            for p in (0.5, 1e-9):
                said = state_verdict(outcome(contrast(overall, 0.02), contrast(first, 0.02), contrast(0.1, 0.02), p=p))
                assert not any(word in said.lower().split() for word in LAWS)
                assert "n = 5,000" in said
