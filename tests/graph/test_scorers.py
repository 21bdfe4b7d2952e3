"""Both forms of a scorer: rows, columns and pairs are the same numbers."""

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from core.graph.scorers import Factors, Product


def make_scorers(nodes=7):
    rng = np.random.default_rng(0)
    left = csr_array(random_array((nodes, 5), density=0.5, rng=rng, dtype=np.float32))
    right = rng.standard_normal((5, nodes)).astype(np.float32)
    sparse = csr_array(np.where(rng.random((5, nodes)) < 0.5, right, 0).astype(np.float32))
    factors = Factors(rng.standard_normal((nodes, 3), np.float32), rng.standard_normal((nodes, 3), np.float32))
    return {
        "factors": (factors, factors.source @ factors.target.T),
        "sparse × dense": (Product(left, right), left.toarray() @ right),
        "sparse × sparse": (Product(left, sparse), left.toarray() @ sparse.toarray()),
    }


@pytest.mark.parametrize("form", ["factors", "sparse × dense", "sparse × sparse"])
def test_rows_columns_and_pairs_are_entries_of_one_matrix(form):
    scorer, table = make_scorers()[form]
    some, others = np.array([3, 0, 3, 6]), np.array([1, 1, 5, 6])
    assert scorer.nodes == 7
    for found, expected in (
        (scorer.score_from(some), table[some]),
        (scorer.score_into(some), table[:, some].T),
        (scorer.score_pairs(some, others), table[some, others]),
    ):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", ["factors", "sparse × dense", "sparse × sparse"])
def test_nothing_asked_nothing_answered(form):
    scorer, _ = make_scorers()[form]
    nothing = np.array([], dtype=np.int64)
    assert scorer.score_from(nothing).shape == (0, 7)
    assert scorer.score_into(nothing).shape == (0, 7)
    assert scorer.score_pairs(nothing, nothing).shape == (0,)


def test_a_million_nodes_are_scored_without_a_table_of_all_pairs():
    nodes = 1_000_000
    ones = csr_array((np.ones(3, np.float32), ([0, 1, 2], [5, 5, 9])), shape=(nodes, nodes))
    scorer = Product(ones, csr_array(ones.T))
    assert scorer.score_into(np.array([0])).shape == (1, nodes)
    assert scorer.score_pairs(np.array([0, 0]), np.array([1, 2])).tolist() == [1.0, 0.0]
