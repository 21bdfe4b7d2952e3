"""What is bought next or before: by hand, reversal, ties, products without edges, and the symmetric list."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError
from core.graph.data import Edges
from core.graph.recommend import recommend, recommend_symmetric
from core.graph.scorers import Factors
from tests.graph.tiny_graphs import make_graph, random_graph, random_table, table

# 0 phone, 1 case, 2 charger, 3 screen guard, 4 without edges.
PAIRS = [(0, 1), (0, 2), (1, 0), (3, 1)]
SCORES = [
    [0, 9, 7, 8, 1],
    [2, 0, 1, 5, 1],
    [6, 1, 0, 1, 1],
    [3, 4, 1, 0, 1],
    [0, 0, 0, 0, 0],
]


def test_next_by_hand():
    found = recommend(make_graph(PAIRS, 5), table(SCORES), 0, k=3, direction="next")
    frame = found.frame()
    assert frame["rank"].tolist() == [1, 2, 3]
    assert frame["node"].tolist() == [1, 3, 2]
    assert frame["id"].tolist() == ["n1", "n3", "n2"]
    assert frame["score"].tolist() == [9, 8, 7]
    assert frame["reverse_score"].tolist() == [2, 3, 6]
    assert frame["asymmetry"].tolist() == [7, 5, 1]
    # Where the item would place the phone: 1 has 3 (5), then the phone (2); 3 has 1 (4), then the phone; 2: first.
    assert frame["reverse_rank"].tolist() == [2, 2, 1]
    assert frame["out_degree"].tolist() == [1, 1, 0]
    assert frame["in_degree"].tolist() == [2, 0, 1]
    assert frame["status"].tolist() == ["both", "new", "known edge"]
    assert (found.degree, found.tied, found.note) == (2, 0, "")


def test_before_by_hand():
    # Into the case (1): 9 from the phone, 4 from the guard, then the charger (1); node 4 has 0.
    found = recommend(make_graph(PAIRS, 5), table(SCORES), 1, k=2, direction="before")
    assert found.node.tolist() == [0, 3]
    assert found.score.tolist() == [9, 4]
    assert found.reverse.tolist() == [2, 5]
    # Before the phone come 2 (6), 3 (3), then the case (2); before the guard 0 (8), then the case (5).
    assert found.reverse_rank.tolist() == [3, 2]
    assert found.frame()["status"].tolist() == ["both", "known edge"]


def test_known_edges_can_be_left_out():
    found = recommend(make_graph(PAIRS, 5), table(SCORES), 0, k=5, direction="next", with_known=False)
    assert found.node.tolist() == [3, 4]
    assert not found.known.any()


def test_reversing_the_graph_swaps_the_questions():
    rng = np.random.default_rng(3)
    for _ in range(20):
        graph, scorer = random_graph(rng, 9), random_table(rng, 9)
        turned = make_graph(Edges(graph.edges.target, graph.edges.source), 9)
        before = recommend(graph, scorer, 2, k=4, direction="before").frame()
        after = recommend(turned, table(scorer.scores.T), 2, k=4, direction="next").frame()
        renamed = {"in_degree": "out_degree", "out_degree": "in_degree"}
        assert before.equals(after.rename(columns=renamed)[before.columns])


def test_ties_go_by_id_and_are_told():
    found = recommend(make_graph(PAIRS, 6), table([[0, 1, 2, 1, 1, 0], *[[0] * 6] * 5]), 0, k=2, direction="next")
    assert found.node.tolist() == [2, 1]
    assert found.tied == 2
    assert "2 more products have the score of the last one" in found.note


def test_a_product_of_which_nothing_is_known_gets_no_list():
    found = recommend(make_graph(PAIRS, 5), table(SCORES), 4, k=3, direction="next")
    assert len(found.frame()) == 0
    assert "all scores are equal" in found.note


def test_a_product_without_edges_is_flagged():
    found = recommend(make_graph(PAIRS, 5), table(SCORES), 2, k=3, direction="next")
    assert (found.degree, found.node[0]) == (0, 0)
    assert "the list is inferred" in found.note


def test_one_product_alone():
    found = recommend(make_graph([], 1), table([[1]]), 0, k=3, direction="before")
    assert len(found.frame()) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"node": 5}, "position must be a whole number from 0 to 4"),
        ({"node": -1}, "position must be"),
        ({"k": 0}, "number of recommendations must be"),
        ({"k": 1001}, "number of recommendations must be"),
        ({"direction": "sideways"}, "no direction 'sideways'"),
    ],
)
def test_wrong_questions_are_refused(change, message):
    asked = {"node": 0, "k": 3, "direction": "next"} | change
    with pytest.raises(InputError, match=message):
        recommend(make_graph(PAIRS, 5), table(SCORES), asked.pop("node"), **asked)


def test_a_model_of_another_graph_is_refused():
    with pytest.raises(InputError, match="knows 5 products, the graph has 6"):
        recommend(make_graph(PAIRS, 6), table(SCORES), 0, k=1, direction="next")


def test_symmetric_list_by_hand():
    graph, scorer = make_graph(PAIRS, 5), table(SCORES)
    # Both ways around the charger (2): phone (7 + 6) / 2 = 6.5, case (1 + 1) / 2, guard 1, node 4 (1 + 0) / 2 = 0.5.
    directed = recommend(graph, scorer, 2, k=1, direction="before")
    found = recommend_symmetric(scorer, directed, k=3)
    assert found.node.tolist() == [0, 1, 3]
    assert found.score.tolist() == [6.5, 1, 1]
    # For the guard (3) next: directed 1 (4), 0 (3); both ways 0 (3 + 8) / 2 = 5.5, 1 (4 + 5) / 2 = 4.5.
    directed = recommend(graph, scorer, 3, k=1, direction="next")
    frame = recommend_symmetric(scorer, directed, k=2).frame()
    assert frame["node"].tolist() == [0, 1]
    assert frame["symmetric_score"].tolist() == [5.5, 4.5]
    assert frame["absent"].tolist() == [True, False]
    assert frame["wrong_way"].tolist() == [True, True]  # 8 > 3 and 5 > 4: both are bought before the guard, not after


def test_the_symmetric_list_answers_both_questions_alike():
    rng = np.random.default_rng(8)
    graph, scorer = random_graph(rng, 15), random_table(rng, 15, values=1000)
    lists = [
        recommend_symmetric(scorer, recommend(graph, scorer, 6, k=5, direction=direction), k=5)
        for direction in ("next", "before")
    ]
    assert lists[0].node.tolist() == lists[1].node.tolist()
    assert np.array_equal(lists[0].forward, lists[1].reverse)


def test_a_symmetric_model_never_points_the_wrong_way():
    vectors = np.random.default_rng(1).standard_normal((8, 3)).astype(np.float32)
    scorer = Factors(vectors, vectors)
    directed = recommend(make_graph(PAIRS, 8), scorer, 0, k=7, direction="next")
    found = recommend_symmetric(scorer, directed, k=7)
    assert found.node.tolist() == directed.node.tolist()
    assert not found.wrong_way.any()
    assert not found.absent.any()
    new = recommend_symmetric(scorer, directed, k=7, with_known=False)
    assert set(new.node.tolist()) == {3, 4, 5, 6, 7}


def test_titles_stay_text():
    graph = make_graph(PAIRS, 5)
    title = np.array(["<b>0</b>", "=1+1", "x" * 10**6, "", "'"], dtype=object)
    graph = replace(graph, items=replace(graph.items, title=title))
    frame = recommend(graph, table(SCORES), 0, k=2, direction="next").frame()
    assert frame["title"].tolist() == ["=1+1", ""]
