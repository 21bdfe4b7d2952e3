"""Maximum likelihood of a logistic regression on counts."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from core.holdout.logistic import fit_logistic, weighted_inverse


def draw(points: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    columns = np.hstack([np.ones((points, 1)), rng.standard_normal((points, 3))])
    trials = rng.integers(1, 30, points).astype(float)
    rate = expit(columns @ np.array([-1.0, 0.5, -0.7, 0.2]))
    return columns, trials, rng.binomial(trials.astype(int), rate).astype(float)


def likelihood(rate: np.ndarray, trials: np.ndarray, positives: np.ndarray) -> float:
    return float(np.sum(positives * np.log(rate) + (trials - positives) * np.log1p(-rate)))


def test_one_rate() -> None:
    """3 of 10 and 5 of 30 with one intercept: 8/40 = 0.2, logit = ln 0.25; ln L = 8 ln 0.2 + 32 ln 0.8."""
    fit = fit_logistic(np.ones((2, 1)), np.array([10.0, 30.0]), np.array([3.0, 5.0]))
    assert fit.rate == pytest.approx([0.2, 0.2], abs=1e-9)
    assert fit.coefficients == pytest.approx([np.log(0.25)], abs=1e-6)
    assert fit.log_likelihood == pytest.approx(8 * np.log(0.2) + 32 * np.log(0.8), abs=1e-9)


def test_is_that_of_scikit_learn() -> None:
    columns, trials, positives = draw()
    fit = fit_logistic(columns, trials, positives)
    model = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-12, max_iter=1_000)
    both = np.vstack([columns, columns])
    label = np.repeat([1, 0], len(trials))
    model.fit(both, label, sample_weight=np.concatenate([positives, trials - positives]))
    assert fit.coefficients == pytest.approx(model.coef_[0], abs=1e-5)
    expected = likelihood(model.predict_proba(columns)[:, 1], trials, positives)
    assert fit.log_likelihood == pytest.approx(expected, abs=1e-6)
    assert fit.log_likelihood == pytest.approx(likelihood(fit.rate, trials, positives), abs=1e-9)


def test_columns_that_depend_on_others_change_nothing() -> None:
    columns, trials, positives = draw()
    more = np.hstack([columns, columns[:, [1]] + columns[:, [2]], np.zeros((len(trials), 1))])
    plain, dependent = fit_logistic(columns, trials, positives), fit_logistic(more, trials, positives)
    assert dependent.rate == pytest.approx(plain.rate, abs=1e-6)
    assert np.isfinite(dependent.coefficients).all()


def test_order_and_split_of_points_do_not_matter() -> None:
    columns, trials, positives = draw()
    order = np.random.default_rng(1).permutation(len(trials))
    turned = fit_logistic(columns[order], trials[order], positives[order])
    assert turned.coefficients == pytest.approx(fit_logistic(columns, trials, positives).coefficients, abs=1e-6)
    halves = fit_logistic(np.vstack([columns, columns]), np.tile(trials / 2, 2), np.tile(positives / 2, 2))
    assert halves.coefficients == pytest.approx(turned.coefficients, abs=1e-6)


def test_a_fit_never_falls_below_its_start() -> None:
    columns, trials, positives = draw()
    start = fit_logistic(columns[:, :2], trials, positives)
    assert fit_logistic(columns[:, :2], trials, positives, start=start).log_likelihood >= start.log_likelihood
    assert fit_logistic(columns, trials, positives, start=start).log_likelihood > start.log_likelihood


def test_separated_points_converge_in_likelihood() -> None:
    """All positives at x = 1, none at x = -1: the likelihood tends to 1, the slope to infinity."""
    x = np.array([[1.0, 1.0], [1.0, -1.0]])
    fit = fit_logistic(x, np.array([50.0, 50.0]), np.array([50.0, 0.0]))
    assert -1e-4 < fit.log_likelihood <= 0
    assert np.isfinite(fit.coefficients).all()


def test_extreme_scores_and_many_rows() -> None:
    z = logit(np.array([1e-6, 1e-3, 0.5, 1 - 1e-6]))
    trials = np.full(4, 1e8)
    fit = fit_logistic(np.column_stack([np.ones(4), z]), trials, trials * expit(0.3 + 0.9 * z))
    assert fit.coefficients == pytest.approx([0.3, 0.9], rel=1e-6)


def test_inverse_leaves_out_what_is_noise_beside_the_column() -> None:
    column = np.array([[1.0], [1.0 + 1e-13]])
    centred = column - column.mean()
    assert weighted_inverse(centred, np.ones(2), scale=np.array([1.0])) == pytest.approx(0.0)
    assert weighted_inverse(column, np.ones(2)) == pytest.approx(0.5)
