"""The delayed feedback model: conversion and delay fitted together."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from core.arrays import FloatArray
from core.delay.auxiliary import recent_rows
from core.delay.data import FittedRule, Options, Snapshot
from core.delay.learner import BLOCK, Served, check_served, make_sample

STEPS_CAP = 300
LOG_RATE_CAP = 12.0  # e^±12 mean delays: beyond any delay, and far from overflow
GRADIENT = 1e-7  # of the mean loss


@dataclass(frozen=True, slots=True, eq=False)
class DelayedSample:
    """Rows of the model, times in units of the mean observed delay.

    Attributes
    ----------
    design
        Shape (rows, columns); the first column is the intercept.
    label
        Observed label v.
    time
        Delay where v = 1, else age, at most the window.
    window
        Attribution window.
    ridge
        Penalty of both sets of coefficients but the intercepts.
    """

    design: FloatArray
    label: FloatArray
    time: FloatArray
    window: float
    ridge: float


def fit_dfm(snapshot: Snapshot, *, options: Options) -> FittedRule:
    r"""Fit P(y = 1 | x) = σ(b·x) and an exponential delay of rate λ(x) = exp(c·x) by maximum likelihood.

    Definition
        With the law cut at the attribution window w, S(e) = (e^{−λe} − e^{−λw})/(1 − e^{−λw}):

        .. math:: -\sum_{v=1} [\log p + \log\lambda - \lambda d - \log(1 - e^{-\lambda w})]
            - \sum_{v=0} \log(1 - p + p\,S(e))

    Notes
    -----
    As published the law is not cut, which counts conversions after the window as conversions; for w → ∞ the two agree.
    The loss is not convex: many late conversions and few quick ones look alike on young rows. Delays that are not
    exponential are misread. L-BFGS from the naive fit and the mean observed delay.

    References
    ----------
    Chapelle, Modeling delayed feedback in display advertising, KDD 2014.
    """
    check_served(snapshot)
    recent = snapshot.take(recent_rows(snapshot, options))
    scaling, sample = make_sample(recent, ridge=options.ridge)
    sample.fit(recent.label, np.ones(len(recent)))
    seen = recent.delay[recent.label > 0]
    unit = float(seen.mean()) if seen.size and seen.mean() > 0 else recent.window
    time = np.where(recent.label > 0, recent.delay, np.minimum(recent.age, recent.window)) / unit
    rows = DelayedSample(sample.design, recent.label, time, recent.window / unit, options.ridge)
    coefficients = maximise_likelihood(rows, start=sample.coefficients)
    return FittedRule(Served(scaling, coefficients[: scaling.width]).predict)


def maximise_likelihood(rows: DelayedSample, *, start: FloatArray) -> FloatArray:
    """Coefficients (b, c) of least loss, from b = start and c = 0; shape (2 · columns,)."""
    width = rows.design.shape[1]
    found = minimize(
        partial(_mean_loss, rows),
        np.concatenate([start, np.zeros(width)]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": STEPS_CAP, "gtol": GRADIENT, "ftol": 1e-13, "maxcor": 20},
    )
    return np.asarray(found.x, dtype=np.float64)


def evaluate_loss(rows: DelayedSample, coefficients: FloatArray) -> tuple[float, FloatArray]:
    """Loss of :func:`fit_dfm` with its penalty, and its gradient."""
    width = rows.design.shape[1]
    penalty = np.full(2 * width, rows.ridge)
    penalty[[0, width]] = 0.0
    value = 0.5 * float(penalty @ (coefficients * coefficients))
    gradient = penalty * coefficients
    for first in range(0, len(rows.label), BLOCK):
        block = slice(first, first + BLOCK)
        x, v, t = rows.design[block], rows.label[block], rows.time[block]
        loss, by_eta, by_rate = _row_loss(x @ coefficients[:width], x @ coefficients[width:], v, t, rows.window)
        value += float(loss.sum())
        gradient[:width] += x.T @ by_eta
        gradient[width:] += x.T @ by_rate
    return value, gradient


def _mean_loss(rows: DelayedSample, coefficients: FloatArray) -> tuple[float, FloatArray]:
    value, gradient = evaluate_loss(rows, coefficients)
    return value / len(rows.label), gradient / len(rows.label)


def _row_loss(
    eta: FloatArray, log_rate: FloatArray, v: FloatArray, t: FloatArray, window: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Loss of each row and its derivatives by log-odds and by log rate."""
    inside = np.abs(log_rate) < LOG_RATE_CAP
    rate = np.exp(np.clip(log_rate, -LOG_RATE_CAP, LOG_RATE_CAP))
    p = expit(eta)
    whole = -np.expm1(-rate * window)  # 1 − e^{−λw}
    slope = rate * window * np.exp(-rate * window)  # its derivative by ln λ
    survived = (np.exp(-rate * t) - np.exp(-rate * window)) / whole
    survived_slope = (slope - rate * t * np.exp(-rate * t) - survived * slope) / whole
    rest = np.maximum(1.0 - p + p * survived, 1e-300)
    positive = np.logaddexp(0.0, -eta) - np.log(rate) + rate * t + np.log(whole)
    loss = np.where(v > 0, positive, -np.log(rest))
    by_eta = np.where(v > 0, p - 1.0, p * (1.0 - p) * (1.0 - survived) / rest)
    by_rate = np.where(v > 0, rate * t - 1.0 + slope / whole, -p * survived_slope / rest)
    return loss, by_eta, np.where(inside, by_rate, 0.0)
