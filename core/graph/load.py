"""Files and column roles → a stored graph. The same content and roles are parsed once."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pyarrow.parquet as pq

from core.errors import InputError
from core.graph.build import BUILD, ItemRows, build_graph
from core.graph.data import Graph
from core.graph.roles import EdgeRoles, ItemRoles
from core.graph.stored import find_graph, graph_store, store_graph
from core.ingest.load import parse
from core.ingest.schema import Parsed
from core.ingest.store import check_different, digest_content, digest_files, read_stamp
from core.jobs import Job, Progress, between
from core.settings import Settings

ItemFiles: TypeAlias = tuple[Sequence[Path], ItemRoles]

_SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"
SAMPLE_EDGES, SAMPLE_ITEMS = _SAMPLES / "graph_edges.csv", _SAMPLES / "graph_items.csv"
SAMPLE_EDGE_ROLES = EdgeRoles("source", "target", weight="weight", time="time")
SAMPLE_ITEM_ROLES = ItemRoles("item", "title", "category", numbers=("price",), words=("brand",))


def load_graph(
    files: Sequence[Path], roles: EdgeRoles, *, items: ItemFiles | None = None, name: str, settings: Settings
) -> Job[Graph]:
    """Parse, check, clean and store a graph; what is stored already is not parsed again.

    Parameters
    ----------
    files
        CSV, csv.gz or Parquet files of edges, read in this order as one.
    roles
        Column roles of the edges.
    items
        Files of items and their roles, if there are any.
    name
        For display only.
    settings
        Limits and places.

    Raises
    ------
    InputError
        A file, a column or a row is not what it must be; no edge is left after cleaning; two items have one id.
        Nothing is stored then.
    """
    item_files, item_roles = items or ((), None)
    everything = [*files, *item_files]
    stamps = [read_stamp(file) for file in everything]
    digests = yield from between(0.0, 0.05, digest_files(everything))
    check_different(files, digests[: len(files)])
    if item_roles:
        check_different(item_files, digests[len(files) :])
    mapping = {
        "build": BUILD,
        "edge_files": len(files),
        "edges": roles.to_json(),
        "items": item_roles.to_json() if item_roles else None,
    }
    digest = digest_content(digests, mapping)
    known = find_graph(digest, settings=settings)
    if known is not None:
        return replace(known, name=name)
    with graph_store(settings).scratch_folder() as folder:
        graph = yield from read_graph(files, roles, folder, items=items, digest=digest, name=name, settings=settings)
        if stamps != [read_stamp(file) for file in everything]:
            raise InputError("The file changed while it was read.", fix="Try again once it is no longer written to.")
    store_graph(graph, settings=settings)
    return graph


def read_graph(
    files: Sequence[Path],
    roles: EdgeRoles,
    folder: Path,
    *,
    items: ItemFiles | None,
    digest: str,
    name: str,
    settings: Settings,
) -> Job[Graph]:
    """Parse and build a graph without storing it; ``folder`` takes what is needed on the way.

    Raises
    ------
    InputError
        As :func:`load_graph`.
    """
    edges = folder / "edges.parquet"
    parsed = yield from between(0.05, 0.6 if items else 0.8, _parse(files, roles, edges, settings))
    rows = (yield from between(0.6, 0.8, _read_items(items, folder, settings))) if items else None
    yield Progress(0.8, "Building the graph")
    graph = build_graph(pq.read_table(edges), rows, parsed=parsed, digest=digest, name=name)
    yield Progress(0.95, "Storing the graph")
    return graph


def load_sample(settings: Settings) -> Job[Graph]:
    """Load the sample that ships with RecScope."""
    items = ([SAMPLE_ITEMS], SAMPLE_ITEM_ROLES)
    return (yield from load_graph([SAMPLE_EDGES], SAMPLE_EDGE_ROLES, items=items, name="shop", settings=settings))


def _parse(files: Sequence[Path], roles: EdgeRoles | ItemRoles, target: Path, settings: Settings) -> Job[Parsed]:
    return (yield from parse(files, roles.columns(), target=target, metadata={}, settings=settings))


def _read_items(items: ItemFiles, folder: Path, settings: Settings) -> Job[ItemRows]:
    files, roles = items
    try:
        parsed = yield from _parse(files, roles, folder / "items.parquet", settings)
    except InputError as error:
        raise type(error)(f"Items: {error}", fix=error.fix) from error
    return ItemRows(pq.read_table(folder / "items.parquet"), roles, parsed)
