"""What every engine ends in: the score of any ordered pair of nodes. A higher score of (u, v) means v is likelier next.

Two forms serve all engines but the ensemble: a pair of matrices, or a product of sparse and other matrices.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from core.arrays import IntArray

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
        return np.einsum("ij,ij->i", self.source[sources], self.target[targets])


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """A sum over shared neighbours x: score(u → v) = Σ_x left[u, x] · right[x, v].

    Attributes
    ----------
    left
        Sparse, of shape (nodes, k).
    right
        Of shape (k, nodes), sparse or not.
    """

    left: csr_array
    right: "csr_array | ScoreArray"

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return int(self.left.shape[0])

    def score_from(self, sources: IntArray) -> ScoreArray:
        """Scores from each source to every node, of shape (sources, nodes)."""
        return _dense(self.left[sources] @ self.right)

    def score_into(self, targets: IntArray) -> ScoreArray:
        """Scores from every node into each target, of shape (targets, nodes)."""
        return _dense((self.left @ self.right[:, targets]).T)

    def score_pairs(self, sources: IntArray, targets: IntArray) -> ScoreArray:
        """Scores of pairs, of shape (pairs,)."""
        right = self.right.T.tocsr()[targets] if isinstance(self.right, csr_array) else self.right.T[targets]
        return np.asarray(self.left[sources].multiply(right).sum(axis=1), dtype=np.float32).ravel()


def _dense(found: "csr_array | npt.NDArray[np.float32]") -> ScoreArray:
    dense = found if isinstance(found, np.ndarray) else found.toarray()
    return np.ascontiguousarray(dense, dtype=np.float32)
