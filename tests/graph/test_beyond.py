"""Coverage, Gini, popularity, personalization and reciprocity of lists."""

import numpy as np
import pytest

from core.graph import beyond
from core.graph.beyond import describe_lists, measure_lists
from core.jobs import finish
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph, random_table, table


def rng(seed=0):
    return np.random.default_rng(seed)


def test_by_hand():
    """Lists 0: 1 2, 1: 0 2, 2: 0, 3: none. Counts 2, 1, 2, 0; in-degrees of training 1, 1, 2, 0.

    Coverage 3/4, served 3/4. Sorted counts 0 1 2 2: Gini 2 · (2 + 6 + 8)/(4 · 5) - 5/4 = 0.35.
    Popularity (1 + 2 + 1 + 2 + 1)/5 = 1.4, catalogue 1. Mutual: 0 → 1, 0 → 2, 1 → 0, 2 → 0 of 5.
    Cosines: {1, 2}·{0, 2} = 1/2, {1, 2}·{0} = 0, {0, 2}·{0} = 1/√2: personalization 1 - (1/2 + 1/√2)/3.
    """
    training = make_graph([(0, 2), (1, 2), (3, 0), (3, 1)], 4)
    found = describe_lists(make_edges([(0, 1), (0, 2), (1, 0), (1, 2), (2, 0)]), np.arange(4), training)
    assert (found.queries, found.served, found.coverage) == (4, 0.75, 0.75)
    assert found.gini == pytest.approx(0.35)
    assert (found.average_popularity, found.catalogue_popularity) == (1.4, 1)
    assert found.reciprocal == 0.8
    assert found.personalization == pytest.approx(1 - (0.5 + 0.5**0.5) / 3)


def test_only_where_both_are_asked_can_a_recommendation_be_mutual():
    """0 → 1 and 0 → 2, only 0 and 1 are asked: 0 → 1 counts, and 1 → 0 is missing."""
    found = describe_lists(make_edges([(0, 1), (0, 2)]), np.array([0, 1]), make_graph([(0, 1)], 3))
    assert found.reciprocal == 0


def test_nothing_is_recommended():
    found = describe_lists(make_edges([]), np.arange(3), make_graph([(0, 1)], 3))
    assert (found.served, found.coverage) == (0, 0)
    assert np.isnan([found.gini, found.average_popularity, found.personalization, found.reciprocal]).all()
    assert found.frame().loc[0, "queries"] == 3


def test_one_list_for_all_is_not_personal():
    """Each of 30 nodes gets the same two, but those two: nearly no coverage, Gini near 1."""
    pairs = make_edges([(u, v) for u in range(2, 30) for v in (0, 1)])
    found = describe_lists(pairs, np.arange(30), make_graph([(0, 1)], 30))
    assert found.personalization == pytest.approx(0)
    assert found.coverage == pytest.approx(2 / 30)
    assert found.gini == pytest.approx(28 / 30)


def test_lists_hold_the_best_that_are_not_known():
    """Scores rise with the node, and all point to the last, 14: no list holds it; nodes 3 to 13 are in some list."""
    training = make_graph([(u, 14) for u in range(14)], 15)
    found = finish(measure_lists(table(np.tile(np.arange(15.0), (15, 1))), training, rng=rng()))
    assert (found.served, found.average_popularity) == (1, 0)
    assert found.coverage == pytest.approx(11 / 15)


def test_small_blocks_and_a_sample(monkeypatch):
    graph, scorer = random_graph(rng(), 40), random_table(rng(1), 40, values=50)
    at_once = finish(measure_lists(scorer, graph, rng=rng()))
    monkeypatch.setattr(beyond, "rows_at_a_time", lambda nodes: 7)
    reports = list(measure_lists(scorer, graph, rng=rng()))
    assert len(reports) == 6
    assert reports[-1].share == 1
    assert finish(measure_lists(scorer, graph, rng=rng())) == at_once
    monkeypatch.setattr(beyond, "most_queries", lambda nodes: 10)
    sampled = finish(measure_lists(scorer, graph, rng=rng()))
    assert sampled.queries == 10
    assert sampled == finish(measure_lists(scorer, graph, rng=rng()))
