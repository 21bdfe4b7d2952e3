"""A file of unknown honesty → its format and column names, whatever the file is called."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.errors import InputError, TooLarge
from core.ingest.parquet import read_parquet_start
from core.ingest.streams import Meter, open_text

HEADER_BYTES = 65_536
NAME_LENGTH = 200
BOM = b"\xef\xbb\xbf"

Format = Literal["csv", "csv.gz", "parquet"]

AS_UTF8 = "Save the file as CSV with encoding UTF-8."
_AS_TABLE = "Upload CSV (UTF-8), csv.gz or Parquet."
_FOREIGN = (
    (b"\xff\xfe", "UTF-16 text", AS_UTF8),
    (b"\xfe\xff", "UTF-16 text", AS_UTF8),
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
        names, rows = read_parquet_start(path)
        header = Header("parquet", names, rows=rows)
    else:
        header = _read_text_header(path, "csv.gz" if magic[:2] == b"\x1f\x8b" else "csv")
    _check_names(header.names, columns_cap=columns_cap)
    return header


def _read_text_header(path: Path, format_: Format) -> Header:
    with open_text(path, gzipped=format_ == "csv.gz", meter=Meter()) as stream:
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
        raise InputError(f"The header is not UTF-8 (byte {error.start + 1}).", fix=AS_UTF8) from error
    return names, sum(map(len, lines[: reader.line_num]))


def _count_names(names: tuple[str, ...]) -> tuple[bool, int]:
    """Rank of a split: a quote inside a name tells that a delimiter inside quotes was taken for a real one."""
    return len(names) > 1 and not any('"' in name for name in names), len(names)


def _check_text(head: bytes) -> None:
    for magic, what, fix in _FOREIGN:
        if head.startswith(magic):
            raise InputError(f"The file is {what}.", fix=fix)
    if head.count(b"\x00") * 4 > len(head):
        raise InputError("The file is UTF-16 or UTF-32 text, or binary.", fix=AS_UTF8)
    control = sum(head.count(bytes([code])) for code in range(32) if code not in (9, 10, 12, 13))
    if b"\x00" in head.lstrip().partition(b"\n")[0] or control > max(8, len(head) // 50):
        raise InputError("The file is not text.", fix=_AS_TABLE)


def _check_names(names: tuple[str, ...], *, columns_cap: int) -> None:
    if len(names) > columns_cap:
        raise TooLarge(
            f"The file has {len(names):,} columns; the limit is {columns_cap:,}.",
            fix="Keep only the columns that you need, or raise RECSCOPE_MAX_COLUMNS.",
        )
    if not names:
        raise InputError("The file has no columns.", fix="Upload a table with a header line of column names.")
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
