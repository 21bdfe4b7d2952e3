"""Rows of sparse matrices: the largest entries, the diagonal, and many blocks as one."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array, vstack

from core.arrays import IntArray


def row_of_entry(matrix: csr_array) -> IntArray:
    """The row of every stored entry, int64 of shape (entries,)."""
    return np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))


def keep_entries(matrix: csr_array, keep: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> csr_array:
    """The same matrix with some of its stored entries, which stay in order."""
    kept_before = np.concatenate([[0], np.cumsum(keep)])
    return csr_array((matrix.data[keep], matrix.indices[keep], kept_before[matrix.indptr]), shape=matrix.shape)


def keep_largest(matrix: csr_array, count: int | IntArray | None) -> csr_array:
    """The ``count`` largest stored entries of each row, or a count per row; all of them where ``count`` is None.

    Notes
    -----
    Of entries that tie at the cut, those of the first columns stay. O(entries · log entries).

    Examples
    --------
    >>> keep_largest(csr_array(np.array([[1.0, 3.0, 2.0], [0.0, 5.0, 0.0]])), 2).toarray()
    array([[0., 3., 2.],
           [0., 5., 0.]])
    """
    if count is None or bool(np.all(np.diff(matrix.indptr) <= count)):
        return matrix
    row = row_of_entry(matrix)
    order = np.lexsort((matrix.indices, -matrix.data, row))
    keep = np.zeros(matrix.nnz, dtype=np.bool_)
    most = np.broadcast_to(np.asarray(count), matrix.shape[:1])
    keep[order[np.arange(matrix.nnz) - matrix.indptr[row] < most[row]]] = True
    return keep_entries(matrix, keep)


def drop_diagonal(block: csr_array, start: int = 0) -> csr_array:
    """A block of rows of a square matrix, the first of them row ``start``, without the entries of the diagonal."""
    return keep_entries(block, row_of_entry(block) + start != block.indices)


def stack_rows(blocks: Sequence[csr_array]) -> csr_array:
    """Blocks of rows one below the other, columns sorted within a row."""
    stacked = csr_array(vstack(blocks, format="csr"))
    stacked.sort_indices()
    return stacked
