"""Dates of a log as a reader chooses them: days in UTC."""

import math
from datetime import UTC, date, datetime, time

from core.delay.data import Log
from core.delay.laws import DAY
from core.errors import InputError


def start_of(day: date) -> float:
    """UTC seconds at which a day begins.

    Examples
    --------
    >>> start_of(date(1970, 1, 2))
    86400.0
    """
    return datetime.combine(day, time(), UTC).timestamp()


def read_day(text: str) -> float:
    """UTC seconds at which a typed day begins.

    Raises
    ------
    InputError
        It is no date.

    Examples
    --------
    >>> read_day("1970-01-02")
    86400.0
    """
    try:
        return start_of(date.fromisoformat(text.strip()))
    except ValueError as error:
        raise InputError(f"{text.strip()[:40]!r} is no date.", fix="Write it as 2026-03-01.") from error


def day_of(at: float) -> date:
    """The day, in UTC, that a moment lies in.

    Examples
    --------
    >>> day_of(86_399.0)
    datetime.date(1970, 1, 1)
    """
    return datetime.fromtimestamp(at, UTC).date()


def suggest_as_of(log: Log, *, window: float, days: int) -> float:
    """An as-of date to begin with, at the start of a day.

    Definition
        The last one after which ``days`` days have final labels, where rows before it are mature too; else the last day
        of the log.

    Parameters
    ----------
    window
        Attribution window, seconds.
    days
        Days that are to be scored.
    """
    scored = _floor(log.until - window) - DAY * days
    if scored > log.time[0] + window:
        return scored
    last = _floor(log.until)
    return last if last > log.time[0] else log.until


def _floor(at: float) -> float:
    return DAY * math.floor(at / DAY)
