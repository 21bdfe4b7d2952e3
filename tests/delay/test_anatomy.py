"""Where the bias of young labels comes from."""

import numpy as np
import pytest

from core.delay.anatomy import (
    count_outcomes,
    measure_baking,
    measure_bias,
    measure_distribution,
    measure_rate_by_age,
    split_error,
)
from core.delay.arms import plan_arm
from core.delay.compare import MEASURES, Comparison
from core.delay.data import Options
from core.delay.laws import DAY
from core.delay.simulate import World, simulate_log
from core.delay.snapshot import observe
from core.errors import InputError
from core.rng import make_generator
from tests.delay.hand_logs import NONE, day, hand_log


def made(**measures: list[list[float]]) -> Comparison:
    arms = ("oracle", "naive", "is_signal")
    values = np.full((2, 3, len(MEASURES)), 0.5)
    for name, rows in measures.items():
        values[:, :, MEASURES.index(name)] = rows
    return Comparison(tuple(plan_arm(arm, options=Options()) for arm in arms), ("0", "1"), values)


def test_outcomes_are_worked_by_hand() -> None:
    # as of day 5, window 4: seen; converts later; converts after the window; none; the log ends before the window does
    log = hand_log([0, 0.2, 0.4, 4.1, 4.2], [1, 3, 4.5, 2, NONE], until=8.15)
    frame = count_outcomes(log, day(3), window=4 * DAY).frame()
    assert frame[["true_positive", "delayed_positive", "true_negative", "unknown"]].to_numpy().tolist() == [
        [1, 1, 1, 0]
    ]
    frame = count_outcomes(log, day(5), window=4 * DAY).frame()
    assert frame["start"].dt.strftime("%d").tolist() == ["05", "09"]
    assert frame.loc[0, ["true_positive", "delayed_positive", "true_negative", "unknown"]].tolist() == [2, 0, 1, 0]
    assert frame.loc[1, ["true_positive", "delayed_positive", "true_negative", "unknown"]].tolist() == [0, 1, 0, 1]


def test_the_distribution_counts_mature_conversions() -> None:
    log = hand_log([0, 1, 2, 9], [1, 2, 0, 0.5])
    found = measure_distribution(observe(log, day(10), window=4 * DAY))
    frame = found.frame()
    assert found.median == DAY
    assert frame["conversions"].sum() == 3
    assert frame["conversions"].iloc[0] == 1  # at once
    assert frame["arrived"].iloc[-1] == pytest.approx(1)
    assert frame["hi"].iloc[-1] == pytest.approx(4)
    assert np.allclose(frame["arrived"][frame["hi"] < 0.99], 1 / 3)


def test_rates_by_age_stand_beside_the_eventual_rate() -> None:
    log = hand_log([0.1, 0.5, 7.5, 9.2, 9.4], [1, NONE, 1.5, NONE, NONE])
    found = measure_rate_by_age(observe(log, day(10), window=4 * DAY))
    frame = found.frame()
    assert frame["rows"].tolist() == [2, 1, 2]
    assert frame["conversions"].tolist() == [0, 1, 1]
    assert frame["age"].tolist() == pytest.approx([0.7, 2.5, 9.7])
    assert found.eventual == pytest.approx(1 - 2 / 3 * 1 / 2)  # at 1 day one of three, at 1.5 one of two
    assert found.curve_frame()["rate"].iloc[0] == 0


def test_cohorts_bake_as_far_as_all_their_rows_have_come() -> None:
    log = hand_log([0, 6, 7], [1.5, 0.5, NONE])
    frame = measure_baking(observe(log, day(8.5), window=4 * DAY)).frame()
    assert frame["age"].tolist() == [1, 2, 1]  # the youngest row of the first week is 2.5 days old
    assert frame["conversions"].tolist() == [1, 2, 0]
    assert frame["rate"].tolist() == [0.5, 1, 0]


def test_cohorts_end_with_the_window() -> None:
    frame = measure_baking(observe(hand_log([0], [3.5]), day(20), window=4 * DAY)).frame()
    assert frame["age"].tolist() == [1, 2, 3, 4]
    assert frame["conversions"].tolist() == [0, 0, 0, 1]


def test_bias_by_age_and_segment() -> None:
    world = World(days=61, daily=200, covariates=2, campaigns=3)
    log = simulate_log(world, rng=make_generator(0))
    at = day(60)
    table = measure_bias(log, at, window=30 * DAY, options=Options())
    frame = table.frame()
    snapshot = observe(log, at, window=30 * DAY)
    recent = snapshot.age <= 30 * DAY
    final = log.final_label(30 * DAY)[: len(snapshot)]
    first = frame[frame["name"] == "0–1 d"].iloc[0]
    young = snapshot.age < DAY
    assert first["labels"] == pytest.approx(snapshot.label[young].sum() / final[young].sum())
    ages, segments = frame[frame["part"] == "age"], frame[frame["part"] == "segment"]
    assert ages["rows"].sum() == segments["rows"].sum() == recent.sum()
    assert segments["name"].tolist() == ["campaign 1", "campaign 2", "campaign 3"]
    # the naive model keeps the level of its labels
    assert table.predicted[: len(ages)].sum() == pytest.approx(snapshot.label[recent].sum(), rel=1e-3)
    assert (frame["pcoc_lo"] < frame["pcoc"]).all()
    assert first["labels"] < 0.7 < ages["labels"].iloc[-1]


def test_bias_without_final_labels_is_refused() -> None:
    with pytest.raises(InputError, match="No row of the training window has a final label"):
        measure_bias(hand_log([0, 1], [1, NONE], until=3), day(3), window=4 * DAY, options=Options())


def test_the_split_adds_up() -> None:
    comparison = made(regret=[[1, 4, 2], [3, 5, 3]], pcoc=[[0.9, 0.8, 0.9], [0.9, 0.6, 1.0]])
    found = split_error(comparison)
    assert found.delay_bias.tolist() == [0, 2.5, 0.5]  # 3 and 2; 1 and 0
    assert found.delay_se.tolist() == pytest.approx([0, 0.5, 0.5])
    assert (found.staleness, found.staleness_se) == (2, pytest.approx(1))
    split = split_error(comparison, measure="pcoc")
    assert split.staleness == pytest.approx(-0.1)
    assert split.delay_bias.tolist() == pytest.approx([0, -0.2, 0.05])
    assert split.frame()["arm"].tolist() == ["oracle", "naive", "is_signal"]
