"""What the data folder lists, and that deleting leaves nothing of a graph."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from core.graph.data import swap_digest
from core.graph.kept import Kept, delete_graph, list_graphs
from core.graph.model_file import Model, write_model
from core.graph.scorers import Factors
from core.graph.stored import find_graph, store_graph
from core.settings import Settings
from tests.graph.tiny_graphs import make_graph

HERE, THERE = "a" * 64, "b" * 64
GRAPH = replace(make_graph([(0, 1), (1, 2)], 3), digest=HERE, name="shop")


def put_model(settings: Settings, name: str, digest: str) -> Path:
    folder = settings.home / "graph" / "models"
    folder.mkdir(parents=True, exist_ok=True)
    vectors = np.ones((3, 1), dtype=np.float32)
    write_model(Model(replace(GRAPH, digest=digest), Factors(vectors, vectors), "e", {}, 0, {}), folder / name)
    return folder / name


def test_an_empty_folder_lists_nothing(settings: Settings) -> None:
    assert list_graphs(settings) == ()
    assert not delete_graph(HERE, settings=settings)


def test_a_graph_goes_with_its_models_in_both_directions_and_others_stay(settings: Settings) -> None:
    store_graph(GRAPH, settings=settings)
    store_graph(replace(GRAPH, digest=THERE), settings=settings)
    assert list_graphs(settings) == (Kept(HERE, "shop", 3, 2), Kept(THERE, "shop", 3, 2))
    gone = [put_model(settings, "m1", HERE), put_model(settings, "m2", swap_digest(HERE))]
    stays = put_model(settings, "m3", THERE)
    for folder, name in (("exports", "m1_20_all.parquet"), ("evaluations", "e1")):
        (settings.home / "graph" / folder).mkdir()
        gone.append(settings.home / "graph" / folder / name)
        gone[-1].write_bytes(b"x")
    damaged = settings.home / "graph" / "models" / "half"
    damaged.write_bytes(b"x")
    assert delete_graph(HERE, settings=settings)
    assert find_graph(HERE, settings=settings) is None
    assert not any(path.exists() for path in gone)
    assert stays.exists()
    assert damaged.exists()
    assert [kept.digest for kept in list_graphs(settings)] == [THERE]
