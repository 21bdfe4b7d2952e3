"""The best pair of thin matrices for a square one that is known by what it does to blocks of vectors."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy.linalg import qr, svd

from core.graph.scorers import Factors, ScoreArray
from core.jobs import Job, Progress

Multiply: TypeAlias = Callable[[ScoreArray], ScoreArray]

_OVERSAMPLING = 16
_ROUNDS = 4


def factorise(
    times: Multiply, transposed_times: Multiply, *, nodes: int, dimensions: int, rng: np.random.Generator
) -> Job[Factors]:
    r"""Truncated singular value decomposition, halved between both sides.

    Definition
        .. math:: M \approx U \Sigma V^\top, \qquad \theta^s = U \Sigma^{1/2}, \quad \theta^t = V \Sigma^{1/2}

        by the randomised subspace iteration of Halko, Martinsson & Tropp (2011), algorithms 4.4 and 5.1.

    Parameters
    ----------
    times, transposed_times
        M · X and Mᵀ · X for float32 X of shape (nodes, any).
    nodes, dimensions
        Rows of M, and d, cut to the number of nodes.

    Notes
    -----
    Four rounds, d + 16 vectors. Exact up to rounding where d + 16 reaches the number of nodes.

    References
    ----------
    Halko, Martinsson & Tropp (2011), Finding structure with randomness, SIAM Review 53.
    """
    width = min(dimensions + _OVERSAMPLING, nodes)
    basis = _orthonormalise(times(rng.standard_normal((nodes, width), dtype=np.float32)))
    for finished in range(_ROUNDS):
        yield Progress(finished / (_ROUNDS + 1), "factorising")
        basis = _orthonormalise(times(_orthonormalise(transposed_times(basis))))
    small = np.ascontiguousarray(transposed_times(basis).T)
    left, values, right = svd(small, full_matrices=False, check_finite=False)
    rank = min(dimensions, nodes)
    root = np.sqrt(values[:rank])
    source = (basis @ left[:, :rank]) * root
    target = right[:rank].T * root
    return Factors(np.ascontiguousarray(source, dtype=np.float32), np.ascontiguousarray(target, dtype=np.float32))


def _orthonormalise(block: ScoreArray) -> ScoreArray:
    basis: ScoreArray = qr(block, mode="economic", overwrite_a=True, check_finite=False)[0]
    return basis
