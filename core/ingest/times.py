"""One time column → seconds."""

from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import InputError
from core.ingest.columns import (
    Array,
    Values,
    blank_missing,
    cast_text,
    decode_dictionary,
    first_uncastable,
    is_number,
    is_text,
    shorten,
    to_numpy,
)

EARLIEST, LATEST = 0.0, 4_102_444_800.0  # 1970-01-01 and 2100-01-01, in seconds
EARLIEST_EPOCH = 1e8  # 1973-03-03: from here on a number tells its own unit, and 20260131 is no epoch time

Unit = Literal["s", "ms", "us", "ns"]
Reading = Literal["number", "zoneless", "zoned"]

_PER_SECOND: dict[Unit, float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_TARGETS: dict[Reading, tuple[pa.DataType, ...]] = {
    "number": (pa.int64(), pa.float64()),
    "zoneless": (pa.timestamp("us"), pa.timestamp("ns")),
    "zoned": (pa.timestamp("us", "UTC"), pa.timestamp("ns", "UTC")),
}


class TimeParser:
    """ISO-8601 text, date, timestamp or epoch number → UTC seconds since 1970, the fraction cut off.

    Time without a zone is taken as UTC. A number is an epoch time of 1973 to 2100 in s, ms, µs or ns; these ranges do
    not overlap, so the number tells the unit. The first value decides for the whole input; a change is an error.
    """

    def __init__(self, *, name: str) -> None:
        self._name = name
        self._unit: Unit | None = None
        self._reading: Reading | None = None

    @property
    def reading(self) -> Reading | None:
        """How the times are written; None as long as none has been seen."""
        return self._reading

    def parse(self, array: Array, *, first_row: int) -> Values:
        """Parse one batch.

        Raises
        ------
        InputError
            A value that is no time, a mix of zoned and zoneless times or of units, a time outside 1970-2100.
        """
        array = decode_dictionary(array, name=self._name)
        if is_text(array.type):
            array = self._from_text(blank_missing(array), first_row=first_row)
        if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
            self._check_zone(array, first_row=first_row)
            seconds = to_numpy(
                array.cast(pa.timestamp("s", getattr(array.type, "tz", None)), safe=False).cast(pa.int64())
            )
        elif is_number(array.type):
            seconds = self._from_epoch(array, first_row=first_row)
        else:
            raise InputError(
                f"{self._name!r} holds {str(array.type)[:80]}, not times.", fix="Choose a column of times."
            )
        return self._checked(seconds, first_row=first_row)

    def _from_text(self, text: Array, *, first_row: int) -> Array:
        known = pc.drop_null(text)
        if not len(known):
            return pa.nulls(len(text))
        reading = self._reading or _read(known[:1])
        targets = _TARGETS[reading or "zoneless"]
        times = cast_text(text, targets)
        if times is not None:
            return times
        at = first_uncastable(text, targets)
        if reading is not None and _read(text[at : at + 1]) is not None:
            raise self._mixed(first_row + at, shorten(text[at].as_py()))
        raise InputError(
            f"{self._name!r} must be a time; row {first_row + at:,} has {shorten(text[at].as_py())}.",
            fix="Write times as 2026-01-31 or 2026-01-31T09:30:00Z.",
        )

    def _check_zone(self, array: Array, *, first_row: int) -> None:
        if array.null_count < len(array):
            self._settle("zoned" if getattr(array.type, "tz", None) else "zoneless", array, first_row=first_row)

    def _settle(self, reading: Reading, array: Array, *, first_row: int) -> None:
        self._reading = self._reading or reading
        if self._reading != reading:
            at = int(np.argmax(array.is_valid().to_numpy(zero_copy_only=False)))
            raise self._mixed(first_row + at, shorten(array[at].as_py()))

    def _mixed(self, row: int, shown: str) -> InputError:
        return InputError(
            f"{self._name!r} mixes times with a zone, without one, or as numbers; row {row:,} has {shown}.",
            fix="Write all of them in one way, best in UTC.",
        )

    def _from_epoch(self, array: Array, *, first_row: int) -> npt.NDArray[np.float64]:
        numbers = to_numpy(array)
        finite = np.isfinite(numbers)
        if not finite.any():
            return numbers
        self._settle("number", array, first_row=first_row)
        self._unit = self._unit or _unit_of(numbers[finite][0])
        seconds = numbers / _PER_SECOND[self._unit or "s"]
        bad = finite & ~((seconds >= EARLIEST_EPOCH) & (seconds < LATEST))
        if bad.any():
            at = int(np.argmax(bad))
            unit = "s, ms, µs or ns" if self._unit is None else f"{self._unit}, as the first one is"
            raise InputError(
                f"{self._name!r} must be a time of 1973 to 2100, as a number in {unit}; row {first_row + at:,} has "
                f"{float(numbers[at])!r}.",
                fix="Give epoch seconds or milliseconds throughout, or write times as 2026-01-31T09:30:00Z.",
            )
        if pa.types.is_integer(array.type):
            return to_numpy(pc.divide(array.cast(pa.int64()), pa.scalar(int(_PER_SECOND[self._unit or "s"]))))
        return np.floor(seconds)

    def _checked(self, seconds: npt.NDArray[np.float64], *, first_row: int) -> Values:
        values = Values.sort_out(seconds)
        bad = (values.data < EARLIEST) | (values.data >= LATEST)
        if bad.any():
            at = int(np.argmax(bad))
            raise InputError(
                f"{self._name!r} must lie from 1970 to 2099; row {first_row + at:,} has {_show(seconds[at])}.",
                fix="Correct that row, or leave the cell empty where the time is missing.",
            )
        return values


def _read(value: Array) -> Reading | None:
    return next((reading for reading, targets in _TARGETS.items() if cast_text(value, targets) is not None), None)


def _unit_of(number: float) -> Unit | None:
    return next((u for u, scale in _PER_SECOND.items() if EARLIEST_EPOCH <= number / scale < LATEST), None)


def _show(seconds: float) -> str:
    try:
        return str(np.datetime64(int(seconds), "s"))
    except (OverflowError, ValueError):
        return f"{seconds:.6g} seconds"
