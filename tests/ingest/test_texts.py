"""Columns of ids and titles."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.ingest.texts import ID_LENGTH, TITLE_LENGTH, parse_ids, parse_titles


def ids(array: pa.Array, first_row: int = 1) -> list[str | None]:
    return parse_ids(array, name="item", first_row=first_row).to_pylist()


def titles(array: pa.Array) -> tuple[list[str | None], list[bool]]:
    found, cut = parse_titles(array, name="title")
    return found.to_pylist(), cut.tolist()


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([7, None]), ["7", None]),
        (pa.array([7.0, float("nan"), None]), ["7", None, None]),
        (pa.array(["7", " 7.0 ", "7.00", ""]), ["7", "7", "7", None]),
        (pa.array([1e15, 1e6, float("nan")]), ["1000000000000000", "1000000", None]),
        (pa.array([7.0, 2.5], pa.float32()), ["7", "2.5"]),
        (pa.array(["007", "7.5", "-7.0", "1.0.0", "00.0"]), ["007", "7.5", "-7", "1.0.0", "00.0"]),
        (pa.array(["NA", "null", "NaN", "-", "x"]), [None, None, None, None, "x"]),
        (pa.array(["=1+1", "<b>", "日本"]), ["=1+1", "<b>", "日本"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([], pa.string()), []),
        (pa.nulls(2), [None, None]),
        (pa.array(["a", None, "a ", "b"]).dictionary_encode(), ["a", None, "a", "b"]),
    ],
)
def test_an_id_is_written_alike_whatever_its_type(array: pa.Array, expected: list[str | None]) -> None:
    assert ids(array) == expected


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_whole_numbers_meet(number: int) -> None:
    assert ids(pa.array([number])) == ids(pa.array([float(number)])) == ids(pa.array([f"{number}.0"])) == [str(number)]


def test_a_long_id_is_refused_with_its_row() -> None:
    fits, long = "x" * ID_LENGTH, "é" * (ID_LENGTH + 1)
    assert ids(pa.array([fits])) == [fits]
    with pytest.raises(InputError, match=r"'item' has an identifier of 201 characters in row 12; the limit is 200\."):
        ids(pa.array([fits, None, long]), first_row=10)
    with pytest.raises(InputError, match=r"of 1,000,000 characters in row 2;"):
        ids(pa.array(["a", "y" * 10**6]).dictionary_encode())


@pytest.mark.parametrize("array", [pa.array([[1]]), pa.array([b"\xff"]), pa.array([{"a": 1}])])
def test_what_is_no_text_is_refused(array: pa.Array) -> None:
    with pytest.raises(InputError, match="'item' holds"):
        ids(array)
    with pytest.raises(InputError, match="'title' holds"):
        titles(array)


def test_a_title_is_one_line_without_what_cannot_be_seen() -> None:
    found, cut = titles(pa.array(["a\tb\r\nc\x00", "\u202egpj.exe\u202c", "  ", None, "NA", "<b>=1+1</b>"]))
    assert found == ["a b c", "gpj.exe", None, None, "NA", "<b>=1+1</b>"]
    assert not any(cut)


def test_a_long_title_is_cut_and_counted_in_every_row() -> None:
    long = "ü" * 10**6
    array = pa.array([long, "x" * TITLE_LENGTH, None, long])
    for one in (array, array.dictionary_encode()):
        found, cut = titles(one)
        assert found == ["ü" * TITLE_LENGTH, "x" * TITLE_LENGTH, None, "ü" * TITLE_LENGTH]
        assert cut == [True, False, False, True]


@given(st.lists(st.one_of(st.none(), st.text(max_size=8)), max_size=20))
def test_dictionaries_change_nothing(values: list[Any]) -> None:
    array = pa.array(values, pa.string())
    assert ids(array) == ids(array.dictionary_encode())
    assert titles(array) == titles(array.dictionary_encode())
