"""Columns with nothing to compare, or with too many missing or infinite values."""

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pytest

from tests.ingest.bad_files import (
    BASE,
    EVIDENCE,
    INTERVAL,
    ROWS,
    TIMED,
    WEIGHTED,
    Case,
    all_cells,
    cell,
    columns,
    lines,
    parquet,
    typed,
    write_csv,
)


def some_cells(column: str, value: str, rows: Iterable[int]) -> Callable[[], bytes]:
    """A good CSV with a value put into some rows of a column."""

    def make() -> bytes:
        table = columns()
        for row in rows:
            table[column][row - 1] = value
        return write_csv(table)

    return make


def cases() -> Iterable[Case]:
    one_class = r"'label' is {} in all {} rows: every row is {}\."
    yield Case("one_row", lines("score,variance,label", "0.5,0.1,1"), one_class.format(1, 1, "positive"))
    yield Case("all_positive", all_cells("label", "1"), one_class.format(1, 20, "positive"))
    yield Case("all_negative", all_cells("label", "0"), one_class.format(0, 20, "negative"))
    yield Case(
        "one_class_once_missing_rows_are_out", lambda: write_csv(columns() | {
            "label": ["1", *["0"] * 19], "score": ["", *["0.5"] * 19]}), one_class.format(0, 19, "negative"),
    )  # fmt: skip
    constant = r"{} is {} in every row: there is nothing to compare\."
    yield Case("constant_variance", all_cells("variance", "0.1"), constant.format("'variance'", r"0\.1"))
    yield Case("zero_variance", all_cells("variance", "-0"), constant.format("'variance'", "0"))
    yield Case("constant_evidence", all_cells("variance", "7"), constant.format("'variance'", "7"), EVIDENCE)
    yield Case(
        "constant_width",
        lambda: write_csv(columns() | {"low": ["0.25"] * 20, "high": ["0.5"] * 20}),
        constant.format("'low' to 'high'", r"0\.25"),
        INTERVAL,
    )
    yield Case("zero_weights", all_cells("weight", "0"), r"'weight' is zero in every row\.", WEIGHTED)
    left_out = r"{} of 20 rows would be left out, most because '{}' is {} \({} rows\); at most 10% may be\."
    for column, roles in (("score", BASE), ("variance", BASE), ("label", BASE), ("weight", WEIGHTED), ("time", TIMED)):
        yield Case(f"all_{column}_missing", all_cells(column, ""), left_out.format(20, column, "missing", 20), roles)
    for text in ("NA", "nan", "NULL", "None", "-", "#N/A"):
        yield Case(f"all_{text}", all_cells("score", text), left_out.format(20, "score", "missing", 20))
    yield Case("three_missing", some_cells("score", "", (3, 8, 20)), left_out.format(3, "score", "missing", 3))
    yield Case(
        "three_infinite",
        some_cells("variance", "inf", (3, 8, 20)),
        left_out.format(3, "variance", "infinite", 3),
    )
    yield Case(
        "three_too_big_for_a_float",
        some_cells("variance", "1e400", (3, 8, 20)),
        left_out.format(3, "variance", "infinite", 3),
    )
    yield Case("all_infinite", all_cells("variance", "-Infinity"), left_out.format(20, "variance", "infinite", 20))
    yield Case("infinite_score", all_cells("score", "inf"), left_out.format(20, "score", "infinite", 20))
    yield Case(
        "one_missing_where_none_may_be",
        cell("score", 3, ""),
        r"1 of 20 rows would be left out, most because 'score' is missing \(1 rows\); at most 0% may be\.",
        limits={"excluded_share": 0.0},
    )
    yield Case(
        "null_column_in_parquet",
        lambda: parquet(score=pa.nulls(ROWS)),
        left_out.format(20, "score", "missing", 20),
    )
    yield Case(
        "null_times_in_parquet",
        lambda: parquet(time=pa.nulls(ROWS)),
        left_out.format(20, "time", "missing", 20),
        TIMED,
    )
    yield Case(
        "nan_in_parquet",
        typed("score", [float("nan")], pa.float32()),
        left_out.format(20, "score", "missing", 20),
    )
    yield Case(
        "lines_of_delimiters",
        lines("score,variance,label", "0.5,0.1,1", ",,", ",,", "0.4,0.2,0"),
        r"2 of 4 rows would be left out, most because 'score' is missing \(2 rows\); at most 10% may be\.",
    )


CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_file_is_refused(case: Case, refuse: Any) -> None:
    refuse(case, CASES, real_every=4)
