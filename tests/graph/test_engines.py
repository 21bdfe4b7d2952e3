"""What must hold for every engine: symmetries, isolated nodes, determinism, and no torch at import."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from core.graph.data import Edges, Fold
from core.graph.engines import ENGINES
from core.jobs import finish
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph

NODES = 24
CLOSED = ("ease", "cocitation", "ppr", "strap", "hope", "popularity")


def fit(name, graph, validation=None, seed=0):
    fold = Fold(graph, make_edges([]) if validation is None else validation)
    return finish(ENGINES[name].fit(fold, rng=np.random.default_rng(seed)))


def table(name, graph, seed=0):
    return fit(name, graph, seed=seed).score_from(np.arange(graph.nodes))


def some_graph(seed=0):
    return random_graph(np.random.default_rng(seed), NODES, share=0.15)


@pytest.mark.parametrize("name", ENGINES)
def test_the_key_is_the_name(name):
    assert ENGINES[name].name == name


@pytest.mark.parametrize("name", CLOSED)
def test_relabelled_nodes_give_relabelled_scores(name):
    graph, order = some_graph(), np.random.default_rng(5).permutation(NODES)
    renamed = make_graph(Edges(order[graph.edges.source], order[graph.edges.target]), NODES)
    np.testing.assert_allclose(table(name, renamed)[np.ix_(order, order)], table(name, graph), rtol=1e-2, atol=2e-4)


@pytest.mark.parametrize("name", ["strap", "hope"])
def test_turned_edges_swap_the_roles(name):
    graph = some_graph()
    turned = make_graph(graph.edges.reversed(), NODES)
    np.testing.assert_allclose(table(name, turned).T, table(name, graph), rtol=1e-2, atol=2e-4)


@pytest.mark.parametrize("name", ["ease", "cocitation", "ppr", "strap", "hope", "popularity"])
def test_the_order_of_edges_does_not_matter(name):
    graph = some_graph()
    shuffled = np.random.default_rng(1).permutation(len(graph.edges))
    mixed = replace(graph, edges=graph.edges.take(shuffled))
    np.testing.assert_allclose(table(name, mixed), table(name, graph), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", CLOSED)
def test_an_isolated_node_changes_nobody(name):
    graph = some_graph()
    more = make_graph(graph.edges, NODES + 1)
    np.testing.assert_allclose(table(name, more)[:NODES, :NODES], table(name, graph), rtol=1e-2, atol=2e-4)
    assert np.isfinite(table(name, more)).all()


@pytest.mark.parametrize("name", ENGINES)
def test_one_seed_one_result(name):
    assert (table(name, some_graph(), seed=3) == table(name, some_graph(), seed=3)).all()


@pytest.mark.parametrize("name", ENGINES)
def test_rows_columns_and_pairs_agree(name):
    scorer = fit(name, some_graph())
    rows, everyone = scorer.score_from(np.arange(NODES)), np.arange(NODES)
    np.testing.assert_allclose(scorer.score_into(everyone).T, rows, rtol=1e-4, atol=1e-5)
    source, target = np.divmod(np.arange(NODES * NODES), NODES)
    np.testing.assert_allclose(scorer.score_pairs(source, target), rows.ravel(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["ease", "cocitation", "ppr", "strap", "hope", "popularity", "random"])
def test_validation_edges_are_not_learned_by_a_single_engine(name):
    graph = some_graph()
    held = make_edges([(0, 5), (5, 0)])
    assert (fit(name, graph, held).score_from(np.arange(NODES)) == table(name, graph)).all()


@pytest.mark.parametrize("name", ENGINES)
def test_one_node_without_edges(name):
    assert np.isfinite(table(name, make_graph([], 1))).all()


def test_the_registry_does_not_load_torch():
    program = "import sys, core.graph.engines; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
