"""Files that would take more bytes, rows, columns, values or memory than they may."""

import gzip
import io
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import TooLarge
from core.holdout.data import ColumnRoles
from tests.ingest.bad_files import (
    ROWS,
    SEGMENTED,
    TIMED,
    Case,
    cell,
    good_csv,
    good_gzip,
    good_parquet,
    parquet,
    typed,
    write_parquet,
)


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


def cases() -> Iterable[Case]:
    yield Case("gzip_bomb", gzip_bomb, r"The compressed file unpacks to more than 100 times its size\.", error=TooLarge)
    small = {"file_bytes": 100_000}
    too_many_bytes = r"The content is larger than 100,000 bytes\."
    yield Case("gzip_beyond_the_bytes", good_gzip, too_many_bytes, error=TooLarge, limits=small)
    yield Case(
        "csv_beyond_the_bytes",
        lambda: gzip.decompress(good_gzip()),
        too_many_bytes,
        error=TooLarge,
        limits=small,
    )
    yield Case(
        "parquet_beyond_the_bytes",
        lambda: parquet(noise=pa.array([np.random.default_rng(0).bytes(9_000)] * ROWS)),
        r"The content is larger than 5,000 bytes\.",
        error=TooLarge,
        limits={"file_bytes": 5_000},
    )
    yield Case(
        "two_files_beyond_the_bytes",
        lambda: [good_csv(), good_csv() + b"\n"],
        r"part1\.bin: The content is larger than 1,500 bytes\.",
        error=TooLarge,
        limits={"file_bytes": 1_500},
    )
    yield Case("rows_in_csv", good_csv, r"There are more than 10 rows\.", error=TooLarge, limits={"rows": 10})
    yield Case(
        "rows_in_two_files",
        lambda: [good_csv(), good_parquet()],
        r"part1\.bin: There are more than 30 rows\.",
        error=TooLarge,
        limits={"rows": 30},
    )
    yield Case(
        "fifty_million_equal_rows_in_parquet",
        rows_bomb,
        r"There are more than 10,000,000 rows\.",
        error=TooLarge,
    )
    yield Case(
        "page_of_200_megabytes",
        memory_bomb,
        r"The file needs more than 400 MiB of memory to parse\.",
        error=TooLarge,
        limits={"parse_memory_bytes": 400 * 2**20, "rows": 10**9},
    )
    yield Case(
        "dictionary_segment",
        dictionary_bomb("city"),
        r"'city' has a text of 10,000,000 characters in row 1; the limit is 1,000\.",
        SEGMENTED,
        TooLarge,
    )
    yield Case(
        "dictionary_score",
        dictionary_bomb("score"),
        r"'score' holds a text of 10,000,000 bytes; the limit is 10,000\.",
        error=TooLarge,
    )
    yield Case(
        "dictionary_time",
        dictionary_bomb("time"),
        r"'time' holds a text of 10,000,000 bytes; the limit is 10,000\.",
        TIMED,
        TooLarge,
    )
    yield Case("columns", good_csv, r"The file has 8 columns; the limit is 7\.", error=TooLarge, limits={"columns": 7})
    yield Case(
        "columns_in_parquet",
        good_parquet,
        r"The file has 8 columns; the limit is 7\.",
        error=TooLarge,
        limits={"columns": 7},
    )
    yield Case(
        "segment_values",
        good_csv,
        r"'city' has more than 2 different values\.",
        SEGMENTED,
        TooLarge,
        {"segment_values": 2},
    )
    yield Case(
        "segment_values_in_parquet",
        good_parquet,
        r"'city' has more than 2 different values\.",
        SEGMENTED,
        TooLarge,
        {"segment_values": 2},
    )
    yield Case(
        "score_as_segment",
        lambda: gzip.decompress(good_gzip()),
        r"'score' has more than 1,000 different values\.",
        ColumnRoles("score", ("variance",), "variance", "label", segments=("score",)),
        TooLarge,
    )
    yield Case(
        "long_segment_text",
        cell("city", 12, "x" * 1_001),
        r"'city' has a text of 1,001 characters in row 12; the limit is 1,000\.",
        SEGMENTED,
        TooLarge,
    )
    yield Case("deep_nesting", deep_nesting, r"'score' holds struct<.+…, not numbers\.")
    yield Case(
        "list_as_segment",
        typed("city", [["a"]], pa.list_(pa.string())),
        r"'city' holds list<element: string>\.",
        SEGMENTED,
    )
    yield Case("bytes_as_segment", typed("city", [b"a"], pa.binary()), r"'city' holds binary\.", SEGMENTED)


CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_file_is_refused(case: Case, refuse: Any) -> None:
    refuse(case, CASES)
