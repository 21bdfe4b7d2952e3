"""Numbers from a column: values, reasons for leaving a row out, and messages with column, row and value."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError, TooLarge
from core.ingest.columns import (
    MISSING_TEXT,
    Values,
    blank_missing,
    cast_text,
    decode_dictionary,
    first_uncastable,
    parse_numbers,
    shorten,
)
from core.ingest.schema import Kind

KINDS: tuple[Kind, ...] = ("probability", "label", "nonnegative", "number", "width")


def parse(values: Any, kind: Kind = "number", first_row: int = 1) -> Values:
    return parse_numbers(pa.array(values), name="x", kind=kind, first_row=first_row)


def test_values_missing_and_infinite() -> None:
    values = parse([0.5, None, math.inf, math.nan, -math.inf, -0.0])
    np.testing.assert_array_equal(values.data, [0.5, math.nan, math.nan, math.nan, math.nan, 0.0])
    assert values.missing.tolist() == [False, True, False, True, False, False]
    assert values.infinite.tolist() == [False, False, True, False, True, False]
    assert not np.signbit(values.data[-1])
    assert values.data.dtype == np.float64


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("array", [pa.array([], pa.string()), pa.array([], pa.float64()), pa.nulls(0)])
def test_no_rows(kind: Kind, array: pa.Array) -> None:
    assert len(parse_numbers(array, name="x", kind=kind, first_row=1).data) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", [*MISSING_TEXT, " NA ", "Null", "\t", "NaN"])
def test_missing_texts(kind: Kind, text: str) -> None:
    assert parse(["1", text], kind).missing.tolist() == [False, True]


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [
        ("probability", [0.0, 1.0, 5e-324, 1 - 2**-53], [-5e-324, 1 + 2**-52, 2.0]),
        ("label", [0.0, 1.0, -0.0], [0.5, 2.0, -1.0, 1e-300, 1 + 2**-52]),
        ("nonnegative", [0.0, 1e100, 5e-324], [-5e-324, -1.0, 1.0000001e100]),
        ("number", [-1e100, 1e100, 0.0], [1.0000001e100, -1.0000001e100]),
        ("width", [-1e100, 1e100, 0.0], [1.0000001e100, -1.0000001e100]),
    ],
)
def test_range_of_each_kind(kind: Kind, inside: list[float], outside: list[float]) -> None:
    np.testing.assert_array_equal(parse(inside, kind).data, inside)
    for value in outside:
        with pytest.raises(InputError, match=r"^'x' must be .+; row 43 has ") as caught:
            parse([inside[0], None, value, inside[1]], kind, first_row=41)
        assert str(caught.value).endswith(f"has {value!r}.")


@given(st.lists(st.one_of(st.none(), st.floats(-1e100, 1e100)), max_size=30))
def test_text_reads_as_the_numbers_it_was_written_from(numbers: list[float | None]) -> None:
    text = pa.array([None if number is None else repr(number) for number in numbers], pa.string())
    plain = parse_numbers(pa.array(numbers, pa.float64()), name="x", kind="number", first_row=1)
    read = parse_numbers(text, name="x", kind="number", first_row=1)
    np.testing.assert_array_equal(read.data, plain.data)
    np.testing.assert_array_equal(read.missing, plain.missing)


@given(st.text(max_size=12))
def test_text_is_read_as_python_reads_it_or_refused(text: str) -> None:
    try:
        value = parse([text]).data[0]
    except InputError:
        return
    if math.isnan(value):  # missing, or infinite
        assert text.strip().lower().startswith(("", *MISSING_TEXT, "nan(", "inf", "+inf", "-inf", "+nan", "-nan"))
    else:
        assert value == float(text)


@given(st.integers(0, 199), st.sets(st.integers(0, 199), max_size=8))
def test_first_uncastable_is_the_first(bad: int, others: set[int]) -> None:
    words = ["0.5"] * 200
    for at in {bad, *others}:
        words[at] = "x"
    assert first_uncastable(pa.array(words), (pa.float64(),)) == min({bad, *others})


def test_first_uncastable_of_one() -> None:
    assert first_uncastable(pa.array(["x"]), (pa.float64(),)) == 0


def test_cast_text_takes_the_first_type_that_holds_all() -> None:
    targets = (pa.int64(), pa.float64())
    assert cast_text(pa.array(["1", "2"]), targets).type == pa.int64()
    assert cast_text(pa.array(["1", "2.5"]), targets).type == pa.float64()
    assert cast_text(pa.array(["1", "x"]), targets) is None


def test_blank_missing_trims_and_blanks() -> None:
    assert blank_missing(pa.array([" a ", "NA", "", None, "-", "n/A ", "nab"])).to_pylist() == [
        "a", None, None, None, None, None, "nab",
    ]  # fmt: skip


def test_bool_is_a_label_and_nothing_else() -> None:
    assert parse([True, False, None], "label").data.tolist()[:2] == [1.0, 0.0]
    for kind in ("probability", "nonnegative", "number", "width"):
        with pytest.raises(InputError, match=r"^'x' holds bool, not numbers\.$"):
            parse([True, False], kind)


def test_the_source_array_is_not_changed() -> None:
    array = pa.array([0.5, math.inf, -0.0])
    parse_numbers(array, name="x", kind="number", first_row=1)
    assert array.to_pylist() == [0.5, math.inf, -0.0]


def test_dictionary_entries_have_a_limit() -> None:
    long = pa.array(["a", "é" * 6_000]).dictionary_encode()
    with pytest.raises(TooLarge, match=r"^'x' holds a text of 12,000 bytes; the limit is 10,000\.$"):
        decode_dictionary(long, name="x")
    assert decode_dictionary(pa.array(["a", None, "a"]).dictionary_encode(), name="x").to_pylist() == ["a", None, "a"]
    assert decode_dictionary(pa.array([1.5, None]).dictionary_encode(), name="x").to_pylist() == [1.5, None]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a", "'a'"), ("", "''"), ("it's", '"it\'s"'), ("a\nb", r"'a\nb'"), ("\u202e", r"'\u202e'"), (2.5, "2.5"),
        (None, "None"), ("x" * 38, f"'{'x' * 38}'"), ("x" * 39, f"'{'x' * 37}…'"), ('"\'' * 30, None),
        (pa.list_(pa.int8()), "list<item: int8>"), (1 << 200, None),
    ],
)  # fmt: skip
def test_shorten(value: object, shown: str | None) -> None:
    text = shorten(value)
    assert len(text) <= 40
    assert text.isprintable()
    if shown is not None:
        assert text == shown
