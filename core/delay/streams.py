"""Arms on a stream of arrivals, in which an impression that converts late stands twice.

A stream holds what arrived in the training window: an impression enters when it is labelled first, and again when its
conversion comes (or when its window ends), whatever the time of the impression itself. Conversions of the first days of
the training window belong to rows shown up to an attribution window before, so where the log does not reach that far
back, the training window is shortened to the days of which every arrival is known.

Notation: p = P(y = 1 | x); S(x) = P(delay > observation time | y = 1, x); p_dp = p·S, the late conversions;
p_rn = (1 − p)/(1 − p + p_dp), the real negatives among those labelled negative at first.
"""

from dataclasses import dataclass

import numpy as np

from core.arrays import FloatArray, IntArray
from core.delay.auxiliary import cap_weights, fit_share, settle
from core.delay.data import BoolArray, NoMatureCohort, Options, Snapshot, StreamWeights
from core.delay.delay_law import fit_delay_law
from core.delay.laws import DAY
from core.delay.learner import find_scaling, make_sample
from core.delay.snapshot import mature_rows, show_time
from core.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Arrivals of the training window.

    Attributes
    ----------
    rows
        Positions in the snapshot.
    label
        Label at the arrival.
    again
        Whether the row had arrived before.
    """

    rows: IntArray
    label: FloatArray
    again: BoolArray


def weigh_fnw(label: FloatArray, p: FloatArray) -> FloatArray:
    """Fake negative weights: w₊ = 1 + p, w₋ = (1 − p)(1 + p), p the model's own.

    References
    ----------
    Ktena et al., Addressing delayed feedback for continuous training with neural networks in CTR prediction, RecSys
    2019, arXiv:1907.06558.

    Examples
    --------
    >>> weigh_fnw(np.array([1.0, 0.0]), np.array([0.2, 0.2]))
    array([1.2 , 0.96])
    """
    return np.where(label > 0, 1.0 + p, (1.0 - p) * (1.0 + p))


def weigh_es_dfm(label: FloatArray, p_dp: FloatArray, p_rn: FloatArray) -> FloatArray:
    """Elapsed-time sampling: w₊ = 1 + p_dp, w₋ = (1 + p_dp)·p_rn.

    Notes
    -----
    This is p(y | x)/q(y | x) of the stream; p(x)/q(x) = 1/(1 + p_dp) is left out, so rows with many late conversions
    count 1 + p_dp times.

    References
    ----------
    Yang et al., Capturing delayed feedback in conversion rate prediction via elapsed-time sampling, AAAI 2021,
    arXiv:2012.03245.

    Examples
    --------
    >>> weigh_es_dfm(np.array([1.0, 0.0]), np.full(2, 0.1), np.full(2, 0.5))
    array([1.1 , 0.55])
    """
    return (1.0 + p_dp) * np.where(label > 0, 1.0, p_rn)


def weigh_defer(label: FloatArray, p: FloatArray, late: FloatArray) -> FloatArray:
    """Real-negative feedback: every row arrives twice, the second time with its final label.

    Definition
        q(1 | x) = p − ½·p_dp, so with p_dp = p·S: w₊ = p/(p − ½·p_dp) = 1/(1 − S/2), w₋ = (1 − p)/(1 − p + p·S/2); p
        is the model's own.

    References
    ----------
    Gu et al., Real negatives matter: continuous training with real negatives for delayed feedback modeling, KDD 2021,
    arXiv:2104.14121.

    Examples
    --------
    >>> weigh_defer(np.array([1.0, 0.0]), np.full(2, 0.5), np.full(2, 1.0)).round(6)
    array([2.      , 0.666667])
    """
    return np.where(label > 0, 1.0 / (1.0 - 0.5 * late), (1.0 - p) / np.maximum(1.0 - p + 0.5 * p * late, 1e-300))


def expand_defuse(stream: Stream, p_dp: FloatArray, p_rn: FloatArray) -> StreamWeights:
    """Unbiased handling of the four kinds of arrivals.

    Definition
        Immediate positives: weight 1 + p_dp. Late positives: 1. An arrival labelled negative is a fake one with
        probability z = 1 − p_rn; it enters as positive with weight z·p_dp and as negative with weight
        (1 − z)(1 + p_dp).

    References
    ----------
    Chen et al., Asymptotically unbiased estimation for delayed feedback modeling via label correction, WWW 2022,
    arXiv:2202.06472.
    """
    fake = (stream.label == 0) & (p_rn < 1)
    weight = np.where(stream.label > 0, np.where(stream.again, 1.0, 1.0 + p_dp), p_rn * (1.0 + p_dp))
    return StreamWeights(
        np.concatenate([stream.rows, stream.rows[fake]]),
        np.concatenate([stream.label, np.ones(int(fake.sum()))]),
        np.concatenate([weight, ((1.0 - p_rn) * p_dp)[fake]]),
    )


def fit_fnw(snapshot: Snapshot, *, options: Options) -> StreamWeights:
    """Every impression enters as negative at once, every conversion again as positive; weights of :func:`weigh_fnw`."""
    stream = _arrivals(snapshot, options, observation=None)
    _, sample = make_sample(snapshot.take(stream.rows), ridge=options.ridge)

    def weigh(p: FloatArray) -> tuple[FloatArray, FloatArray]:
        return stream.label, cap_weights(weigh_fnw(stream.label, p), options.cap)

    return StreamWeights(stream.rows, *settle(sample, stream.label, weigh))


def fit_fnc(snapshot: Snapshot, *, options: Options) -> StreamWeights:
    """The same stream without weights, which fits b = p/(1 + p); b/(1 − b) is served, at most 1.

    Notes
    -----
    With a logistic b the served probability is exp(log-odds of b): where p is large it is not of that form, so the arm
    misses p there even on endless data.
    """
    stream = _arrivals(snapshot, options, observation=None)
    return StreamWeights(stream.rows, stream.label, np.ones(len(stream.rows)), odds=True)


def fit_es_dfm(snapshot: Snapshot, *, options: Options) -> StreamWeights:
    """Rows enter after the observation time, late conversions again; weights of :func:`weigh_es_dfm`."""
    stream = _arrivals(snapshot, options, observation=options.observation * DAY)
    weight = weigh_es_dfm(stream.label, *_shares(snapshot, stream.rows, options))
    return StreamWeights(stream.rows, stream.label, cap_weights(weight, options.cap))


def fit_defuse(snapshot: Snapshot, *, options: Options) -> StreamWeights:
    """The stream of ``es_dfm``, with the labels and weights of :func:`expand_defuse`."""
    stream = _arrivals(snapshot, options, observation=options.observation * DAY)
    found = expand_defuse(stream, *_shares(snapshot, stream.rows, options))
    return StreamWeights(found.rows, found.label, cap_weights(found.weight, options.cap))


def fit_defer(snapshot: Snapshot, *, options: Options) -> StreamWeights:
    """Rows enter after the observation time and all of them again when their window ends; :func:`weigh_defer`."""
    stream = _arrivals(snapshot, options, observation=options.observation * DAY, final=True)
    entered = snapshot.take(stream.rows)
    law = fit_delay_law(snapshot, ridge=options.ridge)
    late = 1.0 - law.arrived_by(entered, np.full(len(entered), options.observation * DAY))
    _, sample = make_sample(entered, ridge=options.ridge)

    def weigh(p: FloatArray) -> tuple[FloatArray, FloatArray]:
        return stream.label, cap_weights(weigh_defer(stream.label, p, late), options.cap)

    return StreamWeights(stream.rows, *settle(sample, stream.label, weigh))


def _arrivals(snapshot: Snapshot, options: Options, *, observation: float | None, final: bool = False) -> Stream:
    """Arrivals in the lookback: at the observation time (None: at once, as negatives), and again."""
    first = snapshot.age if observation is None else snapshot.age - observation  # time since arrival
    converted = snapshot.label > 0
    early = converted & (snapshot.delay <= (-1.0 if observation is None else observation))
    if final:
        second, twice = snapshot.age - snapshot.window, np.ones(len(snapshot), dtype=bool)
    else:
        second, twice = snapshot.age - snapshot.delay, converted & ~early
    lookback = min(options.lookback * DAY, _complete_days(snapshot))
    once = np.flatnonzero((first >= 0) & (first <= lookback))
    again = np.flatnonzero(twice & (second >= 0) & (second <= lookback))
    if not once.size:
        raise InputError("No row arrived in the training window.", fix="Choose a later as-of date or a longer window.")
    return Stream(
        rows=np.concatenate([once, again]),
        label=np.concatenate([early[once], converted[again]]).astype(np.float64),
        again=np.repeat([False, True], [len(once), len(again)]),
    )


def _complete_days(snapshot: Snapshot) -> float:
    """Seconds up to now in which every conversion is that of a row in the log."""
    found = float(snapshot.at - snapshot.time[0] - snapshot.window)
    if found <= 0:
        first_at = float(snapshot.time[0]) + snapshot.window
        raise NoMatureCohort(
            f"No row is older than the attribution window of {snapshot.window / DAY:g} days, so there is no day of "
            "which every arrival is known.",
            fix=f"Choose an as-of date well after {show_time(first_at)}, or a shorter window.",
            first_at=first_at,
        )
    return found


def _shares(snapshot: Snapshot, rows: IntArray, options: Options) -> tuple[FloatArray, FloatArray]:
    """p_dp and p_rn of rows, by classifiers on mature rows: all of them, and those labelled negative at first."""
    mature = mature_rows(snapshot)
    late = (mature.label > 0) & (mature.delay > options.observation * DAY)
    scaling = find_scaling(mature)
    design = scaling.columns(mature.features, mature.segment)
    open_ = np.flatnonzero(late | (mature.label == 0))
    f_dp = fit_share(design, late.astype(np.float64), ridge=options.ridge)
    f_rn = fit_share(design[open_], 1.0 - mature.label[open_], ridge=options.ridge)
    entered = snapshot.take(rows)
    columns = scaling.columns(entered.features, entered.segment)
    return f_dp.probability(columns), f_rn.probability(columns)
