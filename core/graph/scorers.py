"""What every engine ends in: the score of any ordered pair of nodes. A higher score of (u, v) means v is likelier next.

Two forms serve all engines but the ensemble: a pair of matrices, or a product of sparse and other matrices.
"""

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from core.arrays import IntArray
from core.graph.terms import Terms

ScoreArray: TypeAlias = npt.NDArray[np.float32]


class Scorer(Protocol):
    """Scores of ordered pairs of ``nodes`` nodes, float32. Arrays that are returned belong to the caller."""

    @property
    def nodes(self) -> int:
        """Number of nodes."""

    def score_from(self, sources: IntArray) -> ScoreArray:
        """Scores from each source to every node, of shape (sources, nodes)."""

    def score_into(self, targets: IntArray) -> ScoreArray:
        """Scores from every node into each target, of shape (targets, nodes)."""

    def score_pairs(self, sources: IntArray, targets: IntArray) -> ScoreArray:
        """Scores of pairs, of shape (pairs,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """Dual embeddings: score(u → v) = θˢ_u · θᵗ_v.

    Attributes
    ----------
    source, target
        float32 of shape (nodes, d): the vectors θˢ and θᵗ.
    """

    source: ScoreArray
    target: ScoreArray

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.source)

    def score_from(self, sources: IntArray) -> ScoreArray:
        """Scores from each source to every node, of shape (sources, nodes)."""
        return self.source[sources] @ self.target.T

    def score_into(self, targets: IntArray) -> ScoreArray:
        """Scores from every node into each target, of shape (targets, nodes)."""
        return self.target[targets] @ self.source.T

    def score_pairs(self, sources: IntArray, targets: IntArray) -> ScoreArray:
        """Scores of pairs, of shape (pairs,)."""
        scores: ScoreArray = np.einsum("ij,ij->i", self.source[sources], self.target[targets])
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """A sum over shared neighbours x: score(u → v) = Σ_x left[u, x] · right[x, v].

    Attributes
    ----------
    left
        Sparse, float32 of shape (nodes, k).
    right
        float32 of shape (k, nodes), sparse or not.
    part
        What x is, for display, where k is the number of nodes.

    Notes
    -----
    Nothing of size nodes × nodes is made: a call costs the stored entries of the rows or columns that it names.
    """

    left: csr_array
    right: "csr_array | ScoreArray"
    part: str = "shared neighbour"

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return int(self.left.shape[0])

    def score_from(self, sources: IntArray) -> ScoreArray:
        """Scores from each source to every node, of shape (sources, nodes)."""
        return _densify(self.left[sources] @ self.right)

    def score_into(self, targets: IntArray) -> ScoreArray:
        """Scores from every node into each target, of shape (targets, nodes)."""
        return _densify((self.left @ self.right[:, targets]).T)

    def score_pairs(self, sources: IntArray, targets: IntArray) -> ScoreArray:
        """Scores of pairs, of shape (pairs,)."""
        left = self.left[sources]
        pair = np.repeat(np.arange(len(sources)), np.diff(left.indptr))
        terms = left.data * _densify(self.right[left.indices, np.asarray(targets)[pair]])
        return np.bincount(pair, weights=terms, minlength=len(sources)).astype(np.float32)

    def terms(self, source: int, target: int) -> Terms:
        """The parts of one score, one per x; each through a product where k is the number of nodes."""
        row = self.left[[source]]
        value = row.data * _densify(self.right[row.indices, np.full(row.nnz, target)]).astype(np.float64)
        if self.left.shape[1] == self.nodes:
            return Terms.through_nodes(self.part, row.indices.astype(np.int64), value)
        return Terms.named(np.array([f"dimension {x + 1}" for x in row.indices.tolist()], dtype=object), value)


def _densify(found: Any) -> ScoreArray:
    dense = found if isinstance(found, np.ndarray) else found.toarray()
    return np.ascontiguousarray(dense, dtype=np.float32)
