"""Streams of arrivals, worked by hand."""

import numpy as np
import pytest

from core.delay.data import Log, Options
from core.delay.laws import DAY
from core.delay.snapshot import observe
from core.delay.streams import Stream, _arrivals, expand_defuse, fit_fnc
from core.errors import InputError

NAN = float("nan")


def log_of(days: list[float], delays: list[float]) -> Log:
    rows = len(days)
    return Log(
        time=np.array(days) * DAY, delay=np.array(delays) * DAY, signal_delay=np.empty((rows, 0)),
        features=np.empty((rows, 0)), segment=np.zeros(rows, dtype=np.int64), feature_names=(), signal_names=(),
        segment_names=("all",), until=200 * DAY,
    )  # fmt: skip


# at day 100, lookback 10: shown on day 85 (converts on 95), 91 (91.5), 92 (99), 93 (never), 98 (converts on 130)
LOG = log_of([85, 91, 92, 93, 98], [10, 0.5, 7, NAN, 32])
OPTIONS = Options(lookback=10.0)


def arrivals(**how: float | bool | None) -> list[tuple[int, float, bool]]:
    stream = _arrivals(observe(LOG, 100 * DAY, window=40 * DAY), OPTIONS, **how)  # type: ignore[arg-type]
    return list(zip(stream.rows.tolist(), stream.label.tolist(), stream.again.tolist(), strict=True))


def test_every_row_enters_at_once_as_negative_and_every_conversion_again() -> None:
    # row 0 was shown before the window, but its conversion arrives in it
    assert arrivals(observation=None) == [
        (1, 0, False), (2, 0, False), (3, 0, False), (4, 0, False), (0, 1, True), (1, 1, True), (2, 1, True),
    ]  # fmt: skip


def test_rows_enter_after_the_observation_time_and_late_conversions_again() -> None:
    # observed for 6 days: row 0 enters on 91, row 1 on 97 as positive, rows 2 and 3 on 98 and 99, row 4 later
    assert arrivals(observation=6 * DAY) == [
        (0, 0, False), (1, 1, False), (2, 0, False), (3, 0, False), (0, 1, True), (2, 1, True),
    ]  # fmt: skip


def test_rows_enter_again_when_their_window_ends() -> None:
    # with a window of 12 days row 0 ends on 97; the others are still open
    stream = _arrivals(observe(LOG, 100 * DAY, window=12 * DAY), OPTIONS, observation=6 * DAY, final=True)
    assert stream.rows[stream.again].tolist() == [0]
    assert stream.label[stream.again].tolist() == [1.0]


def test_negatives_split_in_two() -> None:
    # p_dp = 0.1, p_rn = 0.8: negative 0.8 · 1.1 and, as fake, 0.2 · 0.1
    stream = Stream(np.array([7, 8, 9]), np.array([1.0, 0.0, 1.0]), np.array([False, False, True]))
    found = expand_defuse(stream, np.full(3, 0.1), np.full(3, 0.8))
    assert found.rows.tolist() == [7, 8, 9, 8]
    assert found.label.tolist() == [1.0, 0.0, 1.0, 1.0]
    np.testing.assert_allclose(found.weight, [1.1, 0.88, 1.0, 0.02])


def test_calibration_serves_odds() -> None:
    training = fit_fnc(observe(LOG, 100 * DAY, window=40 * DAY), options=OPTIONS)
    assert training.odds
    assert np.all(training.weight == 1)


def test_a_window_in_which_nothing_arrives_is_refused() -> None:
    with pytest.raises(InputError, match="No row arrived"):
        fit_fnc(observe(LOG, 120 * DAY, window=40 * DAY), options=Options(lookback=2.0))
