"""What the data folder keeps of graphs, and its removal with all that was made of them."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InputError
from core.graph.arrays_file import read_header
from core.graph.data import swap_digest
from core.graph.stored import edge_store, graph_store
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored graph.

    Attributes
    ----------
    digest, name
        Of the graph.
    nodes, edges
        How many there are; None where the files cannot be read.
    """

    digest: str
    name: str
    nodes: int | None
    edges: int | None


def list_graphs(settings: Settings) -> tuple[Kept, ...]:
    """All stored graphs, by digest."""
    store, edges = graph_store(settings), edge_store(settings)
    found = []
    for digest in store.digests():
        known = store.read_metadata(digest) or {"name": ""}
        found.append(Kept(digest, known["name"], _rows(store.path(digest)), _rows(edges.path(digest))))
    return tuple(found)


def delete_graph(digest: str, *, settings: Settings) -> bool:
    """Delete a stored graph with its models and their lists, in both directions; tell whether there was one.

    Notes
    -----
    Evaluations do not name their graph and can be made again: all of them are deleted.
    """
    folder = settings.home / "graph"
    was_there = [store.delete(digest) for store in (graph_store(settings), edge_store(settings))]
    for model in _files(folder / "models"):
        if _digest_of(model) in {digest, swap_digest(digest)}:
            for lists in (folder / "exports").glob(f"{model.name}_*"):
                lists.unlink(missing_ok=True)
            model.unlink(missing_ok=True)
    for evaluation in _files(folder / "evaluations"):
        evaluation.unlink(missing_ok=True)
    return any(was_there)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _digest_of(model: Path) -> object:
    try:
        return read_header(model).get("digest")
    except InputError:  # damaged, or not yet whole
        return None


def _rows(path: Path) -> int | None:
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowInvalid):
        return None
