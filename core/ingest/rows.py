"""Batches of source columns → checked rows in Parquet, with what was counted on the way."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InputError, TooLarge
from core.ingest.categories import CategoryCodes
from core.ingest.columns import Array, parse_numbers
from core.ingest.histogram import HistogramCounter
from core.ingest.parts import parts_of_groups, parts_of_places
from core.ingest.schema import Column, Kind
from core.ingest.texts import parse_ids, parse_titles
from core.ingest.times import TimeParser

_STORED: dict[Kind, pa.DataType] = {
    "label": pa.int8(), "category": pa.int32(), "time": pa.int64(), "part": pa.int16(), "row": pa.int64(),
    "id": pa.string(), "title": pa.string(),
}  # fmt: skip
_UNMEASURED = ("category", "part", "id", "title", "row")
_TIMES = ("time", "moment")
_OPTIONAL = ("optional", "moment")
_COUNTED = ("probability", "nonnegative", "number", "width")


def source_names(columns: list[Column]) -> tuple[str, ...]:
    """Names of the source columns, each once; batch column i is the i-th of them."""
    return tuple(dict.fromkeys(name for column in columns for name in column.names))


class RowWriter:
    """Checks batches and writes the kept rows; remembers counts, ranges and categories.

    Parameters
    ----------
    target
        Parquet file to write; a row group per batch.
    columns
        Stored columns.
    rows_cap, categories_cap, excluded_share
        Limits: rows, distinct values of a category column, share of rows that may be left out.
    """

    def __init__(
        self, target: Path, columns: list[Column], *, rows_cap: int, categories_cap: int, excluded_share: float
    ) -> None:
        self._measured = [column for column in columns if column.kind not in _UNMEASURED]
        self._ids = [column for column in columns if column.kind == "id"]
        self._titles = {column.role: column.names[0] for column in columns if column.kind == "title"}
        self._cut = dict.fromkeys(self._titles, 0)
        self._rows = [column.role for column in columns if column.kind == "row"]
        self._parts = [column for column in columns if column.kind == "part"]
        self._codes = {
            column.role: (CategoryCodes(name=column.names[0], cap=categories_cap), column.names[0])
            for column in columns
            if column.kind == "category"
        }
        self._times = {c.role: TimeParser(name=c.names[0]) for c in columns if c.kind in _TIMES}
        self._time_names = {c.role: c.names[0] for c in columns if c.kind in _TIMES}
        self._position = {name: i for i, name in enumerate(source_names(columns))}
        self._rows_cap, self._share_cap = rows_cap, excluded_share
        required = [column for column in self._measured if column.kind not in _OPTIONAL]
        self._ranges = {column.role: (np.inf, -np.inf) for column in required}
        self._totals = {column.role: 0.0 for column in required}
        self._histograms = {c.role: HistogramCounter() for c in required if c.kind in _COUNTED}
        reasons = [(name, why) for c in required for name in c.names for why in ("missing", "infinite")]
        reasons += [(column.names[0], "missing") for column in self._ids]
        self._excluded = dict.fromkeys(reasons, 0)
        self._seen = self._kept = self._row_of_file = 0
        self._schema = pa.schema([(c.role, _STORED.get(c.kind, pa.float64())) for c in columns])
        self._writer = pq.ParquetWriter(target, self._schema, compression="lz4", use_dictionary=list(self._codes))

    def start_file(self, *, rows: int = 0) -> None:
        """Begin a file of at least that many rows: row numbers in messages start again at 1.

        Raises
        ------
        TooLarge
            The file alone holds too many rows.
        """
        self._row_of_file = 0
        self._check_count(self._seen + rows)

    def write(self, batch: pa.RecordBatch) -> None:
        """Check one batch and write the rows that are kept.

        Raises
        ------
        InputError
            A value is not what its column must hold; the message names column, row and value.
        """
        first_row = self._row_of_file + 1
        self._row_of_file += batch.num_rows
        self._seen += batch.num_rows
        self._check_count(self._seen)
        keep = np.ones(batch.num_rows, dtype=np.bool_)
        data: dict[str, Any] = {c.role: self._measure(c, batch, first_row, keep) for c in self._measured}
        data |= {column.role: self._identify(column, batch, first_row, keep) for column in self._ids}
        kept = np.flatnonzero(keep)
        if len(kept):
            if len(kept) < batch.num_rows:
                data = {role: _take(values, kept) for role, values in data.items()}
                batch = batch.take(pa.array(kept))
            self._store(data | self._read_kept(batch, kept, first_row))

    def _check_count(self, rows: int) -> None:
        if rows > self._rows_cap:
            raise TooLarge(
                f"There are more than {self._rows_cap:,} rows.", fix="Give fewer rows, or raise RECSCOPE_MAX_ROWS."
            )

    def _measure(
        self, column: Column, batch: pa.RecordBatch, first_row: int, keep: npt.NDArray[np.bool_]
    ) -> npt.NDArray[Any]:
        """Numbers or times of a column; rows without one are taken out of ``keep``."""
        found = []
        for name in column.names:
            array = batch.column(self._position[name])
            if column.kind in _TIMES:
                values = self._times[column.role].parse(array, first_row=first_row)
            else:
                values = parse_numbers(array, name=name, kind=column.kind, first_row=first_row)
            if column.kind not in _OPTIONAL:
                self._exclude(keep, values.missing, (name, "missing"))
                self._exclude(keep, values.infinite, (name, "infinite"))
            found.append(values.data)
        return _width(found, column.names, first_row) if column.kind == "width" else found[0]

    def _identify(self, column: Column, batch: pa.RecordBatch, first_row: int, keep: npt.NDArray[np.bool_]) -> Array:
        """Identifiers of a column; rows without one are taken out of ``keep``."""
        name = column.names[0]
        ids = parse_ids(batch.column(self._position[name]), name=name, first_row=first_row)
        missing = ids.dictionary_decode().is_null().to_numpy(zero_copy_only=False)
        self._exclude(keep, missing, (name, "missing"))
        return ids

    def _exclude(self, keep: npt.NDArray[np.bool_], mask: npt.NDArray[np.bool_], reason: tuple[str, str]) -> None:
        hit = mask & keep
        self._excluded[reason] += int(hit.sum())
        keep &= ~hit

    def _read_kept(self, batch: pa.RecordBatch, kept: npt.NDArray[np.int64], first_row: int) -> dict[str, Any]:
        """Columns that no row is left out for, of the rows that are kept."""
        data: dict[str, Any] = {role: self._seen - self._row_of_file + first_row + kept for role in self._rows}
        for role, (codes, name) in self._codes.items():
            data[role] = codes.encode(batch.column(self._position[name]), rows=first_row + kept)
        for column in self._parts:
            data[column.role] = self._part(column, batch)
        for role, name in self._titles.items():
            data[role], cut = parse_titles(batch.column(self._position[name]), name=name)
            self._cut[role] += int(cut.sum())
        return data

    def _part(self, column: Column, batch: pa.RecordBatch) -> npt.NDArray[np.int16]:
        if column.names:
            return parts_of_groups(batch.column(self._position[column.names[0]]), name=column.names[0])
        return parts_of_places(self._kept, batch.num_rows)

    def _store(self, data: dict[str, Any]) -> None:
        self._kept += len(data[self._schema.names[0]])
        for role, (lo, hi) in self._ranges.items():
            self._ranges[role] = (min(lo, float(data[role].min())), max(hi, float(data[role].max())))
            self._totals[role] += float(data[role].sum())
        for role, histogram in self._histograms.items():
            histogram.add(data[role])
        arrays = [_as_arrow(data[field.name]).cast(field.type) for field in self._schema]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def finish(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Check the whole, put what was found into the file's metadata, and return it.

        Raises
        ------
        InputError
            There were no rows, or too many of them are left out.
        """
        if self._seen == 0:
            raise InputError("The file has a header but no rows.", fix="Give a file with at least one row.")
        self._check_share()
        zoneless = self._check_zones()
        found = {
            "rows": self._kept,
            "excluded": [(f"{name} is {why}", count) for (name, why), count in self._excluded.items() if count],
            "ranges": self._ranges,
            "totals": self._totals,
            "categories": {role: list(codes.values) for role, (codes, _) in self._codes.items()},
            "histograms": {role: found for role, one in self._histograms.items() if (found := one.finish())},
        }
        if any(self._cut.values()):
            found["cut"] = self._cut
        if zoneless:
            found["zoneless"] = zoneless
        self._writer.add_key_value_metadata({"recscope": json.dumps({**metadata, "parsed": found})})
        return found

    def _check_zones(self) -> list[str]:
        """Roles of times without a zone; an error where other times have one, for they cannot be compared."""
        readings = {role: times.reading for role, times in self._times.items() if times.reading}
        zoneless = [role for role, reading in readings.items() if reading == "zoneless"]
        zoned = [role for role in readings if role not in zoneless]
        if zoneless and zoned:
            raise InputError(
                f"{self._time_names[zoned[0]]!r} holds exact moments, {self._time_names[zoneless[0]]!r} times without "
                "a zone; the time between them cannot be told.",
                fix="Write both in one way, best in UTC with a Z.",
            )
        return zoneless

    def _check_share(self) -> None:
        left_out = self._seen - self._kept
        if self._kept == 0 or left_out > self._share_cap * self._seen:
            name, why = worst = max(self._excluded, key=lambda reason: self._excluded[reason])
            raise InputError(
                f"{left_out:,} of {self._seen:,} rows would be left out, most because {name!r} is {why} "
                f"({self._excluded[worst]:,} rows); at most {self._share_cap:.0%} may be.",
                fix="Fill the values or drop these rows yourself, or raise RECSCOPE_MAX_EXCLUDED_PERCENT.",
            )

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


def _take(values: Any, kept: npt.NDArray[np.int64]) -> Any:
    return values.take(pa.array(kept)) if isinstance(values, pa.Array) else values[kept]


def _as_arrow(values: Any) -> Array:
    return values if isinstance(values, pa.Array) else pa.array(values)


def _width(ends: list[npt.NDArray[np.float64]], names: tuple[str, ...], first_row: int) -> npt.NDArray[np.float64]:
    width = ends[1] - ends[0]
    bad = width < 0
    if bad.any():
        at = int(np.argmax(bad))
        raise InputError(
            f"{names[0]!r} must not be above {names[1]!r}; row {first_row + at:,} has "
            f"{float(ends[0][at])!r} above {float(ends[1][at])!r}.",
            fix="Swap the two columns of the interval, or correct that row.",
        )
    return width
