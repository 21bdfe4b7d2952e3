"""Splits: every edge in one fold, no reverse across folds by pair, the leak stated where there is one."""

import numpy as np
import pytest

from core.errors import InputError
from core.graph.data import Edges
from core.graph.split import has_edges, split_graph
from tests.graph.tiny_graphs import make_graph, random_graph


def rng(seed=0):
    return np.random.default_rng(seed)


def keys(split, edges):
    return set(edges.keys(split.graph.nodes).tolist())


@pytest.mark.parametrize("kind", ["pair", "edge", "time"])
@pytest.mark.parametrize("seed", range(10))
def test_every_edge_falls_in_one_fold(kind, seed):
    plain = random_graph(rng(seed), 12)
    graph = make_graph(plain.edges, 12, time=rng(seed).integers(0, 30, len(plain.edges)))
    split = split_graph(graph, kind=kind, validation=0.2, test=0.3, rng=rng(seed))
    folds = [keys(split, edges) for edges in (split.fold.graph.edges, split.fold.validation, split.test)]
    assert all(folds)
    assert sum(map(len, folds)) == len(graph.edges)
    assert set.union(*folds) == keys(split, graph.edges)
    assert split.fold.graph.nodes == 12


@pytest.mark.parametrize("seed", range(30))
def test_by_pair_no_reverse_is_in_another_fold(seed):
    graph = random_graph(rng(seed), 10, share=0.5)
    split = split_graph(graph, validation=0.2, test=0.3, rng=rng(seed))
    folds = [split.fold.graph.edges, split.fold.validation, split.test]
    for one in folds:
        for other in folds:
            if one is not other:
                assert not keys(split, one.reversed()) & keys(split, other)
    assert split.reverse_in_train == 0


def test_shares_are_of_pairs():
    """20 reciprocal pairs: 20 % of them are 4 pairs, 8 edges; 5 % one pair, 2 edges."""
    pairs = [(0, v) for v in range(1, 21)] + [(v, 0) for v in range(1, 21)]
    split = split_graph(make_graph(pairs, 21), rng=rng())
    assert (len(split.fold.graph.edges), len(split.fold.validation), len(split.test)) == (30, 2, 8)


def test_by_edge_the_leak_is_the_share_of_reverses_in_training():
    graph = random_graph(rng(3), 20, share=0.6)
    split = split_graph(graph, kind="edge", rng=rng(3))
    training = keys(split, split.fold.graph.edges)
    leaks = [v * 20 + u in training for u, v in zip(split.test.source, split.test.target, strict=True)]
    assert split.reverse_in_train == pytest.approx(np.mean(leaks))
    assert split.reverse_in_train > 0.2


def test_by_time_the_last_are_for_test_and_ties_stay_together():
    """The last 3 of 10 begin at the third 5, so all three 5 are for test, and 4 is just before."""
    pairs = [(0, v) for v in range(1, 11)]
    time = [1, 1, 2, 3, 4, 5, 5, 5, 6, 7]
    split = split_graph(make_graph(pairs, 11, time=time), kind="time", validation=0.1, test=0.3, rng=rng())
    assert split.test.target.tolist() == [6, 7, 8, 9, 10]
    assert split.fold.validation.target.tolist() == [5]
    assert split.fold.graph.time.tolist() == [1, 1, 2, 3]


def test_by_time_a_reverse_may_be_earlier():
    """0 → 1 in training, 1 → 0 in test, beside 0 → 3 without: one of two."""
    pairs = [(0, 1), (2, 0), (2, 1), (3, 1), (1, 0), (0, 3)]
    split = split_graph(
        make_graph(pairs, 4, time=[1, 2, 3, 4, 5, 6]), kind="time", validation=0.2, test=0.33, rng=rng()
    )
    assert sorted(zip(split.test.source.tolist(), split.test.target.tolist(), strict=True)) == [(0, 3), (1, 0)]
    assert split.reverse_in_train == 0.5


def test_times_that_are_missing_are_counted():
    graph = make_graph([(0, 1), (1, 2), (2, 0)], 3, time=[1, np.nan, np.nan])
    with pytest.raises(InputError, match="2 of 3 edges have no time"):
        split_graph(graph, kind="time", rng=rng())


def test_one_moment_leaves_nothing_to_learn_from():
    graph = make_graph([(0, v) for v in range(1, 30)], 30, time=[5] * 29)
    with pytest.raises(InputError, match="with so few different times leave no edge for training"):
        split_graph(graph, kind="time", rng=rng())


@pytest.mark.parametrize(("pairs", "name"), [([], "training and test"), ([(0, 1), (1, 0)], "test and validation")])
def test_too_few_edges_for_a_fold(pairs, name):
    with pytest.raises(InputError, match=name):
        split_graph(make_graph(pairs, 2), rng=rng())


def test_no_validation_where_none_is_wanted():
    split = split_graph(random_graph(rng(), 12), validation=0, rng=rng())
    assert len(split.fold.validation) == 0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"test": 0.0}, "test share"),
        ({"test": float("nan")}, "test share"),
        ({"validation": -0.1}, "validation share"),
        ({"validation": 0.5, "test": 0.5}, "together"),
        ({"kind": "random"}, "no split called 'random'"),
    ],
)
def test_bad_shares(options, match):
    with pytest.raises(InputError, match=match):
        split_graph(random_graph(rng(), 12), rng=rng(), **options)


def test_the_same_seed_gives_the_same_split():
    graph = random_graph(rng(), 15)
    one, same, other = (split_graph(graph, rng=rng(seed)) for seed in (1, 1, 2))
    assert keys(one, one.test) == keys(same, same.test) != keys(other, other.test)


def test_has_edges_is_about_direction():
    graph = make_graph([(0, 1), (1, 2)], 3)
    assert has_edges(graph, Edges(np.array([0, 1, 1]), np.array([1, 0, 2]))).tolist() == [True, False, True]
