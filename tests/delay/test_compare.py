"""Arms side by side."""

import json
from dataclasses import replace

import numpy as np
import pytest

from core.delay.arms import plan_arm
from core.delay.compare import MEASURES, Comparison, Schedule, _fieller, compare_arms, compare_on_log
from core.delay.data import Options
from core.delay.laws import DAY
from core.delay.simulate import START, World
from core.errors import InputError
from core.jobs import finish
from tests.delay.populations import small_log

WORLD = World(daily=300, covariates=3, campaigns=2)
ARMS = ("oracle", "naive", "is_snapshot", "is_signal")


def compare(**changes: object) -> Comparison:
    usual: dict[str, object] = {"arms": ARMS, "seeds": (0, 1, 2), "schedule": Schedule(), "options": Options()}
    return finish(compare_arms(WORLD, **usual | changes))  # type: ignore[arg-type]


def made(regret: list[list[float]], arms: tuple[str, ...] = ("oracle", "naive", "is_signal")) -> Comparison:
    values = np.full((len(regret), len(arms), len(MEASURES)), 0.5)
    values[:, :, 0] = regret
    plans = tuple(plan_arm(arm, options=Options()) for arm in arms)
    return Comparison(plans, tuple(map(str, range(len(regret)))), values)


def test_means_errors_and_pairs_are_worked_by_hand() -> None:
    found = made([[1, 5, 2], [2, 8, 2], [3, 8, 5]])
    frame = found.frame().set_index("arm")
    assert frame.loc["naive", "regret"] == 7
    assert frame.loc["naive", "regret_se"] == pytest.approx(np.sqrt(3 / 3))  # variance (4 + 1 + 1)/2 = 3, of 3 runs
    pair = found.paired("is_signal", "naive")  # −3, −6, −3
    assert pair.difference == -4
    assert pair.se == pytest.approx(1.0)
    assert pair.t == pytest.approx(-4.0)
    assert found.recovery("is_signal").share == pytest.approx(4 / 5)  # of 4, 6, 5
    assert found.recovery("oracle").share == pytest.approx(1.0)


def test_fieller_is_where_the_difference_is_no_longer_told_from_0() -> None:
    rng = np.random.default_rng(0)
    below = rng.normal(5.0, 1.0, 12)
    above = 0.8 * below + rng.normal(0.0, 0.5, 12)
    for end in _fieller(above, below):
        rest = above - end * below
        t = rest.mean() / (rest.std(ddof=1) / np.sqrt(12))
        assert abs(t) == pytest.approx(2.201, abs=1e-3)  # t quantile, 11 degrees of freedom


def test_fieller_covers_the_ratio() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(1_000):
        below = rng.normal(2.0, 1.0, 20)
        lo, hi = _fieller(0.7 * below + rng.normal(0.0, 1.0, 20), below)
        hits += lo <= 0.7 <= hi
    assert abs(hits - 950) < 4.4 * np.sqrt(1_000 * 0.95 * 0.05)


def test_a_gap_that_may_be_0_has_no_finite_interval() -> None:
    found = made([[1, 2, 1], [5, 1, 2], [3, 7, 2]]).recovery("is_signal")
    assert (found.lo, found.hi) == (float("-inf"), float("inf"))
    none = made([[5, 1, 2], [6, 1, 2]]).recovery("is_signal")
    assert np.isnan(none.share)  # naive is better than the oracle


def test_corrections_are_better_than_none_in_a_small_world() -> None:
    found = compare()
    assert found.values.shape == (3, 4, len(MEASURES))
    assert np.isfinite(found.values).all()
    assert found.of("is_signal", "regret").mean() < found.of("naive", "regret").mean()
    assert found.of("naive", "pcoc").mean() < found.of("is_signal", "pcoc").mean()
    rows = 300 * 30
    assert np.all(found.of("naive", "ess") == rows)
    assert np.all(found.of("is_signal", "ess") < rows)


def test_a_seed_gives_the_same_numbers_whatever_stands_beside_it() -> None:
    assert np.array_equal(compare().values[1], compare(seeds=(1,)).values[0])
    alone = compare(arms=("is_signal",), seeds=(1,))
    assert np.array_equal(compare().of("is_signal", "regret")[1:2], alone.of("is_signal", "regret"))


def test_json_is_plain_and_complete() -> None:
    plain = json.loads(json.dumps(compare().to_json(), allow_nan=False))
    assert set(plain["arms"]) == set(ARMS)
    assert set(plain["arms"]["naive"]) == {"regret", "pcoc", "log_loss", "ece", "auc", "ess"}
    assert set(plain["arms"]["naive"]["regret"]) == {"value", "se"}
    pairs = {(pair["arm"], pair["against"]) for pair in plain["paired"]}
    assert pairs == {
        ("oracle", "naive"), ("is_snapshot", "naive"), ("is_signal", "naive"), ("is_signal", "is_snapshot"),
    }  # fmt: skip
    assert [row["arm"] for row in plain["recovery"]] == list(ARMS)


def test_one_seed_has_no_error() -> None:
    plain = compare(seeds=(0,), arms=("oracle", "naive")).to_json()
    assert plain["arms"]["naive"]["regret"]["se"] is None
    assert plain["paired"][0]["t"] is None


def test_retraining_more_often_scores_the_same_days() -> None:
    often = compare(arms=("naive",), seeds=(0,), schedule=Schedule(cadence=1, rounds=3))
    once = compare(arms=("naive",), seeds=(0,), schedule=Schedule(cadence=3, rounds=1))
    assert often.values.shape == once.values.shape
    assert often.of("naive", "regret")[0] != once.of("naive", "regret")[0]


def test_progress_rises_and_a_job_can_be_stopped() -> None:
    job = compare_arms(WORLD, arms=ARMS, seeds=(0, 1), schedule=Schedule(), options=Options())
    shares = [next(job).share for _ in range(7)]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] < 1
    job.close()


def test_a_log_is_scored_on_later_days_with_final_labels() -> None:
    log = replace(small_log(), truth=None)
    schedule = Schedule(cadence=2, rounds=2)
    job = compare_on_log(
        log, at=START + 62 * DAY, window=30 * DAY, arms=("oracle", "naive", "is_signal"), schedule=schedule,
        options=Options(),
    )  # fmt: skip
    found = finish(job)
    assert found.runs == ("2026-03-08 00:00 UTC", "2026-03-10 00:00 UTC")
    assert found.measure == "log_loss"
    assert np.isnan(found.of("naive", "regret")).all()
    assert found.of("naive", "pcoc").mean() < found.of("oracle", "pcoc").mean()
    assert found.to_json()["arms"]["naive"]["regret"]["value"] is None
    assert {pair.measure for pair in found.pairs()} == {"log_loss"}


def test_truth_of_another_window_is_not_taken_for_the_truth() -> None:
    log = small_log()
    for window, known in ((30 * DAY, True), (7 * DAY, False)):
        found = finish(
            compare_on_log(
                log, at=START + 62 * DAY, window=window, arms=("naive",), schedule=Schedule(), options=Options()
            )
        )
        assert np.isfinite(found.of("naive", "regret")).all() == known


def test_a_date_without_final_labels_after_it_is_refused() -> None:
    log = replace(small_log(), until=START + 70 * DAY, truth=None)
    with pytest.raises(InputError, match="No impression of the 1 days after 2026-03-08") as caught:
        finish(compare_on_log(log, at=START + 62 * DAY, window=30 * DAY, schedule=Schedule(), options=Options()))
    assert "before 2026-02-14" in caught.value.fix  # day 70 less 30


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": ()}, "no seeds"),
        ({"arms": ()}, "each arm once; given: none"),
        ({"arms": ("naive", "naive")}, "each arm once; given: naive, naive"),
    ],
)
def test_a_comparison_of_nothing_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare(**changes)


def test_an_arm_that_was_not_compared_is_refused() -> None:
    with pytest.raises(InputError, match="'wait' was not compared"):
        made([[1, 2, 1]]).of("wait", "regret")


@pytest.mark.parametrize("change", [{"at": 0}, {"cadence": 0}, {"rounds": 0}])
def test_a_bad_schedule_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(InputError, match="must be a whole number"):
        Schedule(**change)
