"""The count cube: uncertainty level × score bin → additive sums. Everything on the page is computed from it."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from core.arrays import FloatArray
from core.errors import InputError
from core.holdout.cells import Cells


@dataclass(frozen=True, slots=True, eq=False)
class CountCube:
    """Sums per uncertainty level and score bin.

    Attributes
    ----------
    level_edges
        float64 (levels + 1,), increasing, in the unit of the uncertainty column; levels are [lo, hi), the last closed.
    score_edges
        float64 (bins + 1,), increasing; bins are [lo, hi), the last one closed.
    cells
        Sums of shape (levels, bins). Level 0 is always the *least uncertain* one.
    more_is_certain
        Whether the uncertainty column counts evidence; level 0 then has the highest values.
    outside
        Rows outside the edges.
    """

    level_edges: FloatArray
    score_edges: FloatArray
    cells: Cells
    more_is_certain: bool
    outside: int

    @property
    def levels(self) -> int:
        """Number of uncertainty levels."""
        return len(self.level_edges) - 1

    @property
    def rows(self) -> int:
        """Number of rows inside the edges."""
        return int(self.cells.rows.sum())

    def level_bounds(self) -> FloatArray:
        """(levels, 2): lower and upper edge of each level, least uncertain first."""
        bounds = np.stack([self.level_edges[:-1], self.level_edges[1:]], axis=1)
        return bounds[::-1] if self.more_is_certain else bounds

    def level_names(self) -> list[str]:
        """Short names for display, least uncertain first.

        ``1 · 80 – 3000`` is level 1 with uncertainty values from 80 to 3000.
        """
        return [f"{i} · {lo:.4g} – {hi:.4g}" for i, (lo, hi) in enumerate(self.level_bounds(), start=1)]

    def coarsen(self, score_edges: FloatArray) -> Self:
        """The same counts on coarser score bins.

        The last bin is closed where the cube has a cut just above it, or ends with it.

        Parameters
        ----------
        score_edges
            A subset of the cube's own edges, increasing.

        Raises
        ------
        InputError
            An edge is not one of the cube's.
        """
        at = np.searchsorted(self.score_edges, score_edges)
        if np.any(at >= len(self.score_edges)) or np.any(self.score_edges[at] != score_edges):
            raise InputError("A bin edge is not an edge of the count cube.", fix="Count again with these edges.")
        closed = bool(np.any(self.score_edges == np.nextafter(score_edges[-1], np.inf)))
        inner = self.cells.map(lambda sums: np.asarray(sums[..., at[0] : at[-1] + closed]))
        cells = inner.merge(at[:-1] - at[0], axis=-1)
        outside = self.outside + self.rows - int(cells.rows.sum())
        return type(self)(self.level_edges, np.asarray(score_edges), cells, self.more_is_certain, outside)
