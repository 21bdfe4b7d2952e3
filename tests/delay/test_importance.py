"""Importance weights on a snapshot."""

import numpy as np

from core.delay.data import Options
from core.delay.importance import fit_fsiw, fit_is_signal, fit_is_snapshot, weigh_snapshot
from core.delay.laws import DAY
from core.delay.simulate import START
from core.delay.snapshot import observe
from tests.delay.populations import AT, P_DP, WINDOW, P, exact_log, small_log


def test_weights_are_worked_by_hand() -> None:
    # F = 0.25: a seen conversion stands for four; of unconverted rows 30 % will convert
    found = weigh_snapshot(np.array([1.0, 0.0]), np.full(2, 0.25), np.full(2, 0.3))
    np.testing.assert_allclose(found, [4.0, 0.7])


def test_weights_of_an_exact_population() -> None:
    # at age 5 a share p_dp/p is late: w₊ = p/(p − p_dp), w₋ = (1 − p)/(1 − p + p_dp)
    snapshot = observe(exact_log((5.0, 35.0), rows=6_000, signals=False), AT, window=WINDOW)
    found = fit_is_snapshot(snapshot, options=Options(lookback=10.0, ridge=0.0))
    kind = (snapshot.features[found.rows] @ [1, 2]).astype(int)
    expected = np.where(found.label > 0, (P / (P - P_DP))[kind], ((1 - P) / (1 - P + P_DP))[kind])
    np.testing.assert_allclose(found.weight, expected, rtol=1e-6)


def test_a_signal_lowers_the_weight_of_a_negative_and_leaves_positives() -> None:
    snapshot = observe(small_log(), START + 62 * DAY, window=30 * DAY)
    plain, informed = (fit(snapshot, options=Options()) for fit in (fit_is_snapshot, fit_is_signal))
    positive = plain.label > 0
    np.testing.assert_array_equal(plain.weight[positive], informed.weight[positive])
    seen = np.isfinite(snapshot.signal_delay[plain.rows, 0])
    young = ~positive & (snapshot.age[plain.rows] < 5 * DAY)
    change = informed.weight - plain.weight
    assert change[young & seen].mean() < -0.1
    assert change[young & ~seen].mean() > 0


def test_a_deadline_shorter_than_the_delays_corrects_too_little() -> None:
    snapshot = observe(exact_log((2.0, 5.0), rows=1_000, signals=False), AT, window=WINDOW)
    found = fit_fsiw(snapshot, options=Options(lookback=2.5, deadline=3.0, ridge=0.0))
    assert np.array_equal(found.weight, np.ones(len(found.rows)))
