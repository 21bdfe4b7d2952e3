"""What must hold of the weights of every arm."""

from dataclasses import replace

import numpy as np
import pytest

from core.arrays import FloatArray
from core.delay.arms import ARMS, plan_arm, train_arm
from core.delay.auxiliary import cap_weights, late_share
from core.delay.correction import correct_label
from core.delay.data import FittedRule, Log, NoMatureCohort, NoSupport, Options, Snapshot, SnapshotWeights, Training
from core.delay.importance import fit_is_snapshot, weigh_snapshot
from core.delay.laws import DAY
from core.delay.simulate import START
from core.delay.snapshot import observe
from core.errors import InputError
from tests.delay.populations import in_other_unit, small_log, with_delays

AT = START + 62 * DAY
WINDOW = 30 * DAY
OPTIONS = Options(lookback=25.0)
FREE = tuple(name for name in ARMS if name != "oracle")
WEIGHTED = tuple(name for name in FREE if ARMS[name].family != "own loss")
LIMIT = 4.4  # of |z|: one in 90,000


def train(arm: str, snapshot: Snapshot, options: Options = OPTIONS) -> Training:
    return train_arm(plan_arm(arm, options=options), snapshot).training


def outcome(training: Training, log: Log) -> list[FloatArray]:
    """Everything that an arm returns, as arrays."""
    if isinstance(training, FittedRule):
        return [training.predict(log.features, log.segment)]
    return [training.rows.astype(np.float64), training.label, training.weight]


@pytest.mark.parametrize("arm", [name for name in WEIGHTED if name not in {"fnw", "fnc"}])
def test_without_delay_every_weight_is_exactly_1(arm: str) -> None:
    # fnw and fnc call every row negative at first, so their streams hold duplicates whatever the delay
    log = small_log(without_delay=True)
    training = train(arm, observe(log, AT, window=WINDOW))
    assert not isinstance(training, FittedRule)
    assert np.array_equal(training.weight, np.ones(len(training.rows)))
    assert np.array_equal(training.label, log.final_label(WINDOW)[training.rows])


@pytest.mark.parametrize(
    "arm", ["fsiw", "ulc", "is_snapshot", "is_signal", "label_correction", "label_correction_signal"]
)
def test_a_final_label_is_left_as_it_is(arm: str) -> None:
    log = small_log()
    snapshot = observe(log, AT, window=WINDOW)
    training = train(arm, snapshot, replace(OPTIONS, lookback=45.0))
    assert isinstance(training, SnapshotWeights)
    mature = snapshot.is_mature[training.rows]
    assert mature.any()
    assert np.all(training.weight[mature] == 1)
    assert np.array_equal(training.label[mature], log.final_label(WINDOW)[training.rows][mature])


@pytest.mark.parametrize("arm", FREE)
def test_what_happens_after_the_moment_changes_nothing(arm: str) -> None:
    log = small_log()
    later = log.time + np.nan_to_num(log.delay, nan=0.0) > AT
    delay = np.where(later, 77.0 * DAY, log.delay)  # conversions to come are moved; NaN rows of the future convert
    signal_later = log.time[:, None] + np.nan_to_num(log.signal_delay, nan=0.0) > AT
    other = with_delays(log, delay, np.where(signal_later, 40.0 * DAY, log.signal_delay))
    other = replace(other, features=np.where((log.time >= AT)[:, None], 9.0, log.features))
    found = [outcome(train(arm, observe(seen, AT, window=WINDOW)), log) for seen in (log, other)]
    for ours, theirs in zip(*found, strict=True):
        assert np.array_equal(ours, theirs)


def test_a_conversion_before_the_moment_does_change_labels() -> None:
    # so that the test above has power
    log = small_log()
    seen = log.time + log.delay < AT
    other = with_delays(log, np.where(seen, np.nan, log.delay), log.signal_delay)
    found = [outcome(train("naive", observe(o, AT, window=WINDOW)), log) for o in (log, other)]
    assert not np.array_equal(found[0][1], found[1][1])


@pytest.mark.parametrize("arm", FREE)
def test_the_unit_of_time_changes_nothing(arm: str) -> None:
    log = small_log()
    stretched = replace(OPTIONS, lookback=75.0, drop=21.0, deadline=42.0, observation=0.75)
    ours = outcome(train(arm, observe(log, AT, window=WINDOW)), log)
    theirs = outcome(train(arm, observe(in_other_unit(log, 3.0), 3 * AT, window=3 * WINDOW), stretched), log)
    for one, three in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, three, rtol=1e-6)


def test_more_elapsed_time_brings_weights_nearer_1() -> None:
    arrived = np.linspace(0.05, 1.0, 40)
    late = late_share(np.full(40, 0.2), arrived)
    for v in (1.0, 0.0):
        distance = np.abs(weigh_snapshot(np.full(40, v), arrived, late) - 1)
        assert np.all(np.diff(distance) < 0)
        assert distance[-1] == 0


def test_weights_of_older_rows_are_nearer_1() -> None:
    snapshot = observe(small_log(), AT, window=WINDOW)
    found = fit_is_snapshot(snapshot, options=OPTIONS)
    order = np.argsort(snapshot.age[found.rows])
    by_age = [part.mean() for part in np.array_split(np.abs(found.weight - 1)[order], 5)]
    assert by_age == sorted(by_age, reverse=True)


def test_a_probability_of_0_of_being_seen_is_refused() -> None:
    with pytest.raises(NoSupport, match="1 conversions were seen at an age at which") as caught:
        weigh_snapshot(np.array([1.0, 0.0]), np.array([0.0, 0.0]), np.array([0.1, 0.1]))
    assert "quick conversions" in caught.value.fix


def test_an_arm_refuses_conversions_that_finished_cohorts_say_cannot_be() -> None:
    log = small_log()
    young = log.time > AT - 20 * DAY  # since then the first conversions take an hour; before, a day at least
    slow = with_delays(
        log, np.where(young, np.minimum(log.delay, 3_600.0), np.maximum(log.delay, 25 * DAY)), log.signal_delay
    )
    with pytest.raises(NoSupport):
        fit_is_snapshot(observe(slow, AT, window=WINDOW), options=OPTIONS)


@pytest.mark.parametrize("arm", ["wait", "is_snapshot", "is_signal", "label_correction", "label_correction_signal",
                                 "fnw", "fnc", "es_dfm", "defer", "defuse", "entire_space"])  # fmt: skip
def test_without_finished_cohorts_the_first_date_is_named(arm: str) -> None:
    log = small_log()
    with pytest.raises(NoMatureCohort, match="older than") as caught:
        train(arm, observe(log, START + 20 * DAY, window=WINDOW))
    assert abs(caught.value.first_at - (log.time[0] + WINDOW)) < 1e-6
    assert "2026-02-04" in caught.value.fix  # 30 days after the first row on 2026-01-05


@pytest.mark.parametrize("arm", ["fsiw", "ulc"])
def test_a_deadline_before_the_log_names_the_first_date(arm: str) -> None:
    with pytest.raises(NoMatureCohort, match="older than 14 days"):
        train(arm, observe(small_log(), START + 10 * DAY, window=WINDOW))


@pytest.mark.parametrize("arm", ["is_signal", "label_correction_signal", "entire_space"])
def test_an_arm_with_signals_needs_one(arm: str) -> None:
    with pytest.raises(InputError, match="has no signals"):
        train(arm, observe(small_log(signals=()), AT, window=WINDOW))


@pytest.mark.parametrize("arm", [name for name in WEIGHTED if ARMS[name].family != "soft labels"])
def test_no_weight_exceeds_the_cap(arm: str) -> None:
    snapshot = observe(small_log(), AT, window=WINDOW)
    training = train(arm, snapshot, replace(OPTIONS, cap=1.2))
    assert not isinstance(training, FittedRule)
    assert training.weight.max() <= 1.2


# --- unbiased, by Monte Carlo: the gradient of the weighted loss at the truth has mean 0 ---


def z_of(residual: FloatArray) -> float:
    return float(residual.mean() / (residual.std(ddof=1) / np.sqrt(len(residual))))


def draw(seed: int) -> tuple[FloatArray, ...]:
    """p, F(e), v, and P(y = 1 | x, s, e, v = 0) of rows of age e, with delays ~ exponential of mean depending on x."""
    rng = np.random.default_rng(seed)
    rows = 400_000
    x = rng.standard_normal(rows)
    p = 1 / (1 + np.exp(2.0 - x))
    age, rate = rng.uniform(0.1, 5.0, rows), np.exp(0.5 * x)
    y = rng.random(rows) < p
    v = y & (rng.exponential(1 / rate) <= age)
    s = rng.random(rows) < np.where(y, 0.75, 0.08)
    arrived = -np.expm1(-rate * age)
    late = late_share(p, arrived, np.where(s, 0.75 / 0.08, 0.25 / 0.92))
    return p, arrived, v.astype(np.float64), late


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("with_signal", [False, True])
def test_weights_are_unbiased_where_naive_and_capped_ones_are_not(seed: int, with_signal: bool) -> None:
    p, arrived, v, late = draw(seed)
    weight = weigh_snapshot(v, arrived, late if with_signal else late_share(p, arrived))
    assert abs(z_of(weight * (v - p))) < LIMIT
    assert z_of(v - p) < -LIMIT
    assert z_of(cap_weights(weight, 2.0) * (v - p)) < -LIMIT  # a cap lowers predictions


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("with_signal", [False, True])
def test_soft_labels_are_unbiased(seed: int, with_signal: bool) -> None:
    p, arrived, v, late = draw(seed)
    label = correct_label(v, late if with_signal else late_share(p, arrived))
    assert abs(z_of(label - p)) < LIMIT
