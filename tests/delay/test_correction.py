"""Soft labels."""

import numpy as np

from core.delay.correction import (
    correct_label,
    fit_label_correction,
    fit_label_correction_signal,
    fit_ulc,
    settle_labels,
)
from core.delay.data import Options
from core.delay.laws import DAY
from core.delay.learner import Sample
from core.delay.simulate import START
from core.delay.snapshot import observe
from tests.delay.populations import AT, P_DP, WINDOW, P, exact_log, small_log, with_delays


def test_only_rows_without_conversion_are_corrected() -> None:
    assert np.array_equal(correct_label(np.array([1.0, 0.0]), np.array([0.9, 0.4])), [1.0, 0.4])


def test_known_delay_laws_are_inverted() -> None:
    # 3 of 10 converted where half is in, 4.5 of 10 where three quarters are: p = 0.6 in both
    label = np.repeat([1.0, 0.0, 1.0, 0.0], [6, 14, 9, 11])
    arrived = np.repeat([0.5, 0.75], 20)
    soft, weight = settle_labels(Sample(np.ones((40, 1)), 0.0), label, arrived, 1.0)
    np.testing.assert_allclose(soft.mean(), 0.6, atol=1e-6)
    assert np.all(weight == 1)
    # unconverted: 0.6 · 0.5/(1 − 0.3) and 0.6 · 0.25/(1 − 0.45)
    np.testing.assert_allclose(soft[label == 0], np.repeat([3 / 7, 0.15 / 0.55], [14, 11]), atol=1e-6)


def test_a_deadline_shorter_than_the_delays_corrects_too_little() -> None:
    # deadline 3 days: rows 2 days old then are 5 now, and the late ones of day 10 are still missing
    log = exact_log((2.0, 5.0), rows=1_000, signals=False)
    snapshot = observe(log, AT, window=WINDOW)
    found = fit_ulc(snapshot, options=Options(lookback=2.5, deadline=3.0, ridge=0.0))
    kind = snapshot.features[found.rows] @ [1, 2]
    means = np.array([found.label[kind == x].mean() for x in range(3)])
    np.testing.assert_allclose(means, P - P_DP, atol=1e-9)


def test_a_signal_is_all_that_sets_the_twins_apart() -> None:
    # a signal that nobody sends says nothing: what is left of its evidence is the error of the delay law by age
    log = small_log()
    silent = with_delays(log, log.delay, np.full_like(log.signal_delay, np.nan))
    snapshot = observe(silent, START + 62 * DAY, window=30 * DAY)
    plain, informed = (fit(snapshot, options=Options()) for fit in (fit_label_correction, fit_label_correction_signal))
    assert np.abs(informed.label.sum() / plain.label.sum() - 1) < 0.05
