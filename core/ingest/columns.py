"""One column of a batch → checked numbers; missing and infinite values are marked, anything else wrong is an error."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import InputError, TooLarge
from core.ingest.schema import Kind

Array: TypeAlias = pa.Array

MISSING_TEXT = ("", "na", "n/a", "nan", "null", "none", "nil", "-", "#n/a")
DICTIONARY_ENTRY_BYTES = 10_000
LARGEST = 1e100  # beyond it squares and sums of many rows would overflow


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Checked values of one column of a batch.

    Attributes
    ----------
    data
        float64 of shape (rows,); NaN where the value is missing or infinite. Never -0.
    missing, infinite
        bool of shape (rows,): why a row is left out.
    """

    data: npt.NDArray[np.float64]
    missing: npt.NDArray[np.bool_]
    infinite: npt.NDArray[np.bool_]

    @classmethod
    def sort_out(cls, data: npt.NDArray[np.float64]) -> "Values":
        """Mark what is NaN as missing and what is infinite as infinite."""
        missing, infinite = np.isnan(data), np.isinf(data)
        return cls(np.where(infinite, np.nan, data) + 0.0, missing, infinite)


def parse_numbers(array: Array, *, name: str, kind: Kind, first_row: int) -> Values:
    """Parse a column of kind probability, label, nonnegative, positive, number, optional or width (its two ends).

    Raises
    ------
    InputError
        A value that is not a number, or is outside the range of its kind; names column, row, value.
    """
    values = Values.sort_out(_to_float(array, name=name, kind=kind, first_row=first_row))
    is_bad, wish, fix = _RULES[kind]
    bad = is_bad(values.data)
    if bad.any():
        at = int(np.argmax(bad))
        raise InputError(f"{name!r} must be {wish}; row {first_row + at:,} has {float(values.data[at])!r}.", fix=fix)
    return values


_Rule: TypeAlias = tuple[Callable[[npt.NDArray[np.float64]], npt.NDArray[np.bool_]], str, str]

_ANY_NUMBER: _Rule = (
    lambda x: np.abs(x) > LARGEST,
    "a number between -1e100 and 1e100",
    "Correct that row, or choose the column that holds the uncertainty.",
)
_RULES: dict[Kind, _Rule] = {
    "probability": (
        lambda x: (x < 0) | (x > 1),
        "a probability between 0 and 1",
        "Map the column that holds the predicted probability; turn a logit into one with the sigmoid.",
    ),
    "label": (
        lambda x: (x != 0) & (x != 1) & ~np.isnan(x),
        "0 or 1",
        "Map your positive class to 1 and everything else to 0, or choose another column.",
    ),
    "nonnegative": (
        lambda x: (x < 0) | (x > LARGEST),
        "a number from 0 to 1e100",
        "Correct that row, or choose the right column and uncertainty kind.",
    ),
    "positive": (
        lambda x: (x <= 0) | (x > LARGEST),
        "a number above 0, at most 1e100",
        "Correct or leave out that row, or choose another column.",
    ),
    "number": _ANY_NUMBER,
    "width": _ANY_NUMBER,
    "optional": (lambda x: np.zeros(len(x), dtype=np.bool_), "a number", "Correct that row."),
}


def _to_float(array: Array, *, name: str, kind: Kind, first_row: int) -> npt.NDArray[np.float64]:
    array = decode_dictionary(array, name=name)
    if is_text(array.type):
        array = _text_to_float(array, name=name, kind=kind, first_row=first_row)
    elif pa.types.is_boolean(array.type) and kind == "label":
        array = array.cast(pa.int8())
    elif not is_number(array.type):
        raise InputError(f"{name!r} holds {shorten(array.type)}, not numbers.", fix="Choose a numeric column.")
    return to_numpy(array)


def _text_to_float(array: Array, *, name: str, kind: Kind, first_row: int) -> Array:
    plain = cast_text(array, _FLOAT)  # fails on a blank, on a missing value, on true and false
    if plain is not None:
        return plain
    text = blank_missing(array)
    if kind == "label":
        text = pc.replace_substring_regex(text, "(?i)^true$", "1")
        text = pc.replace_substring_regex(text, "(?i)^false$", "0")
    numbers = cast_text(text, _FLOAT)
    if numbers is not None:
        return numbers
    at = first_uncastable(text, _FLOAT)
    _, wish, fix = _RULES[kind]
    if kind != "label":
        fix = "Write numbers as 0.25 (a point, no thousands mark); leave a cell empty where the value is missing."
    raise InputError(f"{name!r} must be {wish}; row {first_row + at:,} has {shorten(array[at].as_py())}.", fix=fix)


_FLOAT = (pa.float64(),)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text."""
    return any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def is_number(kind: pa.DataType) -> bool:
    """Whether a column of this type holds numbers, or nothing at all."""
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    return any(test(kind) for test in tests)


def to_numpy(array: Array) -> npt.NDArray[np.float64]:
    """Numbers as float64; NaN where the value is missing."""
    filled = array.cast(pa.float64(), safe=False).fill_null(float("nan"))
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.float64)


def blank_missing(array: Array) -> Array:
    """Text without outer blanks; null where it says that the value is missing (empty, NA, null, …)."""
    text = pc.utf8_trim_whitespace(array.cast(pa.string()))
    missing = pc.is_in(pc.utf8_lower(text), pa.array(MISSING_TEXT, text.type))
    return pc.if_else(missing, pa.scalar(None, text.type), text)


def cast_text(text: Array, targets: tuple[pa.DataType, ...]) -> Array | None:
    """Text as the first of the types that can hold all of it, or None."""
    for target in targets:
        try:
            return text.cast(target)
        except pa.ArrowInvalid:
            continue
    return None


def first_uncastable(text: Array, targets: tuple[pa.DataType, ...]) -> int:
    """Position of the first value that stops :func:`cast_text`, by halving, in O(rows)."""
    lo, hi = 0, len(text)
    while hi - lo > 1:  # invariant: text[:lo] casts, in pieces; text[lo:hi] does not
        middle = (lo + hi) // 2
        if cast_text(text[lo:middle], targets) is None:
            hi = middle
        else:
            lo = middle
    return lo


def decode_dictionary(array: Array, *, name: str) -> Array:
    """Dictionary → plain values, refused where one entry is so long that the plain column could not be held."""
    if not isinstance(array, pa.DictionaryArray):
        return array
    if is_text(array.dictionary.type):
        longest = pc.max(pc.binary_length(array.dictionary)).as_py() or 0
        if longest > DICTIONARY_ENTRY_BYTES:
            raise TooLarge(
                f"{name!r} holds a text of {longest:,} bytes; the limit is {DICTIONARY_ENTRY_BYTES:,}.",
                fix="Choose another column, or shorten its values.",
            )
    return array.dictionary_decode()


def shorten(value: object) -> str:
    """A value for an error message: its repr, at most 40 characters."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:38]}…{text[-1] if isinstance(value, str) else ''}"


def as_text(array: Array, *, name: str, role: str) -> Array:
    """Values of a column as text; NaN is missing.

    Raises
    ------
    InputError
        It holds neither text nor numbers, times or truth values.
    """
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    if not pa.types.is_nested(array.type) and not _is_bytes(array.type):
        try:
            return array.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
    raise InputError(f"{name!r} holds {str(array.type)[:80]}.", fix=f"Choose a text or number column as a {role}.")


def _is_bytes(kind: pa.DataType) -> bool:
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(test(kind) for test in tests)
