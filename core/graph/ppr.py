"""Personalised PageRank along the edges: where a walk that starts at the source, and may stop, is found."""

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array

from core.checks import check_between, check_count
from core.graph.data import Fold
from core.graph.scorers import Product
from core.graph.sparse import drop_diagonal, keep_entries, stack_rows
from core.jobs import Job, Progress

_BLOCK = 1_000


def fit_ppr(
    fold: Fold,
    *,
    restart: float = 0.15,
    steps: int = 4,
    tolerance: float = 1e-4,
    rng: np.random.Generator,  # noqa: ARG001 - one signature for every engine
) -> Job[Product]:
    """Score a pair by the personalised PageRank of its target, from its source.

    Parameters
    ----------
    fold
        Of which the training edges are read.
    restart, steps, tolerance
        As in :func:`compute_pagerank`.

    Raises
    ------
    InputError
        An option is out of range.

    Notes
    -----
    The value of a source for itself is left out.
    """
    values = yield from compute_pagerank(
        fold.graph.adjacency(), restart=restart, steps=steps, tolerance=tolerance, note="walking along the edges"
    )
    return Product(drop_diagonal(values), csr_array(eye_array(fold.graph.nodes, dtype=np.float32)), "walks to")


def compute_pagerank(
    adjacency: csr_array, *, restart: float, steps: int, tolerance: float, note: str
) -> Job[csr_array]:
    r"""Personalised PageRank from every node, float32 of shape (nodes, nodes), small values left out.

    Definition
        .. math:: \pi_u = \alpha \sum_{k = 0}^{K} (1 - \alpha)^k\, e_u^\top W^k, \qquad W_{xy} = A_{xy} / d^{out}_x

        the power series of Haveliwala's (2002) topic-sensitive PageRank with one node as the topic. Values of
        (1 - α)^k W^k below ε are dropped at every step.

    Parameters
    ----------
    adjacency
        0/1 of shape (nodes, nodes).
    restart
        α, between 0 and 1: the chance that the walk stops where it is.
    steps
        K: at most the share (1 - α)^(K + 1) of the walks is longer.
    tolerance
        ε >= 0; 0 keeps everything.
    note
        What the reports of progress say.

    Raises
    ------
    InputError
        An option is out of range.

    Notes
    -----
    A walk ends at a node without outgoing edges. A step holds at most 1 / ε entries per node.

    References
    ----------
    Haveliwala (2002), Topic-sensitive PageRank, WWW.
    """
    check_between(restart, 0.01, 0.99, name="restart")
    check_count(steps, 1, 1000, name="steps")
    check_between(tolerance, 0, 0.1, name="tolerance")
    nodes = int(adjacency.shape[0])
    out_degree = np.maximum(np.diff(adjacency.indptr), 1)
    step = csr_array(diags_array((1 - restart) / out_degree) @ adjacency).astype(np.float32)
    starts = csr_array(eye_array(nodes, dtype=np.float32))
    blocks = []
    for start in range(0, nodes, _BLOCK):
        yield Progress(start / nodes, note)
        blocks.append(_walk(starts[start : start + _BLOCK], step, steps, tolerance) * np.float32(restart))
    return stack_rows(blocks)


def _walk(start: csr_array, step: csr_array, steps: int, tolerance: float) -> csr_array:
    here = total = start
    for _ in range(steps):
        here = csr_array(here @ step)
        here = keep_entries(here, here.data >= tolerance)
        total = csr_array(total + here)
    return total
