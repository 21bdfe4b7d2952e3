"""Signal × conversion given signal."""

from dataclasses import replace

import numpy as np
import pytest

from core.delay.data import NoMatureCohort, Options, SignalServed
from core.delay.entire_space import _find_horizon, fit_entire_space
from core.delay.laws import DAY
from core.delay.simulate import START
from core.delay.snapshot import observe
from tests.delay.populations import AT, KINDS, WINDOW, P, exact_log, small_log, with_delays


def test_the_horizon_is_when_almost_all_signals_of_mature_rows_have_come() -> None:
    log = exact_log((5.0, 35.0), rows=1_000, signals=True)
    assert _find_horizon(observe(log, AT, window=WINDOW)) == 3_600.0
    young = log.time > AT - 30 * DAY  # rows that are not mature do not count
    later = with_delays(log, log.delay, np.where(young[:, None], log.signal_delay * 9, log.signal_delay))
    assert _find_horizon(observe(later, AT, window=WINDOW)) == 3_600.0


def test_finished_cohorts_without_signals_are_refused() -> None:
    log = small_log()
    none = with_delays(log, log.delay, np.full_like(log.signal_delay, np.nan))
    with pytest.raises(NoMatureCohort, match="sent a signal"):
        fit_entire_space(observe(none, START + 62 * DAY, window=30 * DAY), options=Options())


def test_a_rule_refuses_a_signal_among_its_features_too() -> None:
    log = small_log()
    at = START + 62 * DAY
    seen = np.isfinite(log.signal_delay) & (log.time[:, None] + log.signal_delay <= at)
    disguised = replace(log, features=np.hstack([log.features, seen]), feature_names=(*log.feature_names, "basket"))
    with pytest.raises(SignalServed, match="'basket' says whether"):
        fit_entire_space(observe(disguised, at, window=30 * DAY), options=Options())


def test_rows_too_young_for_their_signal_do_not_enter() -> None:
    # half an hour old rows have no signal yet, which comes after one hour; with them P(s | x) would be half
    log = exact_log((0.02, 5.0, 35.0), rows=6_000, signals=True)
    rule = fit_entire_space(observe(log, AT, window=WINDOW), options=Options(lookback=10.0, ridge=0.0))
    np.testing.assert_allclose(rule.predict(KINDS, np.zeros(3, dtype=np.int64)) / P, 1.0, rtol=0, atol=1e-6)


def test_a_signal_that_every_conversion_needs_is_no_obstacle() -> None:
    # as of a coupon that must be clipped: no row without the signal ever converts, so that product is 0
    log = exact_log((5.0, 35.0), rows=6_000, signals=True)
    converts = np.isfinite(log.delay)
    every = with_delays(log, log.delay, np.where(converts[:, None], 3_600.0, log.signal_delay))
    rule = fit_entire_space(observe(every, AT, window=WINDOW), options=Options(lookback=10.0, ridge=0.0))
    np.testing.assert_allclose(rule.predict(KINDS, np.zeros(3, dtype=np.int64)) / P, 1.0, rtol=0, atol=1e-6)
