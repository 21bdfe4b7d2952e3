"""A Parquet file → its column names and row count, and batches whose values are checked against their types."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InputError
from core.ingest.arrow_errors import first_line
from core.ingest.streams import BLOCK_BYTES


def read_parquet_start(path: Path) -> tuple[tuple[str, ...], int]:
    """Column names, in file order, and the number of rows that the footer declares.

    Raises
    ------
    InputError
        The footer cannot be read.
    """
    with _explaining(), pq.ParquetFile(path) as file:
        return tuple(file.schema_arrow.names), file.metadata.num_rows


def read_parquet_batches(
    path: Path, names: tuple[str, ...], *, batch_rows: int
) -> Iterator[tuple[float, pa.RecordBatch]]:
    """Yield (share of the rows read, batch) with just the columns ``names``, renamed ``c0…cn`` in that order.

    Raises
    ------
    InputError
        A damaged file or column; the message names the column.
    """
    with _explaining():
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


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The Parquet file cannot be read: {first_line(error)}.",
            fix="Write the file again; the upload may have been cut off.",
        ) from error


def _valid(array: pa.Array, name: str, *, first_row: int) -> pa.Array:
    """Check the array against its own type: the reader takes offsets and text on trust."""
    try:
        array.validate(full=True)
    except pa.ArrowInvalid as error:
        raise InputError(
            f"Column {name!r} is damaged, from row {first_row:,} on: {first_line(error)}.",
            fix="Write the file again; text must be UTF-8.",
        ) from error
    return array


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
