"""Columns of text that are kept as text: identifiers and titles."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import InputError
from core.ingest.columns import Array, as_text, blank_missing
from core.ingest.parts import LARGEST_EXACT

ID_LENGTH = 200
TITLE_LENGTH = 200

_WHOLE = r"^(0|-?[1-9][0-9]*)\.0+$"
_LOOKED_AT = 10 * TITLE_LENGTH  # characters of a title that are cleaned at all
_UNSEEN = r"[\p{Cc}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{feff}]"  # control characters, and turns of bidi


def parse_ids(array: Array, *, name: str, first_row: int) -> pa.DictionaryArray:
    """Identifiers as text without outer blanks; null where one is missing (empty, NA, null, …).

    A whole number is written alike whether it was an integer, a text or a float (7, "7", 7.0), since the same
    identifiers are integers in one file and, where one is missing, floats in another. Leading zeros are kept.

    Raises
    ------
    InputError
        An identifier of more than 200 characters; a column that holds neither text nor numbers.
    """
    entries, places = _encode(array, lambda values: _as_ids(values, name=name))
    entries = blank_missing(entries)
    lengths = pc.utf8_length(entries).fill_null(0).to_numpy(zero_copy_only=False)[places]
    if (lengths > ID_LENGTH).any():
        at = int(np.argmax(lengths > ID_LENGTH))
        raise InputError(
            f"{name!r} has an identifier of {lengths[at]:,} characters in row {first_row + at:,}; "
            f"the limit is {ID_LENGTH}.",
            fix="Choose the column that identifies products, or shorten its values.",
        )
    entries = pc.replace_substring_regex(entries, _WHOLE, r"\1")
    return pa.DictionaryArray.from_arrays(places, entries)


def parse_titles(array: Array, *, name: str) -> tuple[pa.DictionaryArray, npt.NDArray[np.bool_]]:
    """Titles on one line, at most 200 characters, and which of them were cut; null where one is empty or missing.

    Runs of blanks become one blank, and what cannot be seen (control characters, marks that turn the direction of
    writing) is removed. Markup and formulas stay: they are harmless as data, and cleaned where they are drawn or
    exported.

    Raises
    ------
    InputError
        A column that holds neither text nor numbers.
    """
    given, places = _encode(array, lambda values: as_text(values, name=name, role="title"))
    text = pc.replace_substring_regex(pc.utf8_slice_codeunits(given, 0, _LOOKED_AT), r"\s+", " ")
    text = pc.utf8_trim_whitespace(pc.replace_substring_regex(text, _UNSEEN, ""))
    cut = pc.or_(pc.greater(pc.utf8_length(given), _LOOKED_AT), pc.greater(pc.utf8_length(text), TITLE_LENGTH))
    text = pc.utf8_slice_codeunits(text, 0, TITLE_LENGTH)
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)
    was_cut = cut.fill_null(False).to_numpy(zero_copy_only=False)
    return pa.DictionaryArray.from_arrays(places, text), was_cut[places]


def _as_ids(array: Array, *, name: str) -> Array:
    """Values as text; floats that are whole without exponent or point."""
    text = as_text(array, name=name, role="identifier")
    if not pa.types.is_floating(array.type):
        return text
    array = array.cast(pa.float64())
    whole = pc.and_(pc.equal(array, pc.floor(array)), pc.less(pc.abs(array), LARGEST_EXACT))
    return pc.if_else(whole, array.fill_null(0).cast(pa.int64(), safe=False).cast(pa.string()), text)


def _encode(array: Array, as_text: Callable[[Array], Array]) -> tuple[Array, npt.NDArray[np.int32]]:
    """Distinct values as text, a missing one among them if there is any, and the place of each value among these."""
    if not isinstance(array, pa.DictionaryArray):
        array = as_text(array).dictionary_encode()
    used = pc.unique(array.indices)
    places = pc.index_in(array.indices, value_set=used).to_numpy(zero_copy_only=False)
    return as_text(array.dictionary.take(used)), places
