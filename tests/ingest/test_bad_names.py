"""Column names that are missing, doubled, empty, overlong or only look like the wanted ones."""

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pytest

from core.holdout.data import ColumnRoles
from tests.ingest.bad_files import (
    INTERVAL,
    ROWS,
    SEGMENTED,
    THERE,
    Case,
    arrays,
    columns,
    good_csv,
    parquet,
    put,
    write_csv,
    write_parquet,
)


def renamed(old: str, new: str) -> Callable[[], bytes]:
    """A good CSV with another column name."""
    return lambda: write_csv({new if name == old else name: values for name, values in columns().items()})


def duplicate_in_parquet() -> bytes:
    found = arrays()
    return write_parquet(pa.Table.from_arrays([*found.values(), found["score"]], names=[*found, "score"]))


def cases() -> Iterable[Case]:
    for missing in ("score", "variance", "label"):
        yield Case(f"no_{missing}", renamed(missing, "x"), rf"There is no column '{missing}'; {THERE}")
    yield Case("no_low", renamed("low", "x"), rf"There is no column 'low'; {THERE}", INTERVAL)
    yield Case("no_segment", renamed("city", "x"), rf"There is no column 'city'; {THERE}", SEGMENTED)
    yield Case(
        "no_score_in_parquet",
        lambda: write_parquet(pa.table(arrays()).drop(["score"])),
        rf"There is no column 'score'; {THERE}",
    )
    yield Case("other_case", renamed("score", "Score"), rf"There is no column 'score'; {THERE}")
    yield Case("blank_in_front", renamed("score", " score"), rf"There is no column 'score'; {THERE}")
    yield Case("cyrillic_look_alike", renamed("score", "sсore"), rf"There is no column 'score'; {THERE}")
    yield Case(
        "zero_width_space",
        renamed("score", "score\u200b"),
        r"There is no column 'score'; the file has 'score\\u200b', .+",
    )
    twice = r"Column name 'score' stands twice \(columns 1 and {}\)\."
    yield Case("duplicate", put(0, b"high", b"score"), twice.format(5))
    yield Case("duplicate_in_quotes", put(0, b"high", b'"score"'), twice.format(5))
    yield Case("duplicate_in_parquet", duplicate_in_parquet, twice.format(9))
    yield Case("no_name", put(0, b"high", b""), r"Column 5 has no name\.")
    yield Case("quoted_empty_name", put(0, b"high", b'""'), r"Column 5 has no name\.")
    yield Case("blank_name", put(0, b"high", b"  "), r"Column 5 has no name\.")
    yield Case("delimiter_at_header_end", put(0, b"city", b"city,"), r"Column 9 has no name\.")
    yield Case(
        "name_of_ten_kilobytes",
        put(0, b"high", b"h" * 10_240),
        r"The name of column 5 has 10,240 characters; the limit is 200\.",
    )
    yield Case(
        "name_of_ten_kilobytes_in_parquet",
        lambda: parquet(**{"h" * 10_240: pa.nulls(ROWS)}),
        r"The name of column 9 has 10,240 characters; the limit is 200\.",
    )
    yield Case(
        "asked_for_a_long_name", good_csv, r"There is no column 'x{37}…'; " + THERE,
        ColumnRoles("x" * 5_000, ("variance",), "variance", "label"),
    )  # fmt: skip
    yield Case(
        "asked_for_sql", good_csv, r"There is no column '\"; DROP TABLE rows; --'; " + THERE,
        ColumnRoles('"; DROP TABLE rows; --', ("variance",), "variance", "label"),
    )  # fmt: skip


CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_file_is_refused(case: Case, refuse: Any) -> None:
    refuse(case, CASES, real_every=4)
