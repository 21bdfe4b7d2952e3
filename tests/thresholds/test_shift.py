"""Precision at other base rates: by hand, at its own base rate, and the coverage of its interval."""

import numpy as np
import pytest
from scipy.stats import binomtest

from core.errors import InputError
from core.thresholds.certificate import Counts
from core.thresholds.shift import shift_prior

# TPR = 60/100, FPR = 40/900; base rate 0.1, precision 0.6.
COUNTS = Counts(rows=1_000, positives=100, accepted=100, tp=60)
RATES = np.array([0.01, 0.1, 0.5])


def test_by_hand() -> None:
    """At 1 %: .006/(.006 + .044) = .12. Break-even of .5: FPR/(FPR + TPR) = .0444/.6444 = 2/29."""
    shift = shift_prior(COUNTS, RATES, target=0.5)
    np.testing.assert_allclose(shift.precision, [0.12, 0.6, 0.3 / (0.3 + 0.5 * 40 / 900)])
    assert shift.break_even == pytest.approx(2 / 29)
    assert shift.observed == 0.1
    assert shift.break_even_lo < shift.break_even < shift.break_even_hi
    assert np.all((shift.lo < shift.precision) & (shift.precision < shift.hi))


def test_curve_crosses_the_target_at_the_break_even() -> None:
    first = shift_prior(COUNTS, RATES, target=0.5)
    ends = np.array([first.break_even_lo, first.break_even, first.break_even_hi])
    at = shift_prior(COUNTS, ends, target=0.5)
    np.testing.assert_allclose([at.hi[0], at.precision[1], at.lo[2]], 0.5)


def test_curve_rises_and_ends_at_0_and_1() -> None:
    shift = shift_prior(COUNTS, np.linspace(0, 1, 11), target=0.5)
    assert np.all(np.diff(shift.precision) > 0)
    assert (shift.precision[0], shift.precision[-1]) == (0, 1)


def test_nothing_accepted_and_nothing_wrong() -> None:
    none = shift_prior(Counts(1_000, 100, 0, 0), RATES, target=0.5)
    assert np.isnan(none.precision).all()
    assert np.isnan(none.break_even)
    assert (none.break_even_lo, none.break_even_hi) == (0, 1)
    perfect = shift_prior(Counts(1_000, 100, 50, 50), RATES, target=0.5)
    assert (perfect.precision == 1).all()
    assert (perfect.lo < 1).all()
    assert perfect.break_even == 0 < perfect.break_even_hi


def test_frame() -> None:
    shift = shift_prior(COUNTS, RATES, target=0.5)
    assert shift.frame()["precision"].tolist() == shift.precision.tolist()
    assert list(shift.frame()) == ["base_rate", "precision", "lo", "hi"]


def test_bad_input() -> None:
    with pytest.raises(InputError, match=r"base rate must be from 0 to 1; entry 1 has 1\.5"):
        shift_prior(COUNTS, np.array([0.5, 1.5]), target=0.5)
    with pytest.raises(InputError, match="target"):
        shift_prior(COUNTS, RATES, target=1.0)
    with pytest.raises(InputError, match="one label only"):
        shift_prior(Counts(100, 0, 10, 0), RATES, target=0.5)


def test_interval_covers_the_curve_and_the_break_even_at_once() -> None:
    """TPR .5 and FPR .02 in truth; an interval that takes the point of FPR for granted covers too little."""
    rng, runs = np.random.default_rng(0), 1_000
    true = RATES * 0.5 / (RATES * 0.5 + (1 - RATES) * 0.02)
    held = naive = 0
    for _ in range(runs):
        tp, fp = int(rng.binomial(2_000, 0.5)), int(rng.binomial(2_000, 0.02))
        shift = shift_prior(Counts(4_000, 2_000, tp + fp, tp), RATES, target=0.3)
        even = shift.break_even_lo <= 0.3 * 0.02 / (0.3 * 0.02 + 0.7 * 0.5) <= shift.break_even_hi
        held += even and bool(np.all((shift.lo <= true) & (true <= shift.hi)))
        half = 1.645 * np.sqrt(tp / 2_000 * (1 - tp / 2_000) / 2_000)
        lo, hi = ((tp / 2_000 + z * half) * 0.1 / ((tp / 2_000 + z * half) * 0.1 + 0.9 * fp / 2_000) for z in (-1, 1))
        naive += lo <= true[1] <= hi
    assert binomtest(held, runs, 0.9, alternative="less").pvalue > 1e-3
    assert binomtest(naive, runs, 0.9, alternative="less").pvalue < 1e-3
