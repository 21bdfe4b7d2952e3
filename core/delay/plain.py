"""Arms without correction: final labels, labels as seen, the youngest rows left out, only old rows."""

import numpy as np

from core.arrays import IntArray
from core.delay.auxiliary import recent_rows
from core.delay.data import Log, NoMatureCohort, Options, Snapshot, SnapshotWeights
from core.delay.laws import DAY
from core.delay.snapshot import show_time
from core.errors import InputError


def fit_oracle(snapshot: Snapshot, log: Log, *, options: Options) -> SnapshotWeights:
    """Final labels, though the moment did not know them: without drift no correction can be expected to beat it.

    Under drift its window is stale, and an error that happens to cancel that can do better: missing labels after a
    fall, or a delay law that became quicker with a rise. The only arm that is given the log. Rows whose label is not
    final even in the log are left out.
    """
    rows = recent_rows(snapshot, options)
    rows = rows[log.is_final(snapshot.window)[rows]]
    return SnapshotWeights(rows, log.final_label(snapshot.window)[rows], np.ones(len(rows)))


def fit_naive(snapshot: Snapshot, *, options: Options) -> SnapshotWeights:
    """Labels as seen. The fixed point is p·F(e): too low wherever labels are young."""
    return _as_seen(snapshot, recent_rows(snapshot, options))


def fit_drop_last(snapshot: Snapshot, *, options: Options) -> SnapshotWeights:
    """Labels as seen, without the youngest rows: less bias, and older data.

    Raises
    ------
    InputError
        As much is dropped as there is.
    """
    rows = recent_rows(snapshot, options)
    rows = rows[snapshot.age[rows] >= options.drop * DAY]
    if not rows.size:
        raise InputError(
            f"Dropping the last {options.drop:g} days leaves nothing of {options.lookback:g} days.",
            fix="Drop less, or train on a longer window.",
        )
    return _as_seen(snapshot, rows)


def fit_wait(snapshot: Snapshot, *, options: Options) -> SnapshotWeights:
    """Only rows older than the waiting time, from a window of the usual length: labels all but final, data stale.

    Raises
    ------
    NoMatureCohort
        No row is old enough.
    """
    wait = snapshot.window if options.wait is None else options.wait * DAY
    rows = np.flatnonzero((snapshot.age >= wait) & (snapshot.age <= wait + options.lookback * DAY))
    if not rows.size:
        first_at = float(snapshot.time[0]) + wait
        raise NoMatureCohort(
            f"No row is older than the waiting time of {wait / DAY:g} days.",
            fix=f"Choose an as-of date from {show_time(first_at)} on, or wait less.",
            first_at=first_at,
        )
    return _as_seen(snapshot, rows)


def _as_seen(snapshot: Snapshot, rows: IntArray) -> SnapshotWeights:
    return SnapshotWeights(rows, snapshot.label[rows], np.ones(len(rows)))
