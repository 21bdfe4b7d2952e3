"""One score threshold for all uncertainty levels: the baseline that every other rule must beat."""

import numpy as np

from core.thresholds.data import Cuts
from core.thresholds.frontier import Frontier


def trace_single(cuts: Cuts) -> Frontier:
    r"""Trace every rule that has the same threshold at each level.

    Definition
        Rule j accepts score >= threshold(j) whatever the uncertainty, so with the levels' counts :math:`c_i, n_i`

        .. math:: TP_j = \sum_i c_i[j], \qquad N_j = \sum_i n_i[j], \qquad j = 0 \dots \mathrm{bins}

    Notes
    -----
    All bins + 1 rules are kept, best or not: the curve is the classic precision-recall curve. Cost O(levels · bins).

    Examples
    --------
    >>> from core.thresholds.data import Cuts
    >>> accepted, tp = np.array([[0, 2, 4], [0, 2, 6]]), np.array([[0, 2, 3], [0, 1, 1]])
    >>> cuts = Cuts(np.array([0, 0.5, 1]), accepted, tp, 1.0, np.array([0.0, 1, 2]), False)
    >>> trace_single(cuts).frame()
       accepted   tp  precision  recall  threshold_1  threshold_2
    0       0.0  0.0        NaN    0.00          inf          inf
    1       4.0  3.0       0.75    0.75          0.5          0.5
    2      10.0  4.0       0.40    1.00          0.0          0.0
    """
    rules = np.arange(cuts.bins + 1, dtype=np.int64)
    return Frontier.of_cuts("single", cuts, np.repeat(rules[:, None], cuts.levels, axis=1))
