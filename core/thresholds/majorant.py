"""The concave majorant of cumulative counts: isotonic regression (PAV) in integers."""

import numpy as np

from core.arrays import IntArray


def find_vertices(accepted: IntArray, tp: IntArray) -> tuple[IntArray, IntArray]:
    r"""Cuts at the vertices of the least concave majorant of each level's curve of positives over rows.

    Definition
        Between two neighbouring vertices a < b of level i lies one block of the isotonic regression of the label on the
        score bins; its calibrated value is the slope

        .. math:: \frac{c_i[b] - c_i[a]}{n_i[b] - n_i[a]},

        strictly decreasing from the highest score down.

    Parameters
    ----------
    accepted, tp
        int64 (levels, bins + 1): cumulative counts from the top, below 2^31.

    Returns
    -------
    tuple
        Level and cut of every vertex, int64, by level and then by cut; cut 0 is the first of each level.

    Notes
    -----
    A point on or below the chord of its neighbours is no vertex, whatever else is removed at the same time, so all such
    points of all levels go at once, until none is left. Products stay below 2^62: the comparison is exact. Of the cuts
    that accept the same rows (empty bins) the first is taken.

    References
    ----------
    Robertson, Wright and Dykstra (1988), Order restricted statistical inference, section 1.2: PAV is the slope of the
    majorant of the cumulative sum diagram.

    Examples
    --------
    Bins with 1/1, 0/1, 1/1, 0/2 positives: the second and third pool to 1/2.

    >>> find_vertices(np.array([[0, 1, 2, 3, 5]]), np.array([[0, 1, 1, 2, 2]]))
    (array([0, 0, 0, 0]), array([0, 1, 3, 4]))
    """
    first = np.ones(accepted.shape, dtype=np.bool_)
    first[:, 1:] = np.diff(accepted, axis=1) > 0
    level, cut = np.nonzero(first)
    while True:
        rows, positives = np.diff(accepted[level, cut]), np.diff(tp[level, cut])
        within = level[:-2] == level[2:]
        below = within & (positives[:-1] * rows[1:] <= positives[1:] * rows[:-1])
        if not below.any():
            return level, cut
        keep = np.concatenate([np.ones(1, np.bool_), ~below, np.ones(1, np.bool_)])[: len(cut)]
        level, cut = level[keep], cut[keep]
