"""Vectors from elsewhere come to stand at the right products."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError, TooLarge
from core.graph.imported import Imported, import_factors
from core.jobs import finish
from core.settings import Settings
from tests.graph.tiny_graphs import make_graph

GRAPH = make_graph([(0, 1), (1, 2)], 3)
Load = Callable[..., Imported]


@pytest.fixture
def load(settings: Settings, tmp_path: Path, serve_here: Callable[[], None]) -> Load:
    """Import matrices with ids for the graph n0 → n1 → n2."""
    serve_here()

    def run(source: object, target: object, ids: Sequence[str], *, header: str = "id") -> Imported:
        paths = [tmp_path / "s.npy", tmp_path / "t.npy", tmp_path / "ids.csv"]
        for path, matrix in zip(paths, (source, target), strict=False):
            np.save(path, np.asarray(matrix))
        paths[2].write_text("\n".join([header, *ids]) + "\n")
        return finish(import_factors(GRAPH, *paths, settings=settings))

    return run


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int8])
def test_rows_are_matched_by_id_in_any_order(load: Load, kind: type) -> None:
    """s(n0 → n2) = 1 · 5 + 2 · 6 = 17; n1 has no vectors, so that its scores are 0."""
    found = load(np.array([[3, 4], [1, 2]], kind), np.array([[5, 6], [7, 8]], kind), ["n2", "n0"])
    assert (found.matched, found.unknown) == (2, 0)
    assert found.factors.source.dtype == np.float32
    assert found.factors.score_from(np.array([0, 1])).tolist() == [[23, 0, 17], [0, 0, 0]]


def test_the_column_of_ids_is_found_beside_others(load: Load) -> None:
    found = load([[1.0], [2.0]], [[1.0], [1.0]], ["0,n1", "1,zz"], header="row,node_id")
    assert (found.matched, found.unknown) == (1, 1)
    assert found.factors.source.ravel().tolist() == [0, 1, 0]


def test_a_row_without_an_id_keeps_the_others_in_place(load: Load) -> None:
    ids = ["0,n0", *[f"{i},x{i}" for i in range(1, 19)], "19,", "20,n2"]
    found = load(np.arange(21.0)[:, None], np.ones((21, 1)), ids, header="row,id")
    assert found.factors.source.ravel().tolist() == [0, 0, 20]


def test_a_matrix_beyond_the_limit_of_a_file_is_refused(settings: Settings, tmp_path: Path, load: Load) -> None:
    load(np.ones((2, 1)), np.ones((2, 1)), ["n0", "n1"])
    small = replace(settings, file_bytes=64)
    paths = (tmp_path / "s.npy", tmp_path / "t.npy", tmp_path / "ids.csv")
    with pytest.raises(TooLarge, match="more than 0 MiB"):
        finish(import_factors(GRAPH, *paths, settings=small))


def test_a_header_that_claims_more_than_there_is_is_refused(settings: Settings, tmp_path: Path, load: Load) -> None:
    load(np.ones((2, 1)), np.ones((2, 1)), ["n0", "n1"])
    path = tmp_path / "s.npy"
    path.write_bytes(path.read_bytes().replace(b"(2, 1)", b"(9, 9)"))
    with pytest.raises(InputError, match="no array that NumPy saved"):
        finish(import_factors(GRAPH, path, tmp_path / "t.npy", tmp_path / "ids.csv", settings=settings))
