"""Vectors for products without edges."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError
from core.graph.cold_start import AttachedFactors, attach_items, infer_cold_items, is_inferred
from core.graph.hops import HopFactors, Propagation
from core.graph.model_file import Model
from core.graph.scorers import Factors
from tests.graph.tiny_graphs import make_graph


def factors(nodes, seed=0):
    rng = np.random.default_rng(seed)
    return Factors(rng.random((nodes, 3), dtype=np.float32), rng.random((nodes, 3), dtype=np.float32))


def graph_with(features, pairs):
    graph = make_graph(pairs, len(features))
    array = np.array(features, dtype=float).reshape(len(features), -1)
    items = replace(graph.items, features=array, feature_names=("x", "y"))
    return replace(graph, items=items)


PAIRS = [(0, 1), (1, 0), (2, 0), (3, 1)]
FEATURES = [[1, 1], [1, 1.1], [-1, 1], [-1, 1.1], [1, 1.05]]  # 4 has no edges, and is like 0 and 1


def test_a_product_without_edges_has_the_mean_of_its_nearest():
    before = factors(5)
    found = attach_items(before, graph_with(FEATURES, PAIRS), neighbours=2)
    np.testing.assert_allclose(found.source[4], before.source[[0, 1]].mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(found.source[:4], before.source[:4])
    assert found.inferred_source.tolist() == [False] * 4 + [True]
    assert found.inferred_target.tolist() == [False] * 4 + [True]  # nothing leads to 2 and 3, but they are not new
    np.testing.assert_array_equal(found.target[:4], before.target[:4])


def test_equals_a_slow_search():
    rng = np.random.default_rng(1)
    features = rng.standard_normal((30, 2))
    pairs = [(u, v) for u in range(20) for v in rng.choice(20, 3, replace=False).tolist() if u != v]
    graph, before = graph_with(features, pairs), factors(30)
    found = attach_items(before, graph, neighbours=3)
    known = (features - features.mean(0)) / features.std(0)
    unit = known / np.linalg.norm(known, axis=1, keepdims=True)
    warm = np.flatnonzero(graph.out_degree > 0)
    for node in range(20, 30):
        near = warm[np.argsort(-(unit[warm] @ unit[node]))[:3]]
        np.testing.assert_allclose(found.source[node], before.source[near].mean(axis=0), rtol=1e-5)


def test_parts_of_a_score_add_up():
    graph = graph_with(FEATURES, PAIRS)
    flow = Propagation.of_edges(graph.edges, 5, (0.5, 0.25, 0.25))
    base = factors(5)
    hop = HopFactors(*flow.apply(base.source, base.target), base.source, base.target, flow.out, flow.into, flow.weights)
    for model in (factors(5), hop):
        found = attach_items(model, graph, neighbours=2)
        scores = found.score_from(np.arange(5))
        for source, target in ((0, 1), (0, 4), (4, 1), (4, 2)):
            terms = found.terms(source, target)
            assert terms.value.sum() == pytest.approx(float(scores[source, target]), abs=1e-6)
            assert ("inferred" in terms.note) == (4 in (source, target))
        assert set(found.terms(4, 1).part.tolist()) == {"similar item"}


def test_of_which_nothing_is_known_borrows_from_the_other_side():
    graph = make_graph([(0, 2), (1, 2), (0, 1)], 4)  # no features, one category
    before = factors(4)
    found = attach_items(before, graph)
    np.testing.assert_allclose(found.source[2], before.source[[0, 1]].mean(axis=0), rtol=1e-6)
    assert found.inferred_source.tolist() == [False, False, True, False]
    assert not found.inferred_target.any()
    np.testing.assert_array_equal(found.source[3], before.source[3])
    terms = found.terms(2, 0)  # 0 and 1 lead to 2; nothing says that they are like it
    assert terms.node.tolist() == [0, 1]
    assert set(terms.part.tolist()) == {"leads to the source"}
    assert "inferred from the products that lead to it." in terms.note
    assert found.borrowed.tolist() == [False, False, True, False]


def test_ties_go_to_the_most_connected():
    graph = make_graph([(0, 2), (1, 2), (1, 0)], 5, category=[0, 0, 0, 1, 0])
    before = factors(5)
    found = attach_items(before, graph, neighbours=1)
    np.testing.assert_array_equal(found.source[4], before.source[1])  # 1 has two targets, 0 has one


@pytest.mark.parametrize("nodes", [1, 3])
def test_no_edges_at_all(nodes):
    before = factors(nodes)
    found = attach_items(before, make_graph([], nodes))
    np.testing.assert_array_equal(found.source, before.source)
    assert not found.inferred_source.any()


def test_neighbours_out_of_range():
    with pytest.raises(InputError, match="similar items"):
        attach_items(factors(2), make_graph([(0, 1)], 2), neighbours=0)


def test_only_networks_are_lent_vectors_and_it_is_told_of_which_products():
    graph, learned = graph_with(FEATURES, PAIRS), factors(5)
    asked = infer_cold_items(Model(graph, learned, "lightgcn", {}, 0, {}))
    assert isinstance(asked.scorer, AttachedFactors)
    assert [is_inferred(asked.scorer, node, "next") for node in range(5)] == [False] * 4 + [True]
    assert [is_inferred(asked.scorer, node, "before") for node in range(5)] == [False] * 4 + [True]
    other = Model(graph, learned, "popularity", {}, 0, {})
    assert infer_cold_items(other) is other
    assert not is_inferred(other.scorer, 4, "next")


def test_a_product_that_nothing_follows_is_inferred_in_one_direction_only():
    graph = graph_with(FEATURES, [(0, 1), (1, 0), (2, 0), (3, 4)])  # 4 is bought after 3, and nothing after it
    asked = infer_cold_items(Model(graph, factors(5), "blade", {}, 0, {}))
    assert (is_inferred(asked.scorer, 4, "next"), is_inferred(asked.scorer, 4, "before")) == (True, False)
