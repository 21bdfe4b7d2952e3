"""What a rule does on each uncertainty level, and which levels hold the target on their own."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.arrays import FloatArray, IntArray
from core.checks import check_count
from core.thresholds.certify import FEWEST_ACCEPTED
from core.thresholds.data import Cuts
from core.thresholds.precision import BINOMIAL, PrecisionTest, Tally, check_delta, check_half, check_target

OVERALL_ONLY = "The bound on the overall precision does not bind each level: a level may lie below the target."


@dataclass(frozen=True, slots=True, eq=False)
class LevelTable:
    """Counts and bounds per level, least uncertain first.

    Attributes
    ----------
    rows, positives, accepted, tp
        int64 (levels,): counts, or weight.
    threshold
        float64 (levels,): accept score >= threshold; inf accepts none.
    precision
        float64 (levels,): TP / accepted; NaN where nothing is accepted.
    few
        bool (levels,): which levels rest on 1 to 29 accepted rows.
    lower, p_value
        float64 (levels,): lower bound of the level's precision and p-value of "precision <= target"; NaN where the
        level accepts no row. All bounds together hold with confidence 1 - delta.
    level
        What each level's test gets of delta.
    """

    rows: IntArray
    positives: IntArray
    threshold: FloatArray
    accepted: IntArray
    tp: IntArray
    precision: FloatArray
    few: npt.NDArray[np.bool_]
    lower: FloatArray
    p_value: FloatArray
    target: float
    delta: float
    level: float

    @property
    def certified(self) -> npt.NDArray[np.bool_]:
        """Which levels hold the target on their own; False where nothing is accepted."""
        return np.asarray(self.p_value <= self.level)

    def frame(self) -> pd.DataFrame:
        """One line per level: its number, counts, threshold, precision, lower bound, certified, fewer than 30 rows."""
        return pd.DataFrame(
            {
                "level": np.arange(1, len(self.rows) + 1),
                "rows": self.rows,
                "positives": self.positives,
                "threshold": self.threshold,
                "accepted": self.accepted,
                "tp": self.tp,
                "fp": self.accepted - self.tp,
                "precision": self.precision,
                "precision_lower": self.lower,
                "certified": self.certified,
                "fewer_than_30": self.few,
            }
        )


def tabulate_levels(
    confirm: Cuts,
    cuts: tuple[int, ...],
    *,
    target: float,
    delta: float,
    candidates: int,
    test: PrecisionTest = BINOMIAL,
) -> LevelTable:
    r"""Count a rule per level, with a bound on each level's precision.

    Definition
        With K levels and m rules among which the confirmation half chose, each level is tested and bounded at

        .. math:: \delta / (K m)

    Parameters
    ----------
    confirm
        Cuts of the confirmation half.
    cuts
        Cut per level.
    target, delta
        Precision to exceed, and the probability that any bound of the table errs.
    candidates
        m: a certificate's ``candidates``; 1 for a rule that was frozen before the confirmation half was opened.
    test
        As in :func:`core.thresholds.certify.certify`.

    Raises
    ------
    InputError
        Target, delta or candidates is out of range; the half is weighted, and the test is not.

    Notes
    -----
    Bonferroni over all K·m bounds that could have been shown, so that the choice of the rule costs nothing. The table's
    delta is apart from the certificate's. To *demand* the target of each level, `certify` with scope ``each level`` is
    sharper: it needs no correction.
    """
    check_delta(delta)
    check_target(target)
    check_count(candidates, 1, 10**9, name="candidates")
    check_half(confirm, test)
    at = np.arange(confirm.levels), np.asarray(cuts, dtype=np.int64)
    tally, level = Tally.of_rules(confirm, cuts), delta / (confirm.levels * candidates)
    known = tally.rows > 0
    return LevelTable(
        rows=confirm.amount(confirm.accepted[:, -1]),
        positives=confirm.amount(confirm.tp[:, -1]),
        threshold=confirm.threshold(at[1]),
        accepted=confirm.amount(confirm.accepted[at]),
        tp=confirm.amount(confirm.tp[at]),
        precision=tally.precision,
        few=known & (tally.rows < FEWEST_ACCEPTED),
        lower=np.where(known, test.lower_bounds(tally, level), np.nan),
        p_value=np.where(known, test.p_values(tally, target), np.nan),
        target=target,
        delta=delta,
        level=level,
    )
