"""Dual propagation: by hand, against dense powers, and its symmetries."""

import numpy as np
import pytest

from core.graph.data import Edges
from core.graph.hops import HopFactors, Propagation, normalise_edges
from tests.graph.tiny_graphs import make_edges, random_graph

WEIGHTS = (0.4, 0.3, 0.2, 0.1)


def draw_vectors(nodes, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((nodes, 3)), rng.standard_normal((nodes, 3))


def embed(edges, nodes, source, target):
    return Propagation.of_edges(edges, nodes, WEIGHTS).apply(source, target)


def test_by_hand():
    # 0 → 1 and 0 → 2: out-degree 2, in-degrees 1, so each edge weighs 1/√2. θˢ_0 = 1/2 z + 1/2 (z_1 + z_2) / √2.
    flow = Propagation.of_edges(make_edges([(0, 1), (0, 2)]), 3, (0.5, 0.5))
    source, target = flow.apply(np.array([[2.0], [0], [0]]), np.array([[0.0], [3], [5]]))
    assert source[0, 0] == pytest.approx(1 + 4 / np.sqrt(2))
    assert target[1, 0] == pytest.approx(1.5 + 1 / np.sqrt(2))
    assert source[1, 0] == 0


@pytest.mark.parametrize("seed", range(3))
def test_equals_dense_powers(seed):
    graph = random_graph(np.random.default_rng(seed), 9)
    source, target = draw_vectors(9)
    a = normalise_edges(graph.edges, 9).toarray().astype(float)
    expected_s = 0.4 * source + 0.3 * a @ target + 0.2 * a @ a.T @ source + 0.1 * a @ a.T @ a @ target
    expected_t = 0.4 * target + 0.3 * a.T @ source + 0.2 * a.T @ a @ target + 0.1 * a.T @ a @ a.T @ source
    found = embed(graph.edges, 9, source, target)
    np.testing.assert_allclose(found[0], expected_s, atol=1e-6)
    np.testing.assert_allclose(found[1], expected_t, atol=1e-6)


def test_new_numbers_for_the_nodes_renumber_the_vectors():
    rng = np.random.default_rng(1)
    graph, (source, target), new = random_graph(rng, 9), draw_vectors(9), rng.permutation(9)
    before = embed(graph.edges, 9, source, target)
    moved = [np.empty_like(part) for part in (source, target)]
    for here, there in zip((source, target), moved, strict=True):
        there[new] = here
    after = embed(Edges(new[graph.edges.source], new[graph.edges.target]), 9, *moved)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(other[new], one, atol=1e-6)


def test_turned_edges_and_swapped_roles_give_swapped_vectors():
    graph, (source, target) = random_graph(np.random.default_rng(2), 9), draw_vectors(9)
    before = embed(graph.edges, 9, source, target)
    after = embed(graph.edges.reversed(), 9, target, source)
    for one, other in zip(before, reversed(after), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-6)


def test_the_order_of_edges_does_not_matter():
    rng = np.random.default_rng(3)
    graph, vectors = random_graph(rng, 9), draw_vectors(9)
    shuffled = graph.edges.take(rng.permutation(len(graph.edges)))
    for one, other in zip(embed(graph.edges, 9, *vectors), embed(shuffled, 9, *vectors), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-6)


def test_an_isolated_node_changes_nobody():
    graph, (source, target) = random_graph(np.random.default_rng(4), 9), draw_vectors(10)
    before = embed(graph.edges, 9, source[:9], target[:9])
    after = embed(graph.edges, 10, source, target)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(other[:9], one)


def test_turned_map_is_the_transpose():
    rng = np.random.default_rng(5)
    out, into = (normalise_edges(random_graph(rng, 8).edges, 8).astype(float) for _ in range(2))
    flow, x, y = Propagation.of(out, into, WEIGHTS), draw_vectors(8, 1), draw_vectors(8, 2)
    forward, back = flow.apply(*x), flow.apply_turned(*y)
    there = sum(float((one * other).sum()) for one, other in zip(forward, y, strict=True))
    again = sum(float((one * other).sum()) for one, other in zip(x, back, strict=True))
    assert there == pytest.approx(again)


def test_terms_name_the_nodes_that_a_score_goes_through():
    # 0 → 1 ← 2 → 3: from 0, hop 1 meets 1, hop 2 meets 0 and 2, who share the target 1 with 0.
    edges = make_edges([(0, 1), (2, 1), (2, 3)])
    flow = Propagation.of_edges(edges, 4, (0.5, 0.25, 0.25))
    base = tuple(part.astype(np.float32) for part in draw_vectors(4))
    found = HopFactors(*flow.apply(*base), *base, flow.out, flow.into, flow.weights)
    terms = found.terms(0, 3)
    met = {part: set(terms.node[terms.part == part].tolist()) for part in ("own vector", "hop 1", "hop 2")}
    assert met == {"own vector": {0}, "hop 1": {1}, "hop 2": {0, 2}}
    assert terms.value.sum() == pytest.approx(float(found.score_pairs(np.array([0]), np.array([3]))[0]), abs=1e-6)
    assert float(found.score_pairs(np.array([3]), np.array([0]))[0]) != pytest.approx(terms.value.sum())
