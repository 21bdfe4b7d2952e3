"""Features of a pair, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from core.graph.features import make_features
from tests.graph.tiny_graphs import make_graph

PAIRS = [(0, 1), (1, 2), (3, 1), (3, 2), (0, 4), (2, 4)]


def look_up(graph, name):
    found = {feature: scorer for feature, scorer, _ in make_features(graph)}
    return found[name].score_from(np.arange(graph.nodes))


def test_common_neighbours_in_four_directions():
    # degrees in + out: 0 has 2, 1 has 3, 2 has 3, 3 has 2, 4 has 2
    graph = make_graph(PAIRS, 5)
    of_two, of_three = 1 / np.log(4), 1 / np.log(5)
    assert look_up(graph, "common neighbours u → x → v")[0, 2] == pytest.approx(of_three)  # through 1
    assert look_up(graph, "common neighbours u → x ← v")[0, 2] == pytest.approx(of_two)  # through 4
    assert look_up(graph, "common neighbours u ← x → v")[1, 2] == pytest.approx(of_two)  # through 3
    assert look_up(graph, "common neighbours u ← x ← v")[2, 0] == pytest.approx(of_three)  # through 1
    assert look_up(graph, "common neighbours u ← x ← v")[0, 2] == 0


def test_degrees():
    graph = make_graph(PAIRS, 5)
    into, out = np.log1p([0, 2, 2, 0, 2]), np.log1p([2, 1, 1, 2, 0])
    everyone = np.ones(5)
    for name, expected in {
        "popularity of the target": np.outer(everyone, into),
        "popularity of the target, squared": np.outer(everyone, into**2),
        "targets of the target": np.outer(everyone, out),
        "popularity of the target × targets of the source": np.outer(out, into),
        "popularity of the target × popularity of the source": np.outer(into, into),
    }.items():
        np.testing.assert_allclose(look_up(graph, name), expected, rtol=1e-6)


def test_category_to_category():
    # categories 0 0 1 1 0: edges 0→0 twice, 0→1, 1→0 twice, 1→1; of 6 edges 3 leave each, 4 reach 0 and 2 reach 1
    odds = look_up(make_graph(PAIRS, 5, category=[0, 0, 1, 1, 0]), "category to category")
    assert odds[0, 1] == pytest.approx(np.log(3 * 6 / (4 * 5)))
    assert odds[0, 2] == pytest.approx(np.log(2 * 6 / (4 * 3)))
    assert odds[2, 3] == pytest.approx(np.log(2 * 6 / (4 * 3)))


def test_one_category_and_no_features_are_no_features():
    names = [name for name, _, _ in make_features(make_graph(PAIRS, 5))]
    assert len(names) == 9
    assert "category to category" not in names


def test_likeness_of_items_leaves_out_what_is_unknown():
    graph = make_graph(PAIRS, 5)
    features = np.array([[1.0, np.nan], [1.0, 5.0], [-1.0, np.nan], [-1.0, 7.0], [np.nan, np.nan]])
    graph = replace(graph, items=replace(graph.items, features=features, feature_names=("a", "b")))
    likeness = look_up(graph, "likeness of the items")
    assert likeness[0, 2] == pytest.approx(-1)
    assert likeness[0, 1] == pytest.approx(1 / np.sqrt(2))  # (1, 0) and (1, -1)
    assert not likeness[4].any()


@pytest.mark.parametrize("seed", range(3))
def test_the_reverse_edge_only_counts_as_a_degree(seed):
    rng = np.random.default_rng(seed)
    pairs = [(u, v) for u in range(8) for v in range(8) if u != v and {u, v} != {0, 7} and rng.random() < 0.3]
    without, with_reverse = (make_graph(more, 8, category=[0, 1] * 4) for more in (pairs, [*pairs, (7, 0)]))
    for name in (name for name, _, _ in make_features(without) if name.startswith("common")):
        before, after = look_up(without, name)[0, 7], look_up(with_reverse, name)[0, 7]
        assert after == pytest.approx(before, rel=1e-5)
