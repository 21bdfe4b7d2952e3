"""Personalised PageRank, against the linear system it solves."""

import numpy as np
import pytest

from core.errors import InputError
from core.graph.data import Fold
from core.graph.ppr import compute_pagerank, fit_ppr
from core.jobs import finish
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph


def pagerank(graph, **options):
    return finish(compute_pagerank(graph.adjacency(), note="walking", **options)).toarray()


def test_by_hand():
    # 0 → 1 → 2: a walk stops with 1/2 at 0, else goes on: 1/4 at 1, and 1/8 at 2, where it ends.
    graph = make_graph([(0, 1), (1, 2)], 3)
    assert pagerank(graph, restart=0.5, steps=5, tolerance=0.0)[0].tolist() == [0.5, 0.25, 0.125]


@pytest.mark.parametrize("seed", range(5))
def test_many_steps_solve_the_linear_system(seed):
    graph, restart = random_graph(np.random.default_rng(seed), 15, share=0.2), 0.2
    adjacency = graph.adjacency().toarray().astype(float)
    walk = adjacency / np.maximum(adjacency.sum(axis=1, keepdims=True), 1)
    solved = restart * np.linalg.inv(np.eye(15) - (1 - restart) * walk)
    found = pagerank(graph, restart=restart, steps=100, tolerance=0.0)
    np.testing.assert_allclose(found, solved, atol=1e-6)


def test_the_tolerance_only_ever_takes_away():
    graph = random_graph(np.random.default_rng(1), 30, share=0.2)
    exact = pagerank(graph, restart=0.15, steps=10, tolerance=0.0)
    coarse = pagerank(graph, restart=0.15, steps=10, tolerance=1e-2)
    assert (coarse <= exact + 1e-7).all()
    assert 0 < (coarse > 0).sum() < (exact > 0).sum()


def test_the_engine_leaves_out_the_source_itself():
    graph = make_graph([(0, 1), (1, 0), (1, 2)], 3)
    scores = finish(fit_ppr(Fold(graph, make_edges([])), rng=np.random.default_rng(0))).score_from(np.arange(3))
    assert not np.diag(scores).any()
    assert scores[0, 1] > scores[0, 2] > 0
    assert scores[0, 2] != scores[2, 0]


@pytest.mark.parametrize("options", [{"restart": 0.0}, {"steps": 0}, {"tolerance": -1.0}])
def test_options_out_of_range(options):
    with pytest.raises(InputError, match=next(iter(options))):
        pagerank(make_graph([(0, 1)], 2), **{"restart": 0.5, "steps": 3, "tolerance": 0.0} | options)
