"""Dual embeddings that were trained elsewhere: a pair of matrices, and the ids of their rows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from core.arrays import IntArray
from core.errors import InputError, TooLarge
from core.graph.data import Graph, TextArray
from core.graph.roles import guess_item_roles
from core.graph.scorers import Factors, ScoreArray
from core.graph.stored import graph_store
from core.ingest.columns import shorten
from core.ingest.load import inspect, parse
from core.ingest.schema import Column
from core.jobs import Job
from core.settings import MEBIBYTE, Settings

ENGINE = "imported"
_SAVE_AGAIN = "Save it with numpy.save as a matrix of numbers, one row per product."


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """Matrices in the order of a graph.

    Attributes
    ----------
    factors
        Both vectors of every node; zeros where the files have none.
    matched
        Products of the graph that have vectors.
    unknown
        Rows of the files whose id is no product of the graph; they are left out.
    """

    factors: Factors
    matched: int
    unknown: int


def import_factors(graph: Graph, source: Path, target: Path, ids: Path, *, settings: Settings) -> Job[Imported]:
    r"""Read the matrices θˢ and θᵗ of any engine whose score is a product of two vectors.

    Definition
        .. math:: s(u \to v) = \theta^s_u \cdot \theta^t_v

    Parameters
    ----------
    graph
        Whose products the rows are of.
    source, target
        Two ``.npy`` files of numbers, each of shape (rows, d).
    ids
        CSV, csv.gz or Parquet with a header: row i names the product of row i of both matrices.
    settings
        Limits and places.

    Raises
    ------
    InputError
        A file cannot be read or is no matrix of finite numbers; the matrices differ in shape; the ids are not as many
        as the rows, or name a product twice; no id is one of the graph.
    TooLarge
        A matrix is larger than a file may be.

    Notes
    -----
    Nothing in the files is run: arrays of objects are refused. Products without vectors score 0 with everything.
    """
    matrices = _read_matrix(source, settings), _read_matrix(target, settings)
    if matrices[0].shape != matrices[1].shape:
        shapes = " and ".join(f"{rows:,} × {columns:,}" for rows, columns in (part.shape for part in matrices))
        raise InputError(
            f"The two matrices have different shapes, {shapes}.",
            fix="Give the source and the target matrix of one model, with the same products in the same order.",
        )
    names, row = yield from _read_ids(ids, len(matrices[0]), settings)
    node, row, unknown = _match(graph, names, row)
    placed = [np.zeros((graph.nodes, part.shape[1]), dtype=np.float32) for part in matrices]
    for into, part in zip(placed, matrices, strict=True):
        into[node] = part[row]
    return Imported(Factors(*placed), len(node), unknown)


def _read_matrix(path: Path, settings: Settings) -> ScoreArray:
    try:
        size = path.stat().st_size
        if size > settings.file_bytes:
            raise TooLarge(
                f"{path.name} has more than {settings.file_bytes // MEBIBYTE:,} MiB.",
                fix="Raise RECSCOPE_MAX_FILE_MB if the machine has the memory.",
            )
        mapped = np.lib.format.open_memmap(path, mode="r")
    except TooLarge:
        raise
    except ValueError:
        raise InputError(f"{path.name} is no array that NumPy saved.", fix=_SAVE_AGAIN) from None
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}.", fix="Check the path.") from error
    if mapped.ndim != 2 or not mapped.size or mapped.dtype.kind not in "fiu":
        raise InputError(f"{path.name} is of shape {mapped.shape} and kind {mapped.dtype}.", fix=_SAVE_AGAIN)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused below
        matrix = np.ascontiguousarray(mapped, dtype=np.float32)
    if not np.isfinite(matrix).all():
        raise InputError(f"{path.name} holds a number that is not finite.", fix="Train it again, or drop such rows.")
    return matrix


def _read_ids(path: Path, rows: int, settings: Settings) -> Job[tuple[TextArray, IntArray]]:
    """Ids, and the row of the matrices that each names."""
    table = inspect(path, settings=settings)
    name = table.columns[0] if len(table.columns) == 1 else guess_item_roles(table).settle().id
    columns = (Column("id", (name,), "id"), Column("row", (), "row"))
    with graph_store(settings).scratch_folder() as folder:
        parsed = yield from parse([path], columns, target=folder / "ids.parquet", metadata={}, settings=settings)
        found = pq.read_table(folder / "ids.parquet")
    total = parsed.rows + sum(left_out for _, left_out in parsed.excluded)
    if total != rows:
        raise InputError(
            f"{path.name} has {total:,} rows below its header, the matrices have {rows:,}.",
            fix="Give one id per row of the matrices, in their order, below a header.",
        )
    return found["id"].to_numpy(), found["row"].to_numpy() - 1


def _match(graph: Graph, names: TextArray, row: IntArray) -> tuple[IntArray, IntArray, int]:
    """Nodes, the rows of their vectors, and how many rows are of no node."""
    place = np.searchsorted(graph.ids, names)
    place[place == graph.nodes] = 0
    known = graph.ids[place] == names
    node = place[known]
    if not len(node):
        raise InputError(
            f"None of the {len(names):,} ids is a product of the graph; the first is {shorten(names[0])}.",
            fix="Give ids as they stand in the edges.",
        )
    times = np.bincount(node, minlength=graph.nodes)
    if times.max() > 1:
        raise InputError(
            f"The id {shorten(graph.ids[int(times.argmax())])} stands in {int(times.max()):,} rows.",
            fix="Give each product one row.",
        )
    return node, row[known], int((~known).sum())
