"""Folds and candidates: what a step may see, and what it may not."""

import numpy as np
import pytest

from core.graph.data import Edges
from core.graph.split import split_graph
from core.graph.supervision import draw_candidates, draw_folds, find_one_way
from tests.graph.tiny_graphs import make_graph, random_graph


def keys(edges, nodes):
    return set(edges.keys(nodes).tolist())


def test_one_way_by_hand():
    graph = make_graph([(0, 1), (1, 0), (1, 2)], 3)
    assert find_one_way(graph).tolist() == [False, False, True]


@pytest.mark.parametrize("seed", range(5))
def test_no_one_way_edge_of_training_is_the_reverse_of_a_held_out_one_unless_split_by_edge(seed):
    graph = random_graph(np.random.default_rng(seed), 30, share=0.4)

    def wronged(kind):
        split = split_graph(graph, kind=kind, rng=np.random.default_rng(seed))
        train = split.fold.graph
        one_way = train.edges.take(find_one_way(train)).reversed()
        held_out = keys(split.test, 30) | keys(split.fold.validation, 30)
        return keys(one_way, 30) & held_out

    assert not wronged("pair")
    assert wronged("edge")  # the test has power: the split by edge does push held-out edges down


@pytest.mark.parametrize("folds", [2, 4, 7])
def test_each_edge_is_predicted_once_and_never_beside_its_pair(folds):
    graph = random_graph(np.random.default_rng(0), 12, share=0.4)
    seen = []
    for fold in draw_folds(graph, find_one_way(graph), folds=folds, rng=np.random.default_rng(1)):
        predicted, rest = keys(fold.edges, 12), keys(fold.rest, 12)
        assert predicted | rest == keys(graph.edges, 12)
        assert not (predicted | keys(fold.edges.reversed(), 12)) & rest
        np.testing.assert_array_equal(fold.one_way, ~np.isin(fold.edges.reversed().keys(12), graph.edges.keys(12)))
        assert (np.diff(fold.edges.keys(12)) > 0).all()
        seen += sorted(predicted)
    assert sorted(seen) == graph.edges.keys(12).tolist()


def test_a_graph_of_one_pair_flows_along_it():
    graph = make_graph([(0, 1), (1, 0)], 2)
    (fold,) = draw_folds(graph, find_one_way(graph), folds=4, rng=np.random.default_rng(0))
    assert len(fold.edges) == len(fold.rest) == 2


def test_no_edges_no_folds():
    graph = make_graph([], 2)
    assert not list(draw_folds(graph, find_one_way(graph), folds=4, rng=np.random.default_rng(0)))


@pytest.mark.parametrize("kind", ["uniform", "degree"])
def test_candidates_stand_for_all_nodes(kind):
    graph = make_graph(Edges(np.arange(1, 200), np.zeros(199, dtype=np.int64)), 200)
    rng, value = np.random.default_rng(0), np.random.default_rng(1).random(200)
    sums = []
    for _ in range(2_000):
        found = draw_candidates(graph, graph.adjacency(), count=20, kind=kind, rng=rng)
        assert (np.diff(found.nodes) > 0).all()
        sums.append(float((np.exp(found.log_weight) * value[found.nodes]).sum()))
    assert np.mean(sums) == pytest.approx(value.sum(), abs=4.5 * np.std(sums) / np.sqrt(2_000))


@pytest.mark.parametrize("kind", ["uniform", "degree"])
def test_as_many_candidates_as_nodes_are_all_nodes(kind):
    graph = random_graph(np.random.default_rng(0), 6)
    found = draw_candidates(graph, graph.adjacency(), count=6, kind=kind, rng=np.random.default_rng(0))
    assert found.nodes.tolist() == list(range(6))
    assert not found.log_weight.any()
    np.testing.assert_array_equal(found.excluded.toarray() > 0, (graph.adjacency().toarray() + np.eye(6)) > 0)
