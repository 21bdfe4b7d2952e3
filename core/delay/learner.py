"""The served model: weighted logistic regression on what is known when a score is asked for."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from core.arrays import FloatArray, IntArray
from core.delay.data import WHY_NO_SIGNAL, FittedRule, SignalServed, Snapshot, StreamWeights, Training
from core.errors import InputError

STEPS_CAP = 60
SMALLEST_STEP = 1e-9
LONG_STEP = 1.0  # of a coefficient
SMALLEST_GAIN = 1e-13
BLOCK = 2_048  # rows at a time, so that a block stays in the cache and the cost per row is flat
CONSTANT = 1e-9  # of its size: a feature that spreads less than this is constant but for rounding
DISGUISE = 0.01  # of the rare answer: a feature that differs from a signal in fewer rows is that signal
_RANK = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """How features become columns: intercept, standardised features, one 0/1 column per segment.

    Attributes
    ----------
    mean, scale
        Shape (features,).
    segments
        Number of segments.
    """

    mean: FloatArray
    scale: FloatArray
    segments: int

    @property
    def width(self) -> int:
        """Number of columns."""
        return 1 + len(self.mean) + self.segments

    def columns(self, features: FloatArray, segment: IntArray) -> FloatArray:
        """Return the design matrix, shape (rows, width)."""
        rows, known = features.shape
        design = np.zeros((rows, self.width))
        design[:, 0] = 1.0
        np.subtract(features, self.mean, out=design[:, 1 : known + 1])
        design[:, 1 : known + 1] /= self.scale
        design[np.arange(rows), 1 + known + segment] = 1.0
        return design


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A fitted model that predicts from features and segment, and nothing else.

    Attributes
    ----------
    scaling
        How features become columns.
    coefficients
        Shape (columns,).
    odds
        Whether b/(1 − b) is served, at most 1.
    """

    scaling: Scaling
    coefficients: FloatArray
    odds: bool = False

    def predict(self, features: FloatArray, segment: IntArray) -> FloatArray:
        """Probability of conversion of each row.

        Raises
        ------
        SignalServed
            There are more columns than the model has features.
        """
        if features.shape[1] > len(self.scaling.mean):
            raise SignalServed(
                f"The served model has {len(self.scaling.mean)} features; {features.shape[1]} are given. If a signal "
                f"is among them: {WHY_NO_SIGNAL}.",
                fix="Give the features of the log only.",
            )
        logits = self.scaling.columns(features, segment) @ self.coefficients
        return np.minimum(np.exp(logits), 1.0) if self.odds else expit(logits)


@dataclass(slots=True, eq=False)
class Sample:
    """Rows to fit on: design, and the coefficients found last, from which the next fit starts.

    Attributes
    ----------
    design
        Shape (rows, columns); the first column is the intercept, which is not penalised.
    ridge
        Penalty of the other columns.
    coefficients
        Shape (columns,).
    """

    design: FloatArray
    ridge: float
    coefficients: FloatArray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        """Start from zero."""
        if not self.coefficients.size:
            self.coefficients = np.zeros(self.design.shape[1])

    def fit(self, label: FloatArray, weight: FloatArray, *, offset: FloatArray | None = None) -> FloatArray:
        """Fit on these labels and weights and return the fitted probabilities."""
        self.coefficients = fit_logistic(
            self.design, label, weight, ridge=self.ridge, offset=offset, start=self.coefficients
        )
        return self.probability(offset=offset)

    def step(self, label: FloatArray, weight: FloatArray) -> FloatArray:
        """Take one Newton step towards the fit on these labels and weights; return the probabilities there.

        A long step may lead away from the fit; then the fit itself is found.
        """
        penalty = np.full(self.design.shape[1], self.ridge)
        penalty[0] = 0.0
        _, gradient, hessian = _evaluate(self.design, label, weight, None, self.coefficients, penalty)
        step = np.linalg.lstsq(hessian, -gradient, rcond=_RANK)[0]
        if np.abs(step).max() > LONG_STEP:
            return self.fit(label, weight)
        self.coefficients = self.coefficients + step
        return self.probability()

    def probability(self, *, offset: FloatArray | None = None) -> FloatArray:
        """Fitted probability of each row."""
        logits = self.design @ self.coefficients
        return np.asarray(expit(logits if offset is None else logits + offset))


def find_scaling(snapshot: Snapshot) -> Scaling:
    """Find mean and spread of the features over the rows of a snapshot; a constant feature becomes a column of 0."""
    mean, scale = snapshot.features.mean(axis=0), snapshot.features.std(axis=0)
    spreads = scale > CONSTANT * np.abs(mean)  # the mean of equal numbers may miss them by a rounding
    return Scaling(
        np.where(spreads, mean, snapshot.features[0]), np.where(spreads, scale, 1.0),
        segments=len(snapshot.segment_names),
    )  # fmt: skip


def make_sample(snapshot: Snapshot, *, ridge: float) -> tuple[Scaling, Sample]:
    """Rows of a snapshot as a sample of the served model."""
    scaling = find_scaling(snapshot)
    return scaling, Sample(scaling.columns(snapshot.features, snapshot.segment), ridge)


def fit_served(snapshot: Snapshot, training: Training, *, ridge: float) -> Served | FittedRule:
    """Fit the served model on the training set of an arm.

    Raises
    ------
    InputError
        The training set is empty, or has no weight.
    SignalServed
        A feature is the presence of a signal.
    """
    if isinstance(training, FittedRule):
        return training
    check_served(snapshot)
    if not training.weight.sum() > 0:
        raise InputError("The training set is empty.", fix="Choose a later as-of date or a longer training window.")
    rows = snapshot.take(training.rows)
    scaling, sample = make_sample(rows, ridge=ridge)
    sample.fit(training.label, training.weight)
    odds = isinstance(training, StreamWeights) and training.odds
    return Served(scaling, sample.coefficients, odds)


def check_served(snapshot: Snapshot) -> None:
    """Refuse a feature that is a signal in disguise.

    Raises
    ------
    SignalServed
        A feature takes two values and they say whether a signal was sent.

    Notes
    -----
    Rows whose window has passed decide, where there are any: of younger rows a file may know signals that the snapshot
    does not. A few rows may differ, such as those whose signal was dropped for its time.
    """
    rows = snapshot.take(snapshot.is_mature) if snapshot.is_mature.any() else snapshot
    seen = np.isfinite(rows.signal_delay)
    rare = np.minimum(seen.sum(axis=0), (~seen).sum(axis=0))
    for i, name in enumerate(rows.feature_names):
        feature = rows.features[:, i]
        low, high = feature.min(), feature.max()
        if low == high or not np.all((feature == low) | (feature == high)):
            continue
        apart = (seen != (feature == high)[:, None]).sum(axis=0)
        same = (np.minimum(apart, len(rows) - apart) <= DISGUISE * rare) & (rare > 0)
        if same.any():
            signal = rows.signal_names[int(np.argmax(same))]
            raise SignalServed(
                f"Feature {name[:80]!r} says whether signal {signal[:80]!r} was seen: {WHY_NO_SIGNAL}.",
                fix="Map it as signal: it then helps to weigh the labels.",
            )


def fit_logistic(
    design: FloatArray,
    label: FloatArray,
    weight: FloatArray,
    *,
    ridge: float,
    offset: FloatArray | None = None,
    start: FloatArray | None = None,
) -> FloatArray:
    r"""Minimise the weighted log-loss of a logistic model by Newton's method with halved steps.

    Definition
        .. math:: \sum_i w_i\,[\log(1 + e^{\eta_i}) - y_i \eta_i] + \tfrac{\rho}{2} \sum_{j \ge 1} b_j^2,
            \qquad \eta = Xb + o

    Parameters
    ----------
    design
        X, shape (rows, columns); the first column is the intercept, which is not penalised.
    label
        y in [0, 1], shape (rows,); a fraction is a soft label.
    weight
        w, not negative, shape (rows,).
    ridge
        ρ.
    offset
        o, shape (rows,); zero if not given.
    start
        Coefficients to start from; zero if not given.

    Returns
    -------
    FloatArray
        b, shape (columns,); of columns that depend on each other, the shortest solution.

    Notes
    -----
    Where the data separate and ρ is 0, some coefficients have no finite minimum: the loss converges and they do not.
    Cost O(rows · columns²) for each of a few steps.

    Examples
    --------
    >>> b = fit_logistic(np.ones((2, 1)), np.array([1.0, 0.0]), np.array([1.0, 3.0]), ridge=0.0)
    >>> expit(b).round(6)  # 1 of 4 by weight
    array([0.25])
    """
    best = np.zeros(design.shape[1]) if start is None else start
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 0.0
    value, gradient, hessian = _evaluate(design, label, weight, offset, best, penalty)
    for _ in range(STEPS_CAP):
        step = np.linalg.lstsq(hessian, -gradient, rcond=_RANK)[0]
        size = 1.0
        while size > SMALLEST_STEP:
            there = best + size * step
            new, new_gradient, new_hessian = _evaluate(design, label, weight, offset, there, penalty)
            if new <= value:
                break
            size /= 2
        else:
            return best
        gain = value - new
        best, value, gradient, hessian = there, new, new_gradient, new_hessian
        if gain <= SMALLEST_GAIN * abs(value) or np.abs(size * step).max() <= SMALLEST_STEP:
            break
    return best


def _evaluate(
    design: FloatArray,
    label: FloatArray,
    weight: FloatArray,
    offset: FloatArray | None,
    at: FloatArray,
    penalty: FloatArray,
) -> tuple[float, FloatArray, FloatArray]:
    value = 0.5 * float(penalty @ (at * at))
    gradient, hessian = penalty * at, np.diag(penalty)
    for first in range(0, len(label), BLOCK):
        rows = slice(first, first + BLOCK)
        x, y, w = design[rows], label[rows], weight[rows]
        eta = x @ at if offset is None else x @ at + offset[rows]
        p = expit(eta)
        value += float(w @ (np.logaddexp(0.0, eta) - y * eta))
        gradient += x.T @ (w * (p - y))
        hessian += x.T @ ((w * p * (1.0 - p))[:, None] * x)
    return value, gradient, hessian
