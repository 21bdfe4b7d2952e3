"""Approximate search among vectors with FAISS, an optional package, and what it misses."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from core.arrays import IntArray
from core.errors import InputError
from core.graph.retrieve import Retrieved, retrieve
from core.graph.scorers import Factors

CHECKED = 200
PROBES = 32
_CELLS_PER_ROOT = 4
_VECTORS_PER_CELL = 40  # to train on; below 39 FAISS warns


def has_faiss() -> bool:
    """Whether FAISS is installed."""
    return find_spec("faiss") is not None


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """An inverted file of target vectors, to be searched by inner product.

    Attributes
    ----------
    factors
        The vectors.
    cells
        The FAISS index.
    """

    factors: Factors
    cells: Any

    def retrieve(self, queries: IntArray, *, k: int, known: csr_array, with_known: bool) -> Retrieved:
        """As ``core.graph.retrieve.retrieve``, but nodes in cells that are not probed may be missed.

        Notes
        -----
        Known edges are taken out after the search, which therefore asks for as many more nodes as a query of the block
        has known edges. A query whose vector is 0 scores all nodes alike, and has no list.
        """
        more = 0 if with_known else int(np.diff(known.indptr).max(initial=0))
        wanted = min(k + 1 + more, self.factors.nodes)
        score, node = self.cells.search(np.ascontiguousarray(self.factors.source[queries]), wanted)
        row = np.repeat(np.arange(len(queries)), wanted)
        score, node = score.ravel(), node.ravel().astype(np.int64)
        told = np.any(self.factors.source[queries] != 0, axis=1)
        there = (node >= 0) & (node != queries[row]) & told[row]
        is_known = np.zeros(len(node), dtype=bool)
        is_known[there] = np.asarray(known[row[there], node[there]]).ravel() != 0
        kept = there if with_known else there & ~is_known
        order = np.lexsort((node[kept], -score[kept], row[kept]))
        row, node, score, is_known = (part[kept][order] for part in (row, node, score, is_known))
        rank = np.arange(len(row)) - np.searchsorted(row, row) + 1
        first = rank <= k
        untold = np.zeros(len(queries), dtype=np.int64)
        return Retrieved(row[first], rank[first], node[first], score[first], is_known[first], untold)


def build_index(factors: Factors, *, rng: np.random.Generator) -> Index:
    """Sort target vectors into 4 √nodes cells around centres found by k-means; a query looks into the nearest 32.

    Raises
    ------
    InputError
        FAISS is not installed.

    References
    ----------
    Douze et al. (2024), The Faiss library.
    """
    if not has_faiss():
        raise InputError("FAISS is not installed.", fix="Install faiss-cpu, or search exactly.")
    faiss: Any = import_module("faiss")
    nodes, dimensions = factors.target.shape
    vectors = np.ascontiguousarray(factors.target)
    count = min(int(_CELLS_PER_ROOT * np.sqrt(nodes)), max(nodes // _VECTORS_PER_CELL, 1))
    sample = rng.choice(nodes, min(count * _VECTORS_PER_CELL, nodes), replace=False)
    centres = faiss.IndexFlatIP(dimensions)
    cells = faiss.IndexIVFFlat(centres, dimensions, count, faiss.METRIC_INNER_PRODUCT)
    cells.train(vectors[np.sort(sample)])
    cells.add(vectors)
    cells.nprobe = PROBES
    return Index(factors, cells)


def measure_recall(index: Index, *, k: int, known: csr_array, with_known: bool, rng: np.random.Generator) -> float:
    """Share of the exact lists of 200 random nodes that the approximate lists hold too; NaN where there are none."""
    nodes = index.factors.nodes
    some = np.sort(rng.choice(nodes, min(CHECKED, nodes), replace=False))
    options: dict[str, Any] = {"k": k, "known": known[some], "with_known": with_known}
    exact, found = retrieve(index.factors, some, **options), index.retrieve(some, **options)
    if not len(exact.node):
        return float("nan")
    return float(np.isin(exact.row * nodes + exact.node, found.row * nodes + found.node).mean())
