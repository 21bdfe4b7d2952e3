"""F(e | x): which share of the conversions of a row like this is in by age e, learned from finished cohorts."""

from dataclasses import dataclass

import numpy as np

from core.arrays import FloatArray, IntArray
from core.delay.data import NoSupport, Snapshot
from core.delay.learner import Scaling, find_scaling
from core.delay.snapshot import mature_rows

STRATA_CAP = 24
STRATUM_ROWS = 200  # conversions per stratum, at least
INDEX_DIGITS = 9  # so that equal rows fall into one stratum
SMALLEST_SHARE = 1e-6  # of the window: what a delay of 0 counts as where logarithms are taken


@dataclass(frozen=True, slots=True, eq=False)
class DelayEstimate:
    """Delay law by strata of an index of covariates.

    Definition
        The index is the prediction of ln delay by ridge regression on features and segment, over the conversions of
        mature cohorts. They are cut into strata of about equal size along it. Stratum k of n conversions has
        F_k(e) = (conversions with delay ≤ e)/n; where that is 0, the smaller of 1/(n + 1) and the share of all
        conversions with delay ≤ e. Between the mean indices of two strata F is interpolated.

    Attributes
    ----------
    scaling, coefficients
        The index.
    middle
        Shape (strata,): mean index of each stratum, increasing.
    delays
        Per stratum the sorted delays, seconds.
    everything
        All delays, sorted.
    """

    scaling: Scaling
    coefficients: FloatArray
    middle: FloatArray
    delays: tuple[FloatArray, ...]
    everything: FloatArray

    def arrived_by(self, snapshot: Snapshot, age: FloatArray) -> FloatArray:
        """F(age | x) of each row of a snapshot, shape (rows,).

        Notes
        -----
        Cost O(rows · log conversions).
        """
        position = self._position(snapshot)
        lower = np.minimum(position.astype(np.int64), max(len(self.middle) - 2, 0))
        share = position - lower
        pooled = np.searchsorted(self.everything, age, side="right") / len(self.everything)
        found = np.zeros(len(age))
        for k, delays in enumerate(self.delays):
            for at, part in ((k, 1.0 - share), (k - 1, share)):
                rows = np.flatnonzero((lower == at) & (part > 0))
                inside = np.searchsorted(delays, age[rows], side="right")
                none = np.minimum(pooled[rows], 1.0 / (len(delays) + 1))
                found[rows] += part[rows] * np.where(inside > 0, inside / len(delays), none)
        return np.where(pooled >= 1.0, 1.0, np.minimum(found, 1.0))

    def _position(self, snapshot: Snapshot) -> FloatArray:
        index = np.round(self.scaling.columns(snapshot.features, snapshot.segment) @ self.coefficients, INDEX_DIGITS)
        return np.asarray(np.interp(index, self.middle, np.arange(len(self.middle), dtype=np.float64)))


def fit_delay_law(snapshot: Snapshot, *, ridge: float) -> DelayEstimate:
    """Estimate the delay law on the mature rows of a snapshot.

    Notes
    -----
    Every conversion of a mature row has been seen, so no delay is censored. Younger rows are left out: among them quick
    conversions are seen first, and a law fitted to them would be too quick.

    Raises
    ------
    NoMatureCohort
        No mature row, or none that converted.
    """
    mature = mature_rows(snapshot)
    converted = mature.take(np.flatnonzero(mature.label))
    scaling = find_scaling(converted)
    design = scaling.columns(converted.features, converted.segment)
    penalty = np.full(scaling.width, max(ridge, 1e-9))
    penalty[0] = 1e-9
    target = np.log(np.maximum(converted.delay, SMALLEST_SHARE * snapshot.window))
    coefficients = np.asarray(
        np.linalg.solve(design.T @ design + np.diag(penalty), design.T @ target), dtype=np.float64
    )
    index = np.round(design @ coefficients, INDEX_DIGITS)
    strata = _cut(index)
    order = np.argsort(strata, kind="stable")
    ends = np.flatnonzero(np.diff(strata[order])) + 1
    return DelayEstimate(
        scaling, coefficients,
        middle=np.array([part.mean() for part in np.split(index[order], ends)]),
        delays=tuple(np.sort(part) for part in np.split(converted.delay[order], ends)),
        everything=np.sort(converted.delay),
    )  # fmt: skip


def check_support(label: FloatArray, arrived: FloatArray) -> None:
    """Refuse a conversion at an age at which none can have been seen.

    Raises
    ------
    NoSupport
        F(e | x) = 0 for a row with v = 1.
    """
    bad = (label > 0) & ~(arrived > 0)
    if bad.any():
        raise NoSupport(
            f"{int(bad.sum()):,} conversions were seen at an age at which, by the finished cohorts, none can be: the "
            "probability of seeing them is 0, so their weight would be infinite.",
            fix="Leave out the youngest rows, or give a longer log, so that quick conversions are among the finished.",
        )


def log_age(age: FloatArray, window: float) -> FloatArray:
    """Logarithm of age as a share of the attribution window, the same in any unit of time."""
    return np.asarray(np.log(np.clip(age / window, SMALLEST_SHARE, 1.0)))


def _cut(index: FloatArray) -> IntArray:
    """Strata of equal size along the index; rows with the same index share one."""
    count = int(np.clip(len(index) // STRATUM_ROWS, 1, STRATA_CAP))
    edges = np.quantile(index, np.arange(1, count) / count)
    return np.searchsorted(edges, index, side="right").astype(np.int64)
