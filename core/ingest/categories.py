"""One segment column → codes."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import TooLarge
from core.ingest.columns import Array, as_text
from core.ingest.schema import MISSING_CATEGORY

CATEGORY_LENGTH = 1_000


class CategoryCodes:
    """Values → int32 codes in order of first appearance, one table for all batches and files.

    Text keeps its spelling but for outer blanks; only an empty text is missing, because ``NA`` is a country.
    """

    def __init__(self, *, name: str, cap: int) -> None:
        self._name, self._cap = name, cap
        self._codes: dict[str, int] = {}

    @property
    def values(self) -> tuple[str, ...]:
        """Values in code order."""
        return tuple(self._codes)

    def encode(self, array: Array, *, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Codes of shape (rows,); a missing value gets the category ``(missing)``.

        Parameters
        ----------
        array
            Values of the rows that are kept.
        rows
            Their row numbers, for messages.

        Raises
        ------
        InputError
            A column that is neither text nor numbers, times or truth values.
        TooLarge
            More distinct values than the cap, or a text of more than 1,000 characters.
        """
        encoded = array if isinstance(array, pa.DictionaryArray) else self._as_text(array).dictionary_encode()
        used = pc.unique(encoded.indices)
        positions = pc.index_in(encoded.indices, value_set=used).to_numpy(zero_copy_only=False)
        entries = self._as_text(encoded.dictionary.take(used))
        self._check_lengths(entries, rows, positions)
        codes = np.fromiter(map(self._code, entries.to_pylist()), dtype=np.int32, count=len(entries))
        return np.asarray(codes[positions], dtype=np.int32)

    def _as_text(self, array: Array) -> Array:
        return as_text(array, name=self._name, role="segment")

    def _check_lengths(self, entries: Array, rows: npt.NDArray[np.int64], positions: npt.NDArray[np.int64]) -> None:
        lengths = pc.utf8_length(entries).fill_null(0).to_numpy(zero_copy_only=False)
        if (lengths > CATEGORY_LENGTH).any():
            at = int(np.argmax(lengths > CATEGORY_LENGTH))
            raise TooLarge(
                f"{self._name!r} has a text of {lengths[at]:,} characters in row {rows[np.argmax(positions == at)]:,}; "
                f"the limit is {CATEGORY_LENGTH:,}.",
                fix="Choose another column as a segment, or shorten its values.",
            )

    def _code(self, entry: str | None) -> int:
        value = (entry or "").strip() or MISSING_CATEGORY
        if value not in self._codes and len(self._codes) >= self._cap:
            raise TooLarge(
                f"{self._name!r} has more than {self._cap:,} different values.",
                fix="Choose a coarser column, or raise RECSCOPE_MAX_SEGMENT_VALUES.",
            )
        return self._codes.setdefault(value, len(self._codes))
