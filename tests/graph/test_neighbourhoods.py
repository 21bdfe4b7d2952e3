"""The four neighbourhoods: their sizes, and what they leave as it is."""

import numpy as np
import pytest

from core.graph.hops import Propagation
from core.graph.neighbourhoods import LEAST, Neighbourhood, adapt_budget
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph

WEIGHTS = (0.5, 0.5)
MODES = ["full", "uniform", "ppr", "adaptive"]


def draw(graph, mode, budget, seed=0):
    rng = np.random.default_rng(seed)
    return Neighbourhood(mode, budget).draw(graph.edges, graph.nodes, WEIGHTS, rng=rng)


def whole(graph):
    return Propagation.of_edges(graph.edges, graph.nodes, WEIGHTS)


@pytest.fixture(scope="module")
def skewed():
    """30 hubs with 30 targets each, and 30 sources with one."""
    rng = np.random.default_rng(0)
    pairs = {(hub, 60 + target) for hub in range(30) for target in rng.choice(61, 30, replace=False).tolist()}
    pairs |= {(node, int(rng.integers(60, 121))) for node in range(30, 60)}
    return make_graph(sorted(pairs), 121)


@pytest.mark.parametrize("mode", ["full", "uniform"])
def test_a_budget_of_at_least_every_degree_is_the_full_neighbourhood(mode):
    graph = random_graph(np.random.default_rng(1), 10)
    found = draw(graph, mode, 10)
    np.testing.assert_array_equal(found.out.toarray(), whole(graph).out.toarray())
    np.testing.assert_array_equal(found.into.toarray(), whole(graph).into.toarray())


def test_adaptive_keeps_the_full_neighbourhood_of_nodes_within_their_budget(skewed):
    found, full = draw(skewed, "adaptive", 10).out.toarray(), whole(skewed).out.toarray()
    within = skewed.out_degree <= adapt_budget(skewed.out_degree, 10)
    assert within[30:].all()
    direct = full[within] > 0
    np.testing.assert_allclose(found[within][direct], full[within][direct], rtol=1e-6)


def test_adaptive_reaches_farther_from_nodes_of_low_degree_and_less_from_hubs(skewed):
    size = np.diff(draw(skewed, "adaptive", 10).out.indptr)
    degree = skewed.out_degree
    assert size[0] == adapt_budget(degree, 10)[0] < 10 < degree[0]
    assert (size[degree == 1] > 1).mean() > 0.5
    assert (size[degree == 0] == 0).all()


@pytest.mark.parametrize("role", ["out_degree", "in_degree"])
def test_budgets_add_up_to_those_of_uniform_and_keep_the_minimum(skewed, role):
    degree = np.random.default_rng(2).zipf(1.8, 4_000).clip(max=500)
    budget = adapt_budget(degree, 10)
    assert budget.sum() == pytest.approx(np.minimum(degree, 10).sum(), rel=0.2)
    by_degree = budget[np.argsort(degree, kind="stable")]
    assert (np.diff(by_degree) <= 0).all()
    assert budget.min() >= LEAST
    assert (adapt_budget(getattr(skewed, role), 10)[getattr(skewed, role) > 0] >= LEAST).all()


def test_sizes_of_ppr_and_uniform_are_at_most_the_budget(skewed):
    for mode in ("uniform", "ppr"):
        assert np.diff(draw(skewed, mode, 3).out.indptr).max() <= 3


def test_ppr_keeps_the_sum_of_each_row(skewed):
    found, full = draw(skewed, "ppr", 4).out, whole(skewed).out
    np.testing.assert_allclose(found.sum(axis=1), full.sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_flow_through_transposes(skewed, mode):
    found = draw(skewed, mode, 4)
    np.testing.assert_array_equal(found.out_turned.toarray(), found.out.toarray().T)
    np.testing.assert_array_equal(found.into_turned.toarray(), found.into.toarray().T)


@pytest.mark.parametrize("mode", MODES)
def test_determined_by_the_seed(skewed, mode):
    one, same = draw(skewed, mode, 4), draw(skewed, mode, 4)
    np.testing.assert_array_equal(one.out.toarray(), same.out.toarray())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pairs", [[], [(0, 1)]])
def test_hardly_any_edges(mode, pairs):
    graph = make_graph(make_edges(pairs), 2)
    assert draw(graph, mode, 2).out.nnz == len(pairs)


@pytest.mark.parametrize("mode", ["full", "uniform"])
def test_settled_neighbourhoods_are_the_expectation(skewed, mode):
    rng = np.random.default_rng(0)
    settled = Neighbourhood(mode, 2).settle(skewed.edges, skewed.nodes, WEIGHTS, rng=rng)
    np.testing.assert_array_equal(settled.out.toarray(), whole(skewed).out.toarray())
