"""A frontier: the rules that one solver offers, and the lookup of the best one for any target."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.arrays import FloatArray, IntArray
from core.errors import InfeasibleTarget
from core.thresholds.data import Cuts
from core.thresholds.objective import Objective

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Frontier:
    """Rules on the same cuts, a line each.

    Attributes
    ----------
    method
        Name of the solver.
    of
        The cuts that ``cuts`` points into.
    cuts
        int64 (rules, levels): the cut of each level.
    accepted, tp
        int64 (rules,): rows and positives that each rule accepts, in units of ``of``.
    """

    method: str
    of: Cuts
    cuts: IntArray
    accepted: IntArray
    tp: IntArray

    @classmethod
    def of_cuts(cls, method: str, of: Cuts, cuts: IntArray) -> "Frontier":
        """Count what each rule accepts."""
        levels = np.arange(of.levels)
        counted = [np.asarray(table[levels, cuts].sum(axis=1)) for table in (of.accepted, of.tp)]
        for array in (cuts, *counted):
            array.flags.writeable = False
        return cls(method, of, cuts, *counted)

    @property
    def precision(self) -> FloatArray:
        """TP / N; NaN where nothing is accepted."""
        precision = np.full(len(self.tp), np.nan)
        np.divide(self.tp, self.accepted, out=precision, where=self.accepted > 0)
        return precision

    @property
    def recall(self) -> FloatArray:
        """TP / all positives."""
        return self.tp / self.of.positives

    def best(self, objective: Objective) -> int:
        """Number of the rule that is best under an objective.

        Of equally good rules the one with more to spare is taken: fewer rows, or more positives where recall is asked.

        Raises
        ------
        InfeasibleTarget
            No rule that accepts anything meets the target; the best that can be reached is named.
        """
        allowed = self.feasible(objective)
        if not allowed.any():
            raise self._infeasible(objective)
        goal = self._goal(objective)
        rules = np.flatnonzero(allowed)
        top = rules[goal[rules] == goal[rules].max()]
        spare = self.tp[top] if objective.kind == "recall" else -self.accepted[top]
        return int(top[np.argmax(spare)])

    def feasible(self, objective: Objective) -> npt.NDArray[np.bool_]:
        """Which rules meet the constraint, compared in integers."""
        numerator, denominator = objective.ratio
        if objective.kind == "precision":
            return (self.accepted > 0) & (denominator * self.tp >= numerator * self.accepted)
        if objective.kind == "recall":
            return denominator * self.tp >= numerator * self.of.positives
        if objective.kind == "capacity":
            return self.accepted <= self.of.units(objective.target)
        return np.ones(len(self.tp), dtype=np.bool_)

    def _goal(self, objective: Objective) -> npt.NDArray[np.float64] | IntArray:
        if objective.kind == "recall":
            return np.nan_to_num(self.precision, nan=-1.0)
        if objective.kind == "cost":  # minus the cost, times the denominator, up to a constant
            numerator, denominator = objective.ratio
            return denominator * self.tp - numerator * (self.accepted - self.tp)
        return self.tp

    def _infeasible(self, objective: Objective) -> InfeasibleTarget:
        if objective.kind == "capacity":
            least = float(self.accepted.min() * self.of.unit)
            return InfeasibleTarget(
                f"Every rule accepts more than {objective.target:,.6g} rows; the fewest are {least:,.6g}.",
                fix="Allow more rows, or free a pinned level.",
                best=least,
            )
        best = float(np.nanmax(self.precision)) if (self.accepted > 0).any() else 0.0
        if objective.kind == "recall":
            best = float(self.recall.max())
        return InfeasibleTarget(
            f"No rule reaches a {objective.kind} of {objective.target:.6g}; the best is {best:.4g}.",
            fix=f"Ask for at most {np.floor(best * 1e4) / 1e4:.4g}, use finer bins, or bring more rows.",
            best=best,
        )

    def frame(self) -> "pd.DataFrame":
        """One line per rule: accepted, tp, precision, recall, threshold_1 … (level 1 is the least uncertain)."""
        import pandas as pd

        table = pd.DataFrame(
            {
                "accepted": self.accepted * self.of.unit,
                "tp": self.tp * self.of.unit,
                "precision": self.precision,
                "recall": self.recall,
            }
        )
        thresholds = self.of.threshold(self.cuts)
        names = [f"threshold_{level}" for level in range(1, self.of.levels + 1)]
        return table.join(pd.DataFrame(thresholds, columns=names))
