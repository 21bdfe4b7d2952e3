"""One threshold on the isotonically recalibrated score."""

import numpy as np

from core.thresholds.data import Cuts
from core.thresholds.frontier import Frontier
from core.thresholds.majorant import find_vertices


def trace_recalibrated(cuts: Cuts) -> Frontier:
    """Trace one threshold on the score after isotonic recalibration that ignores the uncertainty.

    Definition
        The rules of :func:`~core.thresholds.single.trace_single` whose cut is the end of a PAV block of the curve of
        all levels together.

    Notes
    -----
    Isotonic regression keeps the order of the scores and ties those of one block, so a threshold on the recalibrated
    score is a threshold on the score that stands between two blocks. This is ``single`` restricted to such cuts: it can
    gain nothing on the tuning rows, and is smoother on fresh ones. Precision falls along the frontier.
    Cost O(levels · bins).

    References
    ----------
    Zadrozny and Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates, KDD.

    Examples
    --------
    Bins of all levels hold 1/1, 0/1, 1/1 positives from the top: the last two pool.

    >>> from core.thresholds.data import Cuts
    >>> accepted, tp = np.array([[0, 1, 2, 3]]), np.array([[0, 1, 1, 2]])
    >>> cuts = Cuts(np.array([0, 0.3, 0.6, 1]), accepted, tp, 1.0, np.array([0.0, 1]), False)
    >>> trace_recalibrated(cuts).frame()
       accepted   tp  precision  recall  threshold_1
    0       0.0  0.0        NaN     0.0          inf
    1       1.0  1.0   1.000000     0.5          0.6
    2       3.0  2.0   0.666667     1.0          0.0
    """
    _, ends = find_vertices(cuts.accepted.sum(axis=0, keepdims=True), cuts.tp.sum(axis=0, keepdims=True))
    return Frontier.of_cuts("recalibrated", cuts, np.repeat(ends[:, None], cuts.levels, axis=1))
