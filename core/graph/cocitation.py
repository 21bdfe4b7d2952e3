"""Co-citation: u leads to v where the targets of u are often bought after the same products as v."""

import numpy as np
from scipy.sparse import csr_array, diags_array

from core.checks import check_between, check_count
from core.graph.data import Fold
from core.graph.scorers import Product, ScoreArray
from core.graph.sparse import drop_diagonal, keep_largest, stack_rows
from core.jobs import Job, Progress

_BLOCK = 20_000


def fit_cocitation(
    fold: Fold,
    *,
    exponent: float = 0.5,
    shrinkage: float = 0.0,
    neighbours: int | None = None,
    rng: np.random.Generator,  # noqa: ARG001 - one signature for every engine
) -> Job[Product]:
    r"""Score a pair by the similarity of its target to the known targets of its source.

    Definition
        .. math:: s(u \to v) = \sum_x A_{ux} C_{xv}, \qquad
            C_{xv} = \frac{(A^\top A)_{xv}}{((d^{in}_x + \beta)(d^{in}_v + \beta))^{\alpha}}, \quad C_{vv} = 0

        the item-based nearest-neighbour recommender of Deshpande & Karypis (2004), sources read as customers and
        targets as what they bought. At α = 1/2 and β = 0, C is the cosine of two columns of A.

    Parameters
    ----------
    fold
        Of which the training edges are read.
    exponent
        α, 0 to 1: a larger one favours rare targets.
    shrinkage
        β >= 0: a larger one trusts the similarity of rare targets less.
    neighbours
        How many of the most similar targets to keep per target; None keeps all. Set it for large graphs.

    Raises
    ------
    InputError
        An option is out of range.

    Notes
    -----
    O(Σ_u d(u)²) time and entries of C at most. An edge v → u plays no part in the score of u → v.

    References
    ----------
    Deshpande & Karypis (2004), Item-based top-N recommendation algorithms, ACM TOIS 22.
    """
    check_between(exponent, 0, 1, name="exponent")
    check_between(shrinkage, 0, 1e9, name="shrinkage")
    if neighbours is not None:
        check_count(neighbours, 1, 1_000_000, name="neighbours")
    adjacency = fold.graph.adjacency()
    degree = fold.graph.in_degree + shrinkage
    scale: ScoreArray = (np.maximum(degree, 1.0) ** -exponent).astype(np.float32)
    scaled = csr_array(adjacency @ diags_array(scale))
    columns = scaled.T.tocsr()
    blocks = []
    for start in range(0, fold.graph.nodes, _BLOCK):
        yield Progress(start / fold.graph.nodes, "comparing targets")
        block = csr_array(columns[start : start + _BLOCK] @ scaled)
        blocks.append(keep_largest(drop_diagonal(block, start), neighbours))
    return Product(adjacency, stack_rows(blocks))
