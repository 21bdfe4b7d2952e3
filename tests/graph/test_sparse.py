"""Rows of sparse matrices, against loops."""

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from core.graph.sparse import drop_diagonal, keep_entries, keep_largest, row_of_entry, stack_rows


def some_matrix(rows=6, columns=9, seed=0):
    return csr_array(random_array((rows, columns), density=0.5, rng=np.random.default_rng(seed), dtype=np.float32))


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_the_largest_of_each_row_stay(count):
    matrix = some_matrix()
    kept = keep_largest(matrix, count).toarray()
    for row, before in zip(kept, matrix.toarray(), strict=True):
        expected = np.sort(before)[::-1][:count]
        assert sorted(row[row > 0]) == sorted(expected[expected > 0])


def test_ties_at_the_cut_keep_the_first_columns():
    assert keep_largest(csr_array(np.array([[1.0, 1.0, 1.0]])), 2).toarray().tolist() == [[1.0, 1.0, 0.0]]


def test_all_stay_where_no_count_is_given_or_nothing_is_stored():
    matrix = some_matrix()
    assert keep_largest(matrix, None) is matrix
    assert keep_largest(csr_array((2, 3)), 1).nnz == 0


def test_a_block_loses_the_diagonal_of_the_whole():
    block = csr_array(np.ones((2, 4)))
    assert drop_diagonal(block, 1).toarray().tolist() == [[1, 0, 1, 1], [1, 1, 0, 1]]


def test_entries_know_their_row_and_blocks_are_stacked():
    matrix = some_matrix()
    assert row_of_entry(matrix).tolist() == matrix.tocoo().coords[0].tolist()
    assert (stack_rows([matrix[:2], matrix[2:]]).toarray() == matrix.toarray()).all()
    above = keep_entries(matrix, matrix.data > 0.5).toarray()
    assert (above == np.where(matrix.toarray() > 0.5, matrix.toarray(), 0)).all()


def test_each_row_may_keep_a_number_of_its_own():
    matrix = csr_array(np.array([[1.0, 3.0, 2.0], [4.0, 6.0, 5.0], [7.0, 0.0, 9.0]]))
    kept = keep_largest(matrix, np.array([2, 0, 3])).toarray()
    assert kept.tolist() == [[0, 3, 2], [0, 0, 0], [7, 0, 9]]
