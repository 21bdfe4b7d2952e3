"""One rule on counted rows, as a page shows it: its levels, and the positivity that its thresholds cut."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.arrays import FloatArray, IntArray
from core.engine.protocol import Counts as Sums
from core.errors import InputError
from core.holdout.cells import Cells
from core.holdout.cube import CountCube
from core.holdout.positivity import MINIMUM_ROWS, Surface
from core.thresholds.certificate import Counts
from core.thresholds.certify import FEWEST_ACCEPTED
from core.thresholds.data import Cuts
from core.thresholds.precision import BINOMIAL, PrecisionTest, Tally
from core.thresholds.sampling import ALL_ROWS, Sampling
from core.thresholds.single import trace_single

SURFACE_BINS = 20
FIRST_TARGET = 0.9  # where it holds
TARGET_STEP = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A cut per level, on counted rows.

    Attributes
    ----------
    of
        The cuts that the rule points into.
    cuts
        Cut of each level, least uncertain first.
    sampling
        Which shares of the classes the rows hold: :meth:`frame` gives precisions of the population.
    """

    of: Cuts
    cuts: tuple[int, ...]
    sampling: Sampling = ALL_ROWS

    def __post_init__(self) -> None:
        """Check that the cuts exist."""
        if len(self.cuts) != self.of.levels or not all(0 <= cut <= self.of.bins for cut in self.cuts):
            raise InputError(
                f"The cuts are {self.cuts[:20]}.", fix=f"Give {self.of.levels} cuts from 0 to {self.of.bins}."
            )

    @property
    def counts(self) -> Counts:
        """What the rule does to all rows, in units."""
        return Counts.of_rule(self.of, self.cuts)

    @property
    def thresholds(self) -> FloatArray:
        """float64 (levels,): accept score >= threshold; inf accepts none."""
        return self.of.threshold(np.asarray(self.cuts, dtype=np.int64))

    @property
    def level_bounds(self) -> FloatArray:
        """(levels, 2): lower and upper edge of each level, least uncertain first."""
        bounds = np.stack([self.of.level_edges[:-1], self.of.level_edges[1:]], axis=1)
        return bounds[::-1] if self.of.more_is_certain else bounds

    def frame(self) -> pd.DataFrame:
        """One line per level, least uncertain first.

        Columns level, uncertainty_lo, uncertainty_hi, rows, positives, threshold (NaN accepts none), accepted, tp, fp,
        precision, precision_lo, precision_hi (95 % Wilson), fewer_than_30.
        """
        levels, amount, carry = np.arange(self.of.levels), self.of.amount, self.sampling.in_population
        accepted, tp = self.of.accepted[levels, self.cuts], self.of.tp[levels, self.cuts]
        tally = Tally.of_rules(self.of, self.cuts)
        lo, hi = tally.interval()
        return pd.DataFrame(
            {
                "level": levels + 1,
                "uncertainty_lo": self.level_bounds[:, 0],
                "uncertainty_hi": self.level_bounds[:, 1],
                "rows": amount(self.of.accepted[:, -1]),
                "positives": amount(self.of.tp[:, -1]),
                "threshold": np.where(np.isinf(self.thresholds), np.nan, self.thresholds),
                "accepted": amount(accepted),
                "tp": amount(tp),
                "fp": amount(accepted - tp),
                "precision": carry(tally.precision),
                "precision_lo": carry(lo),
                "precision_hi": carry(hi),
                "fewer_than_30": (tally.rows > 0) & (tally.rows < FEWEST_ACCEPTED),
            }
        )

    def surface(self, *, bins: int = SURFACE_BINS, minimum_rows: int = MINIMUM_ROWS) -> Surface:
        """Positivity of the counted rows on about ``bins`` bins of equal width; of a weighted holdout, its weight."""
        edges = self.of.edges
        at = np.unique(np.searchsorted(edges, np.linspace(edges[0], edges[-1], bins + 1)))
        rows, positives = (self.of.amount(_per_bin(table)) for table in (self.of.accepted, self.of.tp))
        unknown = np.full(rows.shape, np.nan)  # the means: cuts do not carry them
        cells = Cells.from_counts(
            Sums({"rows": rows, "positives": positives, "score": unknown, "uncertainty": unknown}, 0)
        )
        cube = CountCube(self.of.level_edges, edges, cells, self.of.more_is_certain, 0)
        return Surface(cube.coarsen(edges[at]), minimum_rows)


def snap_cut(of: Cuts, threshold: float) -> int:
    """The cut whose threshold is nearest to a number: the inverse of :meth:`core.thresholds.data.Cuts.threshold`.

    The last edge, just above the scores, stands for accepting none (cut 0), as does ``inf``. With a cut at 1, the
    number 1 means a score of 1.

    Examples
    --------
    >>> accepted, tp = np.array([[0, 2, 4]]), np.array([[0, 2, 3]])
    >>> of = Cuts(np.array([0, 0.5, 1]), accepted, tp, 1.0, np.array([0.0, 1]), False)
    >>> [snap_cut(of, threshold) for threshold in (0.1, 0.4, 0.7, 1.0, np.inf)]
    [2, 1, 1, 0, 0]
    """
    return of.bins - int(np.argmin(np.abs(of.edges - min(threshold, of.edges[-1]))))


def suggest_target(
    tuned: Cuts, *, delta: float, sampling: Sampling = ALL_ROWS, test: PrecisionTest = BINOMIAL
) -> float:
    """A precision to start from: 0.9, or the highest step of 0.05 that the tuning rows alone make likely to hold.

    It is the highest target that one threshold would be certified at, were the tuning rows fresh; nothing of the other
    half enters. One threshold adapts least to the rows, so this is seldom too hopeful for it or for better rules.
    """
    frontier = trace_single(tuned)
    tally = Tally.of_rules(tuned, frontier.cuts).total()
    likely = test.lower_bounds(tally, delta)[tally.rows >= FEWEST_ACCEPTED]
    best = sampling.in_population(float(likely.max(initial=0.0)))
    return min(_step_down(best), FIRST_TARGET)


def _step_down(precision: float) -> float:
    return round(max(int(precision / TARGET_STEP + 1e-9), 1) * TARGET_STEP, 2)


def _per_bin(table: IntArray) -> IntArray:
    """Counts per bin, lowest score first, from counts from the top down."""
    return np.ascontiguousarray(np.diff(table, axis=1)[:, ::-1])
