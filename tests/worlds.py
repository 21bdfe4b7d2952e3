"""Worlds whose truth is known, for Monte Carlo: scores and uncertainties stay, labels are drawn again and again."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from core.arrays import FloatArray
from core.holdout.cells import Cells
from core.holdout.closed_form import odds_corrected
from core.holdout.cube import CountCube
from core.holdout.simulate import LARGEST_EVIDENCE


class Rows:
    """Rows with fixed scores and uncertainties, and the cells of a fine cube in which they lie."""

    def __init__(
        self,
        score: FloatArray,
        uncertainty: FloatArray,
        *,
        levels: int = 5,
        edges: tuple[float, ...] = (),
        more_is_certain: bool = False,
    ) -> None:
        self.score, self.uncertainty, self.more_is_certain = score, uncertainty, more_is_certain
        inner = np.unique(np.quantile(uncertainty, np.arange(1, levels) / levels, method="inverted_cdf"))
        lo, hi = uncertainty.min(), uncertainty.max()
        self.level_edges = np.array(edges or (lo, *inner[(inner > lo) & (inner < hi)], hi))
        quantiles = np.quantile(score, np.arange(1, 200) / 200, method="inverted_cdf")
        self.score_edges = np.unique(np.concatenate([np.linspace(0, 1, 1_001), quantiles]))
        self.level = _cell(uncertainty, self.level_edges)
        self._at = self.level * (len(self.score_edges) - 1) + _cell(score, self.score_edges)

    def cube(
        self, label: FloatArray, weight: FloatArray | None = None, *, which: FloatArray | None = None
    ) -> CountCube:
        """Counts of these labels; ``which`` keeps only some of the rows."""
        which = np.ones(len(label), dtype=bool) if which is None else which
        shape = len(self.level_edges) - 1, len(self.score_edges) - 1
        w = np.ones(len(label)) if weight is None else weight
        y, w, score, uncertainty = label[which] * 1.0, w[which], self.score[which], self.uncertainty[which]

        def total(values: FloatArray) -> FloatArray:
            return np.bincount(self._at[which], values, minlength=shape[0] * shape[1]).reshape(shape)

        rows, positives = (total(values).astype(np.int64) for values in (np.ones(len(y)), y))
        sums = (w, w * y, w * w, w * w * y, w * score, w * uncertainty)
        cells = Cells(rows, positives, *(total(values) for values in sums))
        if self.more_is_certain:
            cells = cells.map(lambda array: np.flip(array, axis=0).copy())
        return CountCube(self.level_edges, self.score_edges, cells, self.more_is_certain, 0)


def _cell(values: FloatArray, edges: FloatArray) -> FloatArray:
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)


def draw_scores(kind: str, n: int, rng: np.random.Generator) -> FloatArray:
    """Skewed scores around 0.3; heavy-tailed ones around 0.02; clicks around 0.002; or 3 different ones."""
    if kind == "heavy":
        return np.clip(np.exp(-4 + 2 * rng.standard_normal(n)), 0, 0.99)
    if kind == "clicks":
        return np.clip(np.exp(-6.9 + 1.2 * rng.standard_normal(n)), 0, 0.5)
    if kind == "three":
        return rng.integers(1, 4, n) / 4
    return np.clip(rng.beta(1.2, 2.8, n), 1e-6, 1 - 1e-6)


def correlated_uncertainty(score: FloatArray, correlation: float, rng: np.random.Generator) -> FloatArray:
    """Uncertainty that goes with the logit of the score."""
    z = logit(np.clip(score, 1e-9, 1 - 1e-9))
    z = (z - z.mean()) / z.std()
    return correlation * z + np.sqrt(1 - correlation**2) * rng.standard_normal(len(score))


def entropy(score: FloatArray) -> FloatArray:
    """Entropy of the predicted probability: an uncertainty that knows nothing but the score."""
    return -score * np.log(score) - (1 - score) * np.log1p(-score)


def simulate_null_world(n_rows: int, *, rng: np.random.Generator) -> pd.DataFrame:
    """A frame in which positivity depends on the score alone, though evidence goes with the score.

    s ~ Beta(1.2, 2.8); evidence n = 1 + floor(exp(3 + 0.8*logit(s) + 0.7*e)), e standard normal, at most 3,000;
    variance s(1-s)/(n + 3); label ~ Bernoulli(s/(s + 3(1 - s))). Rows with much evidence have high scores, so their
    positivity is higher; at any one score it is not.
    """
    score = draw_scores("skewed", n_rows, rng)
    law = np.exp(3.0 + 0.8 * logit(score) + 0.7 * rng.standard_normal(n_rows))
    evidence = np.minimum(1 + np.floor(law), LARGEST_EVIDENCE)
    return pd.DataFrame(
        {
            "score": score,
            "evidence": evidence.astype(np.int64),
            "variance": score * (1.0 - score) / (evidence + 3.0),
            "label": (rng.random(n_rows) < odds_corrected(score, tau=3.0)).astype(np.int64),
        }
    )


# What a score is worth: positivity as a function of the score alone.
CURVES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "thinned": lambda s: s / (s + 3 * (1 - s)),
    "calibrated": lambda s: s,
    "kinked": lambda s: expit(-3 + 3 * np.maximum(logit(s) + 1, 0)),
    "stepped": lambda s: np.where(s < 0.3, 0.05, np.where(s < 0.6, 0.3, 0.4)),
}

# What uncertainty adds to the logit, by level 0 … 4 and logit of the score.
SHIFTS: dict[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "less": lambda level, z: -0.3 * level * np.ones_like(z),
    "flip": lambda level, z: -0.25 * level * (z + 1),
    "high scores only": lambda level, z: -0.8 * level * (z > -1),
}
