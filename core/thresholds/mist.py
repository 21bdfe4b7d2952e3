"""Isotonic regression per level, one cut on the calibrated value (MIST), and the bound that comes with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from core.arrays import IntArray
from core.errors import InputError
from core.thresholds.data import Cuts
from core.thresholds.frontier import Frontier
from core.thresholds.majorant import find_vertices
from core.thresholds.objective import Objective

NO_PINS: Mapping[int, int] = {}
PARTS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """The PAV blocks of all free levels, in descending order of positivity.

    Attributes
    ----------
    level, end
        int64 (blocks,): the level of a block, and the cut that stands below it. Ends rise within a level.
    rows, positives
        int64 (blocks,): what the block holds, in units.
    start
        int64 (levels,): the cuts of the rule without any block: 0, or where the level is pinned.
    """

    level: IntArray
    end: IntArray
    rows: IntArray
    positives: IntArray
    start: IntArray


def trace_mist(cuts: Cuts, *, pinned: Mapping[int, int] = NO_PINS) -> Frontier:
    r"""Trace the rules that accept every block whose calibrated value is at least some value.

    Definition
        With the isotonic regression :math:`\hat y_i` of the label on the score within level i, a row at (score s, level
        i) is accepted where :math:`\hat y_i(s) \ge v`; one v for all levels.

    Parameters
    ----------
    cuts
        Candidate cuts.
    pinned
        Level → cut, for levels set by hand; the others are free.

    Returns
    -------
    Frontier
        Rule r accepts the pinned levels' rows and the r first blocks: nested, blocks + 1 rules.

    Raises
    ------
    InputError
        A pinned level or cut does not exist.

    Notes
    -----
    Taking blocks in this order solves the linear relaxation of "most recall at a precision", "most recall at a
    capacity" and "highest precision at a recall" but for one block; the best rule of this frontier is at most that
    block's positives short of the optimum, and :func:`bound_goal` says how much. A lowest cost it finds exactly.
    Blocks with equal values enter one after another, the least uncertain level first: each prefix is a legal rule.
    Cost O(levels · bins · log).

    References
    ----------
    Arora, Merugu, Saladi and Rastogi (2024), Leveraging uncertainty estimates to improve classifier performance,
    arXiv 2311.11723 (MIST). Sinha and Zoltners (1979), The multiple-choice knapsack problem, Operations Research 27.

    Examples
    --------
    Level 1 has blocks 2/2 and 1/2, level 2 has 1/2 and 0/4.

    >>> from core.thresholds.data import Cuts
    >>> accepted, tp = np.array([[0, 2, 4], [0, 2, 6]]), np.array([[0, 2, 3], [0, 1, 1]])
    >>> cuts = Cuts(np.array([0, 0.5, 1]), accepted, tp, 1.0, np.array([0.0, 1, 2]), False)
    >>> trace_mist(cuts).cuts.tolist()
    [[0, 0], [1, 0], [2, 0], [2, 1], [2, 2]]
    """
    blocks = rank_blocks(cuts, pinned=pinned)
    rules = np.zeros((len(blocks.end) + 1, cuts.levels), dtype=np.int64)
    rules[0] = blocks.start
    rules[np.arange(1, len(rules)), blocks.level] = blocks.end
    return Frontier.of_cuts("mist", cuts, np.maximum.accumulate(rules, axis=0))


def refine(mist: Frontier, *, parts: int = PARTS) -> Frontier:
    """Rules between the rules of :func:`trace_mist`: each block also taken in up to ``parts`` parts, from the top.

    Taking part of a block is no better on the tuning rows. But a certificate takes the last rule that passes, and
    blocks can be coarse: the step from one rule to the next may be all that fails.
    """
    steps = np.linspace(0, 1, parts + 1)[1:]
    between = mist.cuts[:-1, None] + np.rint(np.diff(mist.cuts, axis=0)[:, None] * steps[:, None]).astype(np.int64)
    cuts = np.concatenate([mist.cuts[:1], between.reshape(-1, mist.of.levels)])
    kept = np.append(True, (np.diff(cuts, axis=0) != 0).any(axis=1))
    return Frontier.of_cuts("mist", mist.of, cuts[kept])


def rank_blocks(cuts: Cuts, *, pinned: Mapping[int, int] = NO_PINS) -> Blocks:
    """PAV blocks of the free levels in descending order of positivity.

    Raises
    ------
    InputError
        A pinned level or cut does not exist.
    """
    start = _start_from(cuts, pinned)
    free = np.array([level for level in range(cuts.levels) if level not in pinned], dtype=np.int64)
    at, cut = find_vertices(cuts.accepted[free], cuts.tp[free])
    level, inner = free[at], cut > 0  # every level begins with cut 0
    rows = np.diff(cuts.accepted[level, cut], prepend=0)[inner]
    positives = np.diff(cuts.tp[level, cut], prepend=0)[inner]
    order = np.argsort(-(positives / rows), kind="stable")  # ends rise within a level: its slopes fall strictly
    return Blocks(level[inner][order], cut[inner][order], rows[order], positives[order], start)


def _start_from(cuts: Cuts, pinned: Mapping[int, int]) -> IntArray:
    start = np.zeros(cuts.levels, dtype=np.int64)
    for level, cut in pinned.items():
        if not (0 <= level < cuts.levels and 0 <= cut <= cuts.bins):
            raise InputError(
                f"Cut {cut} of level {level + 1} does not exist.",
                fix=f"There are {cuts.levels} levels, with cuts from 0 to {cuts.bins}.",
            )
        start[level] = cut
    return start


def bound_goal(mist: Frontier, objective: Objective) -> Fraction:
    r"""Bound what any rule on these cuts can reach, by the linear relaxation in which one block may be taken in part.

    Definition
        With the first r blocks taken (TP, N) and block r + 1, of t positives in n rows, the first that does not fit,
        the bound is :math:`TP + \lfloor f t \rfloor` where f is the largest part that fits. Target precision p/q:
        :math:`f = (q TP - p N) / (p n - q t)`; capacity C: :math:`f = (C - N) / n`.

    Parameters
    ----------
    mist
        The frontier of :func:`trace_mist`. Levels pinned there are pinned here.
    objective
        What is asked for.

    Returns
    -------
    Fraction
        Nothing reaches more: positives found, in units (kinds precision and capacity; divided by ``cuts.positives`` it
        is the recall); precision (kind recall); cost saved against accepting none, in units of one false negative (kind
        cost, where the bound is reached).

    Raises
    ------
    InfeasibleTarget
        No rule meets the target.

    References
    ----------
    Sinha and Zoltners (1979), The multiple-choice knapsack problem, Operations Research 27.

    Examples
    --------
    Blocks 2/2, 1/2, 1/2, 0/4 and precision 0.7 = 7/10: 3 positives in 4 rows leave 10·3 - 7·4 = 2; the next block costs
    7·2 - 10·1 = 4, so half of it fits: 3 + ⌊1/2⌋.

    >>> from core.thresholds.data import Cuts
    >>> accepted, tp = np.array([[0, 2, 4], [0, 2, 6]]), np.array([[0, 2, 3], [0, 1, 1]])
    >>> cuts = Cuts(np.array([0, 0.5, 1]), accepted, tp, 1.0, np.array([0.0, 1, 2]), False)
    >>> bound_goal(trace_mist(cuts), Objective("precision", 0.7))
    Fraction(3, 1)
    """
    best = mist.best(objective)
    if objective.kind == "cost":
        p, q = objective.ratio
        accepted, tp = int(mist.accepted[best]), int(mist.tp[best])
        return Fraction(q * tp - p * (accepted - tp), q)
    if objective.kind == "recall":
        return _bound_precision(mist, objective)
    last = int(np.flatnonzero(mist.feasible(objective))[-1])
    if last + 1 == len(mist.tp):
        return Fraction(int(mist.tp[last]))
    n0, n1, t0, t1 = _neighbours(mist, last)
    p, q = objective.ratio
    if objective.kind == "capacity":
        room, price = mist.of.units(objective.target) - n0, n1 - n0
    else:
        room, price = q * t0 - p * n0, p * (n1 - n0) - q * (t1 - t0)
    return Fraction(t0 + room * (t1 - t0) // price)


def _bound_precision(mist: Frontier, objective: Objective) -> Fraction:
    """Precision where the frontier, drawn as a line from rule to rule, first has the recall, or at a rule after it."""
    p, q = objective.ratio
    need = Fraction(p * mist.of.positives, q)
    best = mist.best(objective)
    reached = Fraction(int(mist.tp[best]), int(mist.accepted[best]))
    first = int(np.flatnonzero(mist.feasible(objective))[0])
    if first == 0:
        return reached
    n0, n1, t0, t1 = _neighbours(mist, first - 1)
    return max(reached, need / (n0 + (need - t0) / (t1 - t0) * (n1 - n0)))


def _neighbours(mist: Frontier, rule: int) -> list[int]:
    """Rows of a rule and of the next one, then their positives."""
    return [int(number) for of in (mist.accepted, mist.tp) for number in of[rule : rule + 2]]
