"""The log as it was known at a moment."""

import numpy as np
import pytest

from core.delay.data import NoMatureCohort
from core.delay.laws import DAY
from core.delay.simulate import START
from core.delay.snapshot import at_ages, mature_rows, observe, rewind
from core.errors import InputError
from tests.delay.populations import small_log, with_delays
from tests.delay.test_data import tiny


def test_a_moment_is_worked_by_hand() -> None:
    # at 22: ages 22, 12, 2; the third row converts at 60, its signal comes at 22
    seen = observe(tiny(), 22.0, window=30.0)
    assert np.array_equal(seen.age, [22.0, 12.0, 2.0])
    assert np.array_equal(seen.label, [1.0, 0.0, 0.0])
    assert np.array_equal(np.isfinite(seen.signal_delay[:, 0]), [True, False, True])
    assert np.isnan(seen.delay[2])  # what is to come is not in the record


def test_a_conversion_is_seen_from_its_own_moment_on() -> None:
    assert observe(tiny(), 4.9, window=30.0).label[0] == 0
    assert observe(tiny(), 5.0, window=30.0).label[0] == 1
    assert observe(tiny(), 5.0, window=4.0).label[0] == 0  # after the window it is none


def test_a_row_of_the_very_moment_is_not_known() -> None:
    assert len(observe(tiny(), 10.0, window=30.0)) == 1


def test_rows_become_mature_at_the_window() -> None:
    assert np.array_equal(observe(tiny(), 40.0, window=30.0).is_mature, [True, True, False])
    assert len(mature_rows(observe(tiny(), 40.0, window=30.0))) == 2


@pytest.mark.parametrize("at", [0.0, 50.1, float("nan"), float("inf"), 1e300])
def test_a_moment_outside_the_log_is_refused(at: float) -> None:
    with pytest.raises(InputError, match=r"as-of date .* lies outside the log \(1970-01-01 00:00 UTC"):
        observe(tiny(), at, window=30.0)


def test_a_window_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="window must be above 0"):
        observe(tiny(), 22.0, window=0.0)


def test_rewinding_equals_having_looked_earlier() -> None:
    log = small_log()
    late, early = START + 60 * DAY, START + 45 * DAY
    ours = rewind(observe(log, late, window=30 * DAY), early)
    theirs = observe(log, early, window=30 * DAY)
    for name in ("time", "age", "delay", "signal_delay", "features", "segment"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name), equal_nan=True), name


def test_rewinding_before_the_log_is_refused() -> None:
    with pytest.raises(NoMatureCohort, match="No row is older than 14 days"):
        rewind(observe(small_log(), START + 10 * DAY, window=30 * DAY), START - 4 * DAY)


def test_rows_at_ages_of_their_own() -> None:
    seen = observe(tiny(), 50.0, window=30.0)
    past = at_ages(seen, np.array([4.0, 5.0, 1.0]))
    assert np.array_equal(past.label, [0.0, 0.0, 0.0])
    assert np.array_equal(np.isfinite(past.signal_delay[:, 0]), [True, False, False])


def test_mature_rows_without_conversions_are_refused() -> None:
    log = small_log()
    none = with_delays(log, np.full(len(log), np.nan), log.signal_delay)
    with pytest.raises(NoMatureCohort, match=r"None of the .* converted"):
        mature_rows(observe(none, START + 60 * DAY, window=30 * DAY))
