"""The holdout page on its sample: first paint, every view, every control, the tour, and values no widget would send."""

import math
import re
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.drive import (
    APP,
    TIMEOUT,
    charts,
    go_to,
    keys,
    make_frame,
    open_app,
    show,
    to_csv,
    upload,
    use_file,
    widget,
    words,
)

SAMPLE_LINE = "holdout.parquet · 200,000 rows, 20,175 positives (10.09%)"
VIEWS = {
    "Surface": (
        ["Positivity by score and uncertainty", "Positivity against score, per uncertainty level"],
        ["csv_positivity surface"],
    ),
    "Slice": (["At score 0.8: positivity against uncertainty"], ["csv_score slice"]),
    "Is it real?": (
        ["Most against least uncertain rows, at the same scores"],
        ["csv_effect by score", "csv_reliability"],
    ),
    "Why": (["At score 0.8: positivity against uncertainty"], ["csv_closed form"]),
    "Segments and time": (
        ["Scores 0.75 – 0.85, by device", "Positivity by day (UTC)"],
        ["csv_segments", "csv_positivity over time"],
    ),
    "Report": ([], ["holdout_report"]),
}


def painted(app: AppTest) -> tuple[str, list[str], list[str]]:
    """All that the page shows: words, figures, tables."""
    figures = [chart.proto.spec for chart in app.get("plotly_chart")]
    return words(app), figures, [table.value.to_csv() for table in app.dataframe]


def test_first_paint_shows_the_sample_and_says_so() -> None:
    said = words(app := open_app("holdout"))
    assert "Sample data, simulated" in said
    assert SAMPLE_LINE in said
    assert "the most uncertain rows turn out positive less often" in said
    assert "n = 200,000" in said
    assert "What this does not tell: whether the pattern holds on fresh data" in said
    assert charts(app) == VIEWS["Surface"][0]
    assert not app.error
    assert app.radio(key="holdout_source").value == "Sample"


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_has_its_figures_its_tables_and_their_downloads(view: str) -> None:
    app = show(open_app("holdout"), view)
    figures, downloads = VIEWS[view]
    assert not app.error
    assert charts(app) == figures
    assert keys(app, "download_button") == downloads
    assert len(app.dataframe) == sum(key.startswith("csv_") for key in downloads)
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))


@pytest.mark.parametrize("view", VIEWS)
def test_a_link_opens_a_view(view: str) -> None:
    assert charts(open_app("holdout", holdout_view=view)) == VIEWS[view][0]


def test_a_link_carries_the_score_and_an_impossible_one_is_dropped() -> None:
    app = open_app("holdout", holdout_view="Slice", holdout_score="0.6")
    assert charts(app) == ["At score 0.6: positivity against uncertainty"]
    for bad in ("7", "-1", "nan", "score"):
        app = open_app("holdout", holdout_view="Slice", holdout_score=bad)
        assert charts(app) == ["At score 0.8: positivity against uncertainty"], bad


def test_the_slice_follows_its_sliders_and_says_its_window_and_n() -> None:
    app = show(open_app("holdout"), "Slice")
    assert "Rows with scores from 0.75 to below 0.85, n = 1,863." in words(app)
    app.slider(key="holdout_score").set_value(0.3).run()
    assert charts(app) == ["At score 0.3: positivity against uncertainty"]
    app.slider(key="holdout_half_width").set_value(0.1).run()
    assert "Rows with scores from 0.2 to below 0.4" in words(app)


def test_views_share_the_sliders() -> None:
    app = show(open_app("holdout"), "Slice")
    app.slider(key="holdout_score").set_value(0.3).run()
    show(app, "Is it real?")
    assert keys(app, "slider") == []
    assert show(app, "Why").slider(key="holdout_score").value == 0.3
    assert "Scores 0.25 – 0.35, by device" in charts(show(app, "Segments and time"))


@pytest.mark.parametrize(
    ("axis", "method", "widget_key", "value", "cells"),
    [
        ("level", "equal_weight", "holdout_levels", 3, 3 * 20),
        ("level", "equal_width", "holdout_levels", 4, 4 * 20),
        ("level", "edges", "holdout_level_edges", "1, 10, 100, 3000", 3 * 20),
        ("bin", "equal_weight", "holdout_bins", 8, 5 * 8),
        ("bin", "equal_width", "holdout_bins", 10, 5 * 10),
        ("bin", "edges", "holdout_bin_edges", "0; 0.25; 1", 5 * 2),
    ],
)
def test_levels_and_bins_by_every_method(axis: str, method: str, widget_key: str, value: Any, cells: int) -> None:
    app = open_app("holdout")
    app.selectbox(key=f"holdout_{axis}_method").set_value(method).run()
    kind = "text_input" if method == "edges" else "number_input"
    getattr(app, kind)(key=widget_key).set_value(value).run()
    assert not app.error
    assert len(app.dataframe[0].value) == cells


def test_edges_start_from_a_suggestion_that_works() -> None:
    app = open_app("holdout")
    app.selectbox(key="holdout_level_method").set_value("edges").run()
    assert app.text_input(key="holdout_level_edges").value == "0, 14.4225, 208.008, 3000"
    assert "lie outside the typed edges" not in words(app)
    assert len(app.dataframe[0].value) == 3 * 20


def test_rows_outside_typed_edges_are_counted() -> None:
    app = open_app("holdout")
    app.selectbox(key="holdout_bin_method").set_value("edges").run()
    app.text_input(key="holdout_bin_edges").set_value("0.5, 1").run()
    assert "rows lie outside the typed edges; the surface leaves them out." in words(app)


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("0, x, 1", "Bin edges must be numbers; given: '0, x, 1'"),
        ("", "must be at least two increasing numbers"),
        ("0.5", "must be at least two increasing numbers"),
        ("1, 0.5, 0", "must be at least two increasing numbers"),
        ("0, 0.5, 0.5, 1", "must be at least two increasing numbers"),
        ("0, inf", "must be at least two increasing numbers"),
        ("nan, 1", "must be at least two increasing numbers"),
        ("5, 6", "No row lies inside these edges and filters."),
        ("<b>$\\href{javascript:1}{x}$</b>", "must be numbers"),
        (", ".join(map(str, range(20_000))), "must be a whole number from 1 to 10,000"),
    ],
)
def test_bad_edges_are_a_message_with_a_mend_and_the_page_goes_on(typed: str, complaint: str) -> None:
    app = open_app("holdout")
    app.selectbox(key="holdout_bin_method").set_value("edges").run()
    app.text_input(key="holdout_bin_edges").set_value(typed).run()
    assert complaint in words(app)
    assert len(app.error) == 1
    assert "What this does not tell" in words(app)
    app.text_input(key="holdout_bin_edges").set_value("0, 0.5, 1").run()
    assert not app.error
    assert len(app.dataframe[0].value) == 5 * 2


def test_the_view_survives_an_error() -> None:
    app = show(open_app("holdout"), "Slice")
    app.selectbox(key="holdout_bin_method").set_value("edges").run()
    app.text_input(key="holdout_bin_edges").set_value("no").run()
    assert charts(app) == []
    app.text_input(key="holdout_bin_edges").set_value("0, 1").run()
    assert charts(app) == VIEWS["Slice"][0]


def test_one_level_cannot_be_compared_and_says_so() -> None:
    app = show(open_app("holdout"), "Is it real?")
    app.number_input(key="holdout_levels").set_value(1).run()
    assert "All rows lie in one uncertainty level" in words(app)
    assert keys(app, "download_button") == ["csv_reliability"]


def test_minimum_rows_hatch_cells() -> None:
    app = open_app("holdout")
    few = app.get("plotly_chart")[0].proto.spec
    app.number_input(key="holdout_minimum_rows").set_value(5_000).run()
    assert "fewer than 5,000 rows" in app.get("plotly_chart")[0].proto.spec
    assert app.get("plotly_chart")[0].proto.spec != few


def test_a_filter_that_leaves_no_row_says_so_and_can_be_undone() -> None:
    frame = make_frame()
    frame["tier"] = np.where(frame["device"] == "web", "a", "b")  # no row is both ios and a
    app = upload(open_app("holdout"), to_csv(frame))
    widget(app, "multiselect", "map_segments").set_value(["device", "tier"])
    use_file(app)
    widget(app, "multiselect", "holdout_filters").set_value(["device", "tier"]).run()
    for ending, value in (("segment0", "ios"), ("segment1", "a")):
        next(one for one in app.multiselect if (one.key or "").endswith(ending)).set_value([value]).run()
    assert len(app.error) == 1
    assert "clear the filter" in words(app)
    assert charts(app) == []
    widget(app, "multiselect", "holdout_filters").set_value([]).run()
    assert not app.error
    assert charts(app) == VIEWS["Surface"][0]


def filter_by(app: AppTest, segment: str, values: list[str]) -> AppTest:
    """Keep only some values of a segment."""
    chosen = widget(app, "multiselect", "holdout_filters")
    chosen.set_value([*chosen.value, segment]).run()
    number = ["device", "country"].index(segment)
    keep = next(one for one in app.multiselect if (one.key or "").endswith(f"segment{number}"))
    return keep.set_value(values).run()


def test_a_filter_keeps_some_rows_and_says_how_many() -> None:
    app = filter_by(open_app("holdout"), "device", ["new_app"])
    said = words(app)
    assert "The filter keeps" in said
    assert "of 200,000 rows." in said
    assert "n = 200,000" not in said
    assert SAMPLE_LINE in said


def test_a_filter_without_values_keeps_all_rows() -> None:
    app = filter_by(open_app("holdout"), "device", [])
    assert "n = 200,000" in words(app)


def test_a_segment_can_be_compared() -> None:
    app = show(open_app("holdout"), "Segments and time")
    app.selectbox(key="holdout_segment").set_value("country").run()
    assert "Scores 0.75 – 0.85, by country" in charts(app)
    assert not app.error


def test_parameters_move_the_closed_form() -> None:
    app = show(open_app("holdout"), "Why")
    before = app.dataframe[0].value
    app.number_input(key="holdout_tau").set_value(10.0).run()
    assert app.dataframe[0].value["positivity"].lt(before["positivity"]).all(), "more sampling, lower positivity"


def test_a_prior_that_cannot_give_the_scores_is_told() -> None:
    app = show(open_app("holdout"), "Why")
    assert not app.warning, "the sample's own prior can"
    app.number_input(key="holdout_b1").set_value(50.0).run()
    assert len(app.warning) == 1
    assert re.search(r"b₁ = 50, b₀ = 1\) cannot give \d\d% of these rows their score", app.warning[0].value)


def test_the_fit_fills_the_parameters_and_stays_until_the_data_change() -> None:
    app = show(open_app("holdout"), "Why")
    app.button(key="holdout_fit").click().run()
    fitted = app.dataframe[1].value.set_index("parameter")["value"]
    assert set(fitted.index) == {"a1", "a0", "b1", "b0", "tau"}
    assert 2 < app.number_input(key="holdout_tau").value < 4, "the sample's world has tau = 3"
    app.slider(key="holdout_score").set_value(0.5).run()
    assert len(app.dataframe) == 2
    app.number_input(key="holdout_levels").set_value(4).run()
    assert len(app.dataframe) == 1


def test_the_tour_sets_what_it_speaks_of() -> None:
    app = open_app("holdout")
    app.number_input(key="holdout_levels").set_value(9).run()
    filter_by(app, "device", ["ios"])
    app.button(key="holdout_tour_start").click().run()
    for number, view in enumerate(["Surface", "Slice", "Is it real?", "Why"], start=1):
        said = words(app)
        assert f"**{number} of 4 · " in said
        assert charts(app) == VIEWS[view][0]
        assert app.number_input(key="holdout_levels").value == 5
        assert "n = 200,000" in said, "the filter rests during the tour"
        assert keys(app, "radio") == [], "the tour is about the sample"
        if number < 4:
            app.button(key="holdout_tour_next").click().run()
    app.button(key="holdout_tour_back").click().run()
    assert "3 of 4" in words(app)
    app.button(key="holdout_tour_end").click().run()
    assert "of 4 ·" not in words(app)
    assert keys(app, "radio") == ["holdout_source"]


def test_controls_are_kept_while_another_page_is_visited() -> None:
    app = show(open_app("holdout"), "Slice")
    app.slider(key="holdout_score").set_value(0.4).run()
    app.number_input(key="holdout_levels").set_value(7).run()
    go_to(app, "overview")
    go_to(app, "holdout")
    assert charts(app) == ["At score 0.4: positivity against uncertainty"]
    assert app.number_input(key="holdout_levels").value == 7


# --- no dead controls ---

CHANGES = {
    "holdout_source": ("Surface", "radio", "Upload"),
    "holdout_level_method": ("Surface", "selectbox", "equal_width"),
    "holdout_levels": ("Surface", "number_input", 3),
    "holdout_bin_method": ("Surface", "selectbox", "equal_weight"),
    "holdout_bins": ("Surface", "number_input", 7),
    "holdout_minimum_rows": ("Surface", "number_input", 1_000),
    "holdout_score": ("Slice", "slider", 0.4),
    "holdout_half_width": ("Slice", "slider", 0.2),
    "holdout_segment": ("Segments and time", "selectbox", "country"),
    "holdout_tau": ("Why", "number_input", 9.0),
    "holdout_a1": ("Why", "number_input", 2.0),
    "holdout_a0": ("Why", "number_input", 4.0),
    "holdout_b1": ("Why", "number_input", 3.0),
    "holdout_b0": ("Why", "number_input", 5.0),
    "holdout_fit": ("Why", "button", True),
    "holdout_tour_start": ("Surface", "button", True),
}


@pytest.mark.parametrize("key", CHANGES)
def test_changing_a_control_changes_the_page(key: str) -> None:
    view, kind, value = CHANGES[key]
    app = show(open_app("holdout"), view)
    before = painted(app)
    getattr(app, kind)(key=key).set_value(value).run()
    assert painted(app) != before


def test_every_control_is_in_the_list_above() -> None:
    app = open_app("holdout")
    found = set()
    for view in VIEWS:
        show(app, view)
        for kind in ("radio", "selectbox", "number_input", "slider", "text_input", "multiselect", "checkbox", "button"):
            found |= {key for key in keys(app, kind) if not key.startswith("holdout_filters")}
    assert found == set(CHANGES)


# --- what a websocket client could send ---


@pytest.mark.parametrize(
    ("view", "kind", "key", "value"),
    [
        ("Surface", "number_input", "holdout_levels", 10**9),
        ("Surface", "number_input", "holdout_levels", 0),
        ("Surface", "number_input", "holdout_bins", -3),
        ("Surface", "number_input", "holdout_bins", 10**6),
        ("Surface", "number_input", "holdout_minimum_rows", -1),
        ("Surface", "number_input", "holdout_minimum_rows", 10**15),
        ("Slice", "slider", "holdout_score", 7.0),
        ("Slice", "slider", "holdout_score", -1.0),
        ("Slice", "slider", "holdout_score", math.nan),
        ("Slice", "slider", "holdout_half_width", 0.0),
        ("Slice", "slider", "holdout_half_width", math.inf),
        ("Why", "number_input", "holdout_tau", 0.0),
        ("Why", "number_input", "holdout_a1", math.nan),
        ("Why", "number_input", "holdout_b0", -math.inf),
    ],
)
def test_a_value_outside_the_bounds_does_no_harm(view: str, kind: str, key: str, value: float) -> None:
    app = show(open_app("holdout"), view)
    getattr(app, kind)(key=key).set_value(value).run()
    said = words(app)  # no exception
    assert "What this does not tell" in said
    if not app.error:  # the value was refused before it reached the page
        assert charts(app)[: len(VIEWS[view][0])] == VIEWS[view][0]


@pytest.mark.parametrize(
    ("view", "key"),
    [("Surface", "holdout_level_method"), ("Surface", "holdout_bin_method"), ("Segments and time", "holdout_segment")],
)
def test_a_choice_that_was_never_offered_changes_nothing(view: str, key: str) -> None:
    app = show(open_app("holdout"), view)
    before = painted(app)
    select = app.selectbox(key=key)
    select.options.append("drop table")
    select.set_value("drop table").run()
    assert app.error or painted(app) == before


def test_a_filter_value_that_was_never_offered_changes_nothing() -> None:
    app = filter_by(open_app("holdout"), "device", [])
    before = painted(app)
    keep = next(one for one in app.multiselect if (one.key or "").endswith("segment0"))
    keep.options.append("'; drop table")
    keep.set_value(["'; drop table"]).run()
    assert app.error or painted(app) == before


def test_a_source_that_was_never_offered_shows_the_sample() -> None:
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT)
    app.session_state["holdout_source"] = "everything"
    go_to(app, "holdout")
    assert SAMPLE_LINE in words(app)
