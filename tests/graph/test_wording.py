"""Sentences about what was found: ranks both ways, what lies the wrong way, parts, differences, leaks."""

import numpy as np
import pytest

from core.graph.compare import Difference
from core.graph.direction import measure_direction
from core.graph.explain import explain
from core.graph.recommend import recommend, recommend_symmetric
from core.graph.resample import make_clusters
from core.graph.scorers import Product
from core.graph.split import split_graph
from core.graph.wording import (
    name_product,
    state_asymmetry,
    state_difference,
    state_direction,
    state_split,
    state_support,
    state_symmetric,
    state_terms,
    suggest_products,
)
from tests.graph.tiny_graphs import make_graph, random_graph, table


@pytest.fixture
def graph():
    """0 and 1 lead to 2 and 3; 2 leads to 0."""
    return make_graph([(0, 2), (0, 3), (1, 2), (1, 3), (2, 0)], 4)


def test_the_products_to_begin_with_are_sources(graph) -> None:
    # out - in: 0: 2 - 1, 1: 2 - 0, 2: 1 - 2, 3: 0 - 2
    assert suggest_products(graph, limit=3).tolist() == [1, 0, 2]


def test_a_long_title_is_cut(graph) -> None:
    graph.items.title[0] = "x" * 80
    assert name_product(graph, 0) == "x" * 69 + "…"
    assert name_product(graph, 1) == "n1"


def test_one_way_is_told_with_both_ranks() -> None:
    graph = random_graph(np.random.default_rng(0), 30, share=0.2)
    scores = np.tile(np.arange(30.0), (30, 1))  # whoever asks, 29 is first and 0 last
    found = recommend(graph, table(scores), 0, k=3, direction="next")
    assert (
        state_asymmetry(found, 0)
        == "n0 recommends n29; n29 does not recommend n0: place 1 in the list one way, rank 29 of 29 the other."
    )
    found = recommend(graph, table(scores), 28, k=3, direction="next")
    assert state_asymmetry(found, 0) == (
        "Both ways: n28 recommends n29, and n29 recommends n28 (place 1 in the list one way, rank 1 of 29 the other)."
    )
    found = recommend(graph, table(scores.T), 0, k=15, direction="before")
    assert state_asymmetry(found, 0).startswith("n0 is recommended by n29; n29 is not recommended by n0: place 1")
    # asked by 20, who comes before? 29 … 21, 19 … 0: 8 stands at place 21, and of those before 8, 20 is the tenth
    before = recommend(graph, table(scores.T), 20, k=25, direction="before")
    assert before.node[20] == 8
    assert state_asymmetry(before, 20).startswith(
        "n20 is not recommended by n8; n8 is recommended by n20: place 21 in the list one way, rank 10 of 29 the other"
    )
    assert state_asymmetry(found, 14).startswith("Neither is among the other's first 10: n0 and n15, place 15 in")


def test_what_a_model_without_direction_gets_wrong_is_named(graph) -> None:
    scores = np.zeros((4, 4))
    scores[0, 1], scores[2, 0] = 1, 3  # asked for 0: 1 is next, 2 before
    directed = recommend(graph, table(scores), 0, k=3, direction="next")
    told = state_symmetric(recommend_symmetric(table(scores), directed, k=2))
    assert told == (
        "1 of its 2 products lies the wrong way round; by the directed scores such a product comes before rather than "
        "after this one: n2."
    )
    scores[2, 0] = 0
    told = state_symmetric(recommend_symmetric(table(scores), directed, k=1))
    assert told.startswith("Of its 1 products none lies the wrong way round by the directed scores; 0 of them are not")
    scores[0] = [0, 5, 4, 3]  # the way back lifts 3 above 1, though 0 → 3 is likelier than 3 → 0
    scores[3, 0] = 2.9
    directed = recommend(graph, table(scores), 0, k=1, direction="next")
    assert "1 of them is not in the directed list" in state_symmetric(recommend_symmetric(table(scores), directed, k=1))
    assert "no list" in state_symmetric(recommend_symmetric(table(np.zeros((4, 4))), directed, k=1))


def test_parts_add_up_and_a_score_without_parts_says_so(graph) -> None:
    adjacency = graph.adjacency()
    product = Product(adjacency, (adjacency.T @ adjacency).tocsr())
    # A[0] = {2, 3}; (AᵀA)[2, 2] = 2, (AᵀA)[3, 2] = 2: 2 + 2
    assert state_terms(explain(graph, product, 0, 2)) == (
        "The score 4 is the sum of 2 parts; the 2 largest add up to 4."
    )
    assert state_terms(explain(graph, product, 3, 2)) == "The score is 0: no part of it is different from 0."
    assert "no decomposition" in state_terms(explain(graph, table(np.ones((4, 4))), 0, 2))


def test_support_is_counted(graph) -> None:
    # 0 → 2 → 0 is no path; 0 and 1 both lead to 2 and 3
    assert state_support(explain(graph, table(np.ones((4, 4))), 0, 1)) == (
        "Paths through one product: 0. Products that both lead to: 2. Products that lead to both: 0. "
        "Links through shared targets: 0."
    )


@pytest.mark.parametrize(
    ("lo", "hi", "told"),
    [
        (0.1, 0.3, "A is better than B in HR@10: +0.200 (+0.100 to +0.300)."),
        (-0.1, 0.5, "A against B, HR@10: no difference shown, +0.200 (-0.100 to +0.500)."),
    ],
)
def test_a_difference_is_a_verdict(lo: float, hi: float, told: str) -> None:
    difference = Difference("HR@10", 0.5, 0.3, 0.2, lo, hi, 1.7, 1.1, 2.0)
    assert state_difference(difference, "A", "B") == told


def test_the_direction_is_told_beside_the_in_degree() -> None:
    pairs = [(u, v) for u in range(20) for v in range(20, 40) if (u * v) % 3]
    split = split_graph(make_graph(pairs, 41), rng=np.random.default_rng(0))
    clusters = make_clusters(split.test.source, rng=np.random.default_rng(1))
    ranks = np.ones(len(split.test))
    right, blind = np.zeros((41, 41)), np.ones((41, 41))
    right[:20, 20:] = 1
    told = {
        name: state_direction(measure_direction(table(scores), split, ranks, clusters), name)
        for name, scores in (("right", right), ("blind", blind))
    }
    assert told["right"].startswith("right: direction AUC 1.000 (")
    assert f"on {len(split.test):,} one-way test edges; the in-degree alone 1.000: no difference shown" in told["right"]
    assert "blind: direction AUC 0.500" in told["blind"]
    assert "worse than it, -0.500" in told["blind"]
    mutual = split_graph(make_graph([(0, 1), (1, 0), (2, 3), (3, 2), (4, 5), (5, 4)], 6), validation=0, test=0.3,
                         rng=np.random.default_rng(0))  # fmt: skip
    clusters = make_clusters(mutual.test.source, rng=np.random.default_rng(1))
    found = measure_direction(table(np.ones((6, 6))), mutual, np.ones(len(mutual.test)), clusters)
    assert "no test edge is one-way" in state_direction(found, "blind")


def test_a_split_says_whether_it_leaks() -> None:
    graph = random_graph(np.random.default_rng(0), 30, share=0.3)
    told = {kind: state_split(split_graph(graph, kind=kind, rng=np.random.default_rng(0))) for kind in ("pair", "edge")}
    assert "on the same side" in told["pair"]
    assert "leak" not in told["pair"]  # that v → u is trained on tells that u → v is not tested
    assert "test edges of 28 products" in told["pair"]
    assert "LEAKS" in told["edge"]
    timed = make_graph([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 0)], 8, time=np.arange(8.0))
    assert "the latest ones" in state_split(
        split_graph(timed, kind="time", validation=0.2, rng=np.random.default_rng(0))
    )
