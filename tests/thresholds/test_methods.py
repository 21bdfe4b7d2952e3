"""All methods at one question, as a table and as curves."""

from dataclasses import replace
from typing import get_args

import pytest

from core.thresholds.certificate import Certificate
from core.thresholds.certify import certify
from core.thresholds.data import WeightSums
from core.thresholds.halves import Halves
from core.thresholds.methods import NAMES, compare_methods
from core.thresholds.objective import Objective
from core.thresholds.sampling import Sampling
from core.thresholds.tuning import Method, tune
from tests.thresholds.population import draw_halves

OBJECTIVE = Objective("precision", 0.35)


@pytest.fixture(scope="module")
def halves() -> Halves:
    return draw_halves(60_000, seed=5)


def test_every_method_answers_or_says_why_not(halves: Halves) -> None:
    frame = compare_methods(halves.tuned, OBJECTIVE).frame()
    assert frame["method"].tolist() == [NAMES[method] for method in get_args(Method)]
    refused = frame["recall_tuned"].isna()
    assert (frame["note"][refused] != "").all()
    assert (frame["note"][~refused] == "").all()
    assert frame["recall_confirmed"].isna().all()
    assert frame["certified"].isna().all()


def test_figures_are_those_of_tune_and_certify(halves: Halves) -> None:
    tuned, confirm = halves.tuned, halves.confirm
    comparison = compare_methods(tuned, OBJECTIVE, confirm=confirm, delta=0.05)
    frame = comparison.frame().set_index("method")
    for method in ("exact", "greedy", "single"):
        tuning = tune(tuned, OBJECTIVE, method=method)
        outcome = certify(tuning.frontier, confirm, target=0.35, delta=0.05)
        line = frame.loc[NAMES[method]]
        assert line["recall_tuned"] == tuning.counts.recall
        assert line["gap"] == pytest.approx(float(tuning.upper - tuning.goal) / tuned.positives)
        if isinstance(outcome, Certificate):
            assert line["certified"]
            assert line["recall_confirmed"] == outcome.confirmed.recall
            assert line["recall_confirmed_lo"] < line["recall_confirmed"] < line["recall_confirmed_hi"]
        else:
            assert (line["certified"], line["note"]) == (False, outcome.reason)


def test_curves_rise_in_recall_and_leave_out_rules_that_accept_none(halves: Halves) -> None:
    curves = compare_methods(halves.tuned, OBJECTIVE).curves()
    assert (curves["accepted"] > 0).all()
    assert (curves["precision_lo"] <= curves["precision"]).all()
    assert (curves["precision"] <= curves["precision_hi"]).all()
    for _, part in curves.groupby("method"):
        assert part["recall"].is_monotonic_increasing


@pytest.mark.parametrize(("kind", "target"), [("recall", 0.2), ("capacity", 900), ("cost", 2.0)])
def test_other_goals_are_not_certified_and_the_exact_method_has_no_gap(
    halves: Halves, kind: str, target: float
) -> None:
    comparison = compare_methods(halves.tuned, Objective(kind, target), confirm=halves.confirm)
    assert all(answer.outcome is None for answer in comparison.answers)
    assert comparison.frame().set_index("method").loc[NAMES["exact"], "gap"] == pytest.approx(0, abs=1e-3)


def test_an_impossible_target_leaves_every_line_with_its_reason(halves: Halves) -> None:
    comparison = compare_methods(halves.tuned, Objective("precision", 1.0))
    assert comparison.curves().empty
    assert comparison.frame()["note"].str.contains("No rule reaches|cannot be grouped").all()


def test_with_weights_intervals_are_those_of_effective_rows(halves: Halves) -> None:
    """Where every row weighs 2, a weight tells what half a row does: the intervals are those without weights."""
    tuned = halves.tuned
    sums = WeightSums(tuned.accepted, tuned.tp, 4.0 * tuned.accepted, 4.0 * tuned.tp)
    weighted, plain = (compare_methods(cuts, OBJECTIVE) for cuts in (replace(tuned, unit=2.0, weights=sums), tuned))
    for name in ("lo", "hi"):
        assert weighted.curves()[f"precision_{name}"].tolist() == pytest.approx(
            plain.curves()[f"precision_{name}"].tolist()
        )
        recalls = (one.frame()[f"recall_tuned_{name}"].dropna().tolist() for one in (weighted, plain))
        assert next(recalls) == pytest.approx(next(recalls))


def test_of_a_sampled_file_curves_and_target_are_those_of_the_population(halves: Halves) -> None:
    sampling = Sampling(1.0, 0.5)
    comparison = compare_methods(halves.tuned, Objective("precision", 0.2), sampling=sampling)
    plain = compare_methods(halves.tuned, Objective("precision", 0.2))
    one, other = comparison.curves(), plain.curves()
    part, whole = (of[of["method"] == "mist"] for of in (one, other))
    negatives = whole["accepted"] - whole["tp"]
    assert part["precision"].to_numpy() == pytest.approx((whole["tp"] / (whole["tp"] + 2 * negatives)).to_numpy())
    counts = comparison.answer("exact").tuning.counts
    assert counts.tp / (counts.tp + 2 * (counts.accepted - counts.tp)) >= 0.2
