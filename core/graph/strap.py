"""STRAP: dual vectors whose products are the logarithm of personalised PageRank, along and against the edges."""

import numpy as np
from scipy.sparse import csr_array

from core.checks import check_between, check_count
from core.graph.data import Fold
from core.graph.lowrank import factorise
from core.graph.ppr import compute_pagerank
from core.graph.scorers import Factors
from core.graph.sparse import drop_diagonal, keep_entries
from core.jobs import Job

_FINER = 0.1  # walks are followed down to this share of the threshold


def fit_strap(
    fold: Fold,
    *,
    dimensions: int = 128,
    restart: float = 0.5,
    steps: int = 4,
    threshold: float = 1e-3,
    rng: np.random.Generator,
) -> Job[Factors]:
    r"""Factorise the logarithms of personalised PageRank from the source, and from the target against the edges.

    Definition
        .. math:: S_{uv} = \max\{0, \log (\pi_u(v) / \delta)\} + \max\{0, \log (\pi^{rev}_v(u) / \delta)\}
            \text{ for } u \ne v, \qquad \theta^s \theta^{t\top} \approx S

        with π on the graph and π^rev on the graph with all edges turned: the two logarithms are added and the diagonal
        is 0, as in the authors' program. S is sparse: a value below δ counts as 0.

    Parameters
    ----------
    fold
        Of which the training edges are read.
    dimensions
        d, the length of each vector.
    restart, steps
        As in :func:`core.graph.ppr.compute_pagerank`.
    threshold
        δ, between 0 and 1.

    Raises
    ------
    InputError
        An option is out of range.

    Notes
    -----
    Turning all edges swaps the two vectors of every node. δ is larger than the paper's 10⁻⁵: on graphs of some ten
    edges per node the small values are noise to the factorisation.

    References
    ----------
    Yin & Wei (2019), Scalable graph embeddings via sparse transpose proximities, KDD.
    """
    check_count(dimensions, 1, 4096, name="dimensions")
    nearness = yield from transpose_proximity(fold.graph.adjacency(), restart=restart, steps=steps, threshold=threshold)
    transposed = nearness.T.tocsr()
    return (
        yield from factorise(
            lambda block: nearness @ block,
            lambda block: transposed @ block,
            nodes=fold.graph.nodes,
            dimensions=dimensions,
            rng=rng,
        )
    )


def transpose_proximity(adjacency: csr_array, *, restart: float, steps: int, threshold: float) -> Job[csr_array]:
    """The matrix S of :func:`fit_strap`, sparse, float32 of shape (nodes, nodes)."""
    check_between(threshold, 1e-9, 0.5, name="threshold")
    finer = threshold * _FINER
    along = yield from compute_pagerank(
        adjacency, restart=restart, steps=steps, tolerance=finer, note="walking along the edges"
    )
    against = yield from compute_pagerank(
        adjacency.T.tocsr(), restart=restart, steps=steps, tolerance=finer, note="walking against the edges"
    )
    return drop_diagonal(csr_array(_logarithm(along, threshold) + _logarithm(against, threshold).T))


def _logarithm(walks: csr_array, threshold: float) -> csr_array:
    logs = walks.copy()
    logs.data = np.log(logs.data / np.float32(threshold))
    return keep_entries(logs, logs.data > 0)
