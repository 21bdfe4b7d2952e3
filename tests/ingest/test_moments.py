"""Times that may be missing, and times that cannot be compared."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.errors import InputError
from core.ingest.load import parse
from core.ingest.schema import Column, Parsed
from core.jobs import finish

COLUMNS = (Column("time", ("t",), "time"), Column("end", ("e",), "moment"))


@pytest.fixture
def read(settings, tmp_path: Path, serve_here):
    serve_here()

    def run(text: str) -> Parsed:
        path = tmp_path / "rows.csv"
        path.write_text(text)
        return finish(parse([path], COLUMNS, target=tmp_path / "out.parquet", metadata={}, settings=settings))

    return run


def test_a_missing_moment_leaves_no_row_out(read, tmp_path: Path) -> None:
    parsed = read("t,e\n2026-01-01T00:00:00Z,\n2026-01-01T00:00:00Z,2026-01-01T00:00:01.9Z\n2026-01-01T00:00:00Z,NA\n")
    found = pq.read_table(tmp_path / "out.parquet")
    first = 1_767_225_600
    assert np.array_equal(found["end"].to_numpy(), [np.nan, first + 1, np.nan], equal_nan=True)
    assert (parsed.rows, parsed.excluded, parsed.zoneless) == (3, (), ())
    assert list(parsed.ranges) == ["time"]


def test_times_without_a_zone_are_named(read) -> None:
    assert read("t,e\n2026-01-01,\n2026-01-01,2026-01-02\n").zoneless == ("time", "end")
    assert read("t,e\n1767225600,\n").zoneless == ()


@pytest.mark.parametrize("row", ["2026-01-01T00:00:00Z,2026-01-02", "2026-01-02,2026-01-01T00:00:00Z"])
def test_times_with_and_without_a_zone_are_not_compared(read, row: str) -> None:
    with pytest.raises(InputError, match=r"holds exact moments, '[te]' times without a zone"):
        read("t,e\n" + row + "\n")
