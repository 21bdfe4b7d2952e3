"""Level by level: each level takes all that the target still allows."""

from collections.abc import Sequence

import numpy as np

from core.thresholds.data import Cuts
from core.thresholds.frontier import Frontier
from core.thresholds.objective import Objective

TARGETS = tuple(step / 200 for step in range(1, 201))


def trace_greedy(cuts: Cuts, *, targets: Sequence[float] = TARGETS) -> Frontier:
    r"""Trace the greedy multi-threshold rule (GMT) of each precision target.

    Definition
        With target σ, levels in descending order of their best precision, level i takes the lowest cut j that keeps

        .. math:: TP + c_i[j] \ge \sigma (N + n_i[j]),

        where TP and N are what the levels before it have taken; rows below the last positive of that cut are left out.

    Parameters
    ----------
    cuts
        Candidate cuts.
    targets
        Precision targets, each above 0 and at most 1; rule t of the frontier belongs to ``targets[t]``.

    Returns
    -------
    Frontier
        One rule per target. For a target that is not listed the best listed rule that meets it is found.

    Raises
    ------
    InputError
        A target is outside (0, 1].

    Notes
    -----
    The first levels spend the slack that later ones may use better, so it is no optimum. It is the level by level rule
    that people set by hand. Cost O(targets · levels · bins).

    References
    ----------
    Arora, Merugu, Saladi and Rastogi (2024), Leveraging uncertainty estimates to improve classifier performance,
    arXiv 2311.11723; the order of the levels is ours, for want of the full text.

    Examples
    --------
    >>> from core.thresholds.data import Cuts
    >>> accepted, tp = np.array([[0, 2, 4], [0, 2, 6]]), np.array([[0, 2, 3], [0, 1, 1]])
    >>> cuts = Cuts(np.array([0, 0.5, 1]), accepted, tp, 1.0, np.array([0.0, 1, 2]), False)
    >>> trace_greedy(cuts, targets=[0.75]).frame()
       accepted   tp  precision  recall  threshold_1  threshold_2
    0       4.0  3.0       0.75    0.75          0.0          inf
    """
    best = np.max(cuts.tp / np.maximum(cuts.accepted, 1), axis=1)
    order = np.argsort(-best, kind="stable")
    rules = [_take_in_order(cuts, order.tolist(), Objective("precision", target)) for target in targets]
    return Frontier.of_cuts("greedy", cuts, np.array(rules, dtype=np.int64).reshape(-1, cuts.levels))


def _take_in_order(cuts: Cuts, order: list[int], objective: Objective) -> list[int]:
    numerator, denominator = objective.ratio
    rule, room = [0] * cuts.levels, 0
    for level in order:
        # Invariant: room = denominator · TP - numerator · N >= 0 over the levels taken, so cut 0 is always allowed.
        slack = denominator * cuts.tp[level] - numerator * cuts.accepted[level]
        last = np.flatnonzero(slack >= -room)[-1]
        rule[level] = int(np.searchsorted(cuts.tp[level], cuts.tp[level, last]))
        room += int(slack[rule[level]])
    return rule
