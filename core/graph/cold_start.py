"""Vectors for products without edges: those of similar products, or of products on the other side."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from core.arrays import IntArray
from core.checks import check_count
from core.graph.data import BoolArray, Graph
from core.graph.hops import HopFactors
from core.graph.item_inputs import encode_items
from core.graph.model_file import Model
from core.graph.retrieve import Direction, top_k
from core.graph.scorers import Factors, ScoreArray, Scorer
from core.graph.sparse import keep_entries, row_of_entry
from core.graph.terms import Terms

CELLS = 1 << 24  # similarities held at a time
NETWORKS = frozenset({"blade", "daemon", "lightgcn"})
_SIMILAR = ("similar item", "similar items")
_BORROWED = ("leads to the source", "the products that lead to it")


@dataclass(frozen=True, slots=True, eq=False)
class AttachedFactors(Factors):
    """Dual embeddings in which products without edges of a role have the mean vector of others.

    Attributes
    ----------
    source, target
        As of :class:`core.graph.scorers.Factors`, inferred vectors included.
    model
        The same with only the target vectors inferred: it takes the score of any other source apart.
    lenders
        Sparse, of shape (nodes, nodes): row u says what share of u's source vector is whose; rows of others are empty.
    inferred_source, inferred_target
        bool of shape (nodes,): whether the vector of that role is inferred.
    borrowed
        bool of shape (nodes,): whether the source vector is inferred from the products that lead to the node, for lack
        of similar items.
    """

    model: Factors
    lenders: csr_array
    inferred_source: BoolArray
    inferred_target: BoolArray
    borrowed: BoolArray

    def terms(self, source: int, target: int) -> Terms:
        """The parts of a score: of an inferred source by the products that lend, of any other those of the model."""
        note = ""
        if self.inferred_target[target]:
            note = "The target has no edges: its vector is inferred from similar items."
        if not self.inferred_source[source]:
            if isinstance(self.model, HopFactors):
                return replace(self.model.terms(source, target), note=note)
            value = (self.source[source] * self.target[target]).astype(np.float64)
            names = np.array([f"dimension {x + 1}" for x in range(len(value))], dtype=object)
            return Terms.named(names, value, note=note)
        row = self.lenders[[source]]
        node: IntArray = row.indices.astype(np.int64)
        value = row.data * (self.model.source[node].astype(np.float64) @ self.target[target])
        part, lenders = _BORROWED if self.borrowed[source] else _SIMILAR
        note = f"The source has no edges that leave it: its vector is inferred from {lenders}. {note}".strip()
        return Terms.through_nodes(part, node, value, note=note)


def infer_cold_items(model: Model) -> Model:
    """A model to be asked: a network knows nothing of a product without edges but what :func:`attach_items` lends it.

    A model file holds what was learned alone; whoever recommends from one calls this first. Other engines keep their
    scorer: their scores say what the edges say, and an ensemble has features of the items among its parts.
    """
    if isinstance(model.scorer, Factors) and model.engine in NETWORKS:
        return replace(model, scorer=attach_items(model.scorer, model.graph))
    return model


def is_inferred(scorer: Scorer, node: int, direction: Direction) -> bool:
    """Whether the vector by which a product is asked what comes next, or before, is that of others."""
    if not isinstance(scorer, AttachedFactors):
        return False
    return bool((scorer.inferred_source if direction == "next" else scorer.inferred_target)[node])


def attach_items(factors: Factors, graph: Graph, *, neighbours: int = 10) -> AttachedFactors:
    r"""Give products of which nothing was learned in a role the mean vector, in that role, of others.

    Definition
        For u without an edge that leaves it, θˢ_u is the mean over

        1. its ``neighbours`` nearest items by the cosine of standardised features and categories; or, where nothing is
           known of u,
        2. the products that lead to u, as CoBA has it: what is bought after them may be bought after u;

        and stays as it is where there are neither. θᵗ_v of v without any edge is the first of these means.

    Parameters
    ----------
    factors
        Trained on the graph.
    graph
        The training edges, and the items.
    neighbours
        Similar items per product; of items that are equally similar those with most edges are taken.

    Raises
    ------
    InputError
        ``neighbours`` is out of range.

    Notes
    -----
    A product that leads on, but that no edge reaches, keeps its target vector: nobody buys it next, as far as is known,
    and with the vector of others it would crowd out what is. Exact, in blocks: cost O(products without edges · nodes ·
    features).

    References
    ----------
    DAEMON (2022), section on cold start (attaching to feature-nearest items); CoBA, arXiv 2211.02232 (borrowing).
    """
    check_count(neighbours, 1, 1_000, name="similar items")
    known, leads, led = encode_items(graph.items), graph.out_degree, graph.in_degree
    for_source = _find_similar(known, leads == 0, leads, neighbours)
    for_target = _find_similar(known, leads + led == 0, led, neighbours)
    alone = (leads == 0) & (np.diff(for_source.indptr) == 0)
    for_source = _average(csr_array(for_source + _keep_rows(graph.adjacency().T.tocsr(), alone, leads > 0)))
    for_target = _average(for_target)
    source, has_source = _lend(factors.source, for_source)
    target, has_target = _lend(factors.target, for_target)
    model = replace(factors, target=target)
    return AttachedFactors(source, target, model, for_source, has_source, has_target, alone & has_source)


def _find_similar(known: ScoreArray, cold: BoolArray, degree: IntArray, k: int) -> csr_array:
    """1 for the nearest of the nodes that have edges, in the row of each cold node of which anything is known."""
    nodes, norm = len(cold), np.linalg.norm(known, axis=1)
    described = np.flatnonzero(cold & (norm > 0))
    warm = np.flatnonzero((degree > 0) & (norm > 0))
    warm = warm[np.argsort(-degree[warm], kind="stable")]
    row, column = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    step = max(CELLS // max(len(warm), 1), 1)
    units = known[warm] / norm[warm, None]
    for start in range(0, len(described) if len(warm) else 0, step):
        some = described[start : start + step]
        best = top_k(known[some] @ units.T, k)
        row.append(np.repeat(some, best.shape[1]))
        column.append(warm[best].ravel())
    rows, columns = np.concatenate(row), np.concatenate(column)
    return csr_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(nodes, nodes))


def _keep_rows(matrix: csr_array, rows: BoolArray, columns: BoolArray) -> csr_array:
    return keep_entries(matrix, rows[row_of_entry(matrix)] & columns[matrix.indices])


def _average(lenders: csr_array) -> csr_array:
    count = np.maximum(np.diff(lenders.indptr), 1).astype(np.float32)
    averaged = lenders.copy()
    averaged.data = averaged.data / count[row_of_entry(averaged)]
    return averaged


def _lend(vectors: ScoreArray, lenders: csr_array) -> tuple[ScoreArray, BoolArray]:
    inferred = np.diff(lenders.indptr) > 0
    lent = vectors.copy()
    lent[inferred] = (lenders @ vectors)[inferred]
    return lent, inferred
