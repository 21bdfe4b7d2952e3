"""What is said of a comparison: only what its runs show."""

import numpy as np
import pytest

from core.delay.arms import plan_arm
from core.delay.compare import MEASURES, Comparison
from core.delay.data import Options
from core.delay.simulate import PRESETS, World
from core.delay.wording import drift_of, explain_comparison, is_seen, state_pair, state_recovery


def make_comparison(regret: dict[str, list[float]], *, with_truth: bool = True) -> Comparison:
    """A comparison with these regrets (or log-losses) per run."""
    plans = tuple(plan_arm(name, options=Options()) for name in regret)
    values = np.repeat(np.array(list(regret.values())).T[:, :, None], len(MEASURES), axis=2)
    if not with_truth:
        values[:, :, 0] = np.nan
    return Comparison(plans, tuple(f"seed {i}" for i in range(len(values))), values)


@pytest.mark.parametrize(
    ("preset", "drift"),
    [
        ("stationary", "none"),
        ("gradual", "gradual"),
        ("jump_up", "up"),
        ("jump_down", "down"),
        ("new_campaigns", "gradual"),
    ],
)
def test_presets_are_named_by_their_drift(preset: str, drift: str) -> None:
    assert drift_of(PRESETS[preset].world) == drift


def test_a_jump_is_named_before_a_walk() -> None:
    assert drift_of(World(walk=0.1, jump=0.2)) == "up"


def test_a_difference_is_seen_beyond_students_bound() -> None:
    # three runs with differences 1, 2, 3: mean 2, standard error 1/√3, t = 3.46; two degrees of freedom want 4.30
    comparison = make_comparison({"naive": [0.0, 0.0, 0.0], "wait": [1.0, 2.0, 3.0]})
    pair = comparison.paired("wait", "naive")
    assert pair.t == pytest.approx(2 * np.sqrt(3))
    assert not is_seen(pair, runs=3)
    assert is_seen(pair, runs=4), "three degrees of freedom want 3.18"
    assert "no difference in regret is seen (t = 3.5, 3 runs)" in state_pair(comparison, pair)


def test_runs_that_agree_exactly_or_one_run_show_nothing() -> None:
    comparison = make_comparison({"naive": [0.1, 0.1], "wait": [0.1, 0.1]})
    assert "no difference in regret is seen (2 runs)" in state_pair(comparison, comparison.paired("wait", "naive"))
    alone = make_comparison({"naive": [0.1], "wait": [0.2]})
    assert "one run has no error" in state_pair(alone, alone.paired("wait", "naive"))


def test_a_log_without_truth_is_told_in_log_loss_and_brackets_are_named() -> None:
    comparison = make_comparison(
        {"naive": [0.3, 0.31, 0.32], "drop_last(3)": [0.2, 0.21, 0.221]}, with_truth=False
    )  # fmt: skip
    said = state_pair(comparison, comparison.paired("drop_last(3)", "naive"))
    assert said.startswith("Leave out the youngest days (3): 996.67 · 10⁻⁴ nats less log-loss than labels as seen")


def test_the_best_arm_is_named_with_its_share() -> None:
    # (naive − arm)/(naive − oracle) = (15.5 − 6.3)/(15.5 − 3.3) = 0.754 of sums over runs
    comparison = make_comparison(
        {"oracle": [1.0, 1.1, 1.2], "naive": [5.0, 5.3, 5.2], "wait": [9.0, 9.0, 9.0], "ulc": [2.0, 2.1, 2.2]}
    )
    said = state_recovery(comparison)
    assert said.startswith("Best of the arms shown: label correction. It wins back 75% (")


def test_no_cost_is_claimed_where_none_is_seen() -> None:
    assert state_recovery(make_comparison(ALL_ALIKE)).startswith("No cost of late labels is seen here")


def test_no_other_arm_than_naive_and_oracle() -> None:
    comparison = make_comparison({"oracle": [1.0, 1.1, 1.2], "naive": [5.0, 5.3, 5.2]})
    assert state_recovery(comparison).startswith("Labels as seen: 40666.67 · 10⁻⁴ nats more regret")


NAIVE_WINS = {"oracle": [5.0, 5.2, 5.3], "naive": [1.0, 1.1, 1.2], "wait": [9.0, 9.5, 9.2]}
WAITING_LOSES = {"oracle": [1.0, 1.1, 1.2], "naive": [2.0, 2.2, 2.1], "wait": [9.0, 9.5, 9.2]}
ALL_ALIKE = {"oracle": [1.0, 1.1, 1.2], "naive": [1.1, 1.0, 1.3], "wait": [1.0, 1.2, 1.1]}


@pytest.mark.parametrize(
    ("found", "drift", "reason"),
    [
        (NAIVE_WINS, "down", "the two errors cancel. After a rise they add up."),
        (NAIVE_WINS, "gradual", "as the PCOC of final labels then says"),
        (WAITING_LOSES, "gradual", "Waiting makes labels final and the model old"),
        (WAITING_LOSES, "none", "freshness is worth nothing here"),
        (ALL_ALIKE, "none", "who waits until labels are final loses nothing"),
        (ALL_ALIKE, "up", "Conversions have just risen."),
        (ALL_ALIKE, "down", "Conversions have just fallen."),
        (ALL_ALIKE, "gradual", "Customers change a little every day"),
    ],
)
def test_only_what_the_runs_show_is_explained(found: dict[str, list[float]], drift: str, reason: str) -> None:
    assert reason in explain_comparison(make_comparison(found), drift)
