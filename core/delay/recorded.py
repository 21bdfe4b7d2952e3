"""Checked rows of a file → a log with what was set right on the way. No loop over rows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.arrays import FloatArray, IntArray
from core.delay.data import BoolArray, Log
from core.delay.roles import LogRoles
from core.delay.snapshot import show_time
from core.errors import InputError
from core.ingest.schema import Parsed

BUILD = 1  # rises when the same files come to make another log
WORD_COLUMNS = 32  # values of one column of words that become a feature each
SEGMENTS_CAP = 50
OTHER, EVERYTHING = "(other)", "all"
SWAPPED_SHARE = 0.5  # of the conversions: where more come before their events, the columns are taken for swapped


@dataclass(frozen=True, slots=True)
class LogCleaning:
    """What was set right while a log was read.

    Attributes
    ----------
    excluded
        (reason, rows left out for it).
    signals_early, signals_late
        Signals dropped because they came before their event, or after its conversion.
    filled
        Values of features that were missing: each is 0, and a column of its own says so.
    pooled
        Rows whose segment is not among the most frequent, shown as ``(other)``.
    zoneless
        Whether the times name no zone. They are read as UTC: where they are local times, an hour is missing in spring
        and one stands twice in autumn, and delays across these nights are wrong by an hour.
    after_end, conversions_after_end, signals_after_end
        Rows left out, and conversions and signals hidden, because they came after the date at which the log ends.
    """

    excluded: tuple[tuple[str, int], ...] = ()
    signals_early: int = 0
    signals_late: int = 0
    filled: int = 0
    pooled: int = 0
    zoneless: bool = False
    after_end: int = 0
    conversions_after_end: int = 0
    signals_after_end: int = 0

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """Rebuild the record from its stored fields."""
        return cls(**found | {"excluded": tuple((str(why), int(rows)) for why, rows in found["excluded"])})

    def remarks(self) -> tuple[str, ...]:
        """One line per thing that was set right."""
        counted = [
            *((rows, f"rows left out: {why}") for why, rows in self.excluded),
            (self.signals_early, "signals dropped: before their event"),
            (self.signals_late, "signals dropped: after the conversion of their row"),
            (self.filled, "missing values of features set to 0, with a column that says so"),
            (self.pooled, f"rows of rare segments pooled as {OTHER}"),
            (self.after_end, "rows left out: after the end of the log"),
            (self.conversions_after_end, "conversions hidden: after the end of the log"),
            (self.signals_after_end, "signals hidden: after the end of the log"),
        ]
        lines = [f"{count:,} {what}" for count, what in counted if count]
        return (*lines, "times name no zone and are read as UTC") if self.zoneless else tuple(lines)


@dataclass(frozen=True, slots=True, eq=False)
class RecordedLog:
    """A log of one's own.

    Attributes
    ----------
    digest
        SHA-256 of what it was read from and how.
    name
        For display.
    log
        The log; it ends with the latest time in the file unless :func:`end_log` says otherwise.
    row
        int64 of shape (rows,): where each row stands among all rows of the files, from 1.
    id
        Text of shape (rows,), or None.
    cleaning
        What was set right.
    """

    digest: str
    name: str
    log: Log
    row: IntArray
    id: npt.NDArray[np.object_] | None
    cleaning: LogCleaning


def record_log(table: pa.Table, roles: LogRoles, *, parsed: Parsed, digest: str, name: str) -> RecordedLog:
    """Make a log of checked rows.

    Definition
        Left out are rows whose conversion comes before the event, and all but the first of the file of rows with one
        id. A signal before the event or after the conversion is dropped; the row stays. The rest is put in order of
        time; rows of one time stay in file order.

    Parameters
    ----------
    table
        Columns as :meth:`core.delay.roles.LogRoles.columns` stores them.
    parsed
        What was found while the rows were read.

    Raises
    ------
    InputError
        Most conversions come before their events; nothing converts; a column of numbers is empty.
    """
    time, conversion = table["time"].to_numpy().astype(np.float64), table["conversion"].to_numpy()
    early = conversion < time
    _check_order(early, conversion, roles)
    repeated = _repeated(table["id"], ~early) if roles.id else np.zeros(len(time), dtype=np.bool_)
    rows = np.flatnonzero(~early & ~repeated)
    rows = rows[np.argsort(time[rows], kind="stable")]
    table = table.take(pa.array(rows))
    time, conversion = time[rows], conversion[rows]
    if not np.isfinite(conversion).any():
        raise InputError(
            f"None of the {len(time):,} rows has a conversion.",
            fix="Map the column that holds the time of the conversion, or give a longer log.",
        )
    signals, dropped_early, dropped_late = _read_signals(table, time, conversion, roles)
    names, columns, filled = _read_features(table, roles, parsed)
    segment, segment_names, pooled = _read_segment(table, roles, parsed)
    latest = max(float(np.nanmax(part)) for part in (time, conversion, signals) if np.isfinite(part).any())
    log = Log(
        time, conversion - time, signals - time[:, None], columns, segment, names, roles.signals, segment_names, latest
    )
    excluded = (
        *parsed.excluded,
        ("the conversion comes before the event", int(early.sum())),
        ("the id stands in an earlier row", int(repeated.sum())),
    )
    cleaning = LogCleaning(
        tuple((why, count) for why, count in excluded if count), dropped_early, dropped_late, filled, pooled,
        zoneless=bool(parsed.zoneless),
    )  # fmt: skip
    ids = table["id"].to_numpy(zero_copy_only=False) if roles.id else None
    return RecordedLog(digest, name, log, table["row"].to_numpy(), ids, cleaning)


def end_log(recorded: RecordedLog, until: float) -> RecordedLog:
    """Say up to when the log was recorded, where the latest time in the file does not tell.

    Later rows are left out, later conversions and signals hidden, and all three counted.

    Parameters
    ----------
    until
        UTC seconds.

    Raises
    ------
    InputError
        No row, or no conversion, comes before.
    """
    log = recorded.log
    kept = log.time <= until
    if not kept.any():
        raise InputError(
            f"No row comes before {show_time(until)}; the log begins {show_time(log.time[0])}.",
            fix="Choose a later end of the log.",
        )
    log = log.take(kept)
    late, late_signals = log.time + log.delay > until, log.time[:, None] + log.signal_delay > until
    if not np.isfinite(np.where(late, np.nan, log.delay)).any():
        raise InputError(f"Nothing converts before {show_time(until)}.", fix="Choose a later end of the log.")
    ended = replace(
        log,
        delay=np.where(late, np.nan, log.delay),
        signal_delay=np.where(late_signals, np.nan, log.signal_delay),
        until=until,
    )
    cleaning = replace(
        recorded.cleaning, after_end=int((~kept).sum()), conversions_after_end=int(late.sum()),
        signals_after_end=int(late_signals.sum()),
    )  # fmt: skip
    ids = None if recorded.id is None else recorded.id[kept]
    return replace(recorded, log=ended, row=recorded.row[kept], id=ids, cleaning=cleaning)


@dataclass(frozen=True, slots=True)
class Later:
    """What a log holds that an as-of date cannot know.

    Attributes
    ----------
    rows
        Rows at or after the date.
    conversions, signals
        Conversions and signals of earlier rows that come after it.
    """

    rows: int
    conversions: int
    signals: int


def count_later(log: Log, at: float) -> Later:
    """Count what comes after an as-of date and is hidden from every arm."""
    earlier = log.time < at
    conversions = earlier & (log.time + log.delay > at)
    signals = earlier[:, None] & (log.time[:, None] + log.signal_delay > at)
    return Later(int((~earlier).sum()), int(conversions.sum()), int(signals.sum()))


def _check_order(early: BoolArray, conversion: FloatArray, roles: LogRoles) -> None:
    converted = int(np.isfinite(conversion).sum())
    if early.sum() > SWAPPED_SHARE * converted:
        raise InputError(
            f"{int(early.sum()):,} of {converted:,} conversions come before their events.",
            fix=f"Swap {roles.time[:80]!r} and {roles.conversion[:80]!r} if they are mixed up, or write all times in "
            "one time zone.",
        )


def _repeated(ids: pa.ChunkedArray, usable: BoolArray) -> BoolArray:
    """Where an earlier usable row has the same id."""
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in ids.dictionary_encode().unify_dictionaries().chunks])
    rows = np.flatnonzero(usable)
    _, first = np.unique(codes[rows], return_index=True)
    repeated = usable.copy()
    repeated[rows[first]] = False
    return repeated


def _read_signals(
    table: pa.Table, time: FloatArray, conversion: FloatArray, roles: LogRoles
) -> tuple[FloatArray, int, int]:
    """Times of signals that may stand, and how many were dropped for coming too early, and too late."""
    moments = np.empty((len(time), len(roles.signals)))
    for i in range(len(roles.signals)):
        moments[:, i] = table[f"signal{i}"].to_numpy()
    early, late = moments < time[:, None], moments > conversion[:, None]
    return np.where(early | late, np.nan, moments), int(early.sum()), int((late & ~early).sum())


def _read_features(table: pa.Table, roles: LogRoles, parsed: Parsed) -> tuple[tuple[str, ...], FloatArray, int]:
    """Names and columns of the features, and how many values were missing."""
    found = [*_read_numbers(table, roles), *_read_words(table, roles, parsed)]
    columns = np.empty((len(table), len(found)))
    for i, (_, values) in enumerate(found):
        columns[:, i] = values
    filled = sum(len(table) - int(np.isfinite(table[f"number{i}"].to_numpy()).sum()) for i in range(len(roles.numbers)))
    return tuple(name for name, _ in found), columns, filled


def _read_numbers(table: pa.Table, roles: LogRoles) -> Iterator[tuple[str, FloatArray]]:
    for i, name in enumerate(roles.numbers):
        values = table[f"number{i}"].to_numpy()
        known = np.isfinite(values)
        if not known.any():
            raise InputError(f"{name[:80]!r} holds no number.", fix="Choose another feature.")
        yield name, np.where(known, values, 0.0)
        if not known.all():
            yield f"{name} is missing", (~known).astype(np.float64)


def _read_words(table: pa.Table, roles: LogRoles, parsed: Parsed) -> Iterator[tuple[str, FloatArray]]:
    for i, name in enumerate(roles.words):
        values = parsed.categories[f"word{i}"]
        codes = table[f"word{i}"].to_numpy()
        rows = np.bincount(codes, minlength=len(values))
        for code in np.argsort(-rows, kind="stable")[:WORD_COLUMNS]:
            if rows[code]:
                yield f"{name} = {values[code]}", (codes == code).astype(np.float64)


def _read_segment(table: pa.Table, roles: LogRoles, parsed: Parsed) -> tuple[IntArray, tuple[str, ...], int]:
    """Segment of each row, names in order, and how many rows were pooled."""
    if roles.segment is None:
        return np.zeros(len(table), dtype=np.int64), (EVERYTHING,), 0
    values = np.array(parsed.categories["segment"], dtype=object)
    codes = table["segment"].to_numpy()
    rows = np.bincount(codes, minlength=len(values))
    frequent = [int(code) for code in np.argsort(-rows, kind="stable")[:SEGMENTS_CAP] if rows[code]]
    frequent.sort(key=lambda code: str(values[code]))
    place = np.full(len(values), len(frequent), dtype=np.int64)
    place[frequent] = np.arange(len(frequent))
    segment = place[codes]
    pooled = int((segment == len(frequent)).sum())
    names = tuple(str(values[code]) for code in frequent)
    return segment, (*names, OTHER) if pooled else names, pooled
