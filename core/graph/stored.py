"""Graphs in the data folder: the finished arrays of each, found again by digest.

A graph is two files, ``graph/<digest>.parquet`` of its nodes and ``graph/edges/<digest>.parquet``. The nodes are
written last, so that where they are, the edges are too.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from core.graph.data import Cleaning, Edges, Graph, Items, swap_digest, swap_direction
from core.ingest.store import Store
from core.settings import Settings

GROUP_ROWS = 1 << 20


def graph_store(settings: Settings) -> Store:
    """Where graphs are kept; a digest is there where a whole graph is."""
    return Store(settings.home, word="graph")


def edge_store(settings: Settings) -> Store:
    """Where the edges of graphs are kept."""
    return Store(settings.home, word="graph/edges")


def store_graph(graph: Graph, *, settings: Settings) -> None:
    """Keep a graph under its digest."""
    with edge_store(settings).publishing(graph.digest) as part:
        edges = {
            "source": graph.edges.source, "target": graph.edges.target, "weight": graph.weight, "time": graph.time,
        }  # fmt: skip
        _write(pa.table(edges), part)
    with graph_store(settings).publishing(graph.digest) as part:
        items = graph.items
        known = {
            "name": graph.name,
            "categories": items.categories,
            "feature_names": items.feature_names,
            "cleaning": asdict(graph.cleaning),
        }
        nodes = {"id": graph.ids, "title": items.title, "category": items.category, "listed": items.listed}
        nodes |= {f"feature{place}": column for place, column in enumerate(items.features.T)}
        table = pa.table(nodes).replace_schema_metadata({"recscope": json.dumps(known)})
        _write(table, part)


def find_graph(digest: str, *, settings: Settings) -> Graph | None:
    """The stored graph of a digest, or None; one that was swapped is found by the digest of either direction.

    Raises
    ------
    InputError
        The text is no digest.
    """
    graph = _read_graph(digest, settings)
    if graph is not None:
        return graph
    turned = _read_graph(swap_digest(digest), settings)
    return None if turned is None else swap_direction(turned)


def _write(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="lz4", row_group_size=GROUP_ROWS)


def _read_graph(digest: str, settings: Settings) -> Graph | None:
    store, kept_edges = graph_store(settings), edge_store(settings)
    known: dict[str, Any] | None = store.read_metadata(digest)
    if known is None or not kept_edges.path(digest).exists():
        return None
    nodes, edges = pq.read_table(store.path(digest)), pq.read_table(kept_edges.path(digest))
    names = tuple(known["feature_names"])
    features = np.empty((len(nodes), len(names)))
    for place in range(len(names)):
        features[:, place] = nodes[f"feature{place}"].to_numpy()
    items = Items(
        title=nodes["title"].to_numpy(),
        category=_owned(nodes["category"]),
        categories=tuple(known["categories"]),
        features=features,
        feature_names=names,
        listed=_owned(nodes["listed"]),
    )
    return Graph(
        digest=digest,
        name=known["name"],
        ids=nodes["id"].to_numpy(),
        edges=Edges(_owned(edges["source"]), _owned(edges["target"])),
        weight=_owned(edges["weight"]),
        time=_owned(edges["time"]),
        items=items,
        cleaning=Cleaning.from_json(known["cleaning"]),
    )


def _owned(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Values as an array that may be written to: torch warns of any other."""
    return np.require(column.to_numpy(), requirements="W")
