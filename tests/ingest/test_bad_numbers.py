"""Values that are not the numbers they must be: the message names column, row and value."""

import re
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pytest

from core.holdout.data import ColumnRoles
from tests.ingest.bad_files import (
    BASE,
    ENTROPY,
    EVIDENCE,
    INTERVAL,
    NONNEGATIVE,
    NUMBER,
    PROBABILITY,
    STD,
    WEIGHTED,
    Case,
    cell,
    good_csv,
    parquet,
    put,
    puts,
    typed,
)


def cases() -> Iterable[Case]:
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
        yield Case(f"score_{name}", cell("score", 12, value), NUMBER.format("score", PROBABILITY, 12, shown))
    for name, (value, shown) in {
        "two": ("2", r"2\.0"), "minus_one": ("-1", r"-1\.0"), "half": ("0.5", r"0\.5"), "yes": ("yes", "'yes'"),
        "positive": ("positive", "'positive'"), "t": ("t", "'t'"), "quoted_list": ('"[1]"', r"'\[1\]'"),
    }.items():  # fmt: skip
        yield Case(f"label_{name}", cell("label", 12, value), NUMBER.format("label", "0 or 1", 12, shown))
    for name, roles in (("variance", BASE), ("std", STD), ("evidence", EVIDENCE)):
        yield Case(
            f"{name}_negative",
            cell("variance", 12, "-0.001"),
            NUMBER.format("variance", NONNEGATIVE, 12, r"-0\.001"),
            roles,
        )
    yield Case("variance_text", cell("variance", 12, "low"), NUMBER.format("variance", NONNEGATIVE, 12, "'low'"))
    yield Case("variance_huge", cell("variance", 12, "1e200"), NUMBER.format("variance", NONNEGATIVE, 12, r"1e\+200"))
    yield Case(
        "weight_negative", cell("weight", 12, "-1"), NUMBER.format("weight", NONNEGATIVE, 12, r"-1\.0"), WEIGHTED
    )
    yield Case(
        "weight_huge",
        cell("weight", 12, "1e300"),
        NUMBER.format("weight", NONNEGATIVE, 12, r"1e\+300"),
        WEIGHTED,
    )
    any_number = "a number between -1e100 and 1e100"
    yield Case("entropy_text", cell("variance", 12, "e"), NUMBER.format("variance", any_number, 12, "'e'"), ENTROPY)
    yield Case(
        "entropy_huge",
        cell("variance", 12, "-1e300"),
        NUMBER.format("variance", any_number, 12, r"-1e\+300"),
        ENTROPY,
    )
    yield Case("interval_text", cell("high", 12, "up"), NUMBER.format("high", any_number, 12, "'up'"), INTERVAL)
    yield Case("interval_wide", cell("high", 12, "1e308"), NUMBER.format("high", any_number, 12, r"1e\+308"), INTERVAL)
    yield Case(
        "low_above_high",
        cell("low", 12, "0.99"),
        r"'low' must not be above 'high'; row 12 has 0\.99 above 0\.386667\.",
        INTERVAL,
    )
    swapped = ColumnRoles("score", ("high", "low"), "interval", "label")
    yield Case(
        "low_and_high_swapped",
        good_csv,
        r"'high' must not be above 'low'; row 1 has 0\.01 above 0\.0\.",
        swapped,
    )
    yield Case(
        "row_number_after_blank_lines",
        put(12, b"0.48", b"\n\n1.5"),
        NUMBER.format("score", PROBABILITY, 12, r"1\.5"),
    )
    yield Case(
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
        yield Case(f"score_as_{kind}", typed("score", values, kind), message)
    yield Case(
        "score_as_list",
        typed("score", [[0.5]], pa.list_(pa.float64())),
        not_numbers.format("list<element: double>"),
    )
    yield Case(
        "score_as_struct",
        typed("score", [{"a": 0.5}], pa.struct([("a", pa.float64())])),
        not_numbers.format("struct<a: double>"),
    )
    yield Case(
        "score_as_text_in_parquet",
        typed("score", ["0.5", "half"], pa.string()),
        NUMBER.format("score", PROBABILITY, 2, "'half'"),
    )
    yield Case(
        "score_as_dictionary",
        lambda: parquet(score=pa.array(["0.5", "half"] * 10).dictionary_encode()),
        NUMBER.format("score", PROBABILITY, 2, "'half'"),
    )
    yield Case(
        "label_two_in_parquet",
        typed("label", [0, 1, 2], pa.int64()),
        NUMBER.format("label", "0 or 1", 3, r"2\.0"),
    )
    yield Case(
        "label_yes_in_parquet",
        typed("label", ["no", "yes"], pa.string()),
        NUMBER.format("label", "0 or 1", 1, "'no'"),
    )
    yield Case(
        "label_as_timestamp",
        typed("label", [0, 1], pa.timestamp("s")),
        r"'label' holds timestamp\[ms\], not numbers\.",
    )


CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_file_is_refused(case: Case, refuse: Any) -> None:
    refuse(case, CASES, real_every=4)
