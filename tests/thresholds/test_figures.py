"""The figures of the thresholds page: traces, titles, alternatives, and data equal to the frames."""

import numpy as np
import pytest

from core.plotting import alternative
from core.thresholds.certificate import Certificate
from core.thresholds.evidence import describe, tune_and_prove
from core.thresholds.figures import frontier_figure, rule_figure, shift_figure
from core.thresholds.halves import Halves, Split
from core.thresholds.methods import NAMES, compare_methods
from core.thresholds.objective import Objective
from core.thresholds.rule import Rule
from core.thresholds.shift import shift_prior
from tests.thresholds.population import draw_halves, two_levels

TARGET = 0.35


@pytest.fixture(scope="module")
def halves() -> Halves:
    return draw_halves(60_000, seed=5)


def traces(figure: object) -> dict[str, object]:
    return {trace.name: trace for trace in figure.data}


# --- thresholds on the surface ---


def test_the_step_stands_at_each_levels_threshold_and_the_heat_is_the_surface() -> None:
    rule = Rule(two_levels(), (2, 1))  # thresholds 0.5 and 0.75
    figure = rule_figure(rule, unit="evidence")
    rim, line = figure.data[-2:]
    assert (rim.line.color, line.line.color) == ("#FFFFFF", "#000000")
    assert list(line.x) == [1.5, 1.5, 2.5, 2.5]  # cell j is drawn from j - 0.5: edge 0.5 is the third of five
    assert list(line.y) == [-0.5, 0.5, 0.5, 1.5]
    rate = rule.surface().frame()["rate"].to_numpy().reshape(2, 4)
    np.testing.assert_array_equal(
        np.asarray(figure.data[0].z, dtype=float), np.where(rule.surface().shown, rate, np.nan)
    )
    assert figure.layout.title.text == "Thresholds on the positivity of the tuning rows"
    assert "level 1 from a score of 0.5, level 2 from a score of 0.75" in alternative(figure)


def test_a_level_that_accepts_none_is_marked_at_the_end() -> None:
    figure = rule_figure(Rule(two_levels(), (0, 2)), unit="evidence")
    assert list(figure.data[-1].x) == [3.5, 3.5, 1.5, 1.5]
    assert "level 1 accepts none" in alternative(figure)


# --- the frontier ---


@pytest.mark.parametrize("method", ["exact", "mist", "greedy", "single", "recalibrated"])
def test_each_line_is_its_part_of_the_frame(halves: Halves, method: str) -> None:
    comparison = compare_methods(halves.tuned, Objective("precision", TARGET))
    figure, curves = frontier_figure(comparison, method=method), comparison.curves()
    drawn = traces(figure)
    for name in set(curves["method"]) - {"exact", "mist"} | {method}:
        part = curves[curves["method"] == name]
        np.testing.assert_array_equal(drawn[NAMES[name]].x, part["recall"])
        np.testing.assert_array_equal(drawn[NAMES[name]].y, part["precision"])
        hover = ["accepted", "tp", "precision_lo", "precision_hi"]
        np.testing.assert_array_equal(drawn[NAMES[name]].customdata, part[hover])
    chosen = curves[curves["method"] == method]
    band = drawn["95 % interval of the chosen method"]
    np.testing.assert_array_equal(band.y, [*chosen["precision_hi"], *chosen["precision_lo"][::-1]])
    counts = comparison.answer(method).tuning.counts
    assert (drawn["chosen rule, tuned"].x[0], drawn["chosen rule, tuned"].y[0]) == (counts.recall, counts.precision)
    assert set(drawn["target precision 35 %"].y) == {TARGET}
    assert figure.layout.xaxis.title.text == "recall"
    assert figure.layout.yaxis.title.text == "precision"
    assert f"recall {counts.recall:.3g} at precision {counts.precision:.3g}" in alternative(figure)


def test_the_confirmed_rule_stands_beside_with_its_interval(halves: Halves) -> None:
    objective = Objective("precision", TARGET)
    rng = np.random.default_rng(0)
    proof = tune_and_prove(halves, objective, method="exact", split=Split(), delta=0.05, rng=rng).proof
    assert isinstance(proof.outcome, Certificate)
    found = describe(proof.outcome.confirmed, halves.confirm)
    mark = traces(frontier_figure(compare_methods(halves.tuned, objective), method="exact", confirmed=found))[
        "certified rule, confirmed, 95 % interval"
    ]
    assert (mark.x[0], mark.y[0]) == (found["recall"], found["precision"])
    assert mark.y[0] + mark.error_y.array[0] == pytest.approx(found["precision_hi"])


@pytest.mark.parametrize(("kind", "target"), [("precision", TARGET), ("recall", 0.2), ("capacity", 900), ("cost", 0.5)])
def test_the_axes_show_the_surroundings_of_what_is_marked(halves: Halves, kind: str, target: float) -> None:
    """Rules of a handful of rows reach a precision of 1, far above all that matters here."""
    comparison = compare_methods(halves.tuned, Objective(kind, target))
    figure = frontier_figure(comparison, method="exact")
    (left, right), (bottom, top) = figure.layout.xaxis.range, figure.layout.yaxis.range
    for mark in ("chosen rule, tuned", "best single threshold"):
        drawn = traces(figure)[mark]
        assert left < drawn.x[0] < right
        assert bottom < drawn.y[0] < top, mark
    if kind == "precision":
        assert bottom < TARGET < top
        assert top < comparison.curves()["precision"].max()
    if kind == "recall":
        assert right > target


def test_rules_that_accept_none_leave_the_whole_frontier_in_view(halves: Halves) -> None:
    figure = frontier_figure(compare_methods(halves.tuned, Objective("cost", 100)), method="single")
    assert (figure.layout.xaxis.range, figure.layout.yaxis.range) == ((0, 1.01), (0, 1.02))


@pytest.mark.parametrize(
    ("kind", "target", "line"), [("recall", 0.2, True), ("capacity", 900, False), ("cost", 2, False)]
)
def test_other_goals_have_their_own_line_or_none(halves: Halves, kind: str, target: float, line: bool) -> None:
    figure = frontier_figure(compare_methods(halves.tuned, Objective(kind, target)), method="exact")
    assert ("target recall 20 %" in traces(figure)) == line
    assert not any(name.startswith("target precision") for name in traces(figure))


def test_a_question_without_an_answer_draws_an_empty_frontier(halves: Halves) -> None:
    comparison = compare_methods(halves.tuned, Objective("precision", 1.0))
    assert all(answer.tuning is None for answer in comparison.answers)
    figure = frontier_figure(comparison, method="exact")
    assert list(traces(figure)) == ["target precision 100 %"]
    assert "has no rule for this question" in alternative(figure)


# --- other base rates ---


def test_the_curve_is_the_frame_and_the_uprights_stand_at_their_rates(halves: Halves) -> None:
    counts = Rule(halves.tuned, (40, 30, 20)).counts
    shift = shift_prior(counts, np.geomspace(1e-4, 1, 50), target=TARGET)
    figure = shift_figure(shift, base_rate=0.02)
    drawn, frame = traces(figure), shift.frame()
    np.testing.assert_array_equal(drawn["precision"].x, frame["base_rate"])
    np.testing.assert_array_equal(drawn["precision"].y, frame["precision"])
    np.testing.assert_array_equal(drawn["90 % band"].y, [*frame["hi"], *frame["lo"][::-1]])
    assert set(drawn["asked base rate 2 %"].x) == {0.02}
    assert set(drawn[f"observed base rate {100 * shift.observed:.4g} %"].x) == {shift.observed}
    assert set(drawn["target 35 %"].y) == {TARGET}
    assert f"from a base rate of {shift.break_even:.3g} on" in alternative(figure)
    assert figure.layout.xaxis.type == "log"


def test_where_the_asked_base_rate_is_the_observed_one_a_single_line_stands(halves: Halves) -> None:
    shift = shift_prior(Rule(halves.tuned, (40, 30, 20)).counts, np.geomspace(1e-4, 1, 50), target=TARGET)
    names = traces(shift_figure(shift, base_rate=shift.observed))
    assert [name for name in names if "base rate" in name] == [f"observed base rate {100 * shift.observed:.4g} %"]
