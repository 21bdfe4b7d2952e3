"""Figures: traces, titles, data equal to the frame, and the text alternative."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from core.holdout.effect import deviance_test
from core.holdout.exploration import explore
from core.holdout.figures import (
    calibration_figure,
    effect_figure,
    segment_figure,
    slice_figure,
    surface_figure,
    time_figure,
)
from core.holdout.positivity import Binning, build_cube, make_surface
from core.holdout.segments import compare_segments
from core.holdout.slices import slice_at_score
from core.holdout.time_course import positivity_over_time
from core.holdout.verdict import state_verdict
from core.jobs import finish
from core.plotting import alternative

LEVELS, BINS = Binning("equal_weight", 4), Binning("equal_width", 10)


@pytest.fixture(scope="module")
def holdout(make_holdout, world):
    hostile = {"web": "<b>web</b>", "ios": "%{x} $\\alpha$ " + "i" * 200, "tv": "tv"}
    return make_holdout(world.assign(device=world["device"].map(hostile)).rename(columns={"device": "<i>device</i>"}))


@pytest.fixture(scope="module")
def exploration(engine, holdout):
    return finish(explore(holdout, engine, levels=LEVELS, bins=BINS))


@pytest.fixture(scope="module")
def surface(exploration):
    return exploration.surface(minimum_rows=30)


def titles(figure):
    return figure.layout.title.text, figure.layout.xaxis.title.text, figure.layout.yaxis.title.text


def named(figure):
    return {trace.name: trace for trace in figure.data}


def ends(error):
    """Half-widths of an error bar as they are drawn: below, above."""
    return np.asarray(error.arrayminus, float), np.asarray(error.array, float)


class TestSurface:
    def test_colours_are_the_rates_of_the_frame(self, surface):
        figure, frame = surface_figure(surface, unit="std"), surface.frame()
        heat = figure.data[0]
        shown = (frame["rows"] >= 30).to_numpy()
        assert isinstance(heat, go.Heatmap)
        assert np.asarray(heat.z).shape == (4, 10)
        assert np.allclose(np.ravel(heat.z), np.where(shown, frame["rate"], np.nan), equal_nan=True)
        columns = ["level", "score_lo", "score_hi", "rows", "positives", "rate", "lo", "hi"]
        assert np.allclose(np.asarray(heat.customdata).reshape(-1, 8), frame[columns], equal_nan=True)
        assert (heat.zmin, heat.zmax) == (0, pytest.approx(frame.loc[shown, "rate"].max()))
        assert titles(figure) == ("Positivity by score and uncertainty", "score bin (lower edge)",
                                  "std, least uncertain at the bottom")  # fmt: skip

    def test_small_cells_are_hatched_and_only_those(self, surface):
        bars = surface_figure(surface, unit="std").data[1]
        frame = surface.frame()
        small = frame[frame["rows"] < 30]
        drawn = set(zip(np.asarray(bars.base) + 0.5, bars.x, strict=True))
        assert drawn == {(line.level - 1, round(line.score_lo * 10)) for line in small.itertuples()}
        assert 0 < len(drawn) == len(small) < 40
        assert bars.marker.pattern.shape == "/"
        assert bars.name == "fewer than 30 rows"

    def test_axis_ticks_name_edges_and_levels(self, surface):
        figure = surface_figure(surface, unit="std")
        assert list(figure.layout.yaxis.ticktext) == surface.cube.level_names()
        assert list(figure.layout.xaxis.ticktext) == [f"{i / 10:.3g}" for i in range(11)]
        assert list(figure.layout.xaxis.tickvals) == [i - 0.5 for i in range(11)]

    def test_many_ticks_stand_at_even_steps(self, engine, holdout):
        explored = finish(explore(holdout, engine, levels=LEVELS, bins=Binning("equal_width", 18)))
        axis = surface_figure(explored.surface(minimum_rows=30), unit="std").layout.xaxis
        assert list(axis.tickvals) == [i - 0.5 for i in range(0, 19, 2)]
        assert list(axis.ticktext) == [f"{i / 18:.3g}" for i in range(0, 19, 2)]

    def test_text_alternative_names_the_highest_rate(self, surface):
        frame = surface.frame()
        top = frame[frame["rows"] >= 30].sort_values("rate").iloc[-1]
        text = alternative(surface_figure(surface, unit="std"))
        assert (
            f"The highest rate is {top['rate']:.3g}, at scores {top['score_lo']:.3g} to {top['score_hi']:.3g}" in text
        )
        assert f"{(frame['rows'] < 30).sum()} cells hold too few rows" in text
        assert "4 uncertainty levels and 10 score bins" in text

    def test_nothing_shown(self, exploration):
        figure = surface_figure(exploration.surface(minimum_rows=10**6), unit="std")
        assert np.isnan(np.asarray(figure.data[0].z, float)).all()
        assert len(figure.data[1].x) == 40
        assert "every cell holds too few rows" in alternative(figure)

    def test_no_positives_has_a_scale(self, engine, make_holdout):
        frame = pd.DataFrame({"score": [0.5] * 80, "uncertainty": np.arange(80.0), "label": 0})
        cube, edges = finish(build_cube(make_holdout(frame), engine, levels=Binning("equal_width", 2), bins=BINS))
        figure = surface_figure(make_surface(cube, edges), unit="std")
        assert figure.data[0].zmax > 0


class TestSlice:
    def test_points_are_the_frame(self, exploration):
        cut = slice_at_score(exploration.cube, score=0.3, half_width=0.1)
        figure, frame = slice_figure(cut, unit="std"), cut.frame()
        points, counts, claimed, line = figure.data
        assert list(claimed.y) == frame["mean_score"].tolist()
        assert list(points.x) == frame["mean_uncertainty"].tolist()
        assert list(points.y) == frame["rate"].tolist()
        assert ends(points.error_y) == (
            pytest.approx(frame["rate"] - frame["lo"]),
            pytest.approx(frame["hi"] - frame["rate"]),
        )
        assert list(counts.text) == [f"n {rows:,}" for rows in frame["rows"]]
        assert set(line.y) == {0.3}
        assert line.name == "the score itself, 0.3"
        assert titles(figure) == ("At score 0.3: positivity against uncertainty", "std (more uncertain to the right)",
                                  "positivity")  # fmt: skip
        first, last = frame.iloc[0], frame.iloc[-1]
        assert f"{first.rate:.3g} (n {first.rows:,.0f}) in the least uncertain" in alternative(figure)
        assert f"{last.rate:.3g} (n {last.rows:,.0f}) in the most uncertain" in alternative(figure)

    def test_evidence_runs_from_right_to_left_and_on_a_log_axis(self, engine, make_holdout, world):
        evidence = world.assign(uncertainty=np.round(np.geomspace(1, 5000, len(world))))
        holdout = make_holdout(evidence, kind="evidence")
        cube = finish(explore(holdout, engine, levels=LEVELS, bins=BINS)).cube
        axis = slice_figure(slice_at_score(cube, score=0.3, half_width=0.3), unit="evidence").layout.xaxis
        assert axis.autorange == "reversed"
        assert axis.type == "log"
        assert all(isinstance(text, str) for text in axis.ticktext)

    def test_empty_slice(self, exploration):
        figure = slice_figure(slice_at_score(exploration.cube, score=1.0, half_width=0.001), unit="std")
        assert len(figure.data[0].x) == 0
        assert alternative(figure) == "No rows have a score near 1."


def test_calibration_draws_one_line_per_level_and_the_diagonal(surface):
    figure, frame = calibration_figure(surface), surface.frame()
    assert titles(figure) == ("Positivity against score, per uncertainty level", "mean score of the bin", "positivity")
    assert list(figure.data[0].x) == list(figure.data[0].y) == [0, 1]
    for level, name in enumerate(surface.cube.level_names(), start=1):
        part = frame[(frame["level"] == level) & (frame["rows"] >= 30)]
        line = named(figure)[f"level {name}"]
        assert list(line.x) == part["mean_score"].tolist()
        assert list(line.y) == part["rate"].tolist()
        assert ends(line.error_y)[1] == pytest.approx((part["hi"] - part["rate"]).to_numpy())
    assert len({(t.line.color, t.line.dash, t.marker.symbol) for t in figure.data[1:]}) == 4
    assert "(4)" in alternative(figure)


def test_effect_is_drawn_in_percentage_points(exploration):
    test = deviance_test(exploration.cube)
    figure, frame = effect_figure(test), test.frame().dropna(subset=["effect"])
    points = figure.data[0]
    assert list(points.x) == pytest.approx((100 * frame["effect"]).tolist())
    assert ends(points.error_x) == (
        pytest.approx((100 * (frame["effect"] - frame["lo"])).to_numpy()),
        pytest.approx((100 * (frame["hi"] - frame["effect"])).to_numpy()),
    )
    assert points.y[0].startswith("all: ")
    assert titles(figure)[1] == "difference in positivity, percentage points"
    assert alternative(figure) == state_verdict(test)


def test_segments_are_drawn_with_safe_names(engine, holdout, exploration):
    comparison = finish(compare_segments(holdout, engine, "<i>device</i>", exploration.cube, score=0.3, half_width=0.2))
    figure, frame = segment_figure(comparison), comparison.frame()
    observed, claimed = figure.data
    assert list(observed.x) == frame["rate"].tolist()
    assert list(claimed.x) == frame["mean_score"].tolist()
    assert np.asarray(observed.customdata).tolist() == frame[["rows", "positives"]].to_numpy().tolist()
    assert ends(observed.error_x)[0] == pytest.approx((frame["rate"] - frame["lo"]).to_numpy())
    assert observed.y[0] == "bweb/b"
    assert max(map(len, observed.y)) == 80
    text = figure.to_json()
    assert "<b>web" not in text
    assert "<i>device" not in text
    assert titles(figure)[:2] == ("Scores 0.1 – 0.5, by idevice/i", "positivity")
    assert "3 values of idevice/i" in alternative(figure)


def test_time_draws_rate_interval_and_score(engine, holdout):
    course = finish(positivity_over_time(holdout, engine))
    figure, frame = time_figure(course), course.frame()
    lines = named(figure)
    n = len(frame)
    assert list(lines["positivity"].y) == frame["rate"].tolist()
    assert list(lines["mean score"].y) == frame["mean_score"].tolist()
    assert list(lines["95 % interval"].y) == frame["hi"].tolist() + frame["lo"].tolist()[::-1]
    assert titles(figure) == ("Positivity by day (UTC)", "time", "positivity")
    assert alternative(figure) == f"Positivity with interval, and mean score, in {n} buckets of one day."
