"""Parts of a random split: fixed, even, and never through a group."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import chi2

from core.errors import InputError
from core.ingest.parts import parts_of_groups, parts_of_places
from core.ingest.schema import PARTS

N = 200_000


@pytest.mark.parametrize(
    "parts",
    [parts_of_places(0, N), parts_of_groups(pa.array([f"user {i}" for i in range(N)]), name="user")],
    ids=["places", "groups"],
)
def test_parts_are_even_and_know_nothing_of_the_order(parts: np.ndarray) -> None:
    counts = np.bincount(parts // (PARTS // 64), minlength=64)
    assert parts.min() >= 0
    assert ((counts - N / 64) ** 2).sum() / (N / 64) < chi2.ppf(0.9999, 63)
    assert abs(np.corrcoef(parts[:-1], parts[1:])[0, 1]) < 5 / np.sqrt(N)
    assert abs(np.corrcoef(parts, np.arange(N))[0, 1]) < 5 / np.sqrt(N)


def test_batches_do_not_matter() -> None:
    whole = parts_of_places(0, 10)
    assert np.concatenate([parts_of_places(0, 3), parts_of_places(3, 7)]).tolist() == whole.tolist()


def test_a_group_is_never_parted_and_the_missing_are_one() -> None:
    parts = parts_of_groups(pa.array(["a", "b", None, "a", None, ""]), name="user")
    assert parts[0] == parts[3]
    assert parts[2] == parts[4] == parts[5]
    assert len({int(part) for part in parts[:3]}) == 3


IDS = [12_345_678_901, 2, 12_345_678_901]


@pytest.mark.parametrize(
    "array",
    [
        pa.array(IDS),
        pa.array([float(i) for i in IDS]),
        pa.array([Decimal(i) for i in IDS], pa.decimal128(14, 2)),
        pa.array([str(i) for i in IDS]).dictionary_encode(),
        pa.array([f" {i} " for i in IDS]),
        pa.array([f"{i}.0" for i in IDS]),
    ],
    ids=["whole", "float", "decimal", "dictionary", "blanks", "text"],
)
def test_a_group_has_one_spelling_in_all_files(array: pa.Array) -> None:
    text = pa.array([str(i) for i in IDS])
    assert parts_of_groups(array, name="user").tolist() == parts_of_groups(text, name="user").tolist()


def test_numbers_that_a_float_does_not_carry_stay_apart() -> None:
    first, second = parts_of_groups(pa.array([2**53, 2**53 + 1]), name="user").tolist()
    assert first != second


def test_a_column_that_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match=r"'user' holds list") as caught:
        parts_of_groups(pa.array([[1], [2]]), name="user")
    assert "as a group" in caught.value.fix
