"""Slices by degree, reciprocity and category: counted by loops, and compared pair by pair."""

import numpy as np
import pytest

from core.graph import breakdown
from core.graph.breakdown import SLICES, break_down, compare_slices
from core.graph.metrics import measure_ranks
from core.graph.ranking import rank_edges
from core.graph.resample import make_clusters
from core.graph.split import split_graph
from tests.graph.tiny_graphs import random_graph, random_table


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def split():
    category = rng(9).integers(0, 3, 60)
    return split_graph(random_graph(rng(1), 60, share=0.15, category=category), test=0.4, rng=rng(1))


def values_of(split, seed):
    ranks = rank_edges(random_table(rng(seed), 60, values=40), split.test, known=split.graph.adjacency())
    return measure_ranks(ranks, split.test)


@pytest.fixture(scope="module")
def values(split):
    return values_of(split, 2)


@pytest.fixture(scope="module")
def clusters(split):
    return make_clusters(split.test.source, rng=rng())


def groups_of(split):
    """The three groups that each test edge falls in, by a loop."""
    edges = set(zip(split.graph.edges.source.tolist(), split.graph.edges.target.tolist(), strict=True))
    out, into = split.fold.graph.out_degree, split.fold.graph.in_degree
    for u, v in zip(split.test.source.tolist(), split.test.target.tolist(), strict=True):
        query = "0–2" if out[u] <= 2 else "3–9" if out[u] <= 9 else "10–29" if out[u] <= 29 else "30+"
        target = "0–2" if into[v] <= 2 else "3–9" if into[v] <= 9 else "10+"
        yield (
            ("query out-degree", query),
            ("target in-degree", target),
            ("edge", "reciprocal" if (v, u) in edges else "one-way"),
        )


def test_slices_equal_a_loop(split, values, clusters):
    frame = break_down(split, values, clusters).frame().set_index(["metric", "by", "group"])
    belongs = list(groups_of(split))
    for metric, column in (("HR@10", 1), ("MRR@20", 3)):
        for where in SLICES:
            inside = np.array([where in groups for groups in belongs])
            line = frame.loc[(metric, *where)]
            assert line["n"] == inside.sum()
            if inside.any():
                assert line["value"] == pytest.approx(values[inside, column].mean())
                assert line["lo"] <= line["value"] <= line["hi"]
            else:
                assert np.isnan(line["value"])


def test_slices_of_one_kind_are_all_edges(split, values, clusters):
    frame = break_down(split, values, clusters).frame()
    assert set(frame.groupby(["metric", "by"])["n"].sum()) == {len(split.test)}


def test_categories_equal_a_loop(split, values, clusters):
    frame = break_down(split, values, clusters).category_frame()
    code = split.graph.items.category
    assert len(frame) == 9
    for line in frame.itertuples():
        source, target = (split.graph.items.categories.index(name) for name in (line.source, line.target))
        inside = (code[split.test.source] == source) & (code[split.test.target] == target)
        assert line.n == inside.sum()
        assert line.value == pytest.approx(values[inside, 1].mean())
        assert line.shown == (line.n >= 30)


def test_rare_categories_are_put_together(split, values, clusters, monkeypatch):
    monkeypatch.setattr(breakdown, "MOST_CATEGORIES", 1)
    found = break_down(split, values, clusters)
    ends = split.graph.items.category[np.concatenate([split.test.source, split.test.target])]
    most = int(np.argmax(np.bincount(ends)))
    assert found.categories == (split.graph.items.categories[most], "(other)")
    assert found.category_frame()["n"].sum() == len(split.test)
    assert found.category_frame()["n"][0] == np.sum((ends[: len(ends) // 2] == most) & (ends[len(ends) // 2 :] == most))


def test_comparison_of_slices(split, values, clusters):
    other = values_of(split, 3)
    found = {difference.metric: difference for difference in compare_slices(split, values, other, clusters)}
    assert len(found) == 18
    inside = np.array([("edge", "one-way") in groups for groups in groups_of(split)])
    line = found["HR@10, edge one-way"]
    assert line.difference == pytest.approx(values[inside, 1].mean() - other[inside, 1].mean())
