"""The best nodes of every product, as a Parquet file."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from core.arrays import IntArray
from core.checks import check_count
from core.errors import InputError
from core.graph.approximate import build_index, has_faiss, measure_recall
from core.graph.data import Graph
from core.graph.ranking import rows_at_a_time
from core.graph.retrieve import Retrieved, retrieve
from core.graph.scorers import Factors, Scorer
from core.jobs import Job, Progress
from core.publish import replacing

Method: TypeAlias = Literal["auto", "exact", "faiss"]
MOST = 1_000
APPROXIMATE_ABOVE = 200_000
GROUP_ROWS = 1 << 17
_Search: TypeAlias = Callable[[IntArray, csr_array], Retrieved]
_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("rank", pa.int32()),
        ("target", pa.string()),
        ("score", pa.float32()),
        ("known", pa.bool_()),
    ]
)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes
    ----------
    rows
        Recommendations.
    sources
        Products that have any; of the others the engine knows nothing that tells candidates apart.
    method
        ``exact``, or ``faiss`` for an approximate search.
    recall
        Share of the exact recommendations of 200 random products that the approximate search found too; 1 if exact.
    """

    rows: int
    sources: int
    method: str
    recall: float


def export_recommendations(
    graph: Graph,
    scorer: Scorer,
    *,
    k: int,
    target: Path,
    with_known: bool = True,
    method: Method = "auto",
    rng: np.random.Generator,
) -> Job[Exported]:
    """Write the k best nodes of every product, in the order of the products: source, rank, target, score, known.

    Parameters
    ----------
    graph
        The graph whose edges count as known.
    scorer
        Of the same nodes.
    k
        From 1 to 1,000.
    target
        The Parquet file; one that is there is replaced once the new one is complete.
    with_known
        Whether known edges are listed too.
    method
        ``exact`` computes all scores, block by block. ``faiss`` searches an index of the vectors θᵗ and may miss some.
        ``auto`` takes it where it is installed, the scorer is a pair of matrices, and there are more than 200,000
        products.
    rng
        Draws the products on which an approximate search is trained, and compared with the exact one.

    Raises
    ------
    InputError
        No such k or method; FAISS is not installed, or the scorer has no vectors; the file cannot be written.

    Notes
    -----
    Cost O(nodes · scoring), at most 16 million scores at a time; rows are written in groups of about 131,000, so the
    memory does not grow with their number. A job that is stopped leaves no file behind.
    """
    check_count(k, 1, MOST, name="number of recommendations")
    _check_method(scorer, method)
    known, recall = graph.adjacency(), 1.0
    approximate = method == "faiss" or (method == "auto" and _pays(scorer))
    if approximate and isinstance(scorer, Factors):
        yield Progress(0.0, "building an index")
        index = build_index(scorer, rng=rng)
        recall = measure_recall(index, k=k, known=known, with_known=with_known, rng=rng)

        def search(queries: IntArray, edges: csr_array) -> Retrieved:
            return index.retrieve(queries, k=k, known=edges, with_known=with_known)
    else:

        def search(queries: IntArray, edges: csr_array) -> Retrieved:
            return retrieve(scorer, queries, k=k, known=edges, with_known=with_known)

    with replacing(target) as part, pq.ParquetWriter(part, _SCHEMA) as file:
        rows, sources = yield from _write(graph, known, search, file)
        exported = Exported(rows, sources, "faiss" if approximate else "exact", recall)
        file.add_key_value_metadata({"recscope": json.dumps(asdict(exported))})
    return exported


def read_exported(path: Path) -> Exported:
    """What :func:`export_recommendations` wrote into a file, as its metadata tells."""
    return Exported(**json.loads(pq.read_metadata(path).metadata[b"recscope"]))


def _check_method(scorer: Scorer, method: Method) -> None:
    if method not in get_args(Method):
        raise InputError(f"There is no method {str(method)[:40]!r}.", fix=f"Choose {', '.join(get_args(Method))}.")
    if method == "faiss" and not isinstance(scorer, Factors):
        raise InputError("FAISS searches vectors, and this engine has none.", fix="Search exactly.")


def _pays(scorer: Scorer) -> bool:
    return isinstance(scorer, Factors) and scorer.nodes > APPROXIMATE_ABOVE and has_faiss()


def _write(graph: Graph, known: csr_array, search: _Search, file: pq.ParquetWriter) -> Job[tuple[int, int]]:
    """Write all lists; returns how many rows there are, and how many products have any."""
    ids = pa.array(graph.ids, type=pa.string())
    rows = sources = held = 0
    waiting: list[pa.Table] = []
    step = rows_at_a_time(graph.nodes)
    for start in range(0, graph.nodes, step):
        queries = np.arange(start, min(start + step, graph.nodes))
        found = search(queries, known[queries])
        waiting.append(_tabulate(ids, queries, found))
        rows, held = rows + len(found.row), held + len(found.row)
        sources += int(np.count_nonzero(found.rank == 1))
        if held >= GROUP_ROWS or queries[-1] == graph.nodes - 1:
            file.write_table(pa.concat_tables(waiting))
            waiting, held = [], 0
        yield Progress((int(queries[-1]) + 1) / graph.nodes, "recommending")
    return rows, sources


def _tabulate(ids: pa.Array, queries: IntArray, found: Retrieved) -> pa.Table:
    columns = [
        ids.take(pa.array(queries[found.row])),
        pa.array(found.rank, type=pa.int32()),
        ids.take(pa.array(found.node)),
        pa.array(found.score),
        pa.array(found.known),
    ]
    return pa.Table.from_arrays(columns, schema=_SCHEMA)
