"""The picture around one product: by hand, opened nodes, limits, determinism."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError
from core.graph.ego import MOST_ARROWS, ego_network
from core.graph.retrieve import retrieve
from tests.graph.tiny_graphs import make_graph, random_graph, random_table, table

# 0 phone ⇄ 1 case, 0 → 2 charger, 3 other phone → 1 case, 4 box → 0; 5 hangs on the charger, 6 has no edges.
PAIRS = [(0, 1), (0, 2), (1, 0), (2, 5), (3, 1), (4, 0)]


def arrows(ego):
    return list(zip(ego.node[ego.tail].tolist(), ego.node[ego.head].tolist(), ego.side.tolist(), strict=True))


def test_five_nodes_by_hand():
    ego = ego_network(make_graph(PAIRS, 7), None, 0)
    assert ego.node.tolist() == [0, 1, 2, 4]
    assert ego.role.tolist() == ["centre", "both", "next", "before"]
    assert ego.layer.tolist() == [0, 1, 1, -1]
    assert arrows(ego) == [(0, 1, "next"), (0, 2, "next"), (1, 0, "before"), (4, 0, "before")]
    assert ego.mutual.tolist() == [True, False, True, False]
    assert ego.known.all()
    assert ego.hidden == 0
    frame = ego.frame()
    assert frame["from"].tolist() == ["n0", "n0", "n1", "n4"]
    assert frame["to"].tolist() == ["n1", "n2", "n0", "n0"]
    assert frame["both_ways"].tolist() == [True, False, True, False]
    assert ego.node_frame()["in_degree"].tolist() == [2, 2, 1, 0]


def test_an_opened_node_brings_its_own_neighbours():
    ego = ego_network(make_graph(PAIRS, 7), None, 0, expanded=[1, 2])
    assert ego.node.tolist() == [0, 1, 2, 4, 3, 5]
    assert ego.layer.tolist() == [0, 1, 1, -1, 0, 2]  # the other phone is an alternative to the phone
    assert ego.opened.tolist() == [True, True, True, False, False, False]
    # Edges between two opened nodes come once, seen from the one that was opened first.
    assert arrows(ego) == [
        (0, 1, "next"), (0, 2, "next"), (1, 0, "before"), (4, 0, "before"), (3, 1, "before"), (2, 5, "next"),
    ]  # fmt: skip


def test_nodes_that_are_not_in_the_picture_cannot_be_opened():
    graph = make_graph(PAIRS, 7)
    plain, odd = ego_network(graph, None, 0), ego_network(graph, None, 0, expanded=[6, -1, 99, 0])
    assert odd.node.tolist() == plain.node.tolist()
    late, early = (ego_network(graph, None, 0, expanded=clicks).node.tolist() for clicks in ([2, 5], [5, 2]))
    assert late == early


def test_a_scorer_brings_in_new_recommendations():
    scores = np.zeros((9, 9))
    scores[0, 6], scores[0, 5], scores[3, 0] = 3, 2, 7
    ego = ego_network(make_graph(PAIRS, 9), table(scores), 0)
    assert ego.node.tolist() == [0, 1, 2, 4, 6, 5, 3]  # nothing is recommended for a score of 0
    assert ego.role[4:].tolist() == ["recommended next"] * 2 + ["recommended before"]
    assert arrows(ego)[4:] == [(0, 6, "next"), (0, 5, "next"), (3, 0, "before")]
    assert ego.strength[4:].tolist() == [3, 2, 7]
    assert ego.frame()["what"].tolist() == ["known edge"] * 4 + ["recommended"] * 3


def test_edges_come_by_weight_then_score_then_id():
    graph = make_graph([(0, v) for v in range(1, 13)], 13)
    weight = np.ones(12)
    weight[11] = 5  # to 12
    scores = np.zeros((13, 13))
    scores[0, 7] = 1
    ego = ego_network(replace(graph, weight=weight), table(scores), 0)
    assert ego.node[1:9].tolist() == [12, 7, 1, 2, 3, 4, 5, 6]
    assert ego.hidden == 4


def test_limits_hold_in_a_dense_graph():
    rng = np.random.default_rng(0)
    graph, scorer = random_graph(rng, 150, share=0.5), random_table(rng, 150, values=100)
    for limit in (20, 57, 200):
        ego = ego_network(graph, scorer, 3, limit=limit)
        for _ in range(3):
            ego = ego_network(graph, scorer, 3, expanded=ego.node[1:10].tolist(), limit=limit)
        assert len(ego.node) <= limit
        assert len(np.unique(ego.node)) == len(ego.node)
        assert len(ego.tail) <= MOST_ARROWS
        assert len(set(arrows(ego))) == len(ego.tail)
        assert ego.hidden > 0
        edge = set(zip(graph.edges.source.tolist(), graph.edges.target.tolist(), strict=True))
        for (u, v, _), known, mutual in zip(arrows(ego), ego.known, ego.mutual, strict=True):
            assert ((u, v) in edge) == known
            assert ((v, u) in edge) == mutual or not known
        assert (ego.opened[ego.tail] | ego.opened[ego.head]).all()


def test_the_picture_is_the_same_every_time():
    rng = np.random.default_rng(1)
    graph, scorer = random_graph(rng, 60), random_table(rng, 60)
    one, other = (ego_network(graph, scorer, 5, expanded=[9, 12]) for _ in range(2))
    for part in ("node", "x", "y", "tail", "head", "strength"):
        assert np.array_equal(getattr(one, part), getattr(other, part))


def test_columns_go_from_before_to_next():
    ego = ego_network(make_graph(PAIRS, 7), None, 0, expanded=[1, 2])
    for lower, higher in ((-1, 0), (0, 1), (1, 2)):
        assert ego.x[ego.layer == lower].max() < ego.x[ego.layer == higher].min()
    places = set(zip(ego.x.tolist(), ego.y.tolist(), strict=True))
    assert len(places) == len(ego.node)


def test_recommendations_are_those_of_the_list():
    rng = np.random.default_rng(2)
    graph, scorer = random_graph(rng, 30), random_table(rng, 30, values=50)
    ego = ego_network(graph, scorer, 4)
    known = graph.adjacency()[[4]]
    new = retrieve(scorer, np.array([4]), k=4, known=known, with_known=False)
    drawn = ego.head[~ego.known & (ego.side == "next")]
    assert ego.node[drawn].tolist() == new.node.tolist()


def test_a_product_without_edges_stands_alone():
    ego = ego_network(make_graph(PAIRS, 7), None, 6)
    assert (ego.node.tolist(), len(ego.frame()), ego.hidden) == ([6], 0, 0)
    assert ego_network(make_graph([], 1), table([[0]]), 0).node.tolist() == [0]


@pytest.mark.parametrize(("centre", "limit", "message"), [(7, 20, "position"), (0, 19, "shown"), (0, 201, "shown")])
def test_wrong_questions_are_refused(centre, limit, message):
    with pytest.raises(InputError, match=message):
        ego_network(make_graph(PAIRS, 7), None, centre, limit=limit)
