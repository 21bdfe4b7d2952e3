"""Hand edits: the levels sum to delta over every history, and peeking at counts is paid for."""

from math import comb

import numpy as np
import pytest
from scipy.stats import binomtest

from core.errors import InputError
from core.thresholds.binomial import tail
from core.thresholds.looks import LookCounter, check_edit
from tests.thresholds.population import constant, every_rule, make_cuts, two_levels

HALF = make_cuts([[100, 40]], [[20, 36]])


def test_level_by_hand() -> None:
    """Δ = .1, 2 rules: 4 answers. Look 3 after 1 pass: .025 · 6/(9π²) / (4 · 3 · C(2,1)) = 7.036e-5."""
    counter = LookCounter(0.1, candidates=2, looks=2, passes=1)
    assert counter.answers == 4
    assert counter.level() == pytest.approx(0.025 * 6 / (9 * np.pi**2) / 24)
    assert counter.level() == pytest.approx(7.036e-5, rel=1e-3)
    assert counter.level_among(1_000) == pytest.approx(2.5e-5)


def test_all_histories_together_spend_no_more_than_delta() -> None:
    """Every history of verdicts before every look, the automatic sequence, and all rules at once."""
    spent = sum(
        LookCounter(0.1, 7, i, s).level() * comb(i, s) * LookCounter(0.1, 7).answers
        for i in range(300)
        for s in range(i + 1)
    )
    assert 0.0249 < spent <= 0.025
    assert LookCounter(0.1, 7).automatic + spent + 10**6 * LookCounter(0.1, 7).level_among(10**6) <= 0.1 + 1e-12


def test_counter_is_a_value_that_counts() -> None:
    counter = LookCounter(0.1, 5)
    assert counter.after(passed=True).after(passed=False) == LookCounter(0.1, 5, looks=2, passes=1)
    assert counter.looks == 0


def test_edit_that_holds_and_edit_that_does_not() -> None:
    """36 of 40 against 0.5 has p = 1e-7; 56 of 140 is below 0.5."""
    looks = LookCounter(0.1, candidates=1)
    good = check_edit(HALF, (1,), target=0.5, looks=looks)
    assert good.certified
    assert (good.confirmed.tp, good.confirmed.accepted) == (36, 40)
    assert good.level == pytest.approx(0.025 / 3)
    assert good.looks == LookCounter(0.1, 1, looks=1, passes=1)
    bad = check_edit(HALF, (2,), target=0.5, looks=good.looks)
    assert not bad.certified
    assert bad.looks == LookCounter(0.1, 1, looks=2, passes=1)
    assert "Look 2: 56 positives among 140" in bad.reason
    assert "fresh confirmation rows" in bad.reason


def test_a_verdict_names_no_count() -> None:
    verdict = check_edit(HALF, (2,), target=0.5, looks=LookCounter(0.1, 1), seen="verdicts")
    assert "56" not in verdict.reason
    assert "140" not in verdict.reason
    assert verdict.level == LookCounter(0.1, 1).level()


def test_levels_shrink_with_looks() -> None:
    counter, levels = LookCounter(0.1, 10), []
    for _ in range(5):
        levels.append(counter.level())
        counter = counter.after(passed=False)
    assert levels == sorted(levels, reverse=True)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="Delta is"):
        LookCounter(0.5, 1)
    with pytest.raises(InputError, match="3 of 2 edits passed"):
        LookCounter(0.1, 1, looks=2, passes=3)
    for cuts in ((3,), (-1,), (1, 1)):
        with pytest.raises(InputError, match="The cuts are"):
            check_edit(HALF, cuts, target=0.5, looks=LookCounter(0.1, 1))
    with pytest.raises(InputError, match="weighted"):
        check_edit(two_levels(unit=0.5), (1, 1), target=0.5, looks=LookCounter(0.1, 1))


def test_an_editor_who_sees_counts_is_held_and_a_mere_count_of_looks_is_not() -> None:
    """Every rule has exactly the target; the editor tests the rule that looks best on the confirmation half."""
    pop, rng, runs = constant(3, 10), np.random.default_rng(0), 400
    looks = LookCounter(0.1, candidates=1)
    held = spent = 0
    for _ in range(runs):
        half = pop.draw(3_000, rng)
        rules = every_rule(half)
        best = rules.cuts[np.argmin(tail(rules.tp, rules.accepted, 0.3))]
        held += check_edit(half, tuple(best.tolist()), target=0.3, looks=looks).certified
        spent += check_edit(half, tuple(best.tolist()), target=0.3, looks=looks, seen="verdicts").certified
    assert binomtest(held, runs, 0.025, alternative="greater").pvalue > 1e-3
    assert binomtest(spent, runs, 0.025, alternative="greater").pvalue < 1e-3
