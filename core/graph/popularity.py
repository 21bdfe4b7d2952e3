"""Popularity: recommend what most products lead to, whatever the query."""

import numpy as np

from core.graph.data import Fold
from core.graph.scorers import Factors
from core.jobs import Job, Progress


def fit_popularity(fold: Fold, *, rng: np.random.Generator) -> Job[Factors]:  # noqa: ARG001 - as every engine
    r"""Score every pair by the in-degree of its target.

    Definition
        .. math:: s(u \to v) = d^{in}_v
    """
    yield Progress(0.0, "counting incoming edges")
    in_degree = fold.graph.in_degree.astype(np.float32)
    return Factors(np.ones((fold.graph.nodes, 1), dtype=np.float32), in_degree[:, None])
