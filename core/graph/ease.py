"""EASE: the linear model of an edge given the other edges of its source, in closed form."""

import numpy as np
from scipy.linalg import cholesky, lapack

from core.checks import check_between, check_count
from core.errors import TooLarge
from core.graph.data import Fold
from core.graph.scorers import Product, ScoreArray
from core.jobs import Job, Progress


def fit_ease(
    fold: Fold,
    *,
    regularisation: float = 50.0,
    limit: int = 20_000,
    rng: np.random.Generator,  # noqa: ARG001 - one signature for every engine
) -> Job[Product]:
    r"""Predict each target of a source from its other targets by ridge regression with a zero diagonal.

    Definition
        .. math:: B = \arg\min_{\mathrm{diag}(B) = 0} \|A - AB\|_F^2 + \lambda \|B\|_F^2, \qquad
            P = (A^\top A + \lambda I)^{-1}, \quad B_{xv} = -P_{xv} / P_{vv}, \qquad s(u \to v) = \sum_x A_{ux} B_{xv}

        Steck (2019), equation 8, each source read as a user and its targets as the items.

    Parameters
    ----------
    fold
        Of which the training edges are read.
    regularisation
        λ > 0: a larger one keeps the weights nearer 0.
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
    O(n³) time; two dense float32 matrices of n × n. No term of the score of u → v is an edge v → u: it only enters the
    inverse, as one of all edges, and may change the score a little.

    References
    ----------
    Steck (2019), Embarrassingly shallow autoencoders for sparse data, WWW.
    """
    check_between(regularisation, 1e-3, 1e9, name="regularisation")
    check_size(fold.graph.nodes, limit, what="EASE")
    yield Progress(0.0, "counting shared sources")
    adjacency = fold.graph.adjacency()
    gram = (adjacency.T @ adjacency).toarray()
    gram[np.diag_indices_from(gram)] += regularisation
    yield Progress(0.1, "inverting")
    weights = invert(gram)
    yield Progress(0.9, "scaling")
    weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0.0)
    return Product(adjacency, weights)


def check_size(nodes: int, limit: int, *, what: str) -> None:
    """Check that dense matrices of nodes × nodes are affordable.

    Raises
    ------
    TooLarge
        There are more nodes than ``limit``.
    """
    check_count(limit, 1, 100_000, name="limit")
    if nodes > limit:
        raise TooLarge(
            f"{what} inverts a matrix of nodes × nodes: {nodes:,} nodes are above the limit of {limit:,}.",
            fix="Choose co-citation or the dual network, or take a sample of the graph.",
        )


def invert(matrix: ScoreArray) -> ScoreArray:
    """Invert a symmetric positive definite matrix, whose memory is used; float32 of the same shape.

    Notes
    -----
    Cholesky factorisation and LAPACK's inverse from it, n³ operations in all.
    """
    factor = cholesky(matrix.T, lower=True, overwrite_a=True, check_finite=False)
    inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    below = np.tril(inverse, -1)
    inverse[np.triu_indices_from(inverse, 1)] = 0  # spotri fills one triangle only
    inverse += below.T
    return np.ascontiguousarray(inverse, dtype=np.float32)
