"""What is wrong with a file is said in one sentence with a mend; nothing is stored, and the next file loads.

Files with hostile bytes all go through the real parsing process, those with wrong values in part. A row number counts
records after the header.
"""

import bz2
import gzip
import io
import json
import re
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from core.errors import InputError, TooLarge
from core.holdout.data import ColumnRoles

ROWS = 20
BASE = ColumnRoles("score", ("variance",), "variance", "label")
INTERVAL = ColumnRoles("score", ("low", "high"), "interval", "label")
WEIGHTED = ColumnRoles("score", ("variance",), "variance", "label", weight="weight")
TIMED = ColumnRoles("score", ("variance",), "variance", "label", time="time")
SEGMENTED = ColumnRoles("score", ("variance",), "variance", "label", segments=("city",))
STD = ColumnRoles("score", ("variance",), "std", "label")
EVIDENCE = ColumnRoles("score", ("variance",), "evidence", "label")
ENTROPY = ColumnRoles("score", ("variance",), "entropy", "label")

Content = bytes | list[bytes]


@dataclass(frozen=True, slots=True)
class Case:
    """One bad file: its class and name, its bytes, and the whole message it must lead to."""

    group: str
    name: str
    make: Callable[[], Content]
    message: str
    roles: ColumnRoles = BASE
    error: type[InputError] = InputError
    limits: dict[str, Any] = field(default_factory=dict)


def columns() -> dict[str, list[str]]:
    """Good columns of every kind as text."""
    return {
        "score": [f"{(i + 1) / 25:g}" for i in range(ROWS)],
        "variance": [f"{(i % 7 + 1) / 1000:g}" for i in range(ROWS)],
        "label": [str(i % 2) for i in range(ROWS)],
        "low": [f"{i / 30:g}" for i in range(ROWS)],
        "high": [f"{i / 30 + 0.01 * (i % 5 + 1):g}" for i in range(ROWS)],
        "weight": [str(i % 3 + 1) for i in range(ROWS)],
        "time": [f"2026-01-{i + 1:02d}T12:00:00Z" for i in range(ROWS)],
        "city": [("Bern", "Oslo", "Rome")[i % 3] for i in range(ROWS)],
    }


def write_csv(table: dict[str, list[str]], delimiter: str = ",") -> bytes:
    """Columns as CSV, without any quoting."""
    lines = [delimiter.join(table), *(delimiter.join(row) for row in zip(*table.values(), strict=True))]
    return "".join(f"{line}\n" for line in lines).encode()


def cell(column: str, row: int, value: str) -> Callable[[], bytes]:
    """A good CSV but for one cell; ``value`` stands there as it is, quotes included."""

    def make() -> bytes:
        table = columns()
        table[column][row - 1] = value
        return write_csv(table)

    return make


def all_cells(column: str, value: str) -> Callable[[], bytes]:
    """A good CSV but for one column, which holds one value."""
    return lambda: write_csv(columns() | {column: [value] * ROWS})


def some_cells(column: str, value: str, rows: Iterable[int]) -> Callable[[], bytes]:
    """A good CSV with a value put into some rows of a column."""

    def make() -> bytes:
        table = columns()
        for row in rows:
            table[column][row - 1] = value
        return write_csv(table)

    return make


def lines(*rows: str) -> Callable[[], bytes]:
    """A file of just these lines."""
    return lambda: "".join(f"{row}\n" for row in rows).encode()


def renamed(old: str, new: str) -> Callable[[], bytes]:
    """A good CSV with another column name."""
    return lambda: write_csv({new if name == old else name: values for name, values in columns().items()})


def puts(*edits: tuple[int, bytes, bytes]) -> Callable[[], bytes]:
    """A good CSV with bytes replaced: (line, old, new); line 0 is the header."""

    def make() -> bytes:
        found = write_csv(columns()).splitlines(keepends=True)
        for row, old, new in edits:
            assert old in found[row]
            found[row] = found[row].replace(old, new, 1)
        return b"".join(found)

    return make


def put(row: int, old: bytes, new: bytes) -> Callable[[], bytes]:
    """A good CSV with bytes of one line replaced."""
    return puts((row, old, new))


def arrays() -> dict[str, pa.Array]:
    """Good columns of every kind, typed."""
    table = columns()
    numbers = {name: pa.array(map(float, table[name])) for name in ("score", "variance", "low", "high", "weight")}
    times = pa.array(table["time"]).cast(pa.timestamp("us", "UTC"))
    return numbers | {"label": pa.array(map(int, table["label"])), "time": times, "city": pa.array(table["city"])}


def parquet(**changed: pa.Array) -> bytes:
    """A good Parquet file but for some columns."""
    return write_parquet(pa.table(arrays() | changed))


def write_parquet(table: pa.Table, **options: Any) -> bytes:
    """A table as Parquet."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def typed(column: str, values: list[Any], kind: pa.DataType) -> Callable[[], bytes]:
    """A good Parquet file with one column of another type, ``values`` repeated."""
    return lambda: parquet(**{column: pa.array([values[i % len(values)] for i in range(ROWS)], kind)})


@cache
def good_csv() -> bytes:
    return write_csv(columns())


@cache
def good_parquet() -> bytes:
    return write_parquet(pa.table(arrays()))


@cache
def good_gzip() -> bytes:
    rng = np.random.default_rng(1)  # long enough that the compressed file has several blocks
    rows = [
        f"{a:.6f},{b:.6f},{c}" for a, b, c in zip(rng.random(20_000), rng.random(20_000), [0, 1] * 10_000, strict=True)
    ]
    return gzip.compress("\n".join(["score,variance,label", *rows]).encode(), mtime=0)


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def zip_file(**members: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, text in (members or {"scores.csv": good_csv().decode()}).items():
            archive.writestr(name, text)
    return sink.getvalue()


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\x00\x00")) + chunk(b"IEND", b"")


def sqlite_file() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE scores (score REAL)")
    return connection.serialize()


def feather_file() -> bytes:
    sink = io.BytesIO()
    feather.write_feather(pa.table(arrays()), sink)
    return sink.getvalue()


def npy_file() -> bytes:
    sink = io.BytesIO()
    np.save(sink, np.arange(5.0))
    return sink.getvalue()


def gzip_bomb() -> bytes:
    return gzip.compress(b"score,variance,label\n" + b"0.5,0.1,1\n" * 2_500_000)


def rows_bomb() -> bytes:
    block = pa.table({"score": np.full(500_000, 0.5), "variance": np.full(500_000, 0.1), "label": np.ones(500_000)})
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, block.schema) as writer:
        for _ in range(100):
            writer.write_table(block)
    return sink.getvalue()


def dictionary_bomb(column: str) -> Callable[[], bytes]:
    """100,000 rows of one text of 10 MB, in a file of some kilobytes."""

    def make() -> bytes:
        n = 100_000
        text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, dtype=np.int32)), pa.array(["x" * 10_000_000]))
        table = {
            "score": np.linspace(0, 1, n),
            "variance": np.linspace(0, 1, n),
            "label": np.arange(n) % 2,
            "city": text,
        }
        return write_parquet(pa.table(table | {column: text}), compression="zstd")

    return make


def memory_bomb() -> bytes:
    """One page of 200 MB of zeros, a few kilobytes when compressed."""
    n = 25_000_000
    schema = pa.schema([("score", pa.float64()), ("variance", pa.float64()), ("label", pa.int8())])
    values = [pa.array(np.zeros(n)), pa.nulls(n, pa.float64()), pa.nulls(n, pa.int8())]
    options = {
        "use_dictionary": False,
        "compression": "zstd",
        "data_page_size": 2**31 - 1,
        "row_group_size": n,
        "max_rows_per_page": n,
    }
    return write_parquet(pa.Table.from_arrays(values, schema=schema), write_batch_size=n, **options)


def deep_nesting() -> bytes:
    kind: pa.DataType = pa.float64()
    for _ in range(60):
        kind = pa.struct([("a", kind)])
    return parquet(score=pa.nulls(ROWS, kind))


def bad_text_in_parquet() -> bytes:
    raw = pa.array([b"Bern", b"K\xf6ln"] * (ROWS // 2))
    return parquet(city=pa.StringArray.from_buffers(ROWS, *raw.buffers()[1:]))


def duplicate_in_parquet() -> bytes:
    found = arrays()
    return write_parquet(pa.Table.from_arrays([*found.values(), found["score"]], names=[*found, "score"]))


NOT_PARQUET = r"The Parquet file cannot be read: .+[^.]\."
DAMAGED_GZIP = r"The gzip file is damaged after [\d,]+ bytes of content \(.+\)\."
THERE = r"the file has .+\."


def encodings() -> Iterable[Case]:
    group = "encoding"
    text = good_csv().decode()
    broken = r"The file is UTF-16 text\."
    yield Case(group, "utf16_le_with_mark", lambda: b"\xff\xfe" + text.encode("utf-16-le"), broken)
    yield Case(group, "utf16_be_with_mark", lambda: b"\xfe\xff" + text.encode("utf-16-be"), broken)
    yield Case(group, "utf32_with_mark", lambda: text.encode("utf-32"), broken)
    broken = r"The file is UTF-16 or UTF-32 text, or binary\."
    yield Case(group, "utf16_le_without_mark", lambda: text.encode("utf-16-le"), broken)
    yield Case(group, "utf16_be_without_mark", lambda: text.encode("utf-16-be"), broken)
    yield Case(group, "utf32_without_mark", lambda: text.encode("utf-32-le"), broken)
    broken = r"Row 9 is not UTF-8, in column 'city'\."
    yield Case(group, "latin1_value", put(9, b"Rome", b"K\xf6ln"), broken, SEGMENTED)
    yield Case(group, "shift_jis_value", put(9, b"Rome", "東京".encode("shift-jis")), broken, SEGMENTED)
    yield Case(group, "surrogate_value", put(9, b"Rome", b"\xed\xa0\x80"), broken, SEGMENTED)
    yield Case(group, "overlong_utf8_value", put(9, b"Rome", b"\xc0\xaf"), broken, SEGMENTED)
    yield Case(group, "mark_then_latin1", lambda: b"\xef\xbb\xbf" + put(9, b"Rome", b"\xff")(), broken, SEGMENTED)
    yield Case(group, "latin1_after_quoted_line_break", put(9, b"Rome", b'"a\nb\xff"'), broken, SEGMENTED)
    yield Case(group, "latin1_number", put(4, b"0.16", b"0.16\xa0"), r"Row 4 is not UTF-8, in column 'score'\.")
    yield Case(group, "latin1_in_gzip", lambda: gzip.compress(put(9, b"Rome", b"\xff")()), broken, SEGMENTED)
    yield Case(
        group, "cut_inside_a_character", lambda: good_csv()[:-5] + b"\xc3", r"Row 20 is not UTF-8, in column 'city'\.",
        SEGMENTED,
    )  # fmt: skip
    yield Case(group, "latin1_header", put(0, b"city", b"citt\xe0"), r"The header is not UTF-8 \(byte 47\)\.")
    yield Case(group, "mark_then_ragged", lambda: b"\xef\xbb\xbf" + put(3, b",", b",,")(), RAGGED.format(3, 9))
    yield Case(group, "two_marks", lambda: b"\xef\xbb\xbf" * 2 + good_csv(), rf"There is no column 'score'; {THERE}")
    yield Case(group, "nul_in_header", put(0, b"city", b"ci\x00ty"), r"The file is not text\.")
    yield Case(
        group, "nul_in_number", put(5, b"0.2,", b"0.2\x00,"), NUMBER.format("score", PROBABILITY, 5, r"'0\.2\\x00'")
    )
    yield Case(group, "nul_everywhere", lambda: good_csv().replace(b",", b"\x00"), r"The file is not text\.")
    yield Case(group, "control_characters", lambda: b"score,a\n" + bytes(range(1, 9)) * 40, r"The file is not text\.")
    yield Case(
        group, "parquet_text_not_utf8", bad_text_in_parquet,
        r"Column 'city' is damaged, from row 1 on: Invalid UTF8 sequence at string index 1\.", SEGMENTED,
    )  # fmt: skip


RAGGED = r"Row {} has {} fields; the header has 8\."
NUMBER = r"'{}' must be {}; row {} has {}\."
PROBABILITY = "a probability between 0 and 1"
NONNEGATIVE = "a number from 0 to 1e100"


def structures() -> Iterable[Case]:
    group = "structure"
    yield Case(group, "empty", lambda: b"", r"The file is empty\.")
    yield Case(group, "blank_lines_only", lambda: b"\n\r\n\n", r"The file holds only blank lines\.")
    yield Case(group, "mark_only", lambda: b"\xef\xbb\xbf", r"The file has no header line that can be read\.")
    yield Case(group, "blanks_only", lambda: b"   \n  \n", r"Column 1 has no name\.")
    no_rows = r"The file has a header but no rows\."
    yield Case(group, "header_only", lines("score,variance,label"), no_rows)
    yield Case(group, "header_without_line_end", lambda: b"score,variance,label", no_rows)
    yield Case(group, "header_and_blank_lines", lines("score,variance,label", "", ""), no_rows)
    yield Case(group, "parquet_without_rows", lambda: write_parquet(pa.table(arrays()).slice(0, 0)), no_rows)
    yield Case(group, "ragged_short", put(7, b",Bern", b""), RAGGED.format(7, 7))
    yield Case(group, "ragged_long", put(7, b",Bern", b",Bern,x"), RAGGED.format(7, 9))
    yield Case(group, "one_field", put(7, good_csv().splitlines()[7], b"0.5"), r"Row 7 has 1 field; the header has 8\.")
    yield Case(
        group, "line_of_blanks", put(7, good_csv().splitlines()[7], b"  "), r"Row 7 has 1 field; the header has 8\."
    )
    yield Case(
        group, "ragged_after_blank_lines", put(7, b",Bern", b",Bern\n\n\n0.5"), r"Row 8 has 1 field; the header has 8\."
    )
    yield Case(
        group,
        "ragged_after_quoted_line_breaks",
        put(7, b",Bern", b',"a\nb\nc"\n0.5'),
        r"Row 8 has 1 field; the header has 8\.",
    )
    yield Case(
        group,
        "delimiter_at_line_ends",
        lambda: good_csv().replace(b"\n", b",\n").replace(b"city,", b"city", 1),
        RAGGED.format(1, 9),
    )
    yield Case(
        group, "lone_carriage_return_in_value", put(7, b"Bern", b"Be\rrn"), r"Row 8 has 1 field; the header has 8\."
    )
    yield Case(group, "cut_in_the_last_row", lambda: good_csv()[:-30], r"Row 20 has [1-7] fields?; the header has 8\.")
    yield Case(
        group,
        "comma_rows_under_semicolons",
        lambda: good_csv().replace(b",", b";", 7),
        r"Row 1 has 1 field; the header has 8\.",
    )
    yield Case(
        group, "space_delimited", lambda: good_csv().replace(b",", b" "), rf"There is no column 'score'; {THERE}"
    )
    yield Case(group, "pipe_delimited", lambda: good_csv().replace(b",", b"|"), rf"There is no column 'score'; {THERE}")
    yield Case(
        group,
        "values_instead_of_a_header",
        lambda: good_csv().replace(b"0.04,0.001,0,0,", b"0.04,0.001,0,9,").partition(b"\n")[2],
        rf"There is no column 'score'; {THERE}",
    )
    yield Case(
        group,
        "numbers_instead_of_a_header",
        lines("0.5,0.1,1", "0.6,0.1,0"),
        r"The first line holds values, not column names\.",
    )
    never = r"Row 7 opens a quote that is never closed\."
    yield Case(group, "open_quote_in_last_column", put(7, b"Bern", b'"Bern'), never)
    yield Case(group, "open_quote_in_mapped_segment", put(7, b"Bern", b'"Bern'), never, SEGMENTED)
    yield Case(group, "open_quote_in_number", put(7, b"0.28", b'"0.28'), r"Row 7 has 1 field; the header has 8\.")
    yield Case(
        group,
        "open_quote_in_last_row",
        lambda: good_csv()[:-5] + b'"Oslo',
        r"Row 20 opens a quote that is never closed\.",
    )
    ids = [f"a{i + 1}" for i in range(ROWS)]
    yield Case(
        group,
        "open_quote_that_would_swallow_a_row",  # the reader takes the two lines for one good record
        lambda: write_csv({"id": [*ids[:6], '"a7', '"a8', *ids[8:]]} | columns()),
        r"Row 7 has text after a closing quote\.",
    )
    yield Case(
        group,
        "text_after_a_closing_quote",
        put(7, b"Bern", b'"a\nb"x'),
        r"Row 7 has text after a closing quote\.",
    )
    yield Case(
        group, "open_quote_in_header", put(0, b"city", b'"city'), r"The file has no header line that can be read\."
    )
    long_header = r"The header line is longer than 65,536 bytes\."
    yield Case(group, "header_of_a_megabyte", lambda: b"score," + b"x" * 2**20 + good_csv(), long_header)
    yield Case(
        group, "header_of_a_megabyte_of_two_byte_characters", lambda: b"score," + "é".encode() * 2**19, long_header
    )
    yield Case(group, "one_line_without_end", lambda: b"score" * 2**18, long_header)
    yield Case(
        group, "a_hundred_thousand_columns", lambda: write_csv({f"c{i}": ["0"] for i in range(100_000)}), long_header
    )
    yield Case(
        group, "ten_thousand_columns", lambda: write_csv({f"c{i}": ["0"] for i in range(10_000)}),
        r"The file has 10,000 columns; the limit is 200\.", error=TooLarge,
    )  # fmt: skip
    yield Case(
        group, "ten_thousand_columns_in_parquet",
        lambda: write_parquet(pa.table({f"c{i}": [0] for i in range(10_000)}), use_dictionary=False),
        r"The file has 10,000 columns; the limit is 200\.", error=TooLarge,
    )  # fmt: skip
    yield Case(group, "parquet_without_columns", lambda: write_parquet(pa.table({})), r"The file has no columns\.")
    yield Case(
        group, "row_of_ten_megabytes", put(7, b"Bern", b"x" * 10 * 2**20), r"Row 7 is longer than 4,194,304 bytes\."
    )


def names() -> Iterable[Case]:
    group = "names"
    for missing in ("score", "variance", "label"):
        yield Case(group, f"no_{missing}", renamed(missing, "x"), rf"There is no column '{missing}'; {THERE}")
    yield Case(group, "no_low", renamed("low", "x"), rf"There is no column 'low'; {THERE}", INTERVAL)
    yield Case(group, "no_segment", renamed("city", "x"), rf"There is no column 'city'; {THERE}", SEGMENTED)
    yield Case(
        group,
        "no_score_in_parquet",
        lambda: write_parquet(pa.table(arrays()).drop(["score"])),
        rf"There is no column 'score'; {THERE}",
    )
    yield Case(group, "other_case", renamed("score", "Score"), rf"There is no column 'score'; {THERE}")
    yield Case(group, "blank_in_front", renamed("score", " score"), rf"There is no column 'score'; {THERE}")
    yield Case(group, "cyrillic_look_alike", renamed("score", "sсore"), rf"There is no column 'score'; {THERE}")
    yield Case(
        group,
        "zero_width_space",
        renamed("score", "score\u200b"),
        r"There is no column 'score'; the file has 'score\\u200b', .+",
    )
    twice = r"Column name 'score' stands twice \(columns 1 and {}\)\."
    yield Case(group, "duplicate", put(0, b"high", b"score"), twice.format(5))
    yield Case(group, "duplicate_in_quotes", put(0, b"high", b'"score"'), twice.format(5))
    yield Case(group, "duplicate_in_parquet", duplicate_in_parquet, twice.format(9))
    yield Case(group, "no_name", put(0, b"high", b""), r"Column 5 has no name\.")
    yield Case(group, "quoted_empty_name", put(0, b"high", b'""'), r"Column 5 has no name\.")
    yield Case(group, "blank_name", put(0, b"high", b"  "), r"Column 5 has no name\.")
    yield Case(group, "delimiter_at_header_end", put(0, b"city", b"city,"), r"Column 9 has no name\.")
    yield Case(
        group,
        "name_of_ten_kilobytes",
        put(0, b"high", b"h" * 10_240),
        r"The name of column 5 has 10,240 characters; the limit is 200\.",
    )
    yield Case(
        group,
        "name_of_ten_kilobytes_in_parquet",
        lambda: parquet(**{"h" * 10_240: pa.nulls(ROWS)}),
        r"The name of column 9 has 10,240 characters; the limit is 200\.",
    )
    yield Case(
        group, "asked_for_a_long_name", good_csv, r"There is no column 'x{37}…'; " + THERE,
        ColumnRoles("x" * 5_000, ("variance",), "variance", "label"),
    )  # fmt: skip
    yield Case(
        group, "asked_for_sql", good_csv, r"There is no column '\"; DROP TABLE rows; --'; " + THERE,
        ColumnRoles('"; DROP TABLE rows; --', ("variance",), "variance", "label"),
    )  # fmt: skip


def numbers() -> Iterable[Case]:
    group = "numbers"
    scores = {
        "above_one": ("1.5", r"1\.5"),
        "just_above_one": ("1.0000001", r"1\.0000001"),
        "percent_number": ("85", r"85\.0"),
        "negative": ("-0.1", r"-0\.1"),
        "decimal_comma": ('"0,5"', "'0,5'"),
        "thousands_mark": ("1_000", "'1_000'"),
        "hexadecimal": ("0x1F", "'0x1F'"),
        "arabic_indic_digits": ("٠.٥", "'٠.٥'"),
        "full_width_digits": ("０．５", "'０．５'"),
        "text": ("high", "'high'"),
        "true": ("True", "'True'"),
        "percent_sign": ("50%", "'50%'"),
        "currency": ("$0.5", r"'\$0\.5'"),
        "fraction": ("1/2", "'1/2'"),
        "two_signs": ("--1", "'--1'"),
        "formula": ("=1+1", r"'=1\+1'"),
        "two_points": ("0.5.1", r"'0\.5\.1'"),
        "inner_blank": ("0. 5", r"'0\. 5'"),
        "question_mark": ("?", r"'\?'"),
        "markup": ("<script>alert(1)</script>", r"'<script>alert\(1\)</script>'"),
        "bidi": ("\u202e0.5", r"'\\u202e0\.5'"),
        "long_text": ("x" * 5_000, "'x{37}…'"),
    }
    for name, (value, shown) in scores.items():
        yield Case(group, f"score_{name}", cell("score", 12, value), NUMBER.format("score", PROBABILITY, 12, shown))
    for name, (value, shown) in {
        "two": ("2", r"2\.0"), "minus_one": ("-1", r"-1\.0"), "half": ("0.5", r"0\.5"), "yes": ("yes", "'yes'"),
        "positive": ("positive", "'positive'"), "t": ("t", "'t'"), "quoted_list": ('"[1]"', r"'\[1\]'"),
    }.items():  # fmt: skip
        yield Case(group, f"label_{name}", cell("label", 12, value), NUMBER.format("label", "0 or 1", 12, shown))
    for name, roles in (("variance", BASE), ("std", STD), ("evidence", EVIDENCE)):
        yield Case(
            group,
            f"{name}_negative",
            cell("variance", 12, "-0.001"),
            NUMBER.format("variance", NONNEGATIVE, 12, r"-0\.001"),
            roles,
        )
    yield Case(group, "variance_text", cell("variance", 12, "low"), NUMBER.format("variance", NONNEGATIVE, 12, "'low'"))
    yield Case(
        group, "variance_huge", cell("variance", 12, "1e200"), NUMBER.format("variance", NONNEGATIVE, 12, r"1e\+200")
    )
    yield Case(
        group, "weight_negative", cell("weight", 12, "-1"), NUMBER.format("weight", NONNEGATIVE, 12, r"-1\.0"), WEIGHTED
    )
    yield Case(
        group,
        "weight_huge",
        cell("weight", 12, "1e300"),
        NUMBER.format("weight", NONNEGATIVE, 12, r"1e\+300"),
        WEIGHTED,
    )
    any_number = "a number between -1e100 and 1e100"
    yield Case(
        group, "entropy_text", cell("variance", 12, "e"), NUMBER.format("variance", any_number, 12, "'e'"), ENTROPY
    )
    yield Case(
        group,
        "entropy_huge",
        cell("variance", 12, "-1e300"),
        NUMBER.format("variance", any_number, 12, r"-1e\+300"),
        ENTROPY,
    )
    yield Case(group, "interval_text", cell("high", 12, "up"), NUMBER.format("high", any_number, 12, "'up'"), INTERVAL)
    yield Case(
        group, "interval_wide", cell("high", 12, "1e308"), NUMBER.format("high", any_number, 12, r"1e\+308"), INTERVAL
    )
    yield Case(
        group,
        "low_above_high",
        cell("low", 12, "0.99"),
        r"'low' must not be above 'high'; row 12 has 0\.99 above 0\.386667\.",
        INTERVAL,
    )
    swapped = ColumnRoles("score", ("high", "low"), "interval", "label")
    yield Case(
        group,
        "low_and_high_swapped",
        good_csv,
        r"'high' must not be above 'low'; row 1 has 0\.01 above 0\.0\.",
        swapped,
    )
    yield Case(
        group,
        "row_number_after_blank_lines",
        put(12, b"0.48", b"\n\n1.5"),
        NUMBER.format("score", PROBABILITY, 12, r"1\.5"),
    )
    yield Case(
        group,
        "row_number_after_line_break",
        puts((11, b"Oslo", b'"a\nb\nc"'), (12, b"0.48", b"90.48")),
        NUMBER.format("score", PROBABILITY, 12, r"90\.48"),
    )
    not_numbers = r"'score' holds {}, not numbers\."
    for values, kind in (
        ([True, False], pa.bool_()),
        ([1, 2], pa.date32()),
        ([1], pa.timestamp("us")),
        ([1], pa.time32("ms")),
        ([1], pa.duration("s")),
        ([b"0.5"], pa.binary()),
        ([b"ab"], pa.binary(2)),
    ):
        message = not_numbers.format(re.escape(str(kind)))
        yield Case(group, f"score_as_{kind}", typed("score", values, kind), message)
    yield Case(
        group,
        "score_as_list",
        typed("score", [[0.5]], pa.list_(pa.float64())),
        not_numbers.format("list<element: double>"),
    )
    yield Case(
        group,
        "score_as_struct",
        typed("score", [{"a": 0.5}], pa.struct([("a", pa.float64())])),
        not_numbers.format("struct<a: double>"),
    )
    yield Case(
        group,
        "score_as_text_in_parquet",
        typed("score", ["0.5", "half"], pa.string()),
        NUMBER.format("score", PROBABILITY, 2, "'half'"),
    )
    yield Case(
        group,
        "score_as_dictionary",
        lambda: parquet(score=pa.array(["0.5", "half"] * 10).dictionary_encode()),
        NUMBER.format("score", PROBABILITY, 2, "'half'"),
    )
    yield Case(
        group,
        "label_two_in_parquet",
        typed("label", [0, 1, 2], pa.int64()),
        NUMBER.format("label", "0 or 1", 3, r"2\.0"),
    )
    yield Case(
        group,
        "label_yes_in_parquet",
        typed("label", ["no", "yes"], pa.string()),
        NUMBER.format("label", "0 or 1", 1, "'no'"),
    )
    yield Case(
        group,
        "label_as_timestamp",
        typed("label", [0, 1], pa.timestamp("s")),
        r"'label' holds timestamp\[ms\], not numbers\.",
    )


def degenerates() -> Iterable[Case]:
    group = "degenerate"
    one_class = r"'label' is {} in all {} rows: every row is {}\."
    yield Case(group, "one_row", lines("score,variance,label", "0.5,0.1,1"), one_class.format(1, 1, "positive"))
    yield Case(group, "all_positive", all_cells("label", "1"), one_class.format(1, 20, "positive"))
    yield Case(group, "all_negative", all_cells("label", "0"), one_class.format(0, 20, "negative"))
    yield Case(
        group, "one_class_once_missing_rows_are_out", lambda: write_csv(columns() | {
            "label": ["1", *["0"] * 19], "score": ["", *["0.5"] * 19]}), one_class.format(0, 19, "negative"),
    )  # fmt: skip
    constant = r"{} is {} in every row: there is nothing to compare\."
    yield Case(group, "constant_variance", all_cells("variance", "0.1"), constant.format("'variance'", r"0\.1"))
    yield Case(group, "zero_variance", all_cells("variance", "-0"), constant.format("'variance'", "0"))
    yield Case(group, "constant_evidence", all_cells("variance", "7"), constant.format("'variance'", "7"), EVIDENCE)
    yield Case(
        group,
        "constant_width",
        lambda: write_csv(columns() | {"low": ["0.25"] * 20, "high": ["0.5"] * 20}),
        constant.format("'low' to 'high'", r"0\.25"),
        INTERVAL,
    )
    yield Case(group, "zero_weights", all_cells("weight", "0"), r"'weight' is zero in every row\.", WEIGHTED)
    left_out = r"{} of 20 rows would be left out, most because '{}' is {} \({} rows\); at most 10% may be\."
    for column, roles in (("score", BASE), ("variance", BASE), ("label", BASE), ("weight", WEIGHTED), ("time", TIMED)):
        yield Case(
            group, f"all_{column}_missing", all_cells(column, ""), left_out.format(20, column, "missing", 20), roles
        )
    for text in ("NA", "nan", "NULL", "None", "-", "#N/A"):
        yield Case(group, f"all_{text}", all_cells("score", text), left_out.format(20, "score", "missing", 20))
    yield Case(group, "three_missing", some_cells("score", "", (3, 8, 20)), left_out.format(3, "score", "missing", 3))
    yield Case(
        group,
        "three_infinite",
        some_cells("variance", "inf", (3, 8, 20)),
        left_out.format(3, "variance", "infinite", 3),
    )
    yield Case(
        group,
        "three_too_big_for_a_float",
        some_cells("variance", "1e400", (3, 8, 20)),
        left_out.format(3, "variance", "infinite", 3),
    )
    yield Case(
        group, "all_infinite", all_cells("variance", "-Infinity"), left_out.format(20, "variance", "infinite", 20)
    )
    yield Case(group, "infinite_score", all_cells("score", "inf"), left_out.format(20, "score", "infinite", 20))
    yield Case(
        group,
        "one_missing_where_none_may_be",
        cell("score", 3, ""),
        r"1 of 20 rows would be left out, most because 'score' is missing \(1 rows\); at most 0% may be\.",
        limits={"excluded_share": 0.0},
    )
    yield Case(
        group,
        "null_column_in_parquet",
        lambda: parquet(score=pa.nulls(ROWS)),
        left_out.format(20, "score", "missing", 20),
    )
    yield Case(
        group,
        "null_times_in_parquet",
        lambda: parquet(time=pa.nulls(ROWS)),
        left_out.format(20, "time", "missing", 20),
        TIMED,
    )
    yield Case(
        group,
        "nan_in_parquet",
        typed("score", [float("nan")], pa.float32()),
        left_out.format(20, "score", "missing", 20),
    )
    yield Case(
        group,
        "lines_of_delimiters",
        lines("score,variance,label", "0.5,0.1,1", ",,", ",,", "0.4,0.2,0"),
        r"2 of 4 rows would be left out, most because 'score' is missing \(2 rows\); at most 10% may be\.",
    )


def bombs() -> Iterable[Case]:
    group = "bombs"
    yield Case(
        group, "gzip_bomb", gzip_bomb, r"The compressed file unpacks to more than 100 times its size\.", error=TooLarge
    )
    small = {"file_bytes": 100_000}
    too_many_bytes = r"The content is larger than 100,000 bytes\."
    yield Case(group, "gzip_beyond_the_bytes", good_gzip, too_many_bytes, error=TooLarge, limits=small)
    yield Case(
        group,
        "csv_beyond_the_bytes",
        lambda: gzip.decompress(good_gzip()),
        too_many_bytes,
        error=TooLarge,
        limits=small,
    )
    yield Case(
        group,
        "parquet_beyond_the_bytes",
        lambda: parquet(noise=pa.array([np.random.default_rng(0).bytes(9_000)] * ROWS)),
        r"The content is larger than 5,000 bytes\.",
        error=TooLarge,
        limits={"file_bytes": 5_000},
    )
    yield Case(
        group,
        "two_files_beyond_the_bytes",
        lambda: [good_csv(), good_csv() + b"\n"],
        r"part1\.bin: The content is larger than 1,500 bytes\.",
        error=TooLarge,
        limits={"file_bytes": 1_500},
    )
    yield Case(group, "rows_in_csv", good_csv, r"There are more than 10 rows\.", error=TooLarge, limits={"rows": 10})
    yield Case(
        group,
        "rows_in_two_files",
        lambda: [good_csv(), good_parquet()],
        r"part1\.bin: There are more than 30 rows\.",
        error=TooLarge,
        limits={"rows": 30},
    )
    yield Case(
        group,
        "fifty_million_equal_rows_in_parquet",
        rows_bomb,
        r"There are more than 10,000,000 rows\.",
        error=TooLarge,
    )
    yield Case(
        group,
        "page_of_200_megabytes",
        memory_bomb,
        r"The file needs more than 400 MiB of memory to parse\.",
        error=TooLarge,
        limits={"parse_memory_bytes": 400 * 2**20, "rows": 10**9},
    )
    yield Case(
        group,
        "dictionary_segment",
        dictionary_bomb("city"),
        r"'city' has a text of 10,000,000 characters in row 1; the limit is 1,000\.",
        SEGMENTED,
        TooLarge,
    )
    yield Case(
        group,
        "dictionary_score",
        dictionary_bomb("score"),
        r"'score' holds a text of 10,000,000 bytes; the limit is 10,000\.",
        error=TooLarge,
    )
    yield Case(
        group,
        "dictionary_time",
        dictionary_bomb("time"),
        r"'time' holds a text of 10,000,000 bytes; the limit is 10,000\.",
        TIMED,
        TooLarge,
    )
    yield Case(
        group, "columns", good_csv, r"The file has 8 columns; the limit is 7\.", error=TooLarge, limits={"columns": 7}
    )
    yield Case(
        group,
        "columns_in_parquet",
        good_parquet,
        r"The file has 8 columns; the limit is 7\.",
        error=TooLarge,
        limits={"columns": 7},
    )
    yield Case(
        group,
        "segment_values",
        good_csv,
        r"'city' has more than 2 different values\.",
        SEGMENTED,
        TooLarge,
        {"segment_values": 2},
    )
    yield Case(
        group,
        "segment_values_in_parquet",
        good_parquet,
        r"'city' has more than 2 different values\.",
        SEGMENTED,
        TooLarge,
        {"segment_values": 2},
    )
    yield Case(
        group,
        "score_as_segment",
        lambda: gzip.decompress(good_gzip()),
        r"'score' has more than 1,000 different values\.",
        ColumnRoles("score", ("variance",), "variance", "label", segments=("score",)),
        TooLarge,
    )
    yield Case(
        group,
        "long_segment_text",
        cell("city", 12, "x" * 1_001),
        r"'city' has a text of 1,001 characters in row 12; the limit is 1,000\.",
        SEGMENTED,
        TooLarge,
    )
    yield Case(group, "deep_nesting", deep_nesting, r"'score' holds struct<.+…, not numbers\.")
    yield Case(
        group,
        "list_as_segment",
        typed("city", [["a"]], pa.list_(pa.string())),
        r"'city' holds list<element: string>\.",
        SEGMENTED,
    )
    yield Case(group, "bytes_as_segment", typed("city", [b"a"], pa.binary()), r"'city' holds binary\.", SEGMENTED)


def magics() -> Iterable[Case]:
    group = "magic"
    archive = r"The file is a zip archive or a spreadsheet\."
    yield Case(group, "zip", zip_file, archive)
    yield Case(
        group,
        "xlsx",
        lambda: zip_file(**{"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<workbook/>"}),
        archive,
    )
    yield Case(group, "xlsx_in_gzip", lambda: gzip.compress(zip_file()), archive)
    yield Case(group, "empty_zip", lambda: b"PK\x05\x06" + bytes(18), r"The file is an empty zip archive\.")
    yield Case(
        group,
        "old_xls",
        lambda: bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504),
        r"The file is a spreadsheet of the old Excel format\.",
    )
    yield Case(group, "png", png, r"The file is a PNG picture\.")
    yield Case(group, "png_in_gzip", lambda: gzip.compress(png()), r"The file is a PNG picture\.")
    yield Case(group, "parquet_in_gzip", lambda: gzip.compress(good_parquet()), r"The file is Parquet inside gzip\.")
    yield Case(
        group, "gzip_in_gzip", lambda: gzip.compress(gzip.compress(good_csv())), r"The file is gzip inside gzip\."
    )
    yield Case(group, "empty_in_gzip", lambda: gzip.compress(b""), r"The file holds only blank lines\.")
    yield Case(group, "pdf", lambda: b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n", r"The file is a PDF\.")
    yield Case(group, "sqlite", sqlite_file, r"The file is an SQLite database\.")
    yield Case(group, "feather", feather_file, r"The file is an Arrow or Feather file\.")
    yield Case(group, "npy", npy_file, r"The file is a NumPy array\.")
    yield Case(group, "bzip2", lambda: bz2.compress(good_csv()), r"The file is bzip2\.")
    yield Case(group, "zstd", lambda: pa.compress(good_csv(), "zstd", asbytes=True), r"The file is zstd\.")
    yield Case(
        group, "html", lambda: b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", r"The file is an HTML page\."
    )
    yield Case(
        group, "html_without_doctype", lambda: b"<html><body>Sign in</body></html>", r"The file is an HTML page\."
    )
    yield Case(group, "xml", lambda: b'<?xml version="1.0"?>\n<rows/>', r"The file is XML\.")
    yield Case(group, "json", lambda: json.dumps(columns()).encode(), r"The file is JSON\.")
    yield Case(group, "json_records", lambda: b'[{"score": 0.5}]', r"The file is JSON\.")
    yield Case(
        group, "pickle", lambda: b"\x80\x04\x95\x1e" + bytes(40), r"The file is UTF-16 or UTF-32 text, or binary\."
    )
    yield Case(group, "random_bytes", lambda: np.random.default_rng(3).bytes(4_000), r"The file is not text\.")
    yield Case(group, "zeros", lambda: bytes(4_000), r"The file is UTF-16 or UTF-32 text, or binary\.")
    parquet_size = len(good_parquet())
    for at in (
        4,
        5,
        8,
        12,
        100,
        parquet_size // 4,
        parquet_size // 2,
        parquet_size - 2_000,
        parquet_size - 9,
        parquet_size - 8,
        parquet_size - 4,
        parquet_size - 1,
    ):
        yield Case(group, f"parquet_cut_at_{at}", lambda at=at: good_parquet()[:at], NOT_PARQUET)
    yield Case(group, "parquet_tail_doubled", lambda: good_parquet() + good_parquet()[-8:], NOT_PARQUET)
    yield Case(group, "parquet_footer_length", lambda: good_parquet()[:-8] + b"\xff\xff\xff\x7fPAR1", NOT_PARQUET)
    yield Case(
        group, "parquet_footer_zeroed", lambda: good_parquet()[:-300] + bytes(292) + good_parquet()[-8:], NOT_PARQUET
    )
    yield Case(group, "parquet_pages_zeroed", lambda: b"PAR1" + bytes(1_000) + good_parquet()[1_004:], NOT_PARQUET)
    yield Case(group, "csv_after_parquet_magic", lambda: b"PAR1" + good_csv(), NOT_PARQUET)
    gzip_size = len(good_gzip())
    for at in (2, 3, 9, 10, 11, 15, 1_000, gzip_size // 2, gzip_size - 9, gzip_size - 8, gzip_size - 4, gzip_size - 1):
        yield Case(group, f"gzip_cut_at_{at}", lambda at=at: good_gzip()[:at], DAMAGED_GZIP)
    yield Case(group, "gzip_checksum", lambda: flip(good_gzip(), gzip_size - 6), DAMAGED_GZIP)
    yield Case(group, "gzip_length", lambda: flip(good_gzip(), gzip_size - 2), DAMAGED_GZIP)
    yield Case(group, "gzip_trailing_garbage", lambda: good_gzip() + b"garbage", DAMAGED_GZIP)
    yield Case(group, "gzip_second_member_cut", lambda: good_gzip() + good_gzip()[:500], DAMAGED_GZIP)
    yield Case(group, "gzip_method", lambda: flip(good_gzip(), 2), DAMAGED_GZIP)


def times() -> Iterable[Case]:
    group = "times"
    texts = {
        "no_time": "yesterday", "compact": "2026-0131", "german": "12.01.2026", "american": "01/12/2026",
        "february_30": "2026-02-30", "hour_25": "2026-01-12T25:00:00Z", "clock_only": "12:30", "month_only": "2026-01",
    }  # fmt: skip
    for name, text in texts.items():
        yield Case(
            group, name, cell("time", 12, text), NUMBER.format("time", "a time", 12, re.escape(repr(text))), TIMED
        )
    yield Case(group, "first_is_no_time", cell("time", 1, "soon"), NUMBER.format("time", "a time", 1, "'soon'"), TIMED)
    out = r"'time' must lie from 1970 to 2099; row 12 has {}\."
    for year in ("1900", "1969", "2100", "9999"):
        yield Case(
            group,
            f"year_{year}",
            cell("time", 12, f"{year}-12-31T00:00:00Z"),
            out.format(rf"{year}-12-31T00:00:00"),
            TIMED,
        )
    mixed = r"'time' mixes times with a zone, without one, or as numbers; row 12 has {}\."
    yield Case(
        group, "one_without_zone", cell("time", 12, "2026-01-12T12:00:00"), mixed.format("'2026-01-12T12:00:00'"), TIMED
    )
    yield Case(group, "one_date", cell("time", 12, "2026-01-12"), mixed.format("'2026-01-12'"), TIMED)
    yield Case(group, "one_number", cell("time", 12, "1769851800"), mixed.format("'1769851800'"), TIMED)

    def epochs(first: str, odd: str) -> Callable[[], bytes]:
        return lambda: write_csv(columns() | {"time": [first] * 11 + [odd] + [first] * 8})

    unit = r"'time' must be a time of 1973 to 2100, as a number in {}; row {} has {}\."
    yield Case(
        group,
        "milliseconds_after_seconds",
        epochs("1769851800", "1769851800000"),
        unit.format("s, as the first one is", 12, r"1769851800000\.0"),
        TIMED,
    )
    yield Case(
        group,
        "seconds_after_milliseconds",
        epochs("1769851800000", "1769851800"),
        unit.format("ms, as the first one is", 12, r"1769851800\.0"),
        TIMED,
    )
    yield Case(group, "text_after_seconds", epochs("1769851800", "2026-01-12"), mixed.format("'2026-01-12'"), TIMED)
    every = "s, ms, µs or ns"
    yield Case(group, "compact_dates", epochs("20260131", "20260201"), unit.format(every, 1, r"20260131\.0"), TIMED)
    yield Case(group, "day_numbers", epochs("17", "18"), unit.format(every, 1, r"17\.0"), TIMED)
    yield Case(group, "negative_numbers", epochs("-5", "18"), unit.format(every, 1, r"-5\.0"), TIMED)
    yield Case(group, "between_the_units", epochs("5e9", "5e9"), unit.format(every, 1, r"5000000000\.0"), TIMED)
    yield Case(
        group,
        "zone_in_the_second_file",
        lambda: [good_csv().replace(b"Z,", b","), good_csv()],
        r"part1\.bin: 'time' mixes times with a zone, without one, or as numbers; row 1 has '2026-01-01T12:00:00Z'\.",
        TIMED,
    )
    yield Case(
        group,
        "text_and_parquet_differ",
        lambda: [good_csv().replace(b"Z,", b","), good_parquet()],
        r"part1\.bin: 'time' mixes .+; row 1 has 2026-01-01 12:00:00\+00:00\.",
        TIMED,
    )
    not_times = r"'time' holds {}, not times\."
    yield Case(
        group, "time_of_day_in_parquet", typed("time", [1], pa.time32("s")), not_times.format(r"time32\[ms\]"), TIMED
    )
    yield Case(
        group, "duration_in_parquet", typed("time", [1], pa.duration("s")), not_times.format(r"duration\[s\]"), TIMED
    )
    yield Case(group, "bool_in_parquet", typed("time", [True], pa.bool_()), not_times.format("bool"), TIMED)
    yield Case(
        group,
        "list_in_parquet",
        typed("time", [[1]], pa.list_(pa.int64())),
        not_times.format("list<element: int64>"),
        TIMED,
    )
    yield Case(
        group,
        "year_1900_in_parquet",
        typed("time", [1_700_000_000, -2_208_988_800], pa.timestamp("s")),
        r"'time' must lie from 1970 to 2099; row 2 has 1900-01-01T00:00:00\.",
        TIMED,
    )
    yield Case(
        group,
        "year_300000_in_parquet",
        typed("time", [9_400_000_000_000_000], pa.timestamp("ms")),
        r"'time' must lie from 1970 to 2099; row 1 has .+\.",
        TIMED,
    )
    yield Case(
        group, "small_numbers_in_parquet", typed("time", [1, 2], pa.int32()), unit.format(every, 1, r"1\.0"), TIMED
    )


CASES = [*encodings(), *structures(), *names(), *numbers(), *degenerates(), *bombs(), *magics(), *times()]
HOSTILE = {"encoding", "structure", "bombs", "magic"}  # the bytes themselves are wrong: always through the real process
FIRST_OF_GROUP = {case.group: case.name for case in reversed(CASES)}


def is_real(case: Case) -> bool:
    """Whether the case takes the real process: every hostile one, and one in four of those wrong only in a value."""
    return case.group in HOSTILE or CASES.index(case) % 4 == 0 or case.name == FIRST_OF_GROUP[case.group]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}-{case.name}")
def test_bad_file_is_refused(case: Case, load: Any, serve_here: Any, leftovers: Any) -> None:
    if not is_real(case):
        serve_here()
    content = case.make()
    with pytest.raises(InputError) as caught:
        load(content, case.roles, **case.limits)
    error = caught.value
    assert type(error) is case.error
    assert re.fullmatch(case.message, str(error)), str(error)
    assert re.fullmatch(r"[A-Z].{14,200}\.", error.fix), error.fix
    assert leftovers() == []
    if case.name == FIRST_OF_GROUP[case.group]:
        assert load(good_csv(), BASE).rows.count == ROWS


def test_names_are_unique_and_many() -> None:
    assert len({(case.group, case.name) for case in CASES}) == len(CASES) >= 250
