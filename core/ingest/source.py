"""A file whose header has been read → batches of the wanted columns, whatever its format.

Runs inside the limited child process only, as do the modules that it leads to.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from core.ingest.delimited import read_csv_batches
from core.ingest.header import Header
from core.ingest.parquet import read_parquet_batches
from core.ingest.streams import Meter

BATCH_ROWS = 65_536


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
        for share, batch in read_parquet_batches(path, names, batch_rows=batch_rows):
            meter.beat()
            yield share, batch
    else:
        yield from read_csv_batches(path, header, names, meter=meter)
