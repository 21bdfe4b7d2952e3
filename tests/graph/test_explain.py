"""Why a product is recommended: parts that sum to the score, links counted by hand and by brute force."""

from dataclasses import replace
from itertools import product
from math import log

import numpy as np
import pytest
from scipy.sparse import csr_array

from core.errors import InputError
from core.graph.engines import ENGINES
from core.graph.explain import explain, find_support
from core.graph.scorers import Factors, Product
from core.graph.split import split_graph
from core.graph.terms import Explainable, Terms
from core.jobs import finish
from tests.graph.tiny_graphs import make_graph, random_graph, table

# 0 → 2, 0 → 3, 1 → 2, 1 → 4, 3 → 4: from 0 to 4.
PAIRS = [(0, 2), (0, 3), (1, 2), (1, 4), (3, 4)]


def random_product(rng, nodes, *, sparse):
    left = np.where(rng.random((nodes, nodes)) < 0.5, rng.standard_normal((nodes, nodes)), 0).astype(np.float32)
    right = np.where(rng.random((nodes, nodes)) < 0.5, rng.standard_normal((nodes, nodes)), 0).astype(np.float32)
    return Product(csr_array(left), csr_array(right) if sparse else right)


def test_parts_of_a_product_by_hand():
    # score(0 → 4) = Σ_x left[0, x] right[x, 4] = 2 · 0.5 (x = 2) + 1 · (-3) (x = 3) + 4 · 0 (x = 1) = -2.
    left, right = np.zeros((5, 5), dtype=np.float32), np.zeros((5, 5), dtype=np.float32)
    left[0, [2, 3, 1]] = 2, 1, 4
    right[[2, 3, 0], 4] = 0.5, -3, 9
    found = explain(make_graph(PAIRS, 5), Product(csr_array(left), right), 0, 4)
    assert found.score == -2
    frame = found.frame()
    assert frame["node"].tolist() == [3, 2]  # by size: 3, then 1; what adds 0 is left out
    assert frame["value"].tolist() == [-3, 1]
    assert frame["id"].tolist() == ["n3", "n2"]
    assert frame["part"].tolist() == ["shared neighbour"] * 2
    assert found.terms.note == ""
    assert found.by_part().to_dict("list") == {"part": ["shared neighbour"], "terms": [2], "value": [-2]}


@pytest.mark.parametrize("sparse", [True, False])
def test_parts_of_a_product_sum_to_the_score(sparse):
    rng = np.random.default_rng(4)
    graph = random_graph(rng, 12)
    for _ in range(20):
        scorer = random_product(rng, 12, sparse=sparse)
        u, v = map(int, rng.choice(12, 2, replace=False))
        found = explain(graph, scorer, u, v)
        assert found.terms.value.sum() == pytest.approx(found.score, rel=1e-5, abs=1e-5)
        assert found.score == pytest.approx(float(scorer.score_from(np.array([u]))[0, v]), rel=1e-5, abs=1e-5)
        sizes = np.abs(found.terms.value)
        assert (np.diff(sizes) <= 0).all()


def test_a_product_over_something_else_than_products_names_its_parts():
    left = csr_array(np.array([[1, 2]] + [[0, 0]] * 4, dtype=np.float32))
    right = np.array([[0, 0, 0, 0, 3], [0, 0, 0, 0, 1]], dtype=np.float32)
    frame = explain(make_graph(PAIRS, 5), Product(left, right), 0, 4).frame()
    assert frame["part"].tolist() == ["dimension 1", "dimension 2"]
    assert frame["value"].tolist() == [3, 2]
    assert frame["node"].isna().all()
    assert frame["title"].isna().all()


def test_vectors_have_no_parts_and_say_so():
    scorer = Factors(np.full((5, 1), 2, np.float32), np.full((5, 1), 3, np.float32))
    found = explain(make_graph(PAIRS, 5), scorer, 0, 4)
    assert not isinstance(scorer, Explainable)
    assert found.frame()["part"].tolist() == ["whole score"]
    assert found.terms.value.tolist() == [6]
    assert "no decomposition over neighbours exists" in found.terms.note
    assert len(found.support.frame()) > 0


@pytest.mark.parametrize("engine", ENGINES)
def test_the_parts_of_every_engine_sum_to_its_score(engine):
    graph, rng = random_graph(np.random.default_rng(0), 40, share=0.15), np.random.default_rng(0)
    scorer = finish(ENGINES[engine].fit(split_graph(graph, rng=rng).fold, rng=rng))
    for u, v in ((0, 1), (3, 20), (39, 5)):
        found = explain(graph, scorer, u, v)
        assert found.terms.value.sum() == pytest.approx(found.score, rel=1e-4, abs=1e-5)


def test_links_by_hand():
    support = find_support(make_graph(PAIRS, 5), 0, 4)
    # path: 0 → 3 → 4. co-bought: 0 → 2 ← 1 → 4. 4 leads nowhere, and nothing leads to 0.
    assert support.links == {"path": 1, "shared next": 0, "shared before": 0, "co-bought": 1}
    frame = support.frame()
    assert frame["kind"].tolist() == ["path", "co-bought"]
    assert frame["node"].tolist() == [3, 2]
    assert frame["links"].tolist() == [1, 1]
    # Degrees, in and out: 3 has 2, 2 has 2, 1 has 2.
    assert frame["strength"].tolist() == pytest.approx([1 / log(3), 1 / log(3) ** 2])


def test_weights_and_rarity_order_the_links():
    # 0 → 1 → 3 with weights 4 and 1, 0 → 2 → 3 with 1 and 1; then 2 becomes a bestseller.
    graph = make_graph([(0, 1), (0, 2), (1, 3), (2, 3)], 9)
    graph = replace(graph, weight=np.array([4.0, 1.0, 1.0, 1.0]))
    frame = find_support(graph, 0, 3).frame()
    assert frame["node"].tolist() == [1, 2]
    assert frame["strength"].tolist() == pytest.approx([2 / log(3), 1 / log(3)])
    popular = make_graph([(0, 1), (0, 2), (1, 3), (2, 3), (4, 1), (5, 1), (6, 1)], 9)
    assert find_support(popular, 0, 3).frame()["node"].tolist() == [2, 1]


def count_slowly(graph, u, v):
    edge = set(zip(graph.edges.source.tolist(), graph.edges.target.tolist(), strict=True))
    nodes = range(graph.nodes)
    twice = [(x, y) for x, y in product(nodes, nodes) if x != v and y != u and {(u, x), (y, x), (y, v)} <= edge]
    return {
        "path": [x for x in nodes if {(u, x), (x, v)} <= edge],
        "shared next": [x for x in nodes if {(u, x), (v, x)} <= edge],
        "shared before": [x for x in nodes if {(x, u), (x, v)} <= edge],
        "co-bought": [x for x, _ in twice],
    }


def test_links_equal_brute_force():
    rng = np.random.default_rng(6)
    for _ in range(40):
        graph = random_graph(rng, 10, share=rng.uniform(0.05, 0.6))
        u, v = map(int, rng.choice(10, 2, replace=False))
        found, slow = find_support(graph, u, v), count_slowly(graph, u, v)
        assert found.links == {kind: len(nodes) for kind, nodes in slow.items()}
        for kind, nodes in slow.items():
            lines = found.frame()[found.kind == kind]
            assert dict(zip(lines["node"], lines["links"], strict=True)) == {x: nodes.count(x) for x in set(nodes)}
            assert (np.diff(lines["strength"]) <= 0).all()


def test_only_the_strongest_links_are_listed():
    graph = make_graph([(0, x) for x in range(2, 60)] + [(x, 1) for x in range(2, 60)], 60)
    support = find_support(graph, 0, 1)
    assert support.links["path"] == 58
    assert support.node.tolist() == list(range(2, 22))  # all tie: by id


def test_a_pair_without_any_link():
    support = find_support(make_graph([], 2), 0, 1)
    assert len(support.frame()) == 0
    assert set(support.links.values()) == {0}


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [(2, 2, "not recommended with itself"), (0, 5, "position must be"), (-1, 0, "posi")],
)
def test_wrong_pairs_are_refused(source, target, message):
    with pytest.raises(InputError, match=message):
        explain(make_graph(PAIRS, 5), table(np.zeros((5, 5))), source, target)


def test_sorted_terms_keep_ties_in_order_and_drop_zeros():
    terms = Terms.named(np.array(["a", "b", "c", "d"], dtype=object), np.array([1.0, 0.0, -1.0, 2.0]))
    assert terms.sorted().part.tolist() == ["d", "a", "c"]


def test_titles_stay_text():
    graph = make_graph(PAIRS, 5)
    title = np.array(["<script>", "=cmd()", "x" * 10**6, "$\\alpha$", ""], dtype=object)
    graph = replace(graph, items=replace(graph.items, title=title))
    assert find_support(graph, 0, 4).frame()["title"].tolist() == ["$\\alpha$", "x" * 10**6]
