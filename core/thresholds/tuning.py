"""Which rule is best on the tuning rows, by which method, and how much better any rule could be."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import numpy as np

from core.errors import InputError
from core.thresholds.certificate import Counts
from core.thresholds.data import Cuts
from core.thresholds.ew_dpmt import trace_ew_dpmt
from core.thresholds.exact import solve_exact
from core.thresholds.frontier import Frontier
from core.thresholds.greedy import trace_greedy
from core.thresholds.mist import NO_PINS, bound_goal, refine, trace_mist
from core.thresholds.objective import Objective
from core.thresholds.recalibrated import trace_recalibrated
from core.thresholds.single import trace_single

Method = Literal["exact", "mist", "ew_dpmt", "greedy", "single", "recalibrated"]
_TRACED = {
    "ew_dpmt": trace_ew_dpmt,
    "greedy": trace_greedy,
    "single": trace_single,
    "recalibrated": trace_recalibrated,
}


@dataclass(frozen=True, slots=True, eq=False)
class Tuning:
    """The best rule of a method on the rows it was tuned on. Its precision there is optimistic.

    Attributes
    ----------
    objective, method
        What was asked, and who answered.
    frontier, rule
        The method's rules, and the number of the best one.
    upper
        No rule on these cuts reaches more; in the unit of :func:`core.thresholds.mist.bound_goal`.
    """

    objective: Objective
    method: Method
    frontier: Frontier
    rule: int
    upper: Fraction

    @property
    def cuts(self) -> tuple[int, ...]:
        """Cut of each level, least uncertain first."""
        return tuple(self.frontier.cuts[self.rule].tolist())

    @property
    def counts(self) -> Counts:
        """What the rule does to the tuning rows, in units."""
        return Counts.of_rule(self.frontier.of, self.cuts)

    @property
    def goal(self) -> Fraction:
        """What the rule reaches of the objective, in the unit of ``upper``."""
        return reach(self.objective, self.counts)

    @property
    def candidates(self) -> Frontier:
        """Rules to certify: those of the method; for ``mist`` and ``exact`` with the steps between them."""
        if self.method not in ("mist", "exact"):
            return self.frontier
        blocks = self.frontier.cuts[: len(self.frontier.cuts) - (self.method == "exact")]
        fine = refine(Frontier.of_cuts("mist", self.frontier.of, blocks))
        return Frontier.of_cuts(self.method, fine.of, np.concatenate([fine.cuts, self.frontier.cuts[[self.rule]]]))

    @property
    def optimal(self) -> bool:
        """Whether the rule is proven to be the best on these cuts."""
        return self.goal >= self.upper


def reach(objective: Objective, counts: Counts) -> Fraction:
    """What counts reach of an objective: positives found; precision (kind recall); cost saved (kind cost)."""
    if objective.kind == "recall":
        return Fraction(counts.tp, max(counts.accepted, 1))
    if objective.kind == "cost":
        price = Fraction(*objective.ratio)
        return counts.tp - price * (counts.accepted - counts.tp)
    return Fraction(counts.tp)


def tune(cuts: Cuts, objective: Objective, *, method: Method, pinned: Mapping[int, int] = NO_PINS) -> Tuning:
    """Find the best rule of a method.

    Parameters
    ----------
    cuts
        Candidate cuts of the tuning rows.
    objective
        What to optimise.
    method
        ``exact`` finds the optimum, or the best rule within its budget; its frontier is that of ``mist`` and this rule.
    pinned
        Level → cut, for levels set by hand; ``exact`` and ``mist`` only.

    Raises
    ------
    InfeasibleTarget
        No rule of the method meets the target.
    InputError
        No such method, or one that cannot do what is asked.
    """
    if method not in get_args(Method):
        raise InputError(
            f"There is no method {str(method)[:40]!r}.", fix=f"Choose one of {', '.join(get_args(Method))}."
        )
    mist = trace_mist(cuts, pinned=pinned)
    if method in _TRACED:
        if pinned:
            raise InputError(f"{method} cannot optimise around pinned levels.", fix="Use exact or mist.")
        frontier = _TRACED[method](cuts)
        return Tuning(objective, method, frontier, frontier.best(objective), bound_goal(mist, objective))
    if method == "mist":
        return Tuning(objective, method, mist, mist.best(objective), bound_goal(mist, objective))
    solution = solve_exact(cuts, objective, pinned=pinned)
    both = Frontier.of_cuts("exact", cuts, np.concatenate([mist.cuts, solution.frontier.cuts]))
    return Tuning(objective, method, both, len(mist.tp), solution.upper)
