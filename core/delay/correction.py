"""Label correction: every impression once with weight 1, and a soft label where no conversion was seen."""

import numpy as np

from core.arrays import FloatArray
from core.delay.auxiliary import aged_columns, fit_share, fit_signal_evidence, late_share, recent_rows, settle
from core.delay.data import Options, Snapshot, SnapshotWeights
from core.delay.delay_law import fit_delay_law
from core.delay.laws import DAY
from core.delay.learner import Sample, find_scaling, make_sample
from core.delay.snapshot import rewind


def correct_label(label: FloatArray, late: FloatArray) -> FloatArray:
    """Soft label v + (1 − v) · P(y = 1 | x, s, e, v = 0), whose expectation given x is P(y = 1 | x).

    Examples
    --------
    >>> correct_label(np.array([1.0, 0.0]), np.array([0.3, 0.3]))
    array([1. , 0.3])
    """
    return label + (1.0 - label) * late


def fit_ulc(snapshot: Snapshot, *, options: Options) -> SnapshotWeights:
    """Unbiased label correction: a classifier of late conversions at a counterfactual deadline τ ago.

    Definition
        Among rows without conversion at the deadline, P(C = 1 | x, e) with C = converted by now; labels
        v + (1 − v) · P(C = 1 | x, e).

    Notes
    -----
    Conversions later than τ after the deadline are not seen by the classifier. The number of conversions it expects is
    that of τ ago.

    Raises
    ------
    NoMatureCohort
        No row is older than τ.

    References
    ----------
    Wang et al., Unbiased delayed feedback label correction for conversion rate prediction, KDD 2023, arXiv:2307.12756.
    """
    past = rewind(snapshot, snapshot.at - options.deadline * DAY)
    scaling = find_scaling(past)
    open_ = np.flatnonzero((past.age <= options.lookback * DAY) & (past.label == 0))
    late = fit_share(aged_columns(scaling, past.take(open_)), snapshot.label[open_], ridge=options.ridge)
    rows = recent_rows(snapshot, options)
    recent = snapshot.take(rows)
    share = np.where(recent.is_mature, 0.0, late.probability(aged_columns(scaling, recent)))
    return SnapshotWeights(rows, correct_label(recent.label, share), np.ones(len(rows)))


def fit_label_correction(snapshot: Snapshot, *, options: Options) -> SnapshotWeights:
    """The twin of ``is_snapshot``: the same P(y = 1 | x, e, v = 0), as a soft label in place of a weight.

    Notes
    -----
    Expectation–maximisation with a delay law from mature rows, so that no number of conversions is old, unlike in
    :func:`fit_ulc`.
    """
    return _correct(snapshot, options, signals=False)


def fit_label_correction_signal(snapshot: Snapshot, *, options: Options) -> SnapshotWeights:
    """The twin of ``is_signal``: the same P(y = 1 | x, s, e, v = 0), as a soft label in place of a weight."""
    return _correct(snapshot, options, signals=True)


def _correct(snapshot: Snapshot, options: Options, *, signals: bool) -> SnapshotWeights:
    rows = recent_rows(snapshot, options)
    recent = snapshot.take(rows)
    law = fit_delay_law(snapshot, ridge=options.ridge)
    ratio: FloatArray | float = 1.0
    if signals:
        ratio = fit_signal_evidence(snapshot, law, recent.age, ridge=options.ridge).ratio(recent)
    _, sample = make_sample(recent, ridge=options.ridge)
    label, weight = settle_labels(sample, recent.label, law.arrived_by(recent, recent.age), ratio)
    return SnapshotWeights(rows, label, weight)


def settle_labels(
    sample: Sample, label: FloatArray, arrived: FloatArray, ratio: FloatArray | float
) -> tuple[FloatArray, FloatArray]:
    """Soft labels at which the fitted p is the p in the labels: expectation-maximisation with a known delay law."""
    ones = np.ones(len(label))

    def weigh(p: FloatArray) -> tuple[FloatArray, FloatArray]:
        return correct_label(label, late_share(p, arrived, ratio)), ones

    return settle(sample, label, weigh)
