"""Records of the graph: the swap of direction, and what was cleaned."""

import json
from dataclasses import asdict, replace

import numpy as np

from core.graph.data import Cleaning, Fold, swap_digest, swap_direction
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph


def test_a_swap_turns_every_edge_with_its_weight_and_time() -> None:
    graph = make_graph([(0, 1), (0, 2), (2, 1)], 3, time=[10.0, 20.0, 30.0])
    graph = replace(graph, digest="ab" * 32, weight=np.array([1.0, 2.0, 3.0]))
    turned = swap_direction(graph)
    # 0→1, 0→2, 2→1 become 1→0, 2→0, 1→2; sorted by source, then target: 1→0, 1→2, 2→0
    assert turned.edges.source.tolist() == [1, 1, 2]
    assert turned.edges.target.tolist() == [0, 2, 0]
    assert turned.weight.tolist() == [1.0, 3.0, 2.0]
    assert turned.time.tolist() == [10.0, 30.0, 20.0]
    assert turned.out_degree.tolist() == graph.in_degree.tolist()
    assert turned.ids is graph.ids


def test_swapping_twice_gives_the_graph_back() -> None:
    graph = replace(random_graph(np.random.default_rng(0), 9), digest="0f" * 32)
    twice = swap_direction(swap_direction(graph))
    assert swap_direction(graph).digest != graph.digest == twice.digest
    assert np.array_equal(twice.edges.keys(9), graph.edges.keys(9))


def test_a_swapped_digest_is_a_digest() -> None:
    assert len(swap_digest("0" * 64)) == 64
    assert swap_digest("0" * 64) != "0" * 64


def test_joined_edges_are_in_order_and_of_unknown_weight_and_time() -> None:
    graph = replace(make_graph([(0, 1), (2, 1)], 3, time=[10.0, 30.0]), weight=np.array([2.0, 3.0]))
    joined = Fold(graph, make_edges([(2, 0), (0, 2)])).joined()
    # 0→1, 2→1 and 2→0, 0→2, by source, then target: 0→1, 0→2, 2→0, 2→1
    assert joined.graph.edges.keys(3).tolist() == [1, 2, 6, 7]
    assert joined.graph.weight.tolist() == [2.0, 1.0, 1.0, 3.0]
    assert np.array_equal(joined.graph.time, [10.0, np.nan, np.nan, 30.0], equal_nan=True)
    assert len(joined.validation) == 0


def test_cleaning_survives_json() -> None:
    cleaning = Cleaning(3, 1, (("'a' is missing", 2),), (("'b' is missing", 1),), 4, 5, True)
    assert Cleaning.from_json(json.loads(json.dumps(asdict(cleaning)))) == cleaning
