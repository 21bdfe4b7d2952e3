"""HOPE: dual vectors whose products are the Katz index, a sum over walks of every length."""

import numpy as np
from scipy.sparse import csr_array

from core.checks import check_between, check_count
from core.graph.data import Fold
from core.graph.lowrank import factorise
from core.graph.scorers import Factors, ScoreArray
from core.jobs import Job, Progress

_NORM_STEPS = 30
_REMAINDER = 1e-3


def fit_hope(fold: Fold, *, dimensions: int = 128, decay: float = 0.9, rng: np.random.Generator) -> Job[Factors]:
    r"""Factorise the Katz index.

    Definition
        .. math:: K = \sum_{l \ge 1} \beta^l A^l = (I - \beta A)^{-1} \beta A, \qquad \beta = c / \|A\|_2, \qquad
            \theta^s \theta^{t\top} \approx K

        Ou et al. (2016), section 4. The spectral norm is never below the spectral radius, so the sum converges for
        every c < 1, and it is not 0 on a graph without cycles.

    Parameters
    ----------
    fold
        Of which the training edges are read.
    dimensions
        d, the length of each vector.
    decay
        c, between 0 and 1: how little a longer walk counts for less.

    Raises
    ------
    InputError
        An option is out of range.

    Notes
    -----
    The series stops where what is left is below a thousandth. Turning all edges swaps the two vectors of every node.

    References
    ----------
    Ou et al. (2016), Asymmetric transitivity preserving graph embedding, KDD.
    """
    check_count(dimensions, 1, 4096, name="dimensions")
    check_between(decay, 0.01, 0.99, name="decay")
    yield Progress(0.0, "measuring the adjacency matrix")
    adjacency = fold.graph.adjacency()
    transposed = adjacency.T.tocsr()
    norm = spectral_norm(adjacency, rng=rng)
    beta = np.float32(decay / max(norm, 1.0))  # the norm of a matrix with an edge is at least 1
    length = int(np.ceil(np.log(_REMAINDER) / np.log(decay)))
    return (
        yield from factorise(
            lambda block: _katz(adjacency, block, beta, length),
            lambda block: _katz(transposed, block, beta, length),
            nodes=fold.graph.nodes,
            dimensions=dimensions,
            rng=rng,
        )
    )


def spectral_norm(matrix: csr_array, *, rng: np.random.Generator) -> float:
    """The largest singular value of a sparse matrix, from below, by power iteration; 0 where nothing is stored."""
    vector = rng.random(matrix.shape[1])
    for _ in range(_NORM_STEPS if matrix.nnz else 0):
        vector = matrix.T @ (matrix @ (vector / np.linalg.norm(vector)))
    return float(np.sqrt(np.linalg.norm(vector))) if matrix.nnz else 0.0


def _katz(adjacency: csr_array, block: ScoreArray, beta: np.float32, length: int) -> ScoreArray:
    total = walked = beta * (adjacency @ block)
    for _ in range(length - 1):
        walked = beta * (adjacency @ walked)
        total = total + walked
    return total
