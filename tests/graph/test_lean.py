"""Leaning on the source: lists stay, directions turn."""

import numpy as np
import pytest

from core.graph.data import Edges, Fold
from core.graph.lean import lean_on_sources
from core.graph.parts import Ensemble, Part
from core.graph.split import split_graph
from tests.graph.tiny_graphs import Table, make_graph


def hubs_split(seed=0, nodes=80):
    """Everyone leads to a few hubs, which lead nowhere in particular."""
    rng = np.random.default_rng(seed)
    chance = np.where(np.arange(nodes) < 8, 0.6, 0.02)
    there = rng.random((nodes, nodes)) < chance
    np.fill_diagonal(there, False)
    return split_graph(make_graph(Edges(*np.nonzero(there)), nodes), validation=0.3, test=0.2, rng=rng)


def symmetric_sum(seed=0, nodes=80):
    scores = np.random.default_rng(seed).standard_normal((nodes, nodes)).astype(np.float32)
    return Ensemble((Part("engine", Table(scores + scores.T), "plain", 1.0, 1.0),), "engine", (), ())


def test_every_list_stays_in_order():
    before, everyone = symmetric_sum(), np.arange(80)
    after = lean_on_sources(before, hubs_split().fold, fewest=20)
    shift = after.score_from(everyone) - before.score_from(everyone)
    np.testing.assert_allclose(shift, np.repeat(shift[:, :1], 80, axis=1), atol=1e-5)
    assert [part.name for part in after.parts] == ["engine", "popularity of the source", "targets of the source"]


def test_edges_that_tie_with_their_reverse_come_to_stand_above_it():
    split = hubs_split()
    before = symmetric_sum()
    after = lean_on_sources(before, split.fold, fewest=20)
    source, target = split.test.source, split.test.target
    one_way = ~np.isin(split.test.reversed().keys(80), split.graph.edges.keys(80))
    there = after.score_pairs(source, target)[one_way]
    back = after.score_pairs(target, source)[one_way]
    assert (there > back).mean() > 0.75  # a fifth of the edges lie between products that are no hubs
    np.testing.assert_allclose(before.score_pairs(source, target), before.score_pairs(target, source))


def test_the_reverse_of_a_training_edge_is_no_example():
    graph = make_graph([(0, 1), (2, 3)], 5)
    fold = Fold(graph, Edges(np.array([1, 3, 4, 0]), np.array([0, 2, 0, 4])))
    before = symmetric_sum(nodes=5)
    assert lean_on_sources(before, fold, fewest=1) is before  # two reversed, one pair both ways: none is one-way


@pytest.mark.parametrize("fewest", [21, 1000])
def test_too_few_edges_add_nothing(fewest):
    fold = hubs_split().fold
    some = Fold(fold.graph, fold.validation.take(np.arange(20)))
    before = symmetric_sum()
    assert lean_on_sources(before, some, fewest=fewest) is before


def test_a_sum_that_points_the_wrong_way_is_left_as_it_is():
    split = hubs_split()
    validation = split.fold.validation
    scores = np.zeros((80, 80), dtype=np.float32)
    scores[validation.target, validation.source] = 100.0
    wrong = Ensemble((Part("engine", Table(scores), "plain", 1.0, 1.0),), "engine", (), ())
    assert lean_on_sources(wrong, split.fold, fewest=20) is wrong
