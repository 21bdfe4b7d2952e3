"""Sampling of entries and walks: exact where the budget suffices, unbiased where it does not."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from core.graph.sampling import count_walks, fit_power_law, sample_entries
from tests.graph.tiny_graphs import make_graph, random_graph

DRAWS = 4_000


def some_matrix(seed=0, nodes=12):
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((nodes, nodes)) < 0.6, rng.random((nodes, nodes)) + 0.1, 0)
    dense[3] = 0  # an empty row
    return csr_array(dense.astype(np.float32))


@pytest.mark.parametrize("by_size", [False, True])
def test_a_budget_of_at_least_the_degree_leaves_the_row_as_it_is(by_size):
    matrix = some_matrix()
    budget = np.diff(matrix.indptr).astype(np.int64)
    sampled = sample_entries(matrix, budget, by_size=by_size, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(sampled.toarray(), matrix.toarray())


@pytest.mark.parametrize("by_size", [False, True])
def test_exactly_the_budget_is_kept(by_size):
    matrix = some_matrix()
    budget = np.arange(12, dtype=np.int64) % 4 + 1
    sampled = sample_entries(matrix, budget, by_size=by_size, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(np.diff(sampled.indptr), np.minimum(budget, np.diff(matrix.indptr)))


@pytest.mark.parametrize("by_size", [False, True])
def test_the_mean_of_samples_is_the_whole_but_not_without_the_weights(by_size):
    matrix, rng = some_matrix(), np.random.default_rng(2)
    vectors = np.random.default_rng(3).standard_normal((12, 2))
    budget = np.full(12, 3, dtype=np.int64)
    kept = np.zeros((12, 12))
    sums = np.zeros((DRAWS, 12, 2))
    for draw in range(DRAWS):
        sampled = sample_entries(matrix, budget, by_size=by_size, rng=rng).toarray()
        kept += sampled > 0
        sums[draw] = sampled @ vectors
    error = sums.std(axis=0) / np.sqrt(DRAWS)
    whole = matrix.toarray() @ vectors
    assert (np.abs(sums.mean(axis=0) - whole) <= 4.5 * error + 1e-6).all()
    unweighted = (kept / DRAWS * matrix.toarray()) @ vectors
    assert (np.abs(unweighted - whole) > 4.5 * error + 1e-6).any()


def test_large_entries_are_kept_more_often():
    matrix, rng = csr_array(np.array([[8.0, 1, 1, 1, 1]])), np.random.default_rng(4)
    kept = sum(sample_entries(matrix, np.array([2]), by_size=True, rng=rng).toarray() > 0 for _ in range(500))[0]
    # 2 · 8/12 > 1, so the first is sure; one of the others each time
    assert kept[0] == 500
    assert kept[1:].sum() == 500


def test_power_law_of_equal_degrees_is_infinitely_steep():
    assert fit_power_law(np.array([1, 1, 1])) == np.inf
    assert fit_power_law(np.zeros(0, dtype=np.int64)) == np.inf


def test_power_law_of_simulated_degrees():
    degree = (1 - np.random.default_rng(0).random(20_000)) ** (-1 / 1.5)  # P(D ≥ d) = d^-1.5
    assert fit_power_law(degree) == pytest.approx(2.5, abs=0.04)  # error (α − 1) / √n = 0.011


def test_walks_visit_targets_of_sources_that_share_targets():
    # 0 → 2 ← 1 → 3, and 4 alone: from 0 walks reach 2, and 3 through 1; never a source.
    graph = make_graph([(0, 2), (1, 2), (1, 3)], 5)
    out = graph.adjacency()
    options = {"walks": 4_000, "restart": 0.5, "steps": 2, "rng": np.random.default_rng(0)}
    visits = count_walks(out, out.T.tocsr(), **options).toarray()
    # one visit of 2 for sure; half of the walks go on, over 0 or 1 alike: back to 2, or from 1 to 2 or 3.
    # to 3 with 1/2 · 1/2 · 1/2 = 1/8 per walk, of 3/2 visits per walk: 1/12.
    assert visits[0, 3] == pytest.approx(1 / 12, abs=0.01)
    np.testing.assert_allclose(visits.sum(axis=1), [1, 1, 0, 0, 0], rtol=1e-6)
    assert not visits[:, [0, 1, 4]].any()


def test_walks_of_a_graph_without_edges():
    empty = csr_array((3, 3), dtype=np.float32)
    assert count_walks(empty, empty, walks=2, restart=0.5, steps=2, rng=np.random.default_rng(0)).nnz == 0


def test_the_diagonal_stays_empty():
    out = random_graph(np.random.default_rng(1), 8).adjacency()
    visits = count_walks(out, out.T.tocsr(), walks=16, restart=0.3, steps=3, rng=np.random.default_rng(0))
    assert not visits.diagonal().any()
