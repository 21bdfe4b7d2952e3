"""A file of unknown honesty → header and batches of the wanted columns.

Runs inside the limited child process only. A row number in a message counts the records of the file from 1, without
the header and without blank lines, as a spreadsheet or a data frame would after reading the file.
"""

import csv
import gzip
import io
import math
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from core.errors import InputError, TooLarge

HEADER_BYTES = 65_536
NAME_LENGTH = 200
BATCH_ROWS = 65_536
BLOCK_BYTES = 4 * 1024 * 1024
LARGEST_RATIO = 100
RATIO_FREE_BYTES = 16 * 1024 * 1024
BOM = b"\xef\xbb\xbf"

Format = Literal["csv", "csv.gz", "parquet"]

_AS_UTF8 = "Save the file as CSV with encoding UTF-8."
_AS_TABLE = "Upload CSV (UTF-8), csv.gz or Parquet."
_FOREIGN = (
    (b"\xff\xfe", "UTF-16 text", _AS_UTF8),
    (b"\xfe\xff", "UTF-16 text", _AS_UTF8),
    (b"PK\x03\x04", "a zip archive or a spreadsheet", "Save the sheet as CSV (UTF-8), or unzip the archive."),
    (b"PK\x05\x06", "an empty zip archive", _AS_TABLE),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet of the old Excel format", "Save the sheet as CSV (UTF-8)."),
    (b"PAR1", "Parquet inside gzip", "Upload the Parquet file itself; its columns are compressed already."),
    (b"\x1f\x8b", "gzip inside gzip", "Compress the CSV once, or upload it uncompressed."),
    (b"BZh", "bzip2", "Compress the CSV with gzip, or upload it uncompressed."),
    (b"\x28\xb5\x2f\xfd", "zstd", "Compress the CSV with gzip, or upload it uncompressed."),
    (b"%PDF", "a PDF", _AS_TABLE),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV (UTF-8) or Parquet."),
    (b"\x89PNG", "a PNG picture", _AS_TABLE),
    (b"ARROW1", "an Arrow or Feather file", "Write it as Parquet."),
    (b"\x93NUMPY", "a NumPy array", "Write it as Parquet, with column names."),
    (b"<!DOCTYPE", "an HTML page", "Download the file itself, not the page that shows it."),
    (b"<!doctype", "an HTML page", "Download the file itself, not the page that shows it."),
    (b"<html", "an HTML page", "Download the file itself, not the page that shows it."),
    (b"<?xml", "XML", _AS_TABLE),
    (b'{"', "JSON", _AS_TABLE),
    (b"[{", "JSON", _AS_TABLE),
)


_RAGGED = re.compile(r"^CSV parse error: Row #(\d+): Expected \d+ columns, got (\d+)")


@dataclass(frozen=True, slots=True)
class Header:
    """What the start of a file says.

    Attributes
    ----------
    format, names
        Format and column names, in file order.
    delimiter, start
        CSV only: the delimiter, and the byte after decompression at which the rows begin.
    rows
        Parquet only: the number of rows that the footer declares.
    """

    format: Format
    names: tuple[str, ...]
    delimiter: str = ""
    start: int = 0
    rows: int = 0


class Meter:
    """Bytes of content read so far, over all files of one input; refuses to go beyond its cap.

    Parameters
    ----------
    cap
        Bytes.
    beat
        Called whenever something has been read, as a sign of life.
    """

    def __init__(self, cap: float = math.inf, *, beat: Callable[[], None] = lambda: None) -> None:
        self._cap, self._given, self.beat = cap, 0, beat

    def uncapped(self) -> "Meter":
        """A meter for a second look at the same content."""
        return Meter(beat=self.beat)

    def add(self, count: int) -> None:
        """Count further bytes.

        Raises
        ------
        TooLarge
            The cap is passed.
        """
        self.beat()
        self._given += count
        if self._given > self._cap:
            raise TooLarge(
                f"The content is larger than {self._cap:,} bytes.",
                fix="Give fewer rows or columns, or raise RECSCOPE_MAX_FILE_MB.",
            )


class LineCount:
    """Counts lines and quote marks that pass by, which tells whether a quoted text may hold line breaks."""

    def __init__(self) -> None:
        self.quotes = 0
        self._ends = 0
        self._last = b"\n"

    @property
    def lines(self) -> int:
        """Lines so far, a last one without a line end included."""
        return self._ends + (self._last not in (b"\n", b"\r"))

    def add(self, data: bytes) -> None:
        """Count what is in the next bytes; CR, LF and CRLF each end a line, also where a CRLF is cut in two."""
        if not data:
            return
        self.quotes += data.count(b'"')
        self._ends += data.count(b"\n") - (self._last == b"\r" and data[:1] == b"\n")
        if b"\r" in data:
            self._ends += data.count(b"\r") - data.count(b"\r\n")
        self._last = data[-1:]


class MeteredReader(io.RawIOBase):
    """A byte stream, decompressed where needed, that counts what comes out of it and stops at the meter's cap.

    Decompression is also refused beyond 100 bytes out for a byte in, once 16 MiB are out.
    """

    def __init__(self, raw: IO[bytes], stream: IO[bytes], *, meter: Meter) -> None:
        super().__init__()
        self._raw, self._stream, self._meter = raw, stream, meter
        self._given = 0
        self.passed = LineCount()

    def readable(self) -> bool:
        """Say that the stream can be read."""
        return True

    def estimate_size(self) -> float:
        """Bytes that the whole content will have, if the rest unpacks as what was read so far."""
        return max(self._given, 1) * os.fstat(self._raw.fileno()).st_size / max(self._raw.tell(), 1)

    def skip(self, count: int) -> None:
        """Read past the first bytes, a header; their lines are not counted."""
        self.read(count)
        self.passed = LineCount()

    def read(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes, at most one block."""
        try:
            data = self._stream.read(BLOCK_BYTES if size < 0 else size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(
                f"The gzip file is damaged after {self._given:,} bytes of content ({error}).",
                fix="Compress the CSV again, or upload it uncompressed.",
            ) from error
        self._given += len(data)
        self._meter.add(len(data))
        if self._given > RATIO_FREE_BYTES and self._given > LARGEST_RATIO * self._raw.tell():
            raise TooLarge(
                f"The compressed file unpacks to more than {LARGEST_RATIO} times its size.",
                fix="Upload the CSV uncompressed, or as Parquet.",
            )
        self.passed.add(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, for the wrappers of :mod:`io`."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the stream and the file below it."""
        self._stream.close()
        self._raw.close()
        super().close()


def open_text(path: Path, format_: Format, *, meter: Meter) -> MeteredReader:
    """Open a CSV or csv.gz file as a metered byte stream."""
    raw = path.open("rb")
    stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if format_ == "csv.gz" else raw
    return MeteredReader(raw, stream, meter=meter)


def read_header(path: Path, *, columns_cap: int) -> Header:
    """Tell the format from the first bytes, whatever the file is called, and read the column names.

    Raises
    ------
    InputError
        Empty file; not CSV, gzip or Parquet; not UTF-8; empty, duplicate or overlong names; too many columns.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if not magic:
        raise InputError("The file is empty.", fix="Upload a file with a header line and at least one row.")
    if magic == b"PAR1":
        header = _read_parquet_header(path)
    else:
        header = _read_text_header(path, "csv.gz" if magic[:2] == b"\x1f\x8b" else "csv")
    _check_names(header.names, columns_cap=columns_cap)
    return header


def read_batches(
    path: Path, header: Header, names: tuple[str, ...], *, meter: Meter, batch_rows: int = BATCH_ROWS
) -> Iterator[tuple[float, pa.RecordBatch]]:
    """Yield (share of the file read, batch) with just the columns ``names``, renamed ``c0…cn`` in that order.

    CSV columns arrive as text; Parquet columns with their own type, at most ``batch_rows`` rows at a time.

    Raises
    ------
    InputError
        A ragged row, an open quote, bytes that are not UTF-8, a damaged file; the message names the row.
    """
    if header.format == "parquet":
        meter.add(path.stat().st_size)
        for share, batch in _parquet_batches(path, names, batch_rows=batch_rows):
            meter.beat()
            yield share, batch
    else:
        yield from _csv_batches(path, header, names, meter=meter)


def _read_text_header(path: Path, format_: Format) -> Header:
    with open_text(path, format_, meter=Meter()) as stream:
        head = stream.read(HEADER_BYTES)
    _check_text(head)
    bom = len(BOM) if head.startswith(BOM) else 0
    splits = [(delimiter, *_split_header(head[bom:], delimiter)) for delimiter in ",;\t"]
    delimiter, names, length = max(splits, key=lambda split: _count_names(split[1]))
    if bom + length >= HEADER_BYTES:
        raise InputError(f"The header line is longer than {HEADER_BYTES:,} bytes.", fix="Shorten the column names.")
    if len(names) < 2 and not all(split[1] for split in splits):
        raise InputError(
            "The file has no header line that can be read." if head.strip() else "The file holds only blank lines.",
            fix="Begin the file with one line of column names; close every quote in it.",
        )
    return Header(format_, names, delimiter, bom + length)


def _split_header(head: bytes, delimiter: str) -> tuple[tuple[str, ...], int]:
    """Names of the first record that is not blank, and the bytes up to its end; no names where it can't be read."""
    lines = head.splitlines(keepends=True)
    reader = csv.reader((line.decode("utf-8") for line in lines), delimiter=delimiter, strict=True)
    try:
        names = tuple(next(filter(None, reader), ()))
    except csv.Error:
        names = ()
    except UnicodeDecodeError as error:
        if len(head) + len(BOM) >= HEADER_BYTES and error.end == len(error.object):  # cut inside a character
            return (), len(head)
        raise InputError(f"The header is not UTF-8 (byte {error.start + 1}).", fix=_AS_UTF8) from error
    return names, sum(map(len, lines[: reader.line_num]))


def _count_names(names: tuple[str, ...]) -> tuple[bool, int]:
    """Rank of a split: a quote inside a name tells that a delimiter inside quotes was taken for a real one."""
    return len(names) > 1 and not any('"' in name for name in names), len(names)


def _check_text(head: bytes) -> None:
    for magic, what, fix in _FOREIGN:
        if head.startswith(magic):
            raise InputError(f"The file is {what}.", fix=fix)
    if head.count(b"\x00") * 4 > len(head):
        raise InputError("The file is UTF-16 or UTF-32 text, or binary.", fix=_AS_UTF8)
    control = sum(head.count(bytes([code])) for code in range(32) if code not in (9, 10, 12, 13))
    if b"\x00" in head.lstrip().partition(b"\n")[0] or control > max(8, len(head) // 50):
        raise InputError("The file is not text.", fix=_AS_TABLE)


def _check_names(names: tuple[str, ...], *, columns_cap: int) -> None:
    if len(names) > columns_cap:
        raise TooLarge(
            f"The file has {len(names):,} columns; the limit is {columns_cap:,}.",
            fix="Keep the score, uncertainty, label and the segments you need, or raise RECSCOPE_MAX_COLUMNS.",
        )
    if not names:
        raise InputError("The file has no columns.", fix="Upload a table with a score, an uncertainty and a label.")
    if all(map(_is_number, names)):
        raise InputError(
            "The first line holds values, not column names.", fix="Add a header line with a name per column."
        )
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if not name.strip():
            raise InputError(f"Column {position} has no name.", fix="Give every column a name in the header line.")
        if len(name) > NAME_LENGTH:
            raise InputError(
                f"The name of column {position} has {len(name):,} characters; the limit is {NAME_LENGTH}.",
                fix="Shorten the column name.",
            )
        if seen.setdefault(name, position) != position:
            raise InputError(
                f"Column name {name!r} stands twice (columns {seen[name]} and {position}).",
                fix="Rename one of the two.",
            )


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _csv_batches(
    path: Path, header: Header, names: tuple[str, ...], *, meter: Meter
) -> Iterator[tuple[float, pa.RecordBatch]]:
    blocks = rows = 0
    with open_text(path, header.format, meter=meter) as stream:
        stream.skip(header.start)
        try:
            for batch in _open_csv(stream, header, names):
                blocks, rows = blocks + 1, rows + batch.num_rows
                yield min(blocks * BLOCK_BYTES / stream.estimate_size(), 1.0), batch
        except pa.ArrowInvalid as error:
            raise (
                _explain_csv(header, str(error))
                or find_fault(path, header, names, meter.uncapped())
                or InputError(
                    f"The CSV cannot be read: {_first_line(error)}.", fix="Check it for open quotes or a cut-off end."
                )
            ) from error
        passed = stream.passed
    # An odd quote, or more lines than rows: a quote inside a text, blank lines, line breaks inside quotes, or a quote
    # left open, which the reader closes at the end of the file without a word. Only a strict second look tells.
    if passed.quotes % 2 or (passed.quotes and passed.lines > rows):
        fault = find_fault(path, header, names, meter.uncapped())
        if fault is not None:
            raise fault


def _open_csv(stream: MeteredReader, header: Header, names: tuple[str, ...]) -> pacsv.CSVStreamingReader:
    # The header has been read already and columns are numbered, so that user text never becomes a column name.
    numbered = [f"c{names.index(name)}" if name in names else f"x{i}" for i, name in enumerate(header.names)]
    wanted = [f"c{i}" for i in range(len(names))]
    return pacsv.open_csv(
        cast("IO[bytes]", stream),
        read_options=pacsv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=numbered),
        parse_options=pacsv.ParseOptions(delimiter=header.delimiter, newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
        ),
    )


def _explain_csv(header: Header, text: str) -> InputError | None:
    """Say what the reader said, where it says enough."""
    ragged = _RAGGED.search(text)
    if ragged:
        return _ragged(int(ragged[1]), int(ragged[2]), header)
    if "Empty CSV" in text:
        return InputError("The file has a header but no rows.", fix="Upload a file with at least one row.")
    return None


def find_fault(path: Path, header: Header, names: tuple[str, ...], meter: Meter) -> InputError | None:
    """Find the first row that breaks the rules of quoting, width or (in the columns ``names``) encoding, slowly."""
    csv.field_size_limit(BLOCK_BYTES)
    row = 0
    with open_text(path, header.format, meter=meter) as stream:
        stream.skip(header.start)
        text = io.TextIOWrapper(io.BufferedReader(stream), encoding="utf-8", errors="surrogateescape", newline="")
        records = csv.reader(_bounded_lines(text), delimiter=header.delimiter, strict=True)
        try:
            for row, record in enumerate(filter(None, records), start=1):
                if len(record) != len(header.names):
                    return _ragged(row, len(record), header)
                if not "".join(record).isascii():
                    _check_encoding(dict(zip(header.names, record, strict=True)), names, row)
        except csv.Error as error:
            return _broken_quote(row + 1, str(error))
        except InputError as error:
            return error
    return None


def _bounded_lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(BLOCK_BYTES):
        if len(line) == BLOCK_BYTES:
            raise csv.Error("line too long")
        yield line


def _check_encoding(record: dict[str, str], names: tuple[str, ...], row: int) -> None:
    for name in names:
        try:
            record[name].encode()
        except UnicodeEncodeError:
            raise InputError(f"Row {row:,} is not UTF-8, in column {name!r}.", fix=_AS_UTF8) from None


def _ragged(row: int, fields: int, header: Header) -> InputError:
    return InputError(
        f"Row {row:,} has {fields:,} field{'s' * (fields != 1)}; the header has {len(header.names):,}.",
        fix="Check for a missing or extra delimiter, or an open quote, in that row.",
    )


def _broken_quote(row: int, text: str) -> InputError:
    if "end of data" in text:
        return InputError(f"Row {row:,} opens a quote that is never closed.", fix="Close the quote, or remove it.")
    if "expected after" in text:
        return InputError(
            f"Row {row:,} has text after a closing quote.", fix='Write a quote inside a quoted text twice ("").'
        )
    return InputError(
        f"Row {row:,} is longer than {BLOCK_BYTES:,} bytes.",
        fix="Check that row for a quote that is left open, or leave the column with long texts out.",
    )


@contextmanager
def _explaining_parquet() -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The Parquet file cannot be read: {_first_line(error)}.",
            fix="Write the file again; the upload may have been cut off.",
        ) from error


def _read_parquet_header(path: Path) -> Header:
    with _explaining_parquet(), pq.ParquetFile(path) as file:
        return Header("parquet", tuple(file.schema_arrow.names), rows=file.metadata.num_rows)


def _parquet_batches(path: Path, names: tuple[str, ...], *, batch_rows: int) -> Iterator[tuple[float, pa.RecordBatch]]:
    with _explaining_parquet():
        with pq.ParquetFile(path) as file:
            text = [field.name for field in file.schema_arrow if field.name in names and _is_text(field.type)]
        options: dict[str, Any] = {"pre_buffer": False, "page_checksum_verification": True}
        done = 0
        with pq.ParquetFile(path, read_dictionary=text, buffer_size=BLOCK_BYTES, **options) as file:
            total = max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(batch_size=batch_rows, columns=list(names), use_threads=False):
                arrays = [_valid(batch.column(name), name, first_row=done + 1) for name in names]
                done += batch.num_rows
                renamed = pa.RecordBatch.from_arrays(arrays, names=[f"c{i}" for i in range(len(names))])
                yield min(done / total, 1.0), renamed


def _valid(array: pa.Array, name: str, *, first_row: int) -> pa.Array:
    """Check the array against its own type: the reader takes offsets and text on trust."""
    try:
        array.validate(full=True)
    except pa.ArrowInvalid as error:
        raise InputError(
            f"Column {name!r} is damaged, from row {first_row:,} on: {_first_line(error)}.",
            fix="Write the file again; text must be UTF-8.",
        ) from error
    return array


def _first_line(error: Exception) -> str:
    """What a library said, without its layers of prefixes and the place in its own code."""
    text = str(error).rpartition("Invalid: ")[2].partition("\n")[0].strip(" .")
    return text[:200] or type(error).__name__


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
