"""The shop: what it promises, and that the sample files are its own byte for byte."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.graph.catalogue import LINES, make_catalogue
from core.graph.data import Graph
from core.graph.ease import fit_ease
from core.graph.load import load_sample
from core.graph.popularity import fit_popularity
from core.graph.scorers import ScoreArray
from core.graph.simulate import BONDS, CATEGORY_DIRECTION, Shop, simulate_shop
from core.graph.split import split_graph
from core.jobs import finish
from core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
CLEAR_PAIRS = [pair for pair, here in CATEGORY_DIRECTION.items() if here >= 3 * CATEGORY_DIRECTION[pair[::-1]]]


@pytest.fixture(scope="module")
def shop() -> Shop:
    return simulate_shop(np.random.default_rng(5))


def test_samples_are_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "core.graph.simulate", str(tmp_path)]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in ("graph_edges.csv", "graph_items.csv"):
        assert (tmp_path / name).read_bytes() == (ROOT / "sample_data" / name).read_bytes(), name
        assert name in said


def test_sample_files_hold_what_the_readme_says() -> None:
    edges, items = (pd.read_csv(ROOT / "sample_data" / f"graph_{part}.csv") for part in ("edges", "items"))
    assert list(edges.columns) == ["source", "target", "weight", "time"]
    assert list(items.columns) == ["item", "title", "category", "price", "brand"]
    said = (ROOT / "sample_data" / "README.md").read_text(encoding="utf-8")
    assert f"{len(items):,} products in {items['category'].nunique()} categories" in said
    assert f"{len(edges):,} directed edges" in said
    assert not edges.isna().any().any()
    assert not items.isna().any().any()
    assert items["item"].is_unique
    assert items["title"].is_unique
    assert set(edges["source"]) | set(edges["target"]) <= set(items["item"])
    assert (edges["source"] != edges["target"]).all()
    assert not edges.duplicated(["source", "target"]).any()
    assert (edges["time"].min(), edges["time"].max()) == ("2026-01-01", "2026-06-29")
    assert edges["weight"].min() == 1


def test_degrees_reach_from_one_to_hundreds_and_hubs_lie_at_targets(shop: Shop) -> None:
    out, into = shop.edges["source"].value_counts(), shop.edges["target"].value_counts()
    assert out.min() == into.min() == 1
    assert into.max() >= 100
    assert 15_000 <= len(shop.edges) <= 25_000
    lonely = set(shop.items["item"]) - set(out.index) - set(into.index)
    assert 20 <= len(lonely) <= 90


def test_edges_go_the_way_the_table_says(shop: Shop) -> None:
    category = shop.items.set_index("item")["category"]
    sources, targets = shop.edges["source"].map(category), shop.edges["target"].map(category)
    count = shop.edges.groupby([sources, targets]).size()
    assert len(CLEAR_PAIRS) >= 20
    for first, second in CLEAR_PAIRS:
        assert count.get((first, second), 0) > 2 * count.get((second, first), 0), (first, second)
    named = [pair in CATEGORY_DIRECTION for pair in zip(sources, targets, strict=True)]
    assert np.mean(named) > 0.98  # the rest is noise
    lens = count["Cameras", "Lenses"] / count["Lenses", "Cameras"]
    assert 0.5 < lens < 2


def test_accessories_are_bought_for_what_they_fit() -> None:
    shop = simulate_shop(np.random.default_rng(5))
    catalogue = make_catalogue(np.random.default_rng(5)).set_index("item")
    fits = {(b.first, b.second): b.fits_by for b in BONDS} | {(b.second, b.first): b.fits_by for b in BONDS}
    ends = [catalogue.loc[shop.edges[end]].reset_index() for end in ("source", "target")]
    pairs = pd.Series(list(zip(ends[0]["category"], ends[1]["category"], strict=True)))
    for kind in ("model", "mount", "thread", "size"):
        tied = (pairs.map(fits) == kind).to_numpy()
        alike = ends[0][kind].to_numpy()[tied] == ends[1][kind].to_numpy()[tied]
        assert tied.sum() > 300
        assert alike.mean() > 0.97, kind  # the rest is noise


def test_the_table_is_frozen_and_whole() -> None:
    assert {first for first, _ in CATEGORY_DIRECTION} == {line.category for line in LINES}
    assert all(pair[::-1] in CATEGORY_DIRECTION for pair in CATEGORY_DIRECTION)
    assert all(0 < affinity <= 1 for affinity in CATEGORY_DIRECTION.values())
    with pytest.raises(TypeError):
        CATEGORY_DIRECTION["a", "b"] = 1.0  # type: ignore[index]


def test_seeds_draw_different_shops(shop: Shop) -> None:
    assert not simulate_shop(np.random.default_rng(6)).edges.equals(shop.edges)
    assert simulate_shop(np.random.default_rng(5)).edges.equals(shop.edges)


def test_a_trained_model_recovers_the_direction_and_popularity_does_not(shared_settings: Settings) -> None:
    graph = finish(load_sample(shared_settings))
    fold = split_graph(graph, rng=np.random.default_rng(0)).fold
    lost = {}
    for fit in (fit_ease, fit_popularity):
        scores = finish(fit(fold, rng=np.random.default_rng(0))).score_from(np.arange(graph.nodes))
        lost[fit] = [pair for pair in CLEAR_PAIRS if _mean(scores, graph, *pair) <= _mean(scores, graph, *pair[::-1])]
    assert lost[fit_ease] == []
    assert len(lost[fit_popularity]) >= 3  # the in-degree alone gets some of them wrong


def _mean(scores: ScoreArray, graph: Graph, first: str, second: str) -> float:
    """Mean score from the products of one category to those of another."""
    sources, targets = (graph.items.category == graph.items.categories.index(name) for name in (first, second))
    return float(scores[np.ix_(sources, targets)].mean())
