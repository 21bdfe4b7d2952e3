"""What bad files are made of: good columns of every kind, and ways to spoil them.

A row number counts records after the header.
"""

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InputError
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

THERE = r"the file has .+\."
RAGGED = r"Row {} has {} fields; the header has 8\."
NUMBER = r"'{}' must be {}; row {} has {}\."
PROBABILITY = "a probability between 0 and 1"
NONNEGATIVE = "a number from 0 to 1e100"

Content = bytes | list[bytes]


@dataclass(frozen=True, slots=True)
class Case:
    """One bad file: its name, its bytes, and the whole message it must lead to."""

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


def lines(*rows: str) -> Callable[[], bytes]:
    """A file of just these lines."""
    return lambda: "".join(f"{row}\n" for row in rows).encode()


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
