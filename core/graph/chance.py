"""Random scores: what a metric says of an engine that knows nothing."""

import numpy as np

from core.graph.data import Fold
from core.graph.scorers import Factors, ScoreArray
from core.jobs import Job, Progress

_DIMENSIONS = 16


def fit_random(fold: Fold, *, rng: np.random.Generator) -> Job[Factors]:
    """Draw both vectors of every node from a standard normal.

    Notes
    -----
    The order of targets differs from source to source, and the score of a pair is the same however often it is asked.
    """
    yield Progress(0.0, "drawing vectors")

    def draw() -> ScoreArray:
        return rng.standard_normal((fold.graph.nodes, _DIMENSIONS), dtype=np.float32)

    return Factors(draw(), draw())
