"""STRAP, against the dense logarithm of both walks."""

import numpy as np
import pytest

from core.errors import InputError
from core.graph.data import Fold
from core.graph.strap import fit_strap, transpose_proximity
from core.jobs import finish
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph


def fit(graph, **options):
    return finish(fit_strap(Fold(graph, make_edges([])), rng=np.random.default_rng(0), **options))


def naive(adjacency, restart, threshold):
    def walks(matrix):
        step = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        return restart * np.linalg.inv(np.eye(len(matrix)) - (1 - restart) * step)

    along, against = (np.log(np.maximum(w / threshold, 1.0)) for w in (walks(adjacency), walks(adjacency.T).T))
    return (along + against) * (1 - np.eye(len(adjacency)))


def test_by_hand():
    # 0 → 1, restart 1/2: from 0 the walk is at 1 with 1/4, and against the edge from 1 at 0 with 1/4: log 2 + log 2.
    nearness = finish(transpose_proximity(make_graph([(0, 1)], 2).adjacency(), restart=0.5, steps=3, threshold=0.125))
    np.testing.assert_allclose(nearness.toarray(), [[0, np.log(4)], [0, 0]], atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_all_dimensions_give_the_logarithm_back(seed):
    graph = random_graph(np.random.default_rng(seed), 14, share=0.2)
    scorer = fit(graph, steps=60, threshold=1e-2, dimensions=14)
    expected = naive(graph.adjacency().toarray().astype(float), 0.5, 1e-2)
    # walks below a tenth of the threshold are not followed: a value near the threshold may lose a little
    np.testing.assert_allclose(scorer.score_from(np.arange(14)), expected, atol=0.3)
    exact = fit(graph, steps=60, threshold=1e-7, dimensions=14).score_from(np.arange(14))
    np.testing.assert_allclose(exact, naive(graph.adjacency().toarray().astype(float), 0.5, 1e-7), atol=1e-3)


def test_an_edge_scores_above_its_reverse():
    scorer = fit(make_graph([(0, 1), (1, 2), (2, 3)], 4), dimensions=4)
    assert scorer.score_pairs(np.array([0]), np.array([1])) > scorer.score_pairs(np.array([1]), np.array([0]))


@pytest.mark.parametrize("options", [{"dimensions": 0}, {"threshold": 0.0}, {"restart": 2.0}])
def test_options_out_of_range(options):
    with pytest.raises(InputError, match=next(iter(options))):
        fit(make_graph([(0, 1)], 2), **options)
