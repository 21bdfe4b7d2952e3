"""Two cuts through the cube: positivity against uncertainty at one score, and against the score per level."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.arrays import FloatArray
from core.checks import check_between
from core.holdout.cells import Cells
from core.holdout.cube import CountCube
from core.holdout.positivity import slice_step

if TYPE_CHECKING:
    import pandas as pd

SCORE, HALF_WIDTH = 0.8, 0.05  # what is used until someone chooses otherwise
FULL_RANGE = 0.85


@dataclass(frozen=True, slots=True, eq=False)
class ScoreSlice:
    """Positivity per uncertainty level among rows whose score lies in [score_lo, score_hi).

    Attributes
    ----------
    score, half_width
        What was asked for.
    score_lo, score_hi
        The window that was used: the cube's edges nearest to score ± half_width. The last cell of the cube is closed.
    cube
        Counts of shape (levels, 1).
    """

    score: float
    half_width: float
    score_lo: float
    score_hi: float
    cube: CountCube
    confidence: float

    @property
    def cells(self) -> Cells:
        """Sums of shape (levels,)."""
        return self.cube.cells.map(lambda sums: sums[:, 0].copy())

    def frame(self) -> "pd.DataFrame":
        """Columns level, uncertainty_lo and _hi, rows, positives, mean_score, mean_uncertainty, rate, lo, hi."""
        import pandas as pd

        bounds = self.cube.level_bounds()
        levels = {
            "level": np.arange(1, len(bounds) + 1),
            "uncertainty_lo": bounds[:, 0],
            "uncertainty_hi": bounds[:, 1],
        }
        return pd.DataFrame(levels).join(self.cells.frame(confidence=self.confidence))


def slice_at_score(cube: CountCube, *, score: float, half_width: float, confidence: float = 0.95) -> ScoreSlice:
    """Cut the cube at a score.

    Definition
        rate(level) = Σwy / Σw over rows of the level with score in [score - half_width, score + half_width).

    Parameters
    ----------
    cube
        Fine cube; cost O(levels × bins).
    score
        In [0, 1].
    half_width
        In (0, 1].

    Raises
    ------
    InputError
        A score or half-width outside its range.
    """
    edges = cube.score_edges
    first, last = window_cells(edges, score=score, half_width=half_width)
    cut = cube.coarsen(edges[[first, last]])
    return ScoreSlice(score, half_width, float(edges[first]), float(edges[last]), cut, confidence)


def window_cells(edges: FloatArray, *, score: float, half_width: float) -> tuple[int, int]:
    """First cell of the window score ± half_width and the one after its last; its ends are the nearest edges.

    Raises
    ------
    InputError
        A score or half-width outside its range.

    Examples
    --------
    >>> window_cells(np.array([0.0, 0.2, 0.4, 1.0]), score=0.3, half_width=0.1)
    (1, 2)
    """
    check_between(score, 0, 1, name="score")
    check_between(half_width, 1e-9, 1, name="half-width")
    first = min(_nearest(edges, score - half_width), len(edges) - 2)
    return first, max(_nearest(edges, score + half_width), first + 1)


@dataclass(frozen=True, slots=True)
class SliderBounds:
    """Where a slider over the score runs: from 0 to ``top`` in steps that are bin edges of the cube.

    Attributes
    ----------
    top, step
        Right end, and distance between two positions; ten of the cube's finest steps.
    score, half_width
        Where it starts: ``SCORE`` and ``HALF_WIDTH`` where the scores reach that far, the same shares of ``top``
        otherwise.
    format
        How to print a position.
    """

    top: float
    step: float
    score: float
    half_width: float
    format: str


def slider_bounds(score_range: tuple[float, float]) -> SliderBounds:
    """Bounds of a score slider for scores in a range.

    Examples
    --------
    >>> slider_bounds((0.0, 0.97))
    SliderBounds(top=1.0, step=0.01, score=0.8, half_width=0.05, format='%.2f')
    """
    per_unit = round(0.1 / slice_step(score_range))
    top = 1.0 if score_range[1] > FULL_RANGE else np.ceil(score_range[1] * per_unit) / per_unit
    digits = max(2, int(np.ceil(np.log10(per_unit))))
    score, half_width = (float(round(share * top * per_unit) / per_unit) for share in (SCORE, HALF_WIDTH))
    return SliderBounds(float(top), 1 / per_unit, score, max(half_width, 1 / per_unit), f"%.{digits}f")


def _nearest(edges: FloatArray, value: float) -> int:
    return int(np.argmin(np.abs(edges - value)))
