"""DAEMON to the letter."""

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.graph.daemon import _loss, fit_daemon
from core.graph.data import Fold
from core.jobs import finish
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph

QUICK = {"dimensions": 8, "epochs": 10, "batch": 20}


def fit(graph, *, seed=0, **options):
    return finish(fit_daemon(Fold(graph, make_edges([])), rng=np.random.default_rng(seed), **{**QUICK, **options}))


def test_loss_by_hand():
    # 0 → 1 is one-way; s(0 → 1) = 0.5, s(1 → 0) = 0.25, and of the negatives 0 is the source itself, 1 scores 0.5
    source, target = torch.tensor([[0.5], [0.25]]), torch.tensor([[1.0], [1.0]])
    found = _loss(source, target, torch.tensor([0]), torch.tensor([1]), torch.tensor([[0, 1]]), torch.tensor([True]))

    def log_sigma(x):
        return -np.log1p(np.exp(-x))

    expected = -(log_sigma(0.5) + log_sigma(1 - 0.5) + log_sigma(0.5) + log_sigma(1 - 0.25))
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_vectors_have_unit_norm_and_no_negative_entry_or_are_zero():
    found = fit(random_graph(np.random.default_rng(0), 12))
    for vectors in (found.source, found.target):
        assert vectors.min() >= 0
        norm = np.linalg.norm(vectors, axis=1)
        np.testing.assert_allclose(norm[norm > 0], 1, rtol=1e-5)


def test_a_node_without_edges_has_zero_vectors():
    found = fit(make_graph([(0, 1), (1, 2)], 4))
    assert not found.source[3].any()
    assert not found.target[3].any()


def test_the_loss_falls():
    graph = random_graph(np.random.default_rng(1), 15)
    reports = list(fit_daemon(Fold(graph, make_edges([])), rng=np.random.default_rng(0), **QUICK | {"epochs": 30}))
    assert reports[-1].loss < reports[0].loss


def test_determined_by_the_seed():
    graph = random_graph(np.random.default_rng(2), 10)
    np.testing.assert_array_equal(fit(graph).source, fit(graph).source)
    assert not np.allclose(fit(graph).source, fit(graph, seed=1).source)


@pytest.mark.parametrize(("pairs", "nodes"), [([], 1), ([(0, 1)], 2)])
def test_hardly_any_edges(pairs, nodes):
    assert np.isfinite(fit(make_graph(pairs, nodes), epochs=2).score_from(np.arange(nodes))).all()


def test_options_out_of_range():
    with pytest.raises(InputError, match="layers"):
        fit(make_graph([(0, 1)], 2), layers=0)
