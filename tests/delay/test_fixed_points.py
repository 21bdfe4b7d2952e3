"""Where each scheme ends on a population that is known exactly: at p, or at its known bias.

All arms run as they are, on logs in which every frequency equals its probability, so that auxiliary models are exact.
"""

import numpy as np
import pytest
from scipy.special import expit

from core.arrays import FloatArray
from core.delay.arms import ARMS, plan_arm, train_arm
from core.delay.data import Options
from core.delay.learner import fit_logistic
from core.delay.snapshot import observe
from core.delay.streams import Stream, expand_defuse, weigh_defer, weigh_es_dfm, weigh_fnw
from tests.delay.populations import AT, KINDS, P_DP, WINDOW, P, exact_log

ON_SNAPSHOT = (
    "oracle", "wait", "fsiw", "ulc", "is_snapshot", "is_signal", "label_correction", "label_correction_signal",
    "entire_space",
)  # fmt: skip
ON_STREAM = ("fnw", "fnc", "es_dfm", "defer", "defuse")


def served(arm: str) -> FloatArray:
    """What the arm predicts for the three kinds of rows. Delays are 1 or 10 days, training rows 5 days old or, on
    streams, of all ages."""
    options = Options(lookback=10.0, deadline=14.0, observation=5.0, ridge=0.0)
    if arm in ON_STREAM:
        log = exact_log(tuple(np.arange(45) + 0.5), rows=100, signals=False)
    else:
        log = exact_log((5.0, 19.0, 35.0), rows=6_000, signals=True)
    trained = train_arm(plan_arm(arm, options=options), observe(log, AT, window=WINDOW), log=log)
    return trained.model.predict(KINDS, np.zeros(3, dtype=np.int64))


@pytest.mark.parametrize("arm", [*ON_SNAPSHOT, *ON_STREAM])
def test_a_correct_scheme_ends_at_the_truth(arm: str) -> None:
    np.testing.assert_allclose(served(arm) / P, 1.0, rtol=0, atol=1e-6)


def test_every_arm_has_a_fixed_point_here() -> None:
    # drop_last and naive below; dfm, whose law is exponential, in test_dfm.py
    assert {*ON_SNAPSHOT, *ON_STREAM, "naive", "drop_last", "dfm"} == set(ARMS)


@pytest.mark.parametrize("arm", ["naive", "drop_last(3)"])
def test_labels_as_seen_end_at_the_share_that_has_arrived(arm: str) -> None:
    # at age 5 the late ones are missing: (0.2 − 0.1)/0.2, (0.05 − 0.02)/0.05, (0.3 − 0.25)/0.3
    np.testing.assert_allclose(served(arm) / P, [0.5, 0.6, 1 / 6], rtol=0, atol=1e-6)


# --- the same with exact shares put in by hand: masses of a stream at each kind, and a minimiser of the loss ---


def minimise(mass: FloatArray, label: FloatArray, weight: FloatArray) -> FloatArray:
    """Minimiser at each kind of Σ mass · weight · log-loss; columns are the entries of the stream."""
    kinds = np.hstack([np.ones((3, 1)), KINDS])
    design = np.repeat(kinds, mass.shape[1], axis=0)
    found = fit_logistic(design, np.tile(label, 3), (mass * weight).ravel(), ridge=0.0)
    return expit(kinds @ found)


ONE = np.ones((3, 1))
LABEL = np.array([1.0, 0.0])
P_RN = (1 - P) / (1 - P + P_DP)


def test_the_three_uncorrected_schemes_have_their_known_bias() -> None:
    waited = np.stack([P - P_DP, 1 - P + P_DP], axis=1)
    np.testing.assert_allclose(minimise(waited, LABEL, ONE) / P, [0.5, 0.6, 1 / 6], rtol=0, atol=1e-6)
    # duplicates of late positives: p of 1 + p_dp arrivals, so 1/1.1, 1/1.02, 1/1.25
    doubled = np.stack([P, 1 - P + P_DP], axis=1)
    np.testing.assert_allclose(minimise(doubled, LABEL, ONE) / P, [1 / 1.1, 1 / 1.02, 0.8], rtol=0, atol=1e-6)
    # every row once as negative, every conversion again: 1/(1 + p)
    fake = np.stack([P, np.ones(3)], axis=1)
    np.testing.assert_allclose(minimise(fake, LABEL, ONE) / P, [1 / 1.2, 1 / 1.05, 1 / 1.3], rtol=0, atol=1e-6)


def test_stream_weights_with_exact_shares_end_at_the_truth() -> None:
    p, p_dp, p_rn = (np.repeat(v, 2) for v in (P, P_DP, P_RN))
    label = np.tile(LABEL, 3)
    fake = np.stack([P, np.ones(3)], axis=1)
    np.testing.assert_allclose(minimise(fake, LABEL, weigh_fnw(label, p).reshape(3, 2)), P, rtol=0, atol=1e-7)
    doubled = np.stack([P, 1 - P + P_DP], axis=1)
    weight = weigh_es_dfm(label, p_dp, p_rn).reshape(3, 2)
    np.testing.assert_allclose(minimise(doubled, LABEL, weight), P, rtol=0, atol=1e-7)
    thinned = np.where(label > 0, 1.0, p_rn).reshape(3, 2)  # the joint ratio keeps p(x)/q(x)
    np.testing.assert_allclose(minimise(doubled, LABEL, thinned), P, rtol=0, atol=1e-7)
    twice = np.stack([2 * P - P_DP, 2 * (1 - P) + P_DP], axis=1)
    weight = weigh_defer(label, p, p_dp / p).reshape(3, 2)
    np.testing.assert_allclose(minimise(twice, LABEL, weight), P, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("factor", "ratio"), [(0.8, (0.980, 0.996, 0.952)), (1.2, (1.020, 1.004, 1.053))], ids=["low", "high"]
)
def test_es_dfm_follows_the_error_of_its_real_negatives(factor: float, ratio: tuple[float, ...]) -> None:
    p_rn = np.repeat(1 - factor * (1 - P_RN), 2)
    weight = weigh_es_dfm(np.tile(LABEL, 3), np.repeat(P_DP, 2), p_rn).reshape(3, 2)
    found = minimise(np.stack([P, 1 - P + P_DP], axis=1), LABEL, weight)
    np.testing.assert_allclose(found / P, ratio, rtol=0, atol=6e-4)


def test_defuse_with_exact_shares_ends_at_the_truth() -> None:
    # one kind at a time: seen at once, negative at first, late
    for p, p_dp, p_rn in zip(P, P_DP, P_RN, strict=True):
        stream = Stream(np.arange(3), np.array([1.0, 0.0, 1.0]), np.array([False, False, True]))
        found = expand_defuse(stream, np.full(3, p_dp), np.full(3, p_rn))
        mass = np.array([p - p_dp, 1 - p + p_dp, p_dp])[found.rows] * found.weight
        assert abs(float(mass @ found.label / mass.sum()) / p - 1) < 1e-12
