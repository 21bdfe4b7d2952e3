"""A GraphML file → a stored graph. The file is unpacked in the limited child process, then read as tables are."""

from dataclasses import replace
from pathlib import Path

from core.errors import InputError
from core.graph.build import BUILD
from core.graph.data import Graph
from core.graph.load import read_graph
from core.graph.roles import EdgeRoles, ItemRoles
from core.graph.stored import find_graph, graph_store, store_graph
from core.ingest.load import unpack_graphml
from core.ingest.store import digest_content, digest_files, read_stamp
from core.jobs import Job, between
from core.settings import Settings

GRAPHML = (".graphml", ".graphml.gz", ".xml")  # how the names of such files end


def load_graphml(file: Path, *, name: str, settings: Settings) -> Job[Graph]:
    """Read, check, clean and store a GraphML file, plain or gzipped; what is stored already is not read again.

    Of nodes the attributes title (or label, or name) and category (or class, group, type) are read, of edges the
    weight. An undirected edge is read as two, one each way, and the cleaning record says so.

    Parameters
    ----------
    file
        The file.
    name
        For display only.
    settings
        Limits and places.

    Raises
    ------
    InputError
        The file is not well-formed, declares a document type or an entity, has hyperedges or no edges; or as
        :func:`core.graph.load.load_graph`, where a row is a node or an edge in file order (an undirected one counts
        twice). Nothing is stored then.
    """
    stamp = read_stamp(file)
    digests = yield from between(0.0, 0.05, digest_files([file]))
    digest = digest_content(digests, {"build": BUILD, "format": "graphml"})
    known = find_graph(digest, settings=settings)
    if known is not None:
        return replace(known, name=name)
    with graph_store(settings).scratch_folder() as folder:
        edges, nodes = folder / "graphml_edges.parquet", folder / "graphml_nodes.parquet"
        found = yield from between(0.05, 0.5, unpack_graphml(file, edges=edges, nodes=nodes, settings=settings))
        columns = {*found["edges"]["columns"], *found["nodes"]["columns"]}
        title, category, weight = (role if role in columns else None for role in ("title", "category", "weight"))
        reading = read_graph(
            [edges],
            EdgeRoles("source", "target", weight),
            folder,
            items=([nodes], ItemRoles("id", title, category)) if found["nodes"]["rows"] else None,
            digest=digest,
            name=name,
            settings=settings,
        )
        graph = yield from between(0.5, 1.0, reading)
        if stamp != read_stamp(file):
            raise InputError("The file changed while it was read.", fix="Try again once it is no longer written to.")
    graph = replace(graph, cleaning=replace(graph.cleaning, undirected=found["undirected"] > 0))
    store_graph(graph, settings=settings)
    return graph
