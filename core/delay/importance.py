"""Importance weights on a snapshot: every impression once, with the label as seen and a weight."""

import numpy as np

from core.arrays import FloatArray
from core.delay.auxiliary import (
    aged_columns,
    cap_weights,
    fit_share,
    fit_signal_evidence,
    late_share,
    recent_rows,
    settle,
)
from core.delay.data import Options, Snapshot, SnapshotWeights
from core.delay.delay_law import check_support, fit_delay_law
from core.delay.laws import DAY
from core.delay.learner import Sample, find_scaling, make_sample
from core.delay.snapshot import rewind


def weigh_snapshot(label: FloatArray, arrived: FloatArray, late: FloatArray) -> FloatArray:
    r"""Weights that turn the labels of a snapshot into final ones, in expectation.

    Definition
        .. math:: w_+ = \frac{1}{F(e \mid x)}, \qquad w_- = P(y = 0 \mid x, s, e, v = 0)

        At age e, q(v = 1 | x, e) = p·F and q(v = 0 | x, s, e) · w₋ = P(y = 0 | x, s), so that the weighted risk has the
        expectation of the risk on final labels, for any s. With w₋ from p and F alone it is (1 − p)/(1 − p·F).

    Parameters
    ----------
    label
        v, 0 or 1.
    arrived
        F(e | x).
    late
        P(y = 1 | x, s, e, v = 0).

    Raises
    ------
    NoSupport
        F = 0 where v = 1.

    References
    ----------
    The idea of importance weights by pre-conversion signals: "Modelling Delayed Redemption with Importance Sampling and
    Pre-Redemption Engagement", KDD 2023. Derived here afresh.

    Examples
    --------
    >>> weigh_snapshot(np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.array([0.1, 0.1]))
    array([2. , 0.9])
    """
    check_support(label, arrived)
    inverse = np.divide(1.0, arrived, out=np.ones_like(arrived), where=arrived > 0)
    return np.where(label > 0, inverse, 1.0 - late)


def fit_is_snapshot(snapshot: Snapshot, *, options: Options) -> SnapshotWeights:
    """Weights from the delay law and the model's own probability, brought to agree.

    Notes
    -----
    F comes from mature rows. p is fresh: that of the model being trained, so nothing but the delay law is old.

    Conversions of young rows stand for those to come, so some must be quick. Where F(e) of many rows is near 0, a few
    conversions of huge weight would be needed, most samples hold none of them, and predictions are too low: 7 % with
    1,000 rows a day and log-normal delays of median 15 days and spread 0.6. ``label_correction`` does not need them.
    """
    return _weigh(snapshot, options, signals=False)


def fit_is_signal(snapshot: Snapshot, *, options: Options) -> SnapshotWeights:
    """The same, with the signals seen so far in w₋; w₊ stays 1/F(e | x), and the served model never sees a signal.

    Notes
    -----
    What signals say about the outcome comes from mature rows (:func:`core.delay.auxiliary.fit_signal_evidence`).
    """
    return _weigh(snapshot, options, signals=True)


def _weigh(snapshot: Snapshot, options: Options, *, signals: bool) -> SnapshotWeights:
    rows = recent_rows(snapshot, options)
    recent = snapshot.take(rows)
    law = fit_delay_law(snapshot, ridge=options.ridge)
    arrived = law.arrived_by(recent, recent.age)
    ratio: FloatArray | float = 1.0
    if signals:
        ratio = fit_signal_evidence(snapshot, law, recent.age, ridge=options.ridge).ratio(recent)
    _, sample = make_sample(recent, ridge=options.ridge)
    label, weight = settle_snapshot(sample, recent.label, arrived, ratio, cap=options.cap)
    return SnapshotWeights(rows, label, weight)


def settle_snapshot(
    sample: Sample, label: FloatArray, arrived: FloatArray, ratio: FloatArray | float, *, cap: float | None
) -> tuple[FloatArray, FloatArray]:
    """Labels and weights of :func:`weigh_snapshot` at which the fitted p is the p in the weights."""

    def weigh(p: FloatArray) -> tuple[FloatArray, FloatArray]:
        return label, cap_weights(weigh_snapshot(label, arrived, late_share(p, arrived, ratio)), cap)

    return settle(sample, label, weigh)


def fit_fsiw(snapshot: Snapshot, *, options: Options) -> SnapshotWeights:
    """Feedback shift importance weighting: two classifiers at a counterfactual deadline τ ago.

    Definition
        With S = converted by the deadline and C = converted by now: w₊ = 1/P(S = 1 | C = 1, x, e),
        w₋ = P(C = 0 | S = 0, x, e), e the age at the deadline.

    Notes
    -----
    Conversions later than τ after the deadline are not seen by the classifiers, so the weights correct too little where
    delays are longer than τ.

    Raises
    ------
    NoMatureCohort
        No row is older than τ.

    References
    ----------
    Yasui et al., A feedback shift correction in predicting conversion rates under delayed feedback, WWW 2020,
    arXiv:2002.02068.
    """
    back = options.deadline * DAY
    past = rewind(snapshot, snapshot.at - back)
    now = snapshot.label[: len(past)]
    scaling = find_scaling(past)
    design = aged_columns(scaling, past)
    recently = past.age <= options.lookback * DAY
    converted, open_ = np.flatnonzero(recently & (now > 0)), np.flatnonzero(recently & (past.label == 0))
    seen = fit_share(design[converted], past.label[converted], ridge=options.ridge)
    none = fit_share(design[open_], 1.0 - now[open_], ridge=options.ridge)
    rows = recent_rows(snapshot, options)
    recent = snapshot.take(rows)
    columns = aged_columns(scaling, recent)
    final = recent.is_mature
    arrived = np.where(final, 1.0, seen.probability(columns))
    late = np.where(final, 0.0, 1.0 - none.probability(columns))
    weight = cap_weights(weigh_snapshot(recent.label, arrived, late), options.cap)
    return SnapshotWeights(rows, recent.label, weight)
