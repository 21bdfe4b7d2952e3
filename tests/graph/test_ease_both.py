"""EASE on both sides, against least squares without the two columns of the target."""

import numpy as np
import pytest

from core.errors import InputError, TooLarge
from core.graph.data import Edges, Fold
from core.graph.ease_both import fit_ease_both
from core.jobs import finish
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph


def fit(graph, **options):
    return finish(fit_ease_both(Fold(graph, make_edges([])), **options))


def naive(adjacency, regularisation, exponent):
    """Scores of the source's side; what is not positive, and the diagonal, as 0."""
    nodes = len(adjacency)
    both = np.hstack([adjacency, adjacency.T])
    entries = np.maximum(both.sum(axis=0), 1).reshape(2, nodes)
    penalty = (regularisation * (entries / entries.mean(axis=1, keepdims=True)) ** exponent).ravel()
    scores = np.zeros((nodes, nodes))
    for v in range(nodes):
        others = np.setdiff1d(np.arange(2 * nodes), [v, nodes + v])
        columns = both[:, others]
        solved = np.linalg.solve(columns.T @ columns + np.diag(penalty[others]), columns.T @ adjacency[:, v])
        scores[:, v] = columns @ solved
    np.fill_diagonal(scores, 0)
    return np.maximum(scores, 0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("regularisation", "exponent"), [(0.5, 0.0), (5.0, 0.5)])
def test_each_column_is_the_ridge_regression_without_the_edge_and_its_reverse(seed, regularisation, exponent):
    graph = random_graph(np.random.default_rng(seed), 10)
    adjacency = graph.adjacency().toarray().astype(float)
    both = fit(graph, regularisation=regularisation, exponent=exponent)
    everyone = np.arange(10)
    expected = naive(adjacency, regularisation, exponent)
    np.testing.assert_allclose(both.of_source.score_from(everyone), expected, atol=1e-5)
    turned = naive(adjacency.T, regularisation, exponent).T
    np.testing.assert_allclose(both.of_target.score_from(everyone), turned, atol=1e-5)


def test_turned_edges_swap_the_sides():
    graph = random_graph(np.random.default_rng(7), 12)
    turned = make_graph(Edges(graph.edges.target, graph.edges.source), 12)
    everyone = np.arange(12)
    there, back = fit(graph), fit(turned)
    np.testing.assert_allclose(there.of_source.score_from(everyone), back.of_target.score_into(everyone), atol=1e-5)


def test_only_the_largest_scores_of_a_source_are_kept():
    graph = random_graph(np.random.default_rng(1), 20)
    whole, cut = (fit(graph, keep=keep).of_source.right.toarray() for keep in (20, 3))
    assert ((cut > 0).sum(axis=1) <= 3).all()
    assert (cut.max(axis=1) == whole.max(axis=1)).all()


def test_without_edges_every_score_is_zero():
    assert not fit(make_graph([], 3)).of_source.score_from(np.arange(3)).any()


def test_limits():
    graph = make_graph([(0, 1)], 3)
    with pytest.raises(TooLarge, match="3 nodes are above the limit of 2"):
        fit(graph, limit=2)
    with pytest.raises(InputError, match="regularisation"):
        fit(graph, regularisation=0.0)
    with pytest.raises(InputError, match="exponent"):
        fit(graph, exponent=2.0)
