"""Dates as a reader chooses them."""

from datetime import date

import numpy as np
import pytest

from core.delay.data import Log
from core.delay.dates import day_of, read_day, start_of, suggest_as_of
from core.delay.laws import DAY
from core.errors import InputError


def make_log(*, days: float, until: float | None = None) -> Log:
    """Two rows, ``days`` apart."""
    time = np.array([0.0, days * DAY])
    return Log(
        time, np.array([60.0, np.nan]), np.zeros((2, 0)), np.zeros((2, 0)), np.zeros(2, dtype=np.int64), (), (),
        ("all",), time[1] if until is None else until,
    )  # fmt: skip


def test_a_day_begins_at_midnight_in_utc() -> None:
    assert start_of(date(2026, 1, 5)) == 1_767_571_200
    assert day_of(1_767_571_200 + DAY - 1) == date(2026, 1, 5)


def test_a_typed_day_is_read_and_anything_else_is_refused() -> None:
    assert read_day(" 2026-01-05 ") == 1_767_571_200
    for text in ("", "yesterday", "2026-02-30", "5.1.2026"):
        with pytest.raises(InputError, match="is no date"):
            read_day(text)


def test_days_with_final_labels_come_after_the_date() -> None:
    # 100.5 days less a window of 30 is 70.5: day 70, less 5 days to score
    assert suggest_as_of(make_log(days=100.5), window=30 * DAY, days=5) == 65 * DAY


def test_a_log_too_short_to_score_ends_with_its_last_day() -> None:
    assert suggest_as_of(make_log(days=40.5), window=30 * DAY, days=5) == 40 * DAY


def test_a_log_of_hours_ends_where_it_ends() -> None:
    assert suggest_as_of(make_log(days=0.25), window=30 * DAY, days=5) == 0.25 * DAY
