"""How much of a log is in yet."""

import json

import numpy as np
import pytest

from core.delay.data import NoMatureCohort, Snapshot
from core.delay.laws import DAY
from core.delay.maturity import ALL, group_by_time, measure_cohorts, measure_delays, measure_maturity
from core.delay.simulate import START, World, simulate_log
from core.delay.snapshot import observe
from core.rng import make_generator
from tests.delay.hand_logs import NONE, day, hand_log


def snapshot() -> Snapshot:
    # window 4 days, as of day 10: ages 10, 9, 8, 7 (mature), 2.5 and 1
    log = hand_log([0, 1, 2, 3, 7.5, 9], [1, 3, NONE, NONE, 1.5, NONE], segment=[0, 1, 0, 0, 1, 1])
    return observe(log, day(10), window=4 * DAY)


def test_the_table_is_worked_by_hand() -> None:
    # All six rows are followed for a day: R(1) = 1/6. Five are left at 1.5: R(1.5) = 1 − 5/6 · 3/4 = 3/8, for the row
    # of age 1 is gone. At 3 the mature ones are left, three without: R(3) = 1 − 5/8 · 2/3 = 7/12.
    found = measure_maturity(snapshot())
    frame = found.frame().set_index("age_lo")
    assert frame.loc[1, ["rows", "conversions"]].tolist() == [1, 0]
    assert frame.loc[2, ["rows", "conversions"]].tolist() == [1, 1]
    assert frame.loc[1, "expected"] == pytest.approx(1 / 6)
    assert frame.loc[2, "expected"] == pytest.approx(3 / 8)
    assert frame.loc[7, "expected"] == pytest.approx(7 / 12)
    # The youngest row may still convert: (7/12 − 1/6)/(5/6) = 1/2. What has converted stays as it is.
    assert frame.loc[1, "eventual"] == pytest.approx(1 / 2)
    assert frame.loc[2, "eventual"] == 1
    assert frame.loc[[7, 8, 9, 10], "eventual"].tolist() == [0, 0, 1, 1]
    # mature conversions took 1 and 3 days
    assert frame.loc[[1, 3], "delays"].tolist() == [0.5, 0.5]
    assert frame.loc[[0, 1, 2, 3], "arrived"].tolist() == [0, 0.5, 0.5, 1]
    assert np.isnan(frame.loc[5, "rate"])
    assert frame["rows"].sum() == 6
    # open rows have seen 2.5 and 1 of 4 days: (1.5/4 + 3/4)/6
    assert found.unseen == pytest.approx((0.375 + 0.75) / 6)
    assert found.open_rows == 2
    assert found.missing == pytest.approx(1 - 3 / 3.5)
    assert found.warning() is not None
    assert "2 of 6 rows have not been followed for the whole window of 4 days. 19% of all windows" in found.warning()


def test_plain_values_hold_no_nan() -> None:
    text = json.dumps(measure_maturity(snapshot()).to_json(), allow_nan=False)
    lines = json.loads(text)["ages"]
    assert lines[-1]["age_hi"] is None
    assert lines[5]["rate"] is None
    assert lines[2]["conversions"] == 1


def test_nothing_is_cut_off_once_every_window_has_passed() -> None:
    found = measure_maturity(observe(hand_log([0, 1], [1, NONE]), day(10), window=4 * DAY))
    assert found.warning() is None
    assert found.missing == 0


def test_cohorts_are_worked_by_hand() -> None:
    found = measure_cohorts(snapshot(), unit="week").frame()
    # START is a Monday: days 0 to 6 are the first week, 7.5 and 9 the second
    assert found["start"].dt.strftime("%Y-%m-%d").tolist() == ["2026-01-05", "2026-01-12"]
    assert found["rows"].tolist() == [4, 2]
    assert found["conversions"].tolist() == [2, 1]
    assert found["expected"].tolist() == pytest.approx([4 * 7 / 12, 1 / 6 + 3 / 8])
    assert found["eventual"].tolist() == pytest.approx([2, 1.5])
    # Binomial(2, 0.271): P(0) = 0.53, P(2) = 0.07
    assert found.loc[1, ["expected_lo", "expected_hi"]].tolist() == [0, 2]
    assert not found["outside"].any()


def test_a_cohort_that_converts_less_than_its_age_allows_is_marked() -> None:
    world = World(days=45, daily=300, covariates=1, walk=0.0, jump=-3.0, jump_day=30)
    found = measure_cohorts(observe(simulate_log(world, rng=make_generator(0)), day(45), window=30 * DAY)).frame()
    assert found["outside"][31:40].mean() > 0.7
    same = World(days=45, daily=300, covariates=1, walk=0.0)
    found = measure_cohorts(observe(simulate_log(same, rng=make_generator(0)), day(45), window=30 * DAY)).frame()
    assert found["outside"].mean() < 0.15


def test_delay_curves_by_segment() -> None:
    found = measure_delays(snapshot())
    assert found.names == (ALL, "a", "b")
    assert found.conversions.tolist() == [2, 1, 1]
    frame = found.frame()
    before = frame[(frame["segment"] == "a") & (frame["age"] < 1)]
    after = frame[(frame["segment"] == "a") & (frame["age"] >= 1)]
    assert (before["arrived"] == 0).all()
    assert (after["arrived"] == 1).all()
    assert frame.groupby("segment")["arrived"].last().tolist() == [1, 1, 1]
    assert found.unknown == ()


def test_segments_without_mature_conversions_are_named() -> None:
    log = hand_log([0, 1, 9], [1, NONE, 0.5], segment=[0, 0, 1])
    assert measure_delays(observe(log, day(10), window=4 * DAY)).unknown == ("b",)


@pytest.mark.parametrize("measure", [measure_maturity, measure_cohorts, measure_delays])
def test_without_a_mature_cohort_the_first_date_is_told(measure) -> None:
    with pytest.raises(NoMatureCohort) as error:
        measure(observe(hand_log([0, 1], [1, 1]), day(3), window=4 * DAY))
    assert error.value.first_at == day(4)


def test_weeks_begin_on_monday() -> None:
    start, cohort = group_by_time(START + DAY * np.array([0.0, 6.99, 7.0]), "week")
    assert (start - START).tolist() == [0, 7 * DAY]
    assert cohort.tolist() == [0, 0, 1]
