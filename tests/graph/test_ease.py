"""EASE, against least squares without the target's own column."""

import numpy as np
import pytest

from core.errors import InputError, TooLarge
from core.graph.data import Fold
from core.graph.ease import fit_ease, invert
from core.jobs import finish
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph


def fit(graph, **options):
    return finish(fit_ease(Fold(graph, make_edges([])), rng=np.random.default_rng(0), **options))


def test_by_hand():
    # Sources 0 and 1 both have the targets 2 and 3: AᵀA + I has [[3, 2], [2, 3]] there, its inverse is
    # [[3, -2], [-2, 3]] / 5, so the weight between 2 and 3 is 2/3, and so is every score from 0 to 2 or 3.
    graph = make_graph([(0, 2), (0, 3), (1, 2), (1, 3)], 4)
    scores = fit(graph, regularisation=1.0).score_from(np.array([0, 2]))
    np.testing.assert_allclose(scores, [[0, 0, 2 / 3, 2 / 3], [0, 0, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("regularisation", [0.5, 5.0])
def test_each_column_is_the_ridge_regression_on_the_other_columns(seed, regularisation):
    graph = random_graph(np.random.default_rng(seed), 10, share=0.4)
    weights = fit(graph, regularisation=regularisation).right
    adjacency = graph.adjacency().toarray().astype(float)
    assert not np.diag(weights).any()
    for v in range(10):
        others = np.delete(adjacency, v, axis=1)
        solved = np.linalg.solve(others.T @ others + regularisation * np.eye(9), others.T @ adjacency[:, v])
        np.testing.assert_allclose(np.delete(weights[:, v], v), solved, atol=1e-5)


def test_inverse():
    square = np.random.default_rng(0).standard_normal((30, 30)).astype(np.float32)
    matrix = square @ square.T + np.eye(30, dtype=np.float32)
    np.testing.assert_allclose(invert(matrix.copy()) @ matrix, np.eye(30), atol=1e-4)


def test_a_graph_above_the_limit_is_refused_with_the_way_out():
    with pytest.raises(TooLarge, match=r"5 nodes are above the limit of 4") as caught:
        fit(random_graph(np.random.default_rng(0), 5), limit=4)
    assert "co-citation" in caught.value.fix


def test_regularisation_is_above_zero():
    with pytest.raises(InputError, match="regularisation"):
        fit(random_graph(np.random.default_rng(0), 4), regularisation=0.0)


def test_one_node_and_no_edges():
    assert fit(make_graph([], 1)).score_from(np.array([0])).tolist() == [[0.0]]
