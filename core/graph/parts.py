"""A score as a weighted sum of parts, each a scorer of its own whose scores are bent in one of three ways."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from core.arrays import IntArray
from core.graph.scorers import ScoreArray, Scorer
from core.graph.terms import Explainable, Terms

if TYPE_CHECKING:
    import pandas as pd

Bend: TypeAlias = Literal["plain", "root", "log"]

_POWER = np.float32(0.75)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One term of a sum: weight · bend(score · scale).

    Attributes
    ----------
    name
        For display.
    scorer
        What is summed.
    bend
        ``plain`` leaves x, ``root`` is sign(x) |x|^0.75, ``log`` is log(1 + max(x, 0)). All keep the order of scores
        that are at least 0.
    scale
        Above 0, before the bend.
    weight
        Of either sign, after it.
    """

    name: str
    scorer: Scorer
    bend: Bend
    scale: float
    weight: float

    def terms(self, source: int, target: int) -> Terms:
        r"""What the part adds to the score of a pair, through the products that its scorer names.

        Definition
            Where the scorer says x = Σ_i x_i, the part adds f(x) in shares of the same proportions:

            .. math:: f(x) = \sum_i \frac{f(x)}{x}\, x_i
        """
        score = self.scorer.score_pairs(np.array([source]), np.array([target]))
        x, value = float(score[0]), float(self.value(score)[0])
        inner = self.scorer.terms(source, target) if x and isinstance(self.scorer, Explainable) else None
        if inner is None or not inner.through.any():
            return Terms.named(np.array([self.name], dtype=object), np.array([value]))
        part = np.array([f"{self.name}: {name}" for name in inner.part], dtype=object)
        return replace(inner, part=part, value=inner.value * (value / x), note="")

    def value(self, scores: ScoreArray) -> ScoreArray:
        """What the part adds where its scorer says ``scores``, an array that is used up."""
        scores *= np.float32(self.scale)
        if self.bend == "root":
            scores = np.copysign(np.abs(scores) ** _POWER, scores)
        elif self.bend == "log":
            scores = np.log1p(np.maximum(scores, 0))
        scores *= np.float32(self.weight)
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """A weighted sum of parts, the same formula for every pair of nodes.

    Attributes
    ----------
    parts
        At least one.
    chosen
        Which of the sums that were compared this is; the name of an engine where that one stands alone.
    compared
        Names of all sums that were compared, the best first; empty where there was nothing to compare on.
    figures
        Mean of hit@10 and reciprocal rank@20 of each on validation edges that its weights were not fitted on, against
        candidates.
    """

    parts: tuple[Part, ...]
    chosen: str
    compared: tuple[str, ...]
    figures: tuple[float, ...]

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return self.parts[0].scorer.nodes

    def score_from(self, sources: IntArray) -> ScoreArray:
        """Scores from each source to every node, of shape (sources, nodes)."""
        total = np.zeros((len(sources), self.nodes), dtype=np.float32)
        for part in self.parts:
            total += part.value(part.scorer.score_from(sources))
        return total

    def score_into(self, targets: IntArray) -> ScoreArray:
        """Scores from every node into each target, of shape (targets, nodes)."""
        total = np.zeros((len(targets), self.nodes), dtype=np.float32)
        for part in self.parts:
            total += part.value(part.scorer.score_into(targets))
        return total

    def score_pairs(self, sources: IntArray, targets: IntArray) -> ScoreArray:
        """Scores of pairs, of shape (pairs,)."""
        total = np.zeros(len(sources), dtype=np.float32)
        for part in self.parts:
            total += part.value(part.scorer.score_pairs(sources, targets))
        return total

    def terms(self, source: int, target: int) -> Terms:
        """What each part adds to the score of a pair, through which products where the part tells."""
        return Terms.together([part.terms(source, target) for part in self.parts])

    def frame(self) -> "pd.DataFrame":
        """One row per part: part, bend, scale, weight."""
        import pandas as pd

        rows = [(part.name, part.bend, part.scale, part.weight) for part in self.parts]
        return pd.DataFrame(rows, columns=["part", "bend", "scale", "weight"])

    def compared_frame(self) -> "pd.DataFrame":
        """One row per sum that was compared, the best first: sum, figure, chosen."""
        import pandas as pd

        frame = pd.DataFrame({"sum": self.compared, "figure": self.figures})
        return frame.assign(chosen=frame["sum"] == self.chosen)
