"""Candidates: who is among them, and ranks against a loop."""

import numpy as np
import pytest

from core.graph import candidates
from core.graph.candidates import Candidates, gather_candidates
from core.graph.data import Fold
from core.graph.parts import Part
from core.jobs import finish
from tests.graph.tiny_graphs import Table, make_edges, make_graph


def rng():
    return np.random.default_rng(0)


def part(table):
    return Part("engine", Table(np.asarray(table, dtype=np.float32)), "plain", 1.0, 1.0)


def test_the_best_the_true_and_never_the_trained(monkeypatch):
    monkeypatch.setattr(candidates, "PER_ENGINE", 2)
    monkeypatch.setattr(candidates, "AT_RANDOM", 0)
    table = np.zeros((6, 6))
    table[0] = [9, 8, 7, 6, 5, 0]
    fold = Fold(make_graph([(0, 1)], 6), make_edges([(0, 5)]))
    found = finish(gather_candidates(fold, [part(table), part(-table)], engines=1, rng=rng()))
    # of node 0: not itself, not the trained 1; the best two others are 2 and 3; 5 is true
    assert found.values.tolist() == [[7, -7], [6, -6], [0, 0]]
    assert found.positive.tolist() == [False, False, True]
    assert found.start.tolist() == [0]


def test_blocks_of_rows_give_the_same_as_one(monkeypatch):
    scores = rng().random((9, 9))
    fold = Fold(make_graph([(0, 1), (2, 3)], 9), make_edges([(0, 5), (2, 6), (8, 1), (8, 2)]))
    monkeypatch.setattr(candidates, "AT_RANDOM", 0)
    whole = finish(gather_candidates(fold, [part(scores)], engines=1, rng=rng()))
    monkeypatch.setattr(candidates, "_CELLS", 9)
    split = finish(gather_candidates(fold, [part(scores)], engines=1, rng=rng()))
    for name in ("start", "query", "positive", "values"):
        assert (getattr(whole, name) == getattr(split, name)).all()
    assert whole.start.tolist() == [0, 7, 14]  # eight others each, less the trained one
    assert whole.positive.sum() == 4


def test_too_many_sources_are_drawn_from(monkeypatch):
    monkeypatch.setattr(candidates, "_FEWEST", 2)
    monkeypatch.setattr(candidates, "_SCORES", 1)
    fold = Fold(make_graph([(0, 1)], 9), make_edges([(node, 1) for node in range(2, 9)]))
    assert len(finish(gather_candidates(fold, [part(np.zeros((9, 9)))], engines=1, rng=rng())).start) == 2


@pytest.mark.parametrize("seed", range(10))
def test_ranks_against_a_loop(seed):
    draw = np.random.default_rng(seed)
    query = np.repeat([0, 1, 2], [4, 7, 5])
    positive = draw.random(16) < 0.4
    scores = draw.integers(0, 4, 16).astype(float)  # many ties
    found = Candidates(np.array([0, 4, 11]), query, positive, np.zeros((16, 1), np.float32), positive * 1.0)
    expected = []
    for i in np.flatnonzero(positive):
        others = scores[(query == query[i]) & ~positive]
        expected.append(1 + (others > scores[i]).sum() + (others == scores[i]).sum() / 2)
    assert found.ranks(scores).tolist() == expected


def test_some_sources_and_some_parts():
    values = np.arange(12, dtype=np.float32).reshape(6, 2)
    found = Candidates(np.array([0, 2, 5]), np.array([0, 0, 1, 1, 1, 2]), np.array([True] * 6), values, np.arange(6.0))
    some = found.take(np.array([True, False, True]))
    assert some.start.tolist() == [0, 2]
    assert some.query.tolist() == [0, 0, 1]
    assert some.importance.tolist() == [0, 1, 5]
    assert some.columns([1]).values.tolist() == [[1], [3], [11]]
