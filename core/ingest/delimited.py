"""Rows of a CSV or csv.gz file → batches of text; what is wrong with them is found by a strict second look.

A row number in a message counts the records of the file from 1, without the header and without blank lines, as a
spreadsheet or a data frame would after reading the file.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.csv as pacsv

from core.errors import InputError
from core.ingest.arrow_errors import first_line
from core.ingest.header import AS_UTF8, Header
from core.ingest.streams import BLOCK_BYTES, Meter, MeteredReader, open_text

_RAGGED = re.compile(r"^CSV parse error: Row #(\d+): Expected \d+ columns, got (\d+)")


def read_csv_batches(
    path: Path, header: Header, names: tuple[str, ...], *, meter: Meter
) -> Iterator[tuple[float, pa.RecordBatch]]:
    """Yield (share of the file read, batch of text) with just the columns ``names``, renamed ``c0…cn`` in that order.

    Raises
    ------
    InputError
        A ragged row, an open quote, bytes that are not UTF-8, a damaged gzip file; the message names the row.
    """
    blocks = rows = 0
    with open_text(path, gzipped=header.format == "csv.gz", meter=meter) as stream:
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
                    f"The CSV cannot be read: {first_line(error)}.", fix="Check it for open quotes or a cut-off end."
                )
            ) from error
        passed = stream.passed
    # An odd quote, a quote with text on both sides, or more lines than rows: a quote inside a text, text after a quote,
    # blank lines, line breaks inside quotes, or a quote left open, which the reader closes at the end of the file
    # without a word. Only a strict second look tells.
    if passed.quotes % 2 or passed.stray or (passed.quotes and passed.lines > rows):
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
    with open_text(path, gzipped=header.format == "csv.gz", meter=meter) as stream:
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
            raise InputError(f"Row {row:,} is not UTF-8, in column {name!r}.", fix=AS_UTF8) from None


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
