"""Counts and warnings of a graph."""

import json
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from core.graph.data import Cleaning, Edges, Graph, swap_direction
from core.graph.health import Extreme, measure_health
from core.graph.load import load_sample
from core.jobs import finish
from core.settings import Settings
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph


def many(pairs: list[tuple[int, int]], nodes: int) -> Graph:
    return replace(make_graph(sorted(set(pairs)), nodes), digest="0" * 64)


def test_a_graph_worked_by_hand() -> None:
    # 0→1, 1→0, 0→2, 3→2; node 4 is alone. One pair goes both ways, so 2 of 4 edges are one-way.
    health = measure_health(make_graph([(0, 1), (1, 0), (0, 2), (3, 2)], 5))
    assert (health.nodes, health.edges, health.mean_degree) == (5, 4, 1.0)
    assert (health.one_way, health.reciprocal_pairs) == (0.5, 1)
    assert health.max_out == Extreme(2, "n0", "n0")
    assert health.max_in == Extreme(2, "n2", "n2")
    assert (health.no_out, health.no_in, health.alone) == (0.4, 0.4, 0.2)  # 2, 4; 3, 4; 4
    assert (health.components, health.largest) == (2, 0.8)
    assert health.ascending == 0.5  # 0→1 and 0→2


def test_counts_agree_with_networkx() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        graph = random_graph(rng, int(rng.integers(2, 12)), 0.15)
        known = nx.DiGraph(zip(graph.edges.source.tolist(), graph.edges.target.tolist(), strict=True))
        known.add_nodes_from(range(graph.nodes))
        health = measure_health(graph)
        assert health.one_way == pytest.approx(1 - nx.overall_reciprocity(known))
        parts = list(nx.weakly_connected_components(known))
        assert (health.components, health.largest) == (len(parts), max(map(len, parts)) / graph.nodes)
        assert health.max_in.degree == max(degree for _, degree in known.in_degree)


def test_a_graph_of_one_node_or_no_edge() -> None:
    for nodes in (1, 3):
        health = measure_health(make_graph(Edges(np.zeros(0, np.int64), np.zeros(0, np.int64)), nodes))
        assert (health.edges, health.one_way, health.mean_degree, health.components) == (0, 0.0, 0.0, nodes)
        assert health.alone == 1.0
        assert any("have no edge" in warning for warning in health.warnings)


def test_the_frame_and_json_say_the_same() -> None:
    graph = replace(make_graph([(0, 1), (1, 2)], 3), cleaning=Cleaning(4, 2, (("a is missing", 3),), (), 1, 5))
    health = measure_health(graph)
    frame = health.frame().set_index("measure")["value"]
    assert frame["edges"] == 2
    assert frame["duplicate edges merged"] == 4
    assert frame["self-loops dropped"] == 2
    assert frame["edge rows left out"] == 3
    assert frame["products that the item file misses"] == 1
    assert frame["titles cut short"] == 5
    found = json.loads(json.dumps(health.to_json()))
    assert found["max_out"] == {"degree": 1, "id": "n0", "title": "n0"}
    assert found["warnings"] == list(health.warnings)


def test_a_symmetrised_file_is_told() -> None:
    ring = [(i, (i + 1) % 60) for i in range(60)]
    both = many(ring + [(b, a) for a, b in ring], 60)
    assert "Every edge has a reverse" in measure_health(both).warnings[0]
    nearly = both.keep(np.arange(120) > 0)  # 118 of 119 edges keep their reverse
    assert "99.2% of the edges have a reverse" in measure_health(nearly).warnings[0]
    (warning, *_) = measure_health(replace(both, cleaning=Cleaning(undirected=True))).warnings
    assert "undirected" in warning
    assert "other edges" not in warning
    mixed = replace(nearly, cleaning=Cleaning(undirected=True))
    assert "direction of the other edges is all that can be learned" in measure_health(mixed).warnings[0]


def test_one_row_per_pair_in_the_order_of_ids_is_told() -> None:
    rng = np.random.default_rng(0)
    pairs = {(min(a, b), max(a, b)) for a, b in rng.integers(0, 30, (200, 2)).tolist() if a != b}
    numbers = np.array([str(i) for i in range(30)], dtype=object)  # as text 10 stands before 2
    ordered = replace(many(list(pairs), 30), ids=numbers)
    first = measure_health(ordered).warnings[0]
    assert "100.0% of the edges lead from the lower to the higher id" in first
    assert "higher to the lower" in measure_health(swap_direction(ordered)).warnings[0]
    few = many([*pairs, max(pairs)[::-1]], 30)  # one pair of about 160 has a row each way
    assert "1 pair has edges both ways, and 99." in measure_health(replace(few, ids=numbers)).warnings[0]
    turned = make_edges([(a, b) if (a + b) % 2 else (b, a) for a, b in sorted(pairs)])
    assert "No pair of products has edges both ways" in measure_health(make_graph(turned, 30)).warnings[0]


def test_swapped_ends_are_told_and_how_to_tell() -> None:
    star = many([(0, i) for i in range(1, 61)] + [(1, 0)], 61)
    (warning,) = [one for one in measure_health(star).warnings if "may be swapped" in one]
    assert "if the case leads to the phone, swap the direction" in warning
    assert not [one for one in measure_health(swap_direction(star)).warnings if "may be swapped" in one]


def test_what_the_item_file_misses_and_what_was_left_out_is_told() -> None:
    cleaning = Cleaning(excluded=(("source is missing", 3),), unlisted=2)
    warnings = measure_health(replace(make_graph([(0, 1), (1, 2)], 3), cleaning=cleaning)).warnings
    assert any("misses 2 of 3 products" in warning for warning in warnings)
    assert any("(source is missing: 3)" in warning for warning in warnings)
    assert any("edges per connected product" in warning for warning in warnings)


def test_the_sample_gives_no_warning(shared_settings: Settings) -> None:
    assert measure_health(finish(load_sample(shared_settings))).warnings == ()
