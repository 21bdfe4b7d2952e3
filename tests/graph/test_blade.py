"""The dual GNN as a job: reports, seeds, direction, and that its scores are the sum of their parts."""

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.graph.blade import fit_blade
from core.graph.data import Fold
from core.graph.epoch import Epoch
from core.jobs import finish
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph

QUICK = {"dimensions": 8, "epochs": 4, "candidates": 10}


def fit(graph, *, seed=0, validation=(), **options):
    fold = Fold(graph, make_edges(list(validation)))
    return finish(fit_blade(fold, rng=np.random.default_rng(seed), **{**QUICK, **options}))


@pytest.fixture(scope="module")
def shop():
    """20 phones lead to 5 cases and to each other's cases, never back."""
    rng = np.random.default_rng(0)
    pairs = {(phone, 20 + case) for phone in range(20) for case in rng.choice(5, 3, replace=False).tolist()}
    return make_graph(sorted(pairs), 26)  # 25 is alone


def test_reports_a_falling_loss_and_the_hit_rate_where_it_was_measured(shop):
    reports = list(fit_blade(Fold(shop, make_edges([(0, 21)])), rng=np.random.default_rng(0), **QUICK | {"epochs": 20}))
    assert all(isinstance(report, Epoch) for report in reports)
    assert reports[-1].loss < 0.9 * reports[0].loss
    assert [np.isnan(report.hit_rate) for report in reports[:5]] == [True] * 4 + [False]
    assert [report.share for report in reports] == sorted(report.share for report in reports)


def test_a_phone_gives_a_case_and_the_case_does_not_give_the_phone(shop):
    found = fit(shop, epochs=60)
    edges = shop.edges
    forward, back = (found.score_pairs(one.source, one.target) for one in (edges, edges.reversed()))
    assert (forward > back).mean() > 0.95


@pytest.mark.parametrize("mode", ["full", "uniform", "ppr", "adaptive"])
def test_the_parts_add_up_to_the_score(shop, mode):
    found = fit(shop, neighbourhood=mode, budget=2, popularity=0.5)
    for source, target in ((0, 21), (21, 0), (25, 20), (3, 4)):
        terms = found.terms(source, target)
        assert terms.value.sum() == pytest.approx(float(found.score_from(np.array([source]))[0, target]), abs=1e-5)
    parts = found.terms(0, 21)
    first = parts.node[parts.part == "hop 1"]
    if mode == "full":
        assert set(first.tolist()) == set(shop.edges.target[shop.edges.source == 0].tolist())


@pytest.mark.parametrize("mode", ["full", "adaptive"])
def test_one_seed_gives_one_model_whatever_the_global_generator(shop, mode):
    torch.manual_seed(1)
    one = fit(shop, neighbourhood=mode)
    torch.manual_seed(2)
    same, other = fit(shop, neighbourhood=mode), fit(shop, neighbourhood=mode, seed=1)
    np.testing.assert_array_equal(one.source, same.source)
    assert not np.allclose(one.source, other.source)


def test_training_does_not_draw_from_the_global_generator(shop):
    before = torch.get_rng_state()
    fit(shop)
    assert torch.equal(before, torch.get_rng_state())


def test_threads_are_given_back_between_reports(shop):
    before = torch.get_num_threads()
    job = fit_blade(Fold(shop, make_edges([])), rng=np.random.default_rng(0), **QUICK)
    next(job)
    assert torch.get_num_threads() == before
    job.close()  # a page that cancels
    with pytest.raises(StopIteration):
        next(job)


def test_removing_popularity_leaves_unit_norms(shop):
    norm = np.linalg.norm(fit(shop, popularity=1.0).target[:20], axis=1)
    np.testing.assert_allclose(norm, 1, rtol=1e-5)


@pytest.mark.parametrize("pairs", [[], [(0, 1)], [(0, 1), (1, 0)]])
def test_hardly_any_edges(pairs):
    found = fit(make_graph(pairs, 3))
    assert np.isfinite(found.score_from(np.arange(3))).all()


def test_one_node():
    assert np.isfinite(fit(make_graph([], 1)).score_from(np.arange(1))).all()


def test_features_and_categories_reach_nodes_without_edges():
    graph = random_graph(np.random.default_rng(3), 12, category=[0, 1] * 6)
    plain, informed = fit(graph), fit(graph, features=True)
    assert not np.allclose(plain.base_source, informed.base_source)
    assert np.isfinite(informed.source).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dimensions": 0}, "dimensions"),
        ({"hops": 17}, "hops"),
        ({"epochs": 0}, "epochs"),
        ({"folds": 0}, "folds"),
        ({"budget": 0}, "budget"),
        ({"direction": -1.0}, "direction weight"),
        ({"popularity": float("nan")}, "popularity exponent"),
        ({"learning_rate": 0.0}, "learning rate"),
    ],
)
def test_options_out_of_range(shop, options, message):
    with pytest.raises(InputError, match=message):
        fit(shop, **options)
