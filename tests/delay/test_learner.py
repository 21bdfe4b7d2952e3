"""The served model."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from core.arrays import FloatArray
from core.delay.data import FittedRule, SignalServed, SnapshotWeights, StreamWeights
from core.delay.laws import DAY
from core.delay.learner import _evaluate, fit_logistic, fit_served
from core.delay.simulate import START
from core.delay.snapshot import observe
from core.errors import InputError
from tests.delay.populations import small_log

AT = START + 60 * DAY


def rows(seed: int, count: int = 300) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    design = np.hstack([np.ones((count, 1)), rng.standard_normal((count, 3))])
    label = rng.random(count)  # soft
    return design, label, rng.uniform(0.1, 3.0, count), rng.standard_normal(count)


@pytest.mark.parametrize("seed", range(5))
def test_newton_ends_where_a_general_minimiser_does(seed: int) -> None:
    design, label, weight, offset = rows(seed)

    def loss(b: FloatArray) -> float:
        eta = design @ b + offset
        return float(weight @ (np.logaddexp(0, eta) - label * eta) + 0.5 * 2.0 * (b[1:] @ b[1:]))

    slow = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(fit_logistic(design, label, weight, ridge=2.0, offset=offset), slow.x, atol=1e-5)


def test_hard_labels_agree_with_scikit_learn() -> None:
    design, label, weight, _ = rows(7, 5_000)  # several blocks
    hard = (label > 0.7).astype(np.float64)
    theirs = LogisticRegression(C=0.5, tol=1e-10, max_iter=1_000).fit(design[:, 1:], hard, sample_weight=weight)
    ours = fit_logistic(design, hard, weight, ridge=2.0)
    np.testing.assert_allclose(ours, np.append(theirs.intercept_, theirs.coef_), atol=1e-5)


def test_gradient_and_hessian_are_those_of_the_loss() -> None:
    design, label, weight, offset = rows(1)
    penalty, at, h = np.array([0.0, 1.0, 1.0, 1.0]), np.array([0.1, -0.4, 0.3, 0.2]), 1e-6
    _, gradient, hessian = _evaluate(design, label, weight, offset, at, penalty)
    for j, step in enumerate(h * np.eye(4)):
        up, down = (_evaluate(design, label, weight, offset, at + s, penalty) for s in (step, -step))
        assert gradient[j] == pytest.approx((up[0] - down[0]) / (2 * h), rel=1e-5, abs=1e-5)
        np.testing.assert_allclose(hessian[j], (up[1] - down[1]) / (2 * h), rtol=1e-5, atol=1e-5)


def test_a_soft_label_is_two_weighted_rows() -> None:
    design, label, weight, _ = rows(2)
    twice = np.vstack([design, design])
    hard = np.repeat([1.0, 0.0], len(label))
    parts = np.concatenate([weight * label, weight * (1 - label)])
    ours = fit_logistic(design, label, weight, ridge=1.0)
    np.testing.assert_allclose(ours, fit_logistic(twice, hard, parts, ridge=1.0), atol=1e-9)


def test_columns_that_depend_on_each_other_and_separable_rows_end() -> None:
    design = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 0.0, 1.0]])
    b = fit_logistic(design, np.array([1.0, 0.0, 1.0]), np.ones(3), ridge=0.0)
    p = expit(design @ b)
    assert p[0] > 0.999
    assert p[1] == pytest.approx(0.5, abs=1e-6)


def test_the_order_of_rows_does_not_matter() -> None:
    design, label, weight, _ = rows(3)
    order = np.random.default_rng(0).permutation(len(label))
    np.testing.assert_allclose(
        fit_logistic(design, label, weight, ridge=1.0),
        fit_logistic(design[order], label[order], weight[order], ridge=1.0),
        atol=1e-9,
    )


def everything(count: int) -> SnapshotWeights:
    return SnapshotWeights(np.arange(count), np.arange(count) % 2.0, np.ones(count))


def test_a_signal_as_served_feature_is_refused_with_its_reason() -> None:
    log = small_log()
    seen = np.isfinite(log.signal_delay) & (log.time[:, None] + log.signal_delay <= AT)
    disguised = replace(
        log, features=np.hstack([log.features, 3.0 - 2.0 * seen]), feature_names=(*log.feature_names, "basket")
    )
    snapshot = observe(disguised, AT, window=30 * DAY)
    with pytest.raises(
        SignalServed, match="'basket' says whether signal 'cart' was seen: a signal comes after the"
    ) as e:
        fit_served(snapshot, everything(len(snapshot)), ridge=1.0)
    assert "Map it as signal" in e.value.fix


def test_a_feature_of_two_values_that_is_no_signal_is_served() -> None:
    log = small_log()
    weekend = (np.arange(len(log)) % 7 < 2).astype(np.float64)[:, None]
    other = replace(log, features=np.hstack([log.features, weekend]), feature_names=(*log.feature_names, "weekend"))
    snapshot = observe(other, AT, window=30 * DAY)
    fit_served(snapshot, everything(len(snapshot)), ridge=1.0)


def test_more_columns_than_features_are_refused_when_served() -> None:
    log = small_log()
    snapshot = observe(log, AT, window=30 * DAY)
    model = fit_served(snapshot, everything(len(snapshot)), ridge=1.0)
    with pytest.raises(SignalServed, match="has 5 features; 6 are given"):
        model.predict(np.hstack([log.features, log.signal_delay]), log.segment)


def test_odds_are_served_up_to_1() -> None:
    log = small_log()
    snapshot = observe(log, AT, window=30 * DAY)
    rows = np.arange(len(snapshot))
    for share, served in ((0.25, 1 / 3), (0.75, 1.0)):
        training = StreamWeights(rows, np.full(len(rows), share), np.ones(len(rows)), odds=True)
        found = fit_served(snapshot, training, ridge=1.0).predict(log.features, log.segment)
        np.testing.assert_allclose(found, served, atol=1e-6)


def test_a_rule_is_served_as_it_is() -> None:
    rule = FittedRule(lambda features, segment: np.zeros(len(segment)))
    assert fit_served(observe(small_log(), AT, window=30 * DAY), rule, ridge=1.0) is rule


def test_an_empty_training_set_is_refused() -> None:
    snapshot = observe(small_log(), AT, window=30 * DAY)
    empty = SnapshotWeights(np.arange(3), np.zeros(3), np.zeros(3))
    with pytest.raises(InputError, match="training set is empty"):
        fit_served(snapshot, empty, ridge=1.0)


@pytest.mark.parametrize("after_midnight", [0.0, 0.37])
def test_a_flag_that_knows_signals_to_come_is_refused_too(after_midnight: float) -> None:
    # a file says of every row whether the signal ever came; a snapshot has not seen that of its last minutes
    log = small_log(daily=600)
    flag = np.isfinite(log.signal_delay)
    flag[:20] = False  # and a few were dropped for their time
    other = replace(log, features=np.hstack([log.features, flag]), feature_names=(*log.feature_names, "in_cart"))
    snapshot = observe(other, AT + after_midnight * DAY, window=30 * DAY)
    with pytest.raises(SignalServed, match="'in_cart' says whether"):
        fit_served(snapshot, everything(len(snapshot)), ridge=1.0)


def test_a_feature_that_often_goes_with_a_signal_is_served() -> None:
    log = small_log(daily=600)
    often = np.isfinite(log.signal_delay) & (np.arange(len(log)) % 10 > 0)[:, None]
    other = replace(log, features=np.hstack([log.features, often]), feature_names=(*log.feature_names, "member"))
    snapshot = observe(other, AT, window=30 * DAY)
    fit_served(snapshot, everything(len(snapshot)), ridge=1.0)


@pytest.mark.parametrize("value", [0.1, 19.99, 1e6 + 0.1])
def test_a_feature_that_was_constant_and_then_changes_moves_nothing(value: float) -> None:
    # the mean of equal numbers misses them by a rounding, which must not become the unit of the feature
    log = small_log()
    price = np.where(log.time < AT, value, 2 * value)[:, None]
    other = replace(log, features=np.hstack([log.features, price]), feature_names=(*log.feature_names, "price"))
    later = log.time >= AT
    for ridge in (0.0, 1.0):
        plain, priced = (observe(one, AT, window=30 * DAY) for one in (log, other))
        ours = fit_served(plain, everything(len(plain)), ridge=ridge).predict(log.features[later], log.segment[later])
        theirs = fit_served(priced, everything(len(plain)), ridge=ridge).predict(
            other.features[later], other.segment[later]
        )
        np.testing.assert_allclose(theirs, ours, rtol=1e-6)
