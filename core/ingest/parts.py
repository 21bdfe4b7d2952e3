"""Which part of a random split a row belongs to: a number that is drawn once, when the row is stored.

A part is the top 15 bits of a mixed 64-bit number (splitmix64, Steele, Lea and Flood 2014), so any range of parts is a
random sample of the rows, or of the groups, whatever their order in the file.
"""

import zlib

import numpy as np
import numpy.typing as npt

from core.ingest.columns import Array, as_text, decode_dictionary

LARGEST_EXACT = 2.0**53


def parts_of_places(first: int, count: int) -> npt.NDArray[np.int16]:
    """Parts of rows by their place among all kept rows: each row by itself.

    Examples
    --------
    >>> parts_of_places(0, 3).tolist(), parts_of_places(2, 1).tolist()
    ([28944, 14140, 866], [866])
    """
    return _part(np.arange(first, first + count, dtype=np.uint64))


def parts_of_groups(groups: Array, *, name: str) -> npt.NDArray[np.int16]:
    """Parts of rows by their group: rows of one group are never parted, also over files; missing ones are one group.

    A group is known by its text without outer blanks; whole numbers are alike however they are written (7, 7.0, 007),
    since the same identifiers are integers in one file and, where one is missing, floats in another.

    Raises
    ------
    InputError
        The column holds neither text nor numbers.
    """
    encoded = as_text(decode_dictionary(groups, name=name), name=name, role="group").fill_null("").dictionary_encode()
    entries = map(_plain, encoded.dictionary.to_pylist())
    sums = np.fromiter((zlib.crc32(entry.encode()) for entry in entries), np.uint64, len(encoded.dictionary))
    return np.asarray(_part(sums)[encoded.indices.to_numpy()], dtype=np.int16)


def _plain(text: str) -> str:
    """One spelling for a group: without outer blanks, whole numbers in digits."""
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        return text
    whole = abs(number) < LARGEST_EXACT and number == int(number)
    return str(int(number)) if whole else text


def _part(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.int16]:
    z = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(49)).astype(np.int16)
