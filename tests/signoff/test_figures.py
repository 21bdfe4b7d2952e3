"""The figures of sign-off: traces, titles, alternatives, and data equal to the frames."""

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from core.engine.duck import DuckEngine
from core.plotting import alternative
from core.signoff.comparison import UNKNOWN, Comparison, Side
from core.signoff.figures import NONE_AT, course_figure, cutoffs_figure, levels_figure, population_figure
from core.signoff.watch import Watch
from tests.conftest import MakeHoldout
from tests.signoff.newer import draw_rows, sign


@pytest.fixture(scope="module")
def found(engine: DuckEngine, make_holdout: MakeHoldout) -> Watch:
    """The third look."""
    desk = sign(make_holdout(draw_rows(5_000, 0)), engine)
    return [desk.look(make_holdout(draw_rows(400, seed))) for seed in (1, 2, 3)][-1]


def traces(figure: go.Figure) -> dict[str, Any]:
    return {trace.name: trace for trace in figure.data}


class TestCourse:
    def test_is_the_frame(self, found: Watch) -> None:
        figure, frame = course_figure(found), found.course()
        drawn = traces(figure)
        for name, value, lo, hi in (
            ("average since activation", "so_far", "lower", "upper"),
            ("each look alone, 95 % interval", "precision", "precision_lo", "precision_hi"),
        ):
            points = drawn[name]
            assert list(points.x) == [1, 2, 3]
            np.testing.assert_array_equal(points.y, frame[value])
            np.testing.assert_allclose(points.y + points.error_y.array, frame[hi])
            np.testing.assert_allclose(points.y - points.error_y.arrayminus, frame[lo])
            np.testing.assert_array_equal(points.customdata, frame[["accepted", lo, hi]])
        band = drawn["bounds that hold at all looks"]
        np.testing.assert_array_equal(band.y, [*frame["upper"], *frame["lower"][::-1]])
        assert set(drawn["target 75 %"].y) == {0.75}

    def test_says_what_it_shows(self, found: Watch) -> None:
        figure = course_figure(found)
        assert figure.layout.title.text == "Precision since activation"
        assert figure.layout.xaxis.title.text == "look (oldest first)"
        assert figure.layout.yaxis.title.text == "precision of accepted rows"
        assert "over 3 looks" in alternative(figure)
        assert f"{found.lower[-1]:.3g} and {found.upper[-1]:.3g} on average" in alternative(figure)
        assert f"Verdict: {found.verdict}." in alternative(figure)

    def test_of_a_single_look_without_accepted_rows(self, engine: DuckEngine, make_holdout: MakeHoldout) -> None:
        desk = sign(make_holdout(draw_rows(300, 0)), engine, thresholds=[math.inf] * 3)
        figure = course_figure(desk.look(make_holdout(draw_rows(50, 1))))
        assert "between 0 and 1 on average since activation (each" in alternative(figure)
        assert figure.layout.xaxis.range == (0.5, 1.5)
        assert (figure.layout.xaxis.dtick, figure.layout.xaxis.tick0) == (1, 1)  # one tick, not "1" five times


class TestPopulation:
    def test_is_the_frame(self, found: Watch) -> None:
        figure, frame = population_figure(found.shift), found.shift.frame()
        heat = figure.data[0]
        np.testing.assert_array_equal(np.asarray(heat.z).ravel(), frame["contribution"])
        columns = ["level", "score_lo", "score_hi", "signed_share", "share", "contribution"]
        np.testing.assert_array_equal(np.asarray(heat.customdata).reshape(-1, 6), frame[columns])
        assert np.sum(heat.z) == pytest.approx(found.shift.index)
        assert (figure.layout.title.text, figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == (
            "Where the rows have moved",
            "score bin (lower edge)",
            "level (in the order of the policy)",
        )
        top = found.shift.largest().iloc[0]
        assert f"comes from level {top['level']:.0f}, scores {top['score_lo']:.3g}" in alternative(figure)

    def test_without_rows(self, engine: DuckEngine, make_holdout: MakeHoldout) -> None:
        rows = draw_rows(50, 1)
        rows["uncertainty"] += 5
        shift = sign(make_holdout(draw_rows(300, 0)), engine).look(make_holdout(rows)).shift
        assert "without values" in alternative(population_figure(shift))


class TestLevels:
    def test_is_the_frame(self, found: Watch) -> None:
        figure, frame = levels_figure(found), found.frame()
        drawn = traces(figure)
        for name, value, lo, hi in (
            ("when signed, 95 % interval", "signed_precision", "signed_lo", "signed_hi"),
            ("this look, 95 % interval", "precision", "lo", "hi"),
        ):
            points = drawn[name]
            assert np.rint(points.x).tolist() == [1, 2, 3]
            np.testing.assert_array_equal(points.y, frame[value])
            np.testing.assert_allclose(points.y + points.error_y.array, frame[hi])
            np.testing.assert_allclose(points.y - points.error_y.arrayminus, frame[lo])
        assert set(drawn["target 75 %"].y) == {0.75}
        assert f"level 1 {frame['precision'][0]:.3g}, level 2 {frame['precision'][1]:.3g}. The target" in alternative(
            figure
        )
        assert figure.layout.yaxis.title.text == "precision of accepted rows"

    def test_says_so_where_nothing_is_accepted(self, engine: DuckEngine, make_holdout: MakeHoldout) -> None:
        desk = sign(make_holdout(draw_rows(300, 0)), engine, thresholds=[math.inf] * 3)
        assert "no row is accepted" in alternative(levels_figure(desk.look(make_holdout(draw_rows(50, 1)))))


def compare(*cutoffs: tuple[tuple[float, ...], tuple[float, ...]]) -> Comparison:
    sides = [Side("0" * 64, edges, thresholds, 0.0, 0.0, UNKNOWN, UNKNOWN) for edges, thresholds in cutoffs]
    return Comparison(10, 5, *sides, UNKNOWN, UNKNOWN, UNKNOWN, "all", "")


class TestCutoffs:
    def test_two_step_lines_of_the_frame(self) -> None:
        comparison = compare(((0.0, 0.5, 1.0), (0.25, math.inf)), ((0.0, 0.4, 0.6, 1.0), (0.5, 0.75, 0.8)))
        figure, frame = cutoffs_figure(comparison, unit="std of the score"), comparison.cutoffs()
        assert [trace.name for trace in figure.data] == ["present", "proposed"]
        for trace in figure.data:
            part = frame[frame["policy"] == trace.name]
            np.testing.assert_array_equal(trace.x, part[["low", "high"]].to_numpy().ravel())
            np.testing.assert_array_equal(trace.y, np.repeat(part["threshold"].replace(math.inf, NONE_AT), 2))
        assert list(figure.data[0].customdata[[0, 2]]) == ["level 1: from a score of 0.25", "level 2: accepts none"]
        assert "2 present and 3 proposed levels over std of the score. They differ." in alternative(figure)
        assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == (
            "std of the score",
            "threshold of the score",
        )
        assert figure.layout.xaxis.type is None

    def test_the_same_and_over_a_wide_range(self) -> None:
        cutoffs = (1.0, 50.0, 3000.0), (0.5, 0.25)
        figure = cutoffs_figure(compare(cutoffs, cutoffs), unit="evidence")
        assert "The same." in alternative(figure)
        assert figure.layout.xaxis.type == "log"
