"""The equal-weight dynamic program (EW-DPMT): the optimum where every bin holds the same number of rows."""

import numpy as np

from core.arrays import IntArray
from core.errors import InputError
from core.thresholds.data import Cuts
from core.thresholds.frontier import Frontier

MOST_BINS, LEAST_BINS = 1000, 10
TOLERANCE = 0.05


def trace_ew_dpmt(cuts: Cuts) -> Frontier:
    r"""Trace the rules with most positives for each number of accepted bins.

    Definition
        Notation: level i = 1 … K has bins of w rows each; c_i[j] positives in its j top bins; m bins accepted in all.

        .. math:: R_i[m] = \max_{0 \le j \le L_i} R_{i-1}[m - j] + c_i[j], \qquad R_0[0] = 0

        The rule of a target σ is that of the largest R_K[m] with R_K[m] >= σ m w: a lookup, for any σ.

    Parameters
    ----------
    cuts
        Candidate cuts. Where their bins are unequal, each level is regrouped into bins of w rows: the finest for which
        every cut stands within a row, or 5 % of w, of a multiple of w; the lowest bin of a level takes the remainder,
        half of w to one and a half.

    Returns
    -------
    Frontier
        Rule m accepts m bins. Its counts are the real ones, so that a precision read from it is true in any case; only
        the optimality rests on equal bins.

    Raises
    ------
    InputError
        Ties or weights make the bins unequal.

    Notes
    -----
    With tied scores cuts can only stand between distinct scores. A program that goes on assuming w rows a bin reported
    a precision of 0.60 where the rows had 0.45; hence the refusal. Cost O(K² L²), back-pointers O(K² L).

    The full text of the paper could not be had: the steps follow its published description, the numbers are ours.

    References
    ----------
    Arora, Merugu, Saladi and Rastogi (2024), Leveraging uncertainty estimates to improve classifier performance,
    arXiv 2311.11723, Algorithm 1.

    Examples
    --------
    Bins of 2 rows with 2, 1 and 1, 0 positives: the best 1, 2, 3, 4 bins have 2, 3, 4, 4 positives.

    >>> from core.thresholds.data import Cuts
    >>> accepted, tp = np.array([[0, 2, 4], [0, 2, 4]]), np.array([[0, 2, 3], [0, 1, 1]])
    >>> cuts = Cuts(np.array([0, 0.5, 1]), accepted, tp, 1.0, np.array([0.0, 1, 2]), False)
    >>> trace_ew_dpmt(cuts).tp.tolist()
    [0, 2, 3, 4, 4]
    """
    # Step 1: bins of equal weight.
    at = _choose_equal_bins(cuts)
    # Step 2: R_0.
    best = np.zeros(1, dtype=np.int64)
    # Step 3: one level after another, with back-pointers.
    taken = []
    for level, ends in enumerate(at):
        best, j = _add_level(best, cuts.tp[level, ends])
        taken.append(j)
    # Step 4: follow the back-pointers of all m at once.
    left = np.arange(len(best))
    rules = np.zeros((len(best), cuts.levels), dtype=np.int64)
    for level in reversed(range(cuts.levels)):
        j = taken[level][left]
        rules[:, level] = at[level][j]
        left = left - j
    # Step 5, the lookup for σ, is Frontier.best.
    return Frontier.of_cuts("ew_dpmt", cuts, rules)


def _add_level(best: IntArray, c: IntArray) -> tuple[IntArray, IntArray]:
    """R_i from R_{i-1}, and the j that attains it; ties go to the smallest j."""
    total = np.full(len(best) + len(c) - 1, -1, dtype=np.int64)
    taken = np.zeros(len(total), dtype=np.int64)
    for j, positives in enumerate(c.tolist()):
        window = slice(j, j + len(best))
        offer = best + positives
        better = offer > total[window]
        total[window][better] = offer[better]
        taken[window][better] = j
    return total, taken


def _choose_equal_bins(cuts: Cuts) -> list[IntArray]:
    """Cuts of each level that part it into bins of the same number of rows in all levels."""
    rows = np.diff(cuts.accepted, axis=1)
    if cuts.bins <= MOST_BINS and rows.min() > 0 and np.ptp(rows) <= 1:  # quantiles of a number that does not divide
        return [np.arange(cuts.bins + 1, dtype=np.int64)] * cuts.levels
    per_level = min(cuts.bins, MOST_BINS)
    while per_level >= LEAST_BINS:
        at = _regroup(cuts, cuts.rows / (cuts.levels * per_level))
        if at is not None:
            return at
        per_level //= 2
    raise InputError(
        f"The bins hold from {int(rows.min()):,} to {int(rows.max()):,} rows, and cannot be grouped into equal ones: "
        "the equal-weight program would report a precision that the rows do not have.",
        fix="Use exact, or mist: they count the real rows of every bin.",
    )


def _regroup(cuts: Cuts, width: float) -> list[IntArray] | None:
    """Cuts of each level next to multiples of ``width`` rows; None where some stand too far off."""
    allowed = max(1.0, TOLERANCE * width)
    at = []
    for accepted in cuts.accepted:
        wanted = np.arange(round(accepted[-1] / width) + 1) * width
        near = np.clip(np.searchsorted(accepted, wanted), 1, cuts.bins)
        near -= wanted - accepted[near - 1] < accepted[near] - wanted
        if np.abs(accepted[near] - wanted)[:-1].max(initial=0) > allowed or (len(near) == 1 and accepted[-1] > 0):
            return None
        near[-1] = cuts.bins if len(near) > 1 else 0
        at.append(near)
    return at
