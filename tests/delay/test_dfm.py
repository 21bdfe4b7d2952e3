"""The delayed feedback model."""

import numpy as np
import pytest
from scipy.special import expit

from core.delay.data import Options
from core.delay.dfm import DelayedSample, evaluate_loss, fit_dfm, maximise_likelihood
from core.delay.laws import DAY
from core.delay.simulate import START, DelayLaw, World, simulate_log
from core.delay.snapshot import observe
from core.rng import make_generator


def sample(ridge: float = 0.0) -> DelayedSample:
    """Rows of half-life 1 and window 3, of ages 1 and 2, that are exactly as the model says.

    Within the window F(1) = (1/2)/(7/8) = 4/7 and F(2) = (3/4)/(7/8) = 6/7. With p = 0.35: 0.2 and 0.3 are seen, with
    p = 0.7: 0.4 and 0.6. The loss depends on delays through their sum, so each stands for their mean below the age,
    1/λ − e·2^(−e)/(1 − 2^(−e)).
    """
    design, label, time = [], [], []
    for x, p in ((0.0, 0.35), (1.0, 0.7)):
        for age in (1.0, 2.0):
            seen = round(1_000 * p * (1 - 2**-age) / 0.875)
            mean = 1 / np.log(2) - age * 2**-age / (1 - 2**-age)
            design += [[1.0, x]] * 1_000
            label += [1.0] * seen + [0.0] * (1_000 - seen)
            time += [mean] * seen + [age] * (1_000 - seen)
    return DelayedSample(np.array(design), np.array(label), np.array(time), 3.0, ridge)


def test_the_fixed_point_is_the_truth() -> None:
    found = maximise_likelihood(sample(), start=np.zeros(2))
    kinds = np.array([[1.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(expit(kinds @ found[:2]) / [0.35, 0.7], 1.0, rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.exp(kinds @ found[2:]), np.log(2.0), rtol=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_the_gradient_is_that_of_the_loss(seed: int) -> None:
    rows, h = sample(ridge=3.0), 1e-6
    at = np.random.default_rng(seed).normal(0.0, 0.7, 4)
    _, gradient = evaluate_loss(rows, at)
    for j, step in enumerate(h * np.eye(4)):
        numeric = (evaluate_loss(rows, at + step)[0] - evaluate_loss(rows, at - step)[0]) / (2 * h)
        assert gradient[j] == pytest.approx(numeric, rel=1e-5, abs=1e-3)


def test_it_is_right_where_delays_are_exponential_and_naive_is_not() -> None:
    law = DelayLaw("exponential", median=6.0, slope=0.4, agreement=0.0)
    log = simulate_log(World(days=31, daily=1_000, covariates=2, walk=0.0, law=law), rng=make_generator(1))
    assert log.truth is not None
    at = START + 30 * DAY
    snapshot = observe(log, at, window=30 * DAY)
    later = log.time >= at
    served = fit_dfm(snapshot, options=Options()).predict(log.features[later], log.segment[later])
    true = log.truth.p[later].sum()
    assert abs(served.sum() / true - 1) < 0.08  # 3 standard errors of a rate from some 2,400 conversions
    assert snapshot.label.mean() * later.sum() / true < 0.85
