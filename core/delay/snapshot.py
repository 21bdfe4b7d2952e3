"""The log as it was known at a moment, and the parts of it whose labels are final."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from core.arrays import FloatArray
from core.delay.data import Log, NoMatureCohort, Snapshot
from core.errors import InputError

FIRST, LAST = -6.0e10, 2.5e11  # UTC seconds, years 69 to 9892: what a date can be written for


def observe(log: Log, at: float, *, window: float) -> Snapshot:
    """Return what was known of the log at one moment.

    Definition
        Rows with time < at; e = at − time; v = 1 where delay ≤ min(e, window); a signal is seen where its delay ≤ e.

    Parameters
    ----------
    at
        UTC seconds, after the first row and not after the end of the log.
    window
        Attribution window in seconds: a later conversion is none.

    Raises
    ------
    InputError
        ``at`` lies outside the log, or the window is not above 0.
    """
    if not window > 0:
        raise InputError(f"The attribution window must be above 0; it is {window:g} s.", fix="Give it in days.")
    if not log.time[0] < at <= log.until:
        raise InputError(
            f"The as-of date {show_time(at)} lies outside the log ({show_time(log.time[0])} to "
            f"{show_time(log.until)}).",
            fix="Choose a date inside the log.",
        )
    rows = slice(0, int(np.searchsorted(log.time, at, side="left")))
    age = at - log.time[rows]
    known = Snapshot(
        at, window, log.time[rows].copy(), age, log.delay[rows].copy(), log.signal_delay[rows].copy(),
        log.features[rows].copy(), log.segment[rows].copy(), log.feature_names, log.signal_names, log.segment_names,
    )  # fmt: skip
    return _hide_later(known, age)


def rewind(snapshot: Snapshot, at: float) -> Snapshot:
    """Return what was known at an earlier moment (a counterfactual deadline).

    Raises
    ------
    NoMatureCohort
        Nothing had been shown by then.
    """
    rows = np.flatnonzero(snapshot.time < at)
    if not rows.size:
        back = snapshot.at - at
        first_at = float(snapshot.time[0]) + back
        raise NoMatureCohort(
            f"No row is older than {back / 86_400:g} days, so nothing tells how labels arrive by then.",
            fix=f"Choose a shorter deadline, or an as-of date after {show_time(first_at)}.",
            first_at=first_at,
        )
    earlier = snapshot.take(rows)
    age = at - earlier.time
    return _hide_later(replace(earlier, at=at, age=age), age)


def at_ages(snapshot: Snapshot, ages: FloatArray) -> Snapshot:
    """Return each row as it was known at an age of its own, not above its present one."""
    return _hide_later(replace(snapshot, age=ages), ages)


def mature_rows(snapshot: Snapshot) -> Snapshot:
    """Return the rows whose attribution window has passed.

    Raises
    ------
    NoMatureCohort
        There are none, or none of them converted.
    """
    mature = snapshot.take(snapshot.is_mature)
    first_at = float(snapshot.time[0]) + snapshot.window
    if not len(mature):
        raise NoMatureCohort(
            f"No row is older than the attribution window of {snapshot.window / 86_400:g} days.",
            fix=f"Choose an as-of date from {show_time(first_at)} on, or a shorter window.",
            first_at=first_at,
        )
    if not mature.label.any():
        raise NoMatureCohort(
            f"None of the {len(mature):,} rows older than the attribution window converted.",
            fix="Choose a later as-of date, or give a longer log.",
            first_at=first_at,
        )
    return mature


def show_time(at: float) -> str:
    """A moment as text, in UTC.

    Examples
    --------
    >>> show_time(0.0)
    '1970-01-01 00:00 UTC'
    """
    if not FIRST <= at <= LAST:
        return "a date that no calendar has"
    return f"{datetime.fromtimestamp(float(at), UTC):%Y-%m-%d %H:%M} UTC"


def _hide_later(snapshot: Snapshot, age: FloatArray) -> Snapshot:
    seen = snapshot.delay <= np.minimum(age, snapshot.window)
    noticed = snapshot.signal_delay <= age[:, None]
    return replace(
        snapshot,
        delay=np.where(seen, snapshot.delay, np.nan),
        signal_delay=np.where(noticed, snapshot.signal_delay, np.nan),
    )
