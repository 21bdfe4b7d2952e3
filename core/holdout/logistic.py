"""Logistic regression on counts, for designs whose columns may depend on each other."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from core.arrays import FloatArray

STEPS_CAP = 100
SMALLEST_STEP = 1e-8
SMALLEST_GAIN = 1e-7
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class LogisticFit:
    """Maximum of the likelihood.

    Attributes
    ----------
    coefficients
        One per column; of columns that depend on others, the shortest solution.
    rate
        Fitted probability of each point.
    log_likelihood
        Without the binomial coefficients, in nats.
    """

    coefficients: FloatArray
    rate: FloatArray
    log_likelihood: float


def fit_logistic(
    columns: FloatArray, trials: FloatArray, positives: FloatArray, *, start: LogisticFit | None = None
) -> LogisticFit:
    """Fit logit P(y = 1) = columns · b by maximum likelihood, by Newton's method with halved steps.

    Parameters
    ----------
    columns
        (points, d).
    trials, positives
        (points,); fractions are allowed (weighted rows).
    start
        A fit of the first columns from which to start; the likelihood never falls below its likelihood.

    Notes
    -----
    Where the data separate, some coefficients have no finite maximum: the likelihood then converges and they do not.
    Cost O(points · d²) for each of a few steps.

    Examples
    --------
    >>> fit = fit_logistic(np.ones((2, 1)), np.array([10.0, 30.0]), np.array([3.0, 5.0]))
    >>> fit.rate.round(6)  # 8 of 40
    array([0.2, 0.2])
    """
    beta = np.zeros(columns.shape[1])
    if start is not None:
        beta[: len(start.coefficients)] = start.coefficients
    eta = columns @ beta
    value = _log_likelihood(eta, trials, positives)
    for _ in range(STEPS_CAP):
        rate = expit(eta)
        step = weighted_inverse(columns, trials * rate * (1 - rate)) @ (columns.T @ (positives - trials * rate))
        move, size = columns @ step, 1.0
        while (new := _log_likelihood(eta + size * move, trials, positives)) < value and size > SMALLEST_STEP:
            size /= 2
        gain = new - value
        if gain > 0:
            beta, eta, value = beta + size * step, eta + size * move, new
        if gain <= SMALLEST_GAIN:
            break
    return LogisticFit(beta, expit(eta), value)


def weighted_inverse(columns: FloatArray, weight: FloatArray, *, scale: FloatArray | None = None) -> FloatArray:
    """Pseudo-inverse of columnsᵀ W columns.

    A direction is left out where it is rounding noise beside ``scale``, the size of each column; √(xᵀWx) if not given.
    """
    information = columns.T @ (weight[:, None] * columns)
    size = np.sqrt(np.diag(information)) if scale is None else scale
    unit = np.divide(1, size, out=np.zeros_like(size), where=size > 0)
    values, vectors = np.linalg.eigh(information * np.outer(unit, unit))
    inverse = np.divide(1, values, out=np.zeros_like(values), where=values > RANK_TOLERANCE)
    return np.asarray(((vectors * inverse) @ vectors.T) * np.outer(unit, unit))


def _log_likelihood(eta: FloatArray, n: FloatArray, k: FloatArray) -> float:
    return float(np.sum(k * eta - n * np.logaddexp(0, eta)))
