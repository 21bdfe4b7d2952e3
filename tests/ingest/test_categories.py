"""Codes of a segment column."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError, TooLarge
from core.ingest.categories import CategoryCodes
from core.ingest.schema import MISSING_CATEGORY


def encode(codes: CategoryCodes, array: pa.Array, first_row: int = 1) -> list[int]:
    found = codes.encode(array, rows=first_row + np.arange(len(array)))
    assert found.dtype == np.int32
    return found.tolist()


def test_codes_count_up_in_order_of_first_appearance_over_batches() -> None:
    codes = CategoryCodes(name="x", cap=10)
    assert encode(codes, pa.array(["b", "a", "b", None])) == [0, 1, 0, 2]
    assert encode(codes, pa.array(["c", "a", "", " b "])) == [3, 1, 2, 0]
    assert encode(codes, pa.array([], pa.string())) == []
    assert codes.values == ("b", "a", MISSING_CATEGORY, "c")


@given(st.lists(st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=20), max_size=4), st.booleans())
def test_codes_lead_back_to_the_values(batches: list[list[str | None]], dictionary: bool) -> None:
    codes = CategoryCodes(name="x", cap=1_000)
    for batch in batches:
        array = pa.array(batch, pa.string())
        found = encode(codes, array.dictionary_encode() if dictionary else array)
        assert [codes.values[code] for code in found] == [(text or "").strip() or MISSING_CATEGORY for text in batch]
    appeared = dict.fromkeys((text or "").strip() or MISSING_CATEGORY for batch in batches for text in batch)
    assert codes.values == tuple(appeared)


def test_the_cap_counts_distinct_values() -> None:
    codes = CategoryCodes(name="x", cap=2)
    assert encode(codes, pa.array(["a", "b", "a"])) == [0, 1, 0]
    with pytest.raises(TooLarge, match=r"^'x' has more than 2 different values\.$"):
        encode(codes, pa.array(["a", "c"]))


def test_long_texts_name_their_row() -> None:
    codes = CategoryCodes(name="x", cap=10)
    assert encode(codes, pa.array(["é" * 1_000])) == [0]
    for array in (pa.array(["a", "a", "é" * 1_001, "b"]), pa.array(["a", "a", "é" * 1_001]).dictionary_encode()):
        with pytest.raises(TooLarge, match=r"^'x' has a text of 1,001 characters in row 43; the limit is 1,000\.$"):
            encode(codes, array, first_row=41)


@pytest.mark.parametrize(
    "array",
    [
        pa.array([[1]]), pa.array([{"a": 1}]), pa.array([b"a"]), pa.array([b"a"], pa.large_binary()),
        pa.array([b"a"], pa.binary(1)), pa.array([b"a"], pa.binary_view()),
    ],
    ids=lambda array: str(array.type),
)  # fmt: skip
def test_bytes_and_nested_values_are_refused(array: pa.Array) -> None:
    with pytest.raises(InputError, match=r"^'x' holds .+\.$"):
        encode(CategoryCodes(name="x", cap=10), array)
