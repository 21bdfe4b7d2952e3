"""Dual propagation over a bipartite double cover, and the scorer that it ends in: a sum over hops and nodes."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array

from core.arrays import IntArray
from core.graph.data import Edges, make_adjacency
from core.graph.scorers import Factors, ScoreArray
from core.graph.sparse import row_of_entry
from core.graph.terms import Terms

_OWN = "own vector"


@dataclass(frozen=True, slots=True, eq=False)
class Propagation:
    r"""How vectors of both roles flow: a linear map of the pair (z^s, z^t).

    Definition
        .. math:: H_s^{l+1} = O H_t^l, \quad H_t^{l+1} = I H_s^l, \quad \theta = \sum_l c_l H^l, \quad H^0 = z

    Attributes
    ----------
    out
        O, sparse float32 of shape (nodes, nodes): what a source takes from its targets.
    into
        I, sparse float32 of shape (nodes, nodes): what a target takes from its sources.
    out_turned, into_turned
        Their transposes, in rows too: the gradient flows through these.
    weights
        c_0 … c_L.

    Notes
    -----
    Cost O(hops · entries · d); memory four matrices of vectors, whatever the number of hops.
    """

    out: csr_array
    into: csr_array
    out_turned: csr_array
    into_turned: csr_array
    weights: tuple[float, ...]

    @classmethod
    def of(cls, out: csr_array, into: csr_array, weights: tuple[float, ...]) -> "Propagation":
        """Build the transposes; where ``into`` is the transpose of ``out`` already, :meth:`of_edges` is cheaper."""
        return cls(out, into, out.T.tocsr(), into.T.tocsr(), weights)

    @classmethod
    def of_edges(cls, edges: Edges, nodes: int, weights: tuple[float, ...]) -> "Propagation":
        """The full neighbourhood: O = Ã, I = Ãᵀ, see :func:`normalise_edges`."""
        out = normalise_edges(edges, nodes)
        into = out.T.tocsr()
        return cls(out, into, into, out, weights)

    def apply(self, source: ScoreArray, target: ScoreArray) -> tuple[ScoreArray, ScoreArray]:
        """θ of both roles for the vectors z of both roles."""
        return _sum_hops(self.out, self.into, self.weights, source, target)

    def apply_turned(self, source: ScoreArray, target: ScoreArray) -> tuple[ScoreArray, ScoreArray]:
        """The transpose of the same map: gradients of θ to gradients of z."""
        return _sum_hops(self.into_turned, self.out_turned, self.weights, source, target)


def _sum_hops(
    out: csr_array, into: csr_array, weights: tuple[float, ...], source: ScoreArray, target: ScoreArray
) -> tuple[ScoreArray, ScoreArray]:
    first = source.dtype.type(weights[0])
    total_source, total_target = first * source, first * target
    for weight in weights[1:]:
        source, target = out @ target, into @ source
        total_source += source.dtype.type(weight) * source
        total_target += target.dtype.type(weight) * target
    return total_source, total_target


def normalise_edges(edges: Edges, nodes: int) -> csr_array:
    r"""Symmetric normalisation of a directed graph by the degrees of both roles, float32 of shape (nodes, nodes).

    Definition
        .. math:: \tilde A = D_{out}^{-1/2} A D_{in}^{-1/2}

    Examples
    --------
    0 has two targets, of which 1 has two sources: 1/√(2 · 2).

    >>> normalise_edges(Edges(np.array([0, 0, 2]), np.array([1, 2, 1])), 3).toarray()[0, 1]
    np.float32(0.5)
    """
    matrix = make_adjacency(edges, nodes)
    out_degree = np.maximum(np.bincount(edges.source, minlength=nodes), 1).astype(np.float32)
    in_degree = np.maximum(np.bincount(edges.target, minlength=nodes), 1).astype(np.float32)
    matrix.data /= np.sqrt(out_degree[row_of_entry(matrix)] * in_degree[matrix.indices])
    return matrix


@dataclass(frozen=True, slots=True, eq=False)
class HopFactors(Factors):
    """Dual embeddings that came from propagation without any non-linearity, so that a score has exact parts.

    Attributes
    ----------
    source, target
        As of :class:`Factors`.
    base_source, base_target
        float32 of shape (nodes, d): the vectors z before propagation.
    out, into, weights
        As of :class:`Propagation`.
    """

    base_source: ScoreArray
    base_target: ScoreArray
    out: csr_array
    into: csr_array
    weights: tuple[float, ...]

    def terms(self, source: int, target: int) -> Terms:
        r"""The parts of score(source → target): one per hop l and per node y that l steps from the source reach.

        Definition
            .. math:: \theta^s_u \cdot \theta^t_v = \sum_l \sum_y c_l (P_l)_{uy} \; z_y \cdot \theta^t_v

            with P_l = O I O … of l factors. After an odd number of steps y stands in its role as a target (1: what is
            already bought after u), after an even number in its role as a source (2: products with targets in common).

        Notes
        -----
        Cost: that of the edges within L steps of u.
        """
        answer = self.target[target].astype(np.float64)
        step = coo_array(([1.0], ([0], [source])), shape=(1, self.nodes)).tocsr()
        found = []
        for hop, weight in enumerate(self.weights):
            base = self.base_target if hop % 2 else self.base_source
            node: IntArray = step.indices.astype(np.int64)
            value = weight * step.data * (base[node].astype(np.float64) @ answer)
            part = f"hop {hop}" if hop else _OWN
            found.append(Terms.through_nodes(part, node, value))
            step = csr_array(step @ (self.into if hop % 2 else self.out))
        return Terms.together(found)
