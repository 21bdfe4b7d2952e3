"""HOPE, against the Katz index of the dense matrix."""

import numpy as np
import pytest

from core.errors import InputError
from core.graph.data import Fold
from core.graph.hope import fit_hope, spectral_norm
from core.jobs import finish
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph


def fit(graph, **options):
    return finish(fit_hope(Fold(graph, make_edges([])), rng=np.random.default_rng(0), **options))


def test_by_hand():
    # 0 → 1 → 2 has the norm 1, so β = 1/2: one walk of length 1 each, and one of length 2 with 1/4.
    scores = fit(make_graph([(0, 1), (1, 2)], 3), decay=0.5, dimensions=3).score_from(np.arange(3))
    np.testing.assert_allclose(scores, [[0, 0.5, 0.25], [0, 0, 0.5], [0, 0, 0]], atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decay", [0.3, 0.9])
def test_all_dimensions_give_the_katz_index_back(seed, decay):
    graph = random_graph(np.random.default_rng(seed), 12)
    adjacency = graph.adjacency().toarray().astype(float)
    beta = decay / np.linalg.norm(adjacency, 2)
    katz = np.linalg.inv(np.eye(12) - beta * adjacency) - np.eye(12)
    scores = fit(graph, decay=decay, dimensions=12).score_from(np.arange(12))
    np.testing.assert_allclose(scores, katz, rtol=2e-2, atol=2e-3)


def test_norm_of_a_matrix():
    matrix = random_graph(np.random.default_rng(4), 20).adjacency()
    rng = np.random.default_rng(0)
    assert spectral_norm(matrix, rng=rng) == pytest.approx(np.linalg.norm(matrix.toarray(), 2), rel=1e-4)
    assert spectral_norm(make_graph([], 3).adjacency(), rng=rng) == 0.0


def test_without_edges_every_score_is_zero():
    assert not fit(make_graph([], 3)).score_from(np.arange(3)).any()


@pytest.mark.parametrize("options", [{"dimensions": 0}, {"decay": 1.0}])
def test_options_out_of_range(options):
    with pytest.raises(InputError, match=next(iter(options))):
        fit(make_graph([(0, 1)], 2), **options)
