"""LightGCN on the double cover."""

import numpy as np
import pytest

from core.errors import InputError
from core.graph.data import Fold
from core.graph.lightgcn import fit_lightgcn
from core.jobs import finish
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph

QUICK = {"dimensions": 8, "epochs": 30, "batch": 20}


def fit(graph, *, seed=0, **options):
    return finish(fit_lightgcn(Fold(graph, make_edges([])), rng=np.random.default_rng(seed), **{**QUICK, **options}))


def test_known_edges_score_above_their_reverse_and_above_others():
    graph = make_graph([(phone, 10 + case % 5) for phone in range(10) for case in range(phone, phone + 3)], 15)
    scores = fit(graph, epochs=60).score_from(np.arange(15))
    known = graph.adjacency().toarray() > 0
    assert scores[known].mean() > scores[~known].mean() + 1
    assert (scores[known] > scores.T[known]).mean() > 0.95


def test_the_loss_falls_and_parts_add_up():
    graph = random_graph(np.random.default_rng(0), 15)
    reports = list(fit_lightgcn(Fold(graph, make_edges([])), rng=np.random.default_rng(0), **QUICK))
    assert reports[-1].loss < reports[0].loss
    found = fit(graph)
    assert found.terms(2, 5).value.sum() == pytest.approx(float(found.score_from(np.array([2]))[0, 5]), abs=1e-5)


def test_determined_by_the_seed():
    graph = random_graph(np.random.default_rng(1), 10)
    np.testing.assert_array_equal(fit(graph, epochs=3).source, fit(graph, epochs=3).source)
    assert not np.allclose(fit(graph, epochs=3).source, fit(graph, epochs=3, seed=1).source)


@pytest.mark.parametrize(("pairs", "nodes"), [([], 1), ([(0, 1)], 2)])
def test_hardly_any_edges(pairs, nodes):
    assert np.isfinite(fit(make_graph(pairs, nodes), epochs=2).score_from(np.arange(nodes))).all()


def test_options_out_of_range():
    graph = make_graph([(0, 1)], 2)
    with pytest.raises(InputError, match="batch"):
        fit(graph, batch=0)
    with pytest.raises(InputError, match="decay"):
        fit(graph, decay=-1)
