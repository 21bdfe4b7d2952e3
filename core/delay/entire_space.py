"""The entire-space arm: the signal, and the conversion given the signal, each with labels of its own delay."""

import numpy as np

from core.arrays import FloatArray, IntArray
from core.delay.auxiliary import recent_rows
from core.delay.data import BoolArray, FittedRule, NoMatureCohort, Options, Snapshot
from core.delay.delay_law import fit_delay_law
from core.delay.importance import settle_snapshot
from core.delay.learner import Served, check_served, make_sample
from core.delay.snapshot import mature_rows
from core.errors import InputError

HORIZON_SHARE = 0.99  # of the signals have come by the horizon


def fit_entire_space(snapshot: Snapshot, *, options: Options) -> FittedRule:
    """P(y = 1 | x) = P(s | x)·P(y = 1 | s, x) + P(not s | x)·P(y = 1 | not s, x), s = any signal by the horizon.

    Definition
        The horizon is the age by which 99 % of the signals of mature rows have come. Rows older than it train all three
        factors: the first on s, which is final for them; the other two on the observed conversions with the weights of
        ``is_snapshot``, each with a delay law of its own.

    Notes
    -----
    Unlike a redemption that needs a clipped coupon, a purchase may come without a signal, hence the second product.
    Where no row of a group has converted, its factor is 0.
    Rows younger than the horizon are not used, so slow signals make the arm stale. Where P(s | x) and P(y | s, x) are
    logistic their product is not, and the other way round: the arm misses a logistic truth even on endless data.

    Raises
    ------
    InputError
        The log has no signals.
    NoMatureCohort
        No row is mature, or none of the mature rows sent a signal.

    References
    ----------
    Ma et al., Entire space multi-task model, SIGIR 2018, arXiv:1804.07931, for the product.
    """
    check_served(snapshot)
    horizon = _find_horizon(snapshot)
    sent = _first_signal(snapshot) <= horizon
    rows = recent_rows(snapshot, options)
    rows = rows[snapshot.age[rows] >= horizon]
    signal = _fit(snapshot.take(rows), sent[rows].astype(np.float64), options)
    given = _fit_group(snapshot, sent, rows, options)
    without = _fit_group(snapshot, ~sent, rows, options)

    def predict(features: FloatArray, segment: IntArray) -> FloatArray:
        s = signal.predict(features, segment)
        return np.asarray(s * given.predict(features, segment) + (1.0 - s) * without.predict(features, segment))

    return FittedRule(predict)


def _first_signal(snapshot: Snapshot) -> FloatArray:
    """Delay of the first signal of each row; infinite where there is none."""
    return np.asarray(np.where(np.isnan(snapshot.signal_delay), np.inf, snapshot.signal_delay).min(axis=1))


def _find_horizon(snapshot: Snapshot) -> float:
    if not snapshot.signal_names:
        raise InputError("The log has no signals.", fix="Map a signal, or choose an arm without signals.")
    mature = mature_rows(snapshot)
    first = _first_signal(mature)
    found = first[np.isfinite(first)]
    if not found.size:
        raise NoMatureCohort(
            "No row older than the attribution window sent a signal.",
            fix="Choose a later as-of date.",
            first_at=snapshot.at,
        )
    return float(np.quantile(found, HORIZON_SHARE))


def _fit(rows: Snapshot, label: FloatArray, options: Options) -> Served:
    scaling, sample = make_sample(rows, ridge=options.ridge)
    sample.fit(label, np.ones(len(label)))
    return Served(scaling, sample.coefficients)


def _fit_group(snapshot: Snapshot, group: BoolArray, rows: IntArray, options: Options) -> Served | FittedRule:
    recent = snapshot.take(rows[group[rows]])
    if not recent.label.any():
        return FittedRule(_predict_none)
    law = fit_delay_law(snapshot.take(np.flatnonzero(group)), ridge=options.ridge)
    scaling, sample = make_sample(recent, ridge=options.ridge)
    arrived = law.arrived_by(recent, recent.age)
    sample.fit(*settle_snapshot(sample, recent.label, arrived, 1.0, cap=options.cap))
    return Served(scaling, sample.coefficients)


def _predict_none(features: FloatArray, _segment: IntArray) -> FloatArray:
    return np.zeros(len(features))
