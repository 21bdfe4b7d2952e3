"""Streams of arrivals, worked by hand."""

import numpy as np
import pytest

from core.delay.arms import plan_arm, train_arm
from core.delay.data import Log, NoMatureCohort, Options
from core.delay.laws import DAY
from core.delay.simulate import START
from core.delay.snapshot import observe
from core.delay.streams import Stream, _arrivals, expand_defuse, fit_fnc
from core.errors import InputError
from tests.delay.populations import small_log

NAN = float("nan")


def log_of(days: list[float], delays: list[float]) -> Log:
    rows = len(days)
    return Log(
        time=np.array(days) * DAY, delay=np.array(delays) * DAY, signal_delay=np.empty((rows, 0)),
        features=np.empty((rows, 0)), segment=np.zeros(rows, dtype=np.int64), feature_names=(), signal_names=(),
        segment_names=("all",), until=200 * DAY,
    )  # fmt: skip


# at day 100, lookback 10: shown on day 40 (never), 85 (converts on 95), 91 (91.5), 92 (99), 93 (never), 98 (on 130)
LOG = log_of([40, 85, 91, 92, 93, 98], [NAN, 10, 0.5, 7, NAN, 32])
OPTIONS = Options(lookback=10.0)


def arrivals(**how: float | bool | None) -> list[tuple[int, float, bool]]:
    stream = _arrivals(observe(LOG, 100 * DAY, window=40 * DAY), OPTIONS, **how)  # type: ignore[arg-type]
    return list(zip(stream.rows.tolist(), stream.label.tolist(), stream.again.tolist(), strict=True))


def test_every_row_enters_at_once_as_negative_and_every_conversion_again() -> None:
    # row 1 was shown before the window, but its conversion arrives in it
    assert arrivals(observation=None) == [
        (2, 0, False), (3, 0, False), (4, 0, False), (5, 0, False), (1, 1, True), (2, 1, True), (3, 1, True),
    ]  # fmt: skip


def test_rows_enter_after_the_observation_time_and_late_conversions_again() -> None:
    # observed for 6 days: row 1 enters on 91, row 2 on 97 as positive, rows 3 and 4 on 98 and 99, row 5 later
    assert arrivals(observation=6 * DAY) == [
        (1, 0, False), (2, 1, False), (3, 0, False), (4, 0, False), (1, 1, True), (3, 1, True),
    ]  # fmt: skip


def test_rows_enter_again_when_their_window_ends() -> None:
    # with a window of 12 days row 1 ends on 97; row 0 ended on 52, the others are still open
    stream = _arrivals(observe(LOG, 100 * DAY, window=12 * DAY), OPTIONS, observation=6 * DAY, final=True)
    assert stream.rows[stream.again].tolist() == [1]
    assert stream.label[stream.again].tolist() == [1.0]


def test_days_whose_arrivals_the_log_cannot_all_hold_are_left_out() -> None:
    # shown from day 40 on, window 55: before day 95 a row of day 39 could have converted, so 5 of 10 days are complete
    stream = _arrivals(observe(LOG, 100 * DAY, window=55 * DAY), OPTIONS, observation=6 * DAY)
    pairs = list(zip(stream.rows.tolist(), stream.label.tolist(), stream.again.tolist(), strict=True))
    assert pairs == [(2, 1, False), (3, 0, False), (4, 0, False), (1, 1, True), (3, 1, True)]
    with pytest.raises(NoMatureCohort, match="no day of which every arrival is known") as caught:
        _arrivals(observe(LOG, 100 * DAY, window=60 * DAY), OPTIONS, observation=None)
    assert caught.value.first_at == 100 * DAY


@pytest.mark.parametrize("arm", ["fnw", "es_dfm", "defer", "defuse"])
def test_a_young_log_does_not_lower_predictions(arm: str) -> None:
    # 45 days of log, window 30: of the first arrivals 30 days are there, of the second 15
    log = small_log(days=46, daily=1_500, walk=0.0)
    assert log.truth is not None
    snapshot = observe(log, START + 45 * DAY, window=30 * DAY)
    later = slice(len(snapshot), len(log))
    model = train_arm(plan_arm(arm, options=Options()), snapshot).model
    found = model.predict(log.features[later], log.segment[later])
    assert found.sum() / log.truth.p[later].sum() == pytest.approx(1.0, abs=0.07)


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
