"""EASE with both directions as context: an edge from the other edges, in and out, of its source, or of its target."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, diags_array, eye_array

from core.arrays import FloatArray
from core.checks import check_between
from core.graph.data import Fold
from core.graph.ease import check_size, invert
from core.graph.scorers import Product, ScoreArray
from core.graph.sparse import keep_largest
from core.jobs import Job, Progress


@dataclass(frozen=True, slots=True, eq=False)
class BothSides:
    """Two scorers from one inverse.

    Attributes
    ----------
    of_source
        Predicts an edge from the other edges of its source.
    of_target
        Predicts an edge from the other edges of its target.
    """

    of_source: Product
    of_target: Product


def fit_ease_both(
    fold: Fold, *, regularisation: float = 100.0, exponent: float = 0.5, keep: int = 500, limit: int = 20_000
) -> Job[BothSides]:
    r"""Ridge regression of each column of A on all edges of a node, without the edge itself and without its reverse.

    Definition
        Rows are nodes, X = [A, Aᵀ]; column v of A is predicted from X with weight 0 for the columns A_{·v} and
        (Aᵀ)_{·v}, that is, without u → v and without v → u:

        .. math:: b_v = \arg\min_{b:\, b_{out,v} = b_{in,v} = 0} \|A_{\cdot v} - Xb\|^2 + \sum_j \lambda_j b_j^2,
            \qquad \lambda_j = \lambda (d_j / \bar d)^\gamma

        d_j is the number of entries of column j. With X' = X Λ^{-1/2} and M = (X'X'ᵀ + I)⁻¹ the solution needs no
        inverse larger than nodes × nodes. With a, a' the scaled columns of v (out and in) and r their scales,

        .. math:: X b_v = A_{\cdot v} - \frac{1}{r} (M a\, c_1 + M a' c_2), \qquad
            \begin{pmatrix} 1 - a^\top M a & -a^\top M a' \\ -a^\top M a' & 1 - a'^\top M a' \end{pmatrix}
            \begin{pmatrix} c_1 \\ c_2 \end{pmatrix} = \begin{pmatrix} 1 \\ 0 \end{pmatrix}

        ``of_target`` is the same on the graph with all edges turned; its M is the same matrix.

    Parameters
    ----------
    fold
        Of which the training edges are read.
    regularisation
        λ > 0.
    exponent
        γ, 0 to 1: how much more a column of many entries is held back.
    keep
        Largest positive scores kept per source; all others count as 0.
    limit
        Nodes up to which the exact inverse is made.

    Raises
    ------
    InputError
        An option is out of range.
    TooLarge
        The graph has more nodes than ``limit``.

    Notes
    -----
    O(n³) time; four dense float32 matrices of n × n at a time. This is Steck's EASE with side information in place of
    a second matrix of items; the second constraint is ours, and keeps the presence of v → u out of the score of u → v.
    """
    check_between(regularisation, 1e-3, 1e9, name="regularisation")
    check_between(exponent, 0, 1, name="exponent")
    check_size(fold.graph.nodes, limit, what="EASE on both sides")
    yield Progress(0.0, "counting shared edges")
    adjacency = fold.graph.adjacency()
    out_scale, in_scale = (
        _scale(degree, regularisation, exponent) for degree in (fold.graph.in_degree, fold.graph.out_degree)
    )
    scaled = csr_array(adjacency @ diags_array(out_scale))
    scaled_in = csr_array(adjacency.T.tocsr() @ diags_array(in_scale))
    gram = (scaled @ scaled.T + scaled_in @ scaled_in.T).toarray()
    gram[np.diag_indices_from(gram)] += 1
    yield Progress(0.1, "inverting")
    inverse = invert(gram)
    yield Progress(0.6, "predicting from the source")
    of_source = _predict(inverse, scaled, scaled_in, out_scale)
    kept = _store(of_source, keep)
    yield Progress(0.8, "predicting from the target")
    of_target = _predict(inverse, scaled_in, scaled, in_scale)
    return BothSides(kept, _store(of_target.T, keep))


def _scale(degree: npt.NDArray[np.int64], regularisation: float, exponent: float) -> ScoreArray:
    """Λ^{-1/2} of one half of X."""
    entries = np.maximum(degree, 1)
    penalty: FloatArray = regularisation * (entries / entries.mean()) ** exponent
    return np.asarray(1 / np.sqrt(penalty), dtype=np.float32)


def _predict(inverse: ScoreArray, own: csr_array, other: csr_array, own_scale: ScoreArray) -> ScoreArray:
    """X b_v of all v, dense of shape (nodes, nodes); ``own`` holds the scaled columns to predict."""
    by_own, by_other = (own.T @ inverse).T, (other.T @ inverse).T  # M a and M a', as M is symmetric
    first = 1 - _column_products(own, by_own)
    cross = -_column_products(other, by_own)
    second = 1 - _column_products(other, by_other)
    scale = own_scale * (first * second - cross**2)
    found = (own @ diags_array(1 / own_scale)).toarray()
    found -= by_own * (second / scale)
    found += by_other * (cross / scale)
    return found


def _column_products(sparse: csr_array, dense: ScoreArray) -> ScoreArray:
    """The inner product of each column of one with the same column of the other."""
    return np.asarray(sparse.multiply(dense).sum(axis=0), dtype=np.float32).ravel()


def _store(scores: ScoreArray, keep: int) -> Product:
    nodes = len(scores)
    np.fill_diagonal(scores, 0.0)
    if keep < nodes:
        least = np.partition(scores, nodes - keep, axis=1)[:, [nodes - keep]]
        scores[scores < least] = 0.0
    scores[scores < 0] = 0.0
    identity = csr_array(eye_array(nodes, dtype=np.float32))
    return Product(identity, keep_largest(csr_array(scores), keep), "both directions")
