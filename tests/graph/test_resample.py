"""Cluster bootstrap: its means, its coverage where rows of a cluster are alike, and where it says nothing."""

import numpy as np
import pytest

from core.graph import resample
from core.graph.resample import (
    Clusters,
    draw_cells,
    draw_columns,
    estimate_cells,
    estimate_columns,
    make_clusters,
)
from core.intervals import wilson


def rng(seed=0):
    return np.random.default_rng(seed)


def test_means_of_cells_by_hand():
    """Cell 0: (1 + 0 + 1)/3; cell 1: 0.25; cell 2 is empty."""
    clusters = make_clusters(np.array([7, 7, 9, 9]), rng=rng())
    found = estimate_cells(np.array([1, 0, 1, 0.25]), np.array([0, 0, 0, 1]), 3, clusters)
    assert found.value == pytest.approx([2 / 3, 0.25, np.nan], nan_ok=True)
    assert found.n.tolist() == [3, 1, 0]
    assert np.isnan([found.lo[2], found.hi[2]]).all()
    assert np.all(found.lo[:2] <= found.value[:2]) and np.all(found.value[:2] <= found.hi[:2])
    assert found.entry(1) == {"value": 0.25, "lo": found.lo[1], "hi": found.hi[1]}


def test_entries_of_columns_that_are_nan_are_not_counted():
    clusters = make_clusters(np.arange(3), rng=rng())
    found = estimate_columns(np.array([[1, np.nan], [0, 0.5], [np.nan, 1]]), clusters)
    assert found.value.tolist() == [0.5, 0.75]
    assert found.n.tolist() == [2, 2]


def test_a_draw_weighs_clusters_not_rows():
    """Cluster 0 has rows 1, 1, 1, cluster 1 has one row 0: a draw is 3w₀/(3w₀ + w₁)."""
    clusters = Clusters(np.array([0, 0, 0, 1]), 2, seed=5)
    w = np.concatenate(list(clusters.weights()))
    drawn = draw_columns(np.array([[1.0], [1], [1], [0]]), clusters)
    assert drawn[:, 0] == pytest.approx(3 * w[:, 0] / (3 * w[:, 0] + w[:, 1]))


def test_chunks_do_not_change_the_draws(monkeypatch):
    clusters = make_clusters(np.arange(50), rng=rng())
    at_once = draw_cells(np.linspace(0, 1, 50), np.zeros(50, int), 1, clusters)
    monkeypatch.setattr(resample, "CHUNK", 333)
    assert draw_cells(np.linspace(0, 1, 50), np.zeros(50, int), 1, clusters) == pytest.approx(at_once)
    assert len(at_once) == 1_000


@pytest.mark.parametrize(("values", "hits"), [([0, 0, 0, 0], 0), ([1, 1, 1, 1], 2)])
def test_where_all_agree_wilson_with_clusters_as_trials_stands(values, hits):
    found = estimate_columns(np.array(values, float)[:, None], make_clusters(np.array([0, 0, 1, 1]), rng=rng()))
    lo, hi = wilson(hits, 2)
    assert (found.lo[0], found.hi[0]) == pytest.approx((float(lo), float(hi)))


def test_one_cluster_tells_little():
    """Half of its rows hit, but they are one trial: Wilson of 0.5 of 1."""
    found = estimate_columns(np.array([[1.0], [0.0]]), make_clusters(np.array([3, 3]), rng=rng()))
    lo, hi = wilson(0.5, 1)
    assert (found.lo[0], found.hi[0]) == pytest.approx((float(lo), float(hi)))


def test_nothing_has_no_mean():
    found = estimate_columns(np.empty((0, 2)), make_clusters(np.empty(0, np.int64), rng=rng()))
    assert np.isnan([found.value, found.lo, found.hi]).all()
    assert found.n.tolist() == [0, 0]


def test_above_the_limit_nodes_share_clusters_and_stay_whole(monkeypatch):
    monkeypatch.setattr(resample, "MOST_CLUSTERS", 7)
    node = np.repeat(np.arange(40), 3)
    clusters = make_clusters(node, rng=rng())
    assert clusters.count == 7
    assert set(np.bincount(clusters.member).tolist()) <= {15, 18}
    assert np.all(clusters.member.reshape(40, 3).std(axis=1) == 0)


def _covered(by_source, seed, worlds=300, sources=120):
    """How often the interval holds the true rate of hits, 0.4; chances of a source are Beta(1, 1.5), 1 to 40 edges."""
    generator, held = rng(seed), 0
    for _ in range(worlds):
        node = np.repeat(np.arange(sources), generator.integers(1, 41, sources))
        chance = generator.beta(1, 1.5, sources)[node]
        hits = (generator.random(len(node)) < chance).astype(float)
        found = estimate_columns(
            hits[:, None], make_clusters(node if by_source else np.arange(len(node)), rng=generator)
        )
        held += found.lo[0] <= 0.4 <= found.hi[0]
    return held / worlds


def test_clusters_cover_where_rows_do_not(monkeypatch):
    """95 % ± 4 with 300 worlds (2σ is 2.5 points) by source; rows alone fall far short, so the test has power."""
    monkeypatch.setattr(resample, "DRAWS", 300)
    assert 0.91 <= _covered(True, 1) <= 0.99
    assert _covered(False, 1, worlds=60) < 0.75
