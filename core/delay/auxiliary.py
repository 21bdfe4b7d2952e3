"""Models that only help to weigh labels. They may see age and signals; they are never served."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from core.arrays import FloatArray, IntArray
from core.delay.data import Options, Snapshot
from core.delay.delay_law import DelayEstimate, log_age
from core.delay.laws import DAY
from core.delay.learner import Sample, Scaling, find_scaling, fit_logistic
from core.delay.snapshot import at_ages, mature_rows
from core.errors import InputError

TOLERANCE = 1e-8
ROUNDS_CAP = 400
UNSETTLED = 1e-4  # a probability that still moves by more in the last round is no answer
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0

Weigh = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """P(event | columns): a logistic fit, or exactly 0 or 1 where training held only one answer."""

    coefficients: FloatArray
    constant: float | None

    def probability(self, design: FloatArray) -> FloatArray:
        """Probability of each row of a design."""
        if self.constant is not None:
            return np.full(len(design), self.constant)
        return np.asarray(expit(design @ self.coefficients))


def fit_share(design: FloatArray, event: FloatArray, *, ridge: float) -> Share:
    """Fit P(event | columns). Where no row differs, that answer is certain, so that without delay weights are 1.

    Raises
    ------
    InputError
        There are no rows.
    """
    if not len(event):
        raise InputError("No row is left to learn from how labels arrive.", fix="Choose a later as-of date.")
    if event.min() == event.max():
        return Share(np.zeros(design.shape[1]), float(event[0]))
    return Share(fit_logistic(design, event, np.ones(len(event)), ridge=ridge), None)


def aged_columns(scaling: Scaling, snapshot: Snapshot) -> FloatArray:
    """Columns of features, segment, z = ln(age/window), z², and each feature times z."""
    z = log_age(snapshot.age, snapshot.window)[:, None]
    plain = scaling.columns(snapshot.features, snapshot.segment)
    return np.hstack([plain, z, z * z, z * plain[:, 1 : 1 + len(scaling.mean)]])


def recent_rows(snapshot: Snapshot, options: Options) -> IntArray:
    """Positions of the rows of the training window: age ≤ lookback.

    Raises
    ------
    InputError
        There are none.
    """
    rows = np.flatnonzero(snapshot.age <= options.lookback * DAY)
    if not rows.size:
        raise InputError(
            f"No row is younger than {options.lookback:g} days at the as-of date.", fix="Choose a longer window."
        )
    return rows


def settle(sample: Sample, label: FloatArray, weigh: Weigh) -> tuple[FloatArray, FloatArray]:
    """Alternate between fitting and weighing until the fitted probabilities stand still; return (labels, weights).

    Definition
        f₀ is fitted on the observed labels; then (labels, weights) = weigh(f), and f is fitted on them. The weights are
        constants while f is fitted (no gradient passes through them).

    Notes
    -----
    After the first two fits a round is one Newton step, which ends where full fits end. Stops once no probability moves
    by more than TOLERANCE, or after ROUNDS_CAP rounds.

    Raises
    ------
    InputError
        Probabilities still move: the rows are too few, or too few of their conversions have come.
    """
    p = sample.fit(label, np.ones(len(label)))
    p = sample.fit(*weigh(p))
    found, moved = weigh(p), np.inf
    for _ in range(ROUNDS_CAP):
        before, p = p, sample.step(*found)
        found = weigh(p)
        moved = float(np.abs(p - before).max())
        if moved <= TOLERANCE:
            break
    if not moved <= UNSETTLED:
        raise InputError(
            f"Model and weights do not come to agree in {ROUNDS_CAP} rounds.",
            fix="Train on a longer window, or with a larger ridge.",
        )
    return found


@dataclass(frozen=True, slots=True, eq=False)
class SignalEvidence:
    r"""What signals say about a row that has not converted.

    Definition
        .. math:: G(s, e) = \log\frac{P(s \text{ by } e \mid y = 1, h > e)}{P(s \text{ by } e \mid y = 0)},

        linear in (1, z, s, s·z) with z = ln(age/window) and s the 0/1 vector of the signals seen.

    Attributes
    ----------
    coefficients
        Shape (2 + 2 · signals,).
    """

    coefficients: FloatArray

    def ratio(self, snapshot: Snapshot) -> FloatArray:
        """exp(G) of each row of a snapshot."""
        return np.asarray(np.exp(_signal_columns(snapshot) @ self.coefficients))


def fit_signal_evidence(snapshot: Snapshot, law: DelayEstimate, ages: FloatArray, *, ridge: float) -> SignalEvidence:
    """Learn what signals say from mature rows, each seen again at an age at which training rows are seen.

    Definition
        Logistic regression of the final label among the rows without conversion by that age, with the log-odds
        ln(p·(1 − F)/(1 − p)) of the same rows without signals as offset. What is learnt is thus how signals follow from
        the outcome, and not how many convert, which may have changed since.

    Parameters
    ----------
    snapshot
        What is known.
    law
        Its delay law.
    ages
        Ages of the training rows, seconds.
    ridge
        Penalty.

    Raises
    ------
    InputError
        The log has no signals.
    NoMatureCohort
        No row is mature.
    """
    if not snapshot.signal_names:
        raise InputError("The log has no signals.", fix="Map a signal, or choose an arm without signals.")
    mature = mature_rows(snapshot)
    scaling = find_scaling(mature)
    sample = Sample(scaling.columns(mature.features, mature.segment), ridge)
    p = sample.fit(mature.label, np.ones(len(mature)))
    past = at_ages(mature, np.minimum(spread_over(ages, len(mature)), mature.age))
    hidden = p * (1.0 - law.arrived_by(past, past.age))
    rows = np.flatnonzero((past.label == 0) & (hidden > 0))
    if not rows.size:
        return SignalEvidence(np.zeros(2 + 2 * len(snapshot.signal_names)))
    offset = np.log(hidden[rows]) - np.log1p(-p[rows])
    columns = _signal_columns(past.take(rows))
    found = fit_logistic(columns, mature.label[rows], np.ones(len(rows)), ridge=ridge, offset=offset)
    return SignalEvidence(found)


def late_share(p: FloatArray, arrived: FloatArray, ratio: FloatArray | float = 1.0) -> FloatArray:
    r"""P(y = 1 | x, s, e, not yet converted).

    Definition
        .. math:: \frac{p\,(1 - F)\,R}{p\,(1 - F)\,R + 1 - p},

        with p = P(y = 1 | x), F = F(e | x) and R the likelihood ratio of the signals; without signals R = 1 and the
        complement is (1 − p)/(1 − p·F).

    Examples
    --------
    >>> late_share(np.array([0.2]), np.array([0.5]))  # 0.1 of 0.9
    array([0.11111111])
    """
    hidden = p * (1.0 - arrived) * ratio
    both = hidden + 1.0 - p
    return np.divide(hidden, both, out=np.zeros_like(hidden), where=both > 0)


def spread_over(values: FloatArray, count: int) -> FloatArray:
    """Take ``count`` of the values, evenly over their distribution and unrelated to their order, without chance.

    Examples
    --------
    >>> spread_over(np.array([1.0, 2.0]), 4)
    array([1., 2., 1., 2.])
    """
    places = (np.arange(1, count + 1) * _GOLDEN + 0.5) % 1.0
    return np.asarray(np.sort(values)[(places * len(values)).astype(np.int64)])


def cap_weights(weight: FloatArray, cap: float | None) -> FloatArray:
    """Cut weights at the cap, if there is one."""
    return weight if cap is None else np.minimum(weight, cap)


def _signal_columns(snapshot: Snapshot) -> FloatArray:
    z = log_age(snapshot.age, snapshot.window)[:, None]
    seen = np.isfinite(snapshot.signal_delay).astype(np.float64)
    return np.hstack([np.ones_like(z), z, seen, seen * z])
