"""Measures of a prediction."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from core.arrays import FloatArray
from core.delay.metrics import area_under_curve, calibration_error, score_predictions


def drawn(seed: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    guess = np.round(rng.uniform(0.02, 0.98, 500), 2)  # with ties
    return guess, (rng.random(500) < guess**2).astype(np.float64)


@pytest.mark.parametrize("seed", range(5))
def test_log_loss_and_auc_agree_with_scikit_learn(seed: int) -> None:
    guess, label = drawn(seed)
    found = score_predictions(guess, label)
    assert found.log_loss == pytest.approx(log_loss(label, guess))
    assert found.auc == pytest.approx(roc_auc_score(label, guess))
    assert np.isnan(found.regret)


def test_measures_are_worked_by_hand() -> None:
    # predicted 0.2 and 0.6 where 0.5 and 0.5 are true
    p = np.array([0.5, 0.5])
    found = score_predictions(np.array([0.2, 0.6]), np.array([0.0, 1.0]), p=p)
    kl = 0.5 * np.log(0.5 / 0.2) + 0.5 * np.log(0.5 / 0.8) + 0.5 * np.log(0.5 / 0.6) + 0.5 * np.log(0.5 / 0.4)
    assert found.regret == pytest.approx(kl / 2)
    assert found.pcoc == pytest.approx(0.8)
    assert found.ece == pytest.approx((0.3 + 0.1) / 2)
    assert found.auc == 0.5


def test_truth_has_no_regret_and_every_other_prediction_has() -> None:
    p, _ = drawn(0)
    assert score_predictions(p, p, p=p).regret == pytest.approx(0.0, abs=1e-12)
    assert score_predictions(p * 0.9, p, p=p).regret > 1e-3


def test_bins_hold_equally_many_rows() -> None:
    # 30 rows, 15 bins of two: within each bin the errors +0.1 and −0.1 cancel, in half the bins they do not
    guess = np.linspace(0.1, 0.9, 30)
    assert calibration_error(guess, guess + np.tile([0.1, -0.1], 15)) == pytest.approx(0.0, abs=1e-12)
    assert calibration_error(guess, guess + np.repeat([0.1, -0.1], 15)) == pytest.approx(0.1 * 28 / 30)


def test_equal_predictions_share_a_bin() -> None:
    # half of 3,000 rows convert, the first half of them: bins by their order would call 0.5 wrong by 0.5
    label = (np.arange(3_000) < 1_500).astype(np.float64)
    assert calibration_error(np.full(3_000, 0.5), label) == 0
    assert calibration_error(np.repeat([0.5, 0.6], 1_500), label) == pytest.approx((0.5 + 0.6) / 2)


def test_few_rows_are_bins_of_their_own() -> None:
    assert calibration_error(np.array([0.3]), np.array([1.0])) == pytest.approx(0.7)


def test_one_class_has_no_auc_and_no_conversions_no_ratio() -> None:
    found = score_predictions(np.array([0.2, 0.3]), np.zeros(2))
    assert np.isnan(found.auc)
    assert np.isnan(found.pcoc)


def test_a_sure_mistake_stays_finite() -> None:
    found = score_predictions(np.array([1.0, 0.0]), np.array([0.0, 1.0]), p=np.array([0.1, 0.9]))
    assert np.isfinite(found.regret)
    assert found.log_loss > 10


def test_a_share_of_a_conversion_is_both() -> None:
    # pairs: outcomes 0.5 at 0.2 and 1 at 0.4; below the second lies 0.5 negative, beside the first itself half of 0.25
    assert area_under_curve(np.array([0.2, 0.4]), np.array([0.5, 1.0])) == pytest.approx((0.5 * 0.25 + 0.5) / 0.75)
