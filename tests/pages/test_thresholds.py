"""The thresholds page: first paint, every view, proof and refusal, looks, exports, and values no widget sends."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.engine.duck import DuckEngine
from core.thresholds.methods import NAMES
from pages._thresholds_controls import ROWS
from pages._thresholds_sections import SECTIONS
from tests.pages.drive import charts, choose_upload, go_to, keys, make_frame, open_app, to_csv, upload, use_file, widget
from tests.pages.drive import words as plain_words

VIEWS = {
    "Thresholds": (["Thresholds on the positivity of the tuning rows"],
                   ["csv_levels, tuned", "csv_positivity of the tuning rows"]),
    "Frontier": (["Precision against recall, on the tuning rows"], ["csv_frontier"]),
    "Methods": ([], ["csv_methods"]),
    "Edit by hand": ([], ["csv_edited against the rule in view", "csv_levels, edited"]),
    "Other base rates": (["Precision at other base rates"], ["csv_other base rates"]),
    "Export": ([], ["thresholds_bundle", "thresholds_json", "thresholds_python", "thresholds_sql",
                    "csv_what is exported"]),
}  # fmt: skip
FAR = "The other half has been opened."


def words(app: AppTest) -> str:
    """All that the page says, its good news included."""
    return "\n".join([plain_words(app), *(str(one.value) for one in app.success)])


def show(app: AppTest, view: str) -> AppTest:
    """Open a view; the browser writes it into the address as well."""
    app.session_state["thresholds_view"] = app.query_params["thresholds_view"] = view
    return app.run()


def aim(app: AppTest, target: float) -> AppTest:
    """Move the slider."""
    return app.slider(key="thresholds_precision").set_value(target).run()


def confirm(app: AppTest) -> AppTest:
    """Open the other half."""
    return app.button(key="thresholds_open").click().run()


def metrics(app: AppTest) -> list[str]:
    """The big figures, left to right: precision and recall of each half."""
    return [one.value for one in app.metric]


# --- first paint and views ---


def test_first_paint_tunes_on_a_half_of_the_sample_and_shows_nothing_of_the_other() -> None:
    app = open_app("thresholds")
    said = words(app)
    assert "Sample data, simulated" in said
    assert "**Tuned** · n = 99,886" in said
    assert "**Confirmed** · not opened yet" in said
    assert "What this does not tell: whether tomorrow's rows are like these." in said
    assert app.slider(key="thresholds_precision").value == 0.35
    assert len(metrics(app)) == 2
    assert charts(app) == VIEWS["Thresholds"][0]
    assert not app.error


def test_the_views_are_those_of_the_page() -> None:
    assert list(SECTIONS) == list(VIEWS)


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_has_its_figures_its_tables_and_their_downloads(view: str) -> None:
    app = open_app("thresholds", thresholds_view=view)
    figures, downloads = VIEWS[view]
    assert not app.error
    assert charts(app) == figures
    assert keys(app, "download_button") == downloads
    assert len(app.dataframe) == sum(key.startswith("csv_") for key in downloads)
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))


def test_a_link_carries_question_and_setting() -> None:
    app = open_app("thresholds", thresholds_precision="0.25", thresholds_method="Greedy", thresholds_levels="4")
    assert app.slider(key="thresholds_precision").value == 0.25
    assert app.selectbox(key="thresholds_method").value == "greedy"
    assert len(app.dataframe[0].value) == 4


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("thresholds_precision", "7"), ("thresholds_precision", "nan"), ("thresholds_precision", "-1"),
        ("thresholds_goal", "everything"), ("thresholds_method", "magic"), ("thresholds_levels", "0"),
        ("thresholds_levels", "x"), ("thresholds_delta", "0.7"), ("thresholds_split", "Whole groups"),
        ("thresholds_seed", "-3"), ("thresholds_rows", "none"), ("thresholds_view", "Nowhere"),
        ("thresholds_bins", "99999999"),
    ],
)  # fmt: skip
def test_an_impossible_parameter_is_dropped(name: str, bad: str) -> None:
    app = open_app("thresholds", **{name: bad})
    assert not app.exception
    assert not app.error
    assert charts(app) == VIEWS["Thresholds"][0]
    assert "**Tuned** · n = 99,886" in words(app)


def test_unknown_data_in_the_link_is_a_message_and_the_sample_is_shown() -> None:
    app = open_app("thresholds", data="0" * 64)
    assert "The data of this link is no longer kept here." in words(app)
    assert charts(app) == VIEWS["Thresholds"][0]


# --- the question ---


def test_the_slider_finds_another_rule_and_no_row_is_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_app("thresholds")
    before = metrics(app)

    def count(*_: object, **__: object) -> Any:
        raise AssertionError("the engine was asked again")

    monkeypatch.setattr(DuckEngine, "count", count)
    monkeypatch.setattr(DuckEngine, "quantiles", count)
    for view in VIEWS:
        aim(show(app, view), 0.25)
        assert not app.exception
        assert metrics(app) != before
        aim(app, 0.35)
    assert metrics(app) == before


@pytest.mark.parametrize(
    ("goal", "kind", "key", "value"),
    [
        ("recall", "slider", "thresholds_recall", 0.3),
        ("capacity", "number_input", "thresholds_capacity", 500),
        ("cost", "number_input", "thresholds_cost", 0.5),
    ],
)
@pytest.mark.parametrize("view", VIEWS)
def test_other_goals_work_in_every_view_and_say_that_they_cannot_be_certified(
    goal: str, kind: str, key: str, value: float, view: str
) -> None:
    app = show(open_app("thresholds"), view)
    app.selectbox(key="thresholds_goal").set_value(goal).run()
    before = metrics(app)
    getattr(app, kind)(key=key).set_value(value).run()
    assert not app.error
    assert metrics(app) != before
    assert "Only a precision can be certified." in words(app)
    assert "thresholds_open" not in keys(app, "button")


def test_a_cost_is_spelled_out_by_a_worked_number() -> None:
    app = open_app("thresholds", thresholds_goal="Lowest cost")
    assert (
        "A false positive costs 2 false negatives: 100 wrong accepts weigh as much as 200 missed positives."
        in words(app)
    )


@pytest.mark.parametrize("method", ["mist", "greedy", "single", "recalibrated"])
def test_each_method_answers(method: str) -> None:
    app = open_app("thresholds", thresholds_method=NAMES[method])
    assert app.selectbox(key="thresholds_method").value == method
    assert not app.error
    assert len(metrics(app)) == 2


def test_a_target_out_of_reach_is_a_message_with_its_mend_and_the_frontier_stays() -> None:
    app = aim(open_app("thresholds"), 0.95)
    said = words(app)
    assert "No rule reaches a precision of 0.95; the best is 0.7241." in said
    assert "Ask for at most 0.724" in said
    assert len(app.error) == 1
    assert charts(app) == VIEWS["Frontier"][0]
    assert keys(app, "download_button") == ["csv_frontier", "csv_methods"]
    assert not aim(app, 0.3).error


def test_a_method_that_refuses_says_why() -> None:
    app = open_app("thresholds", thresholds_method=NAMES["ew_dpmt"])
    assert "Equal-weight program (EW-DPMT): The bins hold" in words(app)
    assert "cannot be grouped into equal ones" in words(app)
    assert "note" not in app.dataframe[-1].value, "said below the table, where it is not cut off"


# --- the proof ---


def test_confirming_shows_both_halves_side_by_side() -> None:
    app = confirm(open_app("thresholds"))
    said = words(app)
    assert len(metrics(app)) == 4
    assert "**Tuned** · n = 99,886" in said
    assert "**Confirmed** · n = 100,114" in said
    assert "Certified: with confidence 0.95 precision is above 0.35." in said
    assert FAR in said
    assert "So far: 1 automatic test, 0 further looks." in said
    assert keys(app, "download_button") == ["csv_levels, tuned", "csv_levels, confirmed",
                                            "csv_positivity of the tuning rows"]  # fmt: skip
    assert "a level may lie below the target" in said


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_works_after_opening(view: str) -> None:
    app = show(confirm(aim(open_app("thresholds"), 0.3)), view)
    assert not app.error
    assert "times that of one threshold" in words(app)
    if view == "Methods":
        table = app.dataframe[0].value.set_index("method")
        assert table.loc["Exact optimum", "certified"]
        assert table.loc["Exact optimum", "recall confirmed"]
    if view == "Frontier":
        assert "certified rule, confirmed" in app.get("plotly_chart")[0].proto.spec
    if view == "Other base rates":
        assert "From n = 100,114 rows of the other half" in words(app)


def test_rows_in_no_level_are_told_on_both_halves() -> None:
    app = open_app("thresholds")
    assert "Rows in no level" not in words(app)
    app.selectbox(key="thresholds_level_method").set_value("edges").run()
    app.text_input(key="thresholds_level_edges").set_value("0, 10, 100").run()
    said = words(confirm(aim(app, 0.3)))
    counted, outside = (
        [int(n.replace(",", "")) for n in re.findall(pattern, said)]
        for pattern in (r"\*\* · n = ([\d,]+)", r"Rows in no level: ([\d,]+)\.")
    )
    assert len(counted) == len(outside) == 2
    assert sum(counted) + sum(outside) == 200_000


def test_a_refusal_says_why_and_what_would_be_enough() -> None:
    app = confirm(aim(open_app("thresholds"), 0.5))
    said = words(app)
    assert "Not certified. The rule most likely to hold has 18 positives among 43 accepted" in said
    assert "Best precision that these rows could have certified: 0.415." in said
    assert "more rows of this kind would not help" in said
    assert "**Confirmed** · n = 100,114" in said
    assert "This is the rule whose proof failed." in said
    assert "43 accepted, 18 of them positive" in said
    app = show(app, "Export")
    assert "No rule was certified, so there is no policy." in words(app)
    assert "thresholds_bundle" not in keys(app, "download_button")


def test_a_refusal_that_more_rows_would_mend_says_how_many() -> None:
    app = confirm(aim(open_app("thresholds", thresholds_delta="0.01"), 0.41))
    said = words(app)
    assert "Not certified." in said
    assert "more accepted rows would be enough." in said


def test_another_target_after_opening_is_a_look_that_is_counted_once() -> None:
    app = aim(confirm(open_app("thresholds")), 0.2)
    assert "this rule was not tested" in words(app)
    assert len(metrics(app)) == 2
    app.button(key="thresholds_look").click().run()
    said = words(app)
    assert len(metrics(app)) == 4
    assert "Look 1:" in said
    assert "So far: 1 automatic test, 1 further look." in said
    aim(aim(app, 0.35), 0.2)
    assert "So far: 1 automatic test, 1 further look." in words(app)
    assert "Certified: with confidence" in words(aim(app, 0.35)), "the first answer stays"


def test_other_settings_after_opening_are_practice_and_not_marked_as_confirmed() -> None:
    app = confirm(aim(open_app("thresholds"), 0.3))
    app.number_input(key="thresholds_seed").set_value(1).run()
    assert "Rows of this file were opened under other settings" in words(app)
    show(confirm(app), "Export")
    said = words(app)
    assert "had been opened before in this session" in said
    assert "This rule is not confirmed" in said
    app.number_input(key="thresholds_seed").set_value(0).run()
    assert "This rule is confirmed" in words(app)


def test_all_rows_leave_nothing_to_confirm() -> None:
    app = open_app("thresholds", thresholds_rows=ROWS["all"])
    assert "**Tuned** · n = 200,000" in words(app)
    assert "All rows were used for tuning" in words(app)
    assert "thresholds_open" not in keys(app, "button")


def test_the_halves_can_be_split_by_time() -> None:
    app = open_app("thresholds")
    app.selectbox(key="thresholds_split").set_value("time").run()
    assert not app.error
    assert "Certified" in words(confirm(aim(app, 0.25)))


# --- by hand ---


def edits(app: AppTest) -> list[Any]:
    """The threshold inputs, least uncertain level first."""
    return [one for one in app.number_input if one.key.startswith("thresholds_edit_")]


def test_an_edit_snaps_counts_live_and_leaves_the_rule_in_view() -> None:
    app = show(open_app("thresholds"), "Edit by hand")
    shown, before = metrics(app), app.dataframe[0].value
    assert len(edits(app)) == 3
    assert before.iloc[0, 1:].tolist() == before.iloc[1, 1:].tolist(), "it starts from the rule in view"
    edits(app)[0].set_value(None).run()
    levels = app.dataframe[1].value
    assert levels["accepted"].tolist()[0] == 0
    assert np.isnan(levels["threshold"].iloc[0])
    assert metrics(app) == shown
    edits(app)[0].set_value(0.61234).run()
    assert abs(app.dataframe[1].value["threshold"].iloc[0] - 0.61234) < 0.01


def test_the_rest_is_optimised_around_a_pinned_level() -> None:
    app = show(open_app("thresholds"), "Edit by hand")
    edits(app)[0].set_value(None).run()
    next(box for box in app.checkbox if box.key.endswith("0_pin")).check().run()
    app.button(key="thresholds_optimise").click().run()
    assert not app.exception
    table = app.dataframe[0].value.set_index("rule")
    assert edits(app)[0].value is None
    assert app.dataframe[1].value["accepted"].iloc[0] == 0
    assert float(table.loc["edited by hand", "precision"].split()[0]) >= 0.35
    assert table.loc["edited by hand", "tp"] < table.loc["rule in view", "tp"]


def test_a_threshold_of_one_accepts_scores_of_one_and_only_an_empty_field_accepts_none() -> None:
    frame = make_frame(2_000)
    frame.loc[frame["score"] > 0.9, "score"] = 1.0
    app = show(use_file(upload(open_app("thresholds"), to_csv(frame))), "Edit by hand")
    for edit in edits(app):
        edit.set_value(1.0)
    levels = app.run().dataframe[-1].value
    assert levels["threshold"].tolist() == [1.0] * 3
    assert 0 < levels["accepted"].sum() < (frame["score"] == 1.0).sum()
    for edit in edits(app):
        assert edit.placeholder == "accepts none"
        edit.set_value(None)
    assert app.run().dataframe[-1].value["accepted"].tolist() == [0, 0, 0]


def test_a_level_of_the_rule_in_view_that_accepts_none_has_an_empty_field() -> None:
    app = show(aim(open_app("thresholds"), 0.6), "Edit by hand")
    thresholds = app.dataframe[1].value["threshold"]
    assert [one.value is None for one in edits(app)] == thresholds.isna().tolist()
    assert thresholds.isna().any()
    table = app.dataframe[0].value
    assert table.iloc[0, 1:].tolist() == table.iloc[1, 1:].tolist()


def test_an_edit_is_tested_only_after_opening_and_is_counted_and_listed() -> None:
    app = show(aim(open_app("thresholds"), 0.2), "Edit by hand")
    assert app.button(key="thresholds_test_edit").disabled
    confirm(app)
    edits(app)[2].set_value(None).run()
    app.button(key="thresholds_test_edit").click().run()
    assert "So far: 1 automatic test, 1 further look." in words(app)
    looks = app.dataframe[0].value
    assert looks["origin"].tolist() == ["by hand"]
    app.button(key="thresholds_test_edit").click().run()
    assert "1 further look." in words(app), "the same rule has the same answer"
    show(app, "Export")
    if looks["certified"].iloc[0]:
        app.selectbox(key="thresholds_export_rule").set_value("look 1: by hand").run()
        assert "This rule is confirmed" in words(app)


# --- other base rates and exports ---


def test_the_base_rate_slider_moves_the_sentence() -> None:
    app = show(open_app("thresholds"), "Other base rates")
    assert "At a base rate of" in words(app)
    before = words(app)
    assert "At a base rate of 10.13\N{NO-BREAK SPACE}% the precision" in before
    assert "these rows have 10.13\N{NO-BREAK SPACE}%" in before
    app.session_state["thresholds_base_rate"] = 0.0001
    app.run()
    assert "At a base rate of 0.01\N{NO-BREAK SPACE}% the precision" in words(app) != before
    confirm(app)
    assert "At a base rate of 0.01\N{NO-BREAK SPACE}% the precision" in words(app), "a chosen rate stays"


def test_a_base_rate_that_nobody_moved_is_that_of_the_rows_in_view() -> None:
    app = confirm(show(open_app("thresholds"), "Other base rates"))
    assert "At a base rate of 10.05\N{NO-BREAK SPACE}% the precision" in words(app)
    assert "these rows have 10.05\N{NO-BREAK SPACE}%" in words(app)


def test_exports_carry_the_policy_in_every_form() -> None:
    app = show(confirm(open_app("thresholds")), "Export")
    assert "with a probability of error of at most 0.05" in words(app)
    for value in ("spark", "bigquery", "snowflake", "postgres", "trino", "duckdb"):
        app.selectbox(key="thresholds_dialect").set_value(value).run()
        assert not app.error
        assert "CASE" in app.code[0].value
    hash_ = next(one.value for one in app.text if one.value.startswith("Policy ")).split()[1]
    assert hash_ in app.code[0].value
    table = app.dataframe[-1].value
    assert table["half"].tolist() == ["tuned"] * 3 + ["confirmed"] * 3
    assert table.groupby("half")["accepted"].sum().to_dict() == {"tuned": 2086, "confirmed": 1976}


def test_a_rule_that_is_not_confirmed_is_exported_with_the_half_it_was_tuned_on() -> None:
    assert set(show(open_app("thresholds"), "Export").dataframe[-1].value["half"]) == {"tuned"}


# --- one's own data ---


def test_a_file_given_on_the_holdout_page_is_used_here_too() -> None:
    app = upload(open_app("holdout"), to_csv(make_frame(2_000)))
    use_file(app)
    go_to(app, "thresholds")
    said = words(app)
    assert "Your data" in said
    assert "mine.csv · 2,000 rows" in said
    assert app.slider(key="thresholds_precision").value >= 0.5, "its labels follow a good score"
    assert not app.error


def test_a_file_can_be_given_here_and_its_link_opens_it_again() -> None:
    app = upload(open_app("thresholds"), to_csv(make_frame(2_000)))
    use_file(app)
    assert "mine.csv · 2,000 rows" in words(app)
    digest = app.query_params["data"]
    other = open_app("thresholds", data=digest[0] if isinstance(digest, list) else digest)
    assert "mine.csv · 2,000 rows" in words(other)


def test_groups_stay_whole_and_then_no_row_is_split_at_random() -> None:
    frame = make_frame(3_000)
    frame["user"] = np.arange(3_000) % 700
    app = upload(open_app("thresholds"), to_csv(frame))
    widget(app, "selectbox", "map_group").set_value("user")
    use_file(app)
    assert not app.error
    assert app.selectbox(key="thresholds_split").value == "group"
    said = words(confirm(aim(app, 0.3)))
    assert not app.error
    assert "Rows of one group are alike" in said
    assert "Whole groups resampled as a check" in said
    assert "The 95\N{NO-BREAK SPACE}% intervals above do not allow for that." in said


def test_rows_that_repeat_prove_less() -> None:
    """Every row ten times over, as one group: of ten rows nine tell nothing."""
    frame = pd.concat([make_frame(400).assign(user=np.arange(400))] * 10)
    app = upload(open_app("thresholds"), to_csv(frame))
    widget(app, "selectbox", "map_group").set_value("user")
    use_file(app)
    said = words(confirm(aim(app, 0.3)))
    assert "rows counted as one" in said or "independent ones" in said


def test_weights_are_tuned_on_and_proven_by_a_bound_for_weights() -> None:
    frame = make_frame(20_000)
    frame["weight"] = np.where(frame["label"] == 1, 1.0, 3.0)
    app = upload(open_app("thresholds"), to_csv(frame))
    use_file(app)
    assert app.number_input(key="thresholds_largest_weight").value == 3.0
    said = words(confirm(aim(app, 0.2)))
    assert "Certified: with confidence 0.95 precision is above 0.2" in said
    assert "holds if no weight exceeds 3." in said
    assert " rows that weigh " in said
    assert "By weight: " in said
    assert "sums of weights" in said
    assert "Caution: The largest weight, 3, is that of a row of this file." in said
    assert len(metrics(app)) == 4
    for view in ("Thresholds", "Frontier", "Methods", "Edit by hand", "Export"):
        assert not show(app, view).error, view
    assert "This rule is confirmed" in words(app)
    assert "Rows have weights" in words(show(app, "Other base rates"))


def test_every_level_can_be_asked_to_hold_by_itself() -> None:
    app = aim(open_app("thresholds"), 0.25)
    app.selectbox(key="thresholds_scope").set_value("each level").run()
    said = words(confirm(app))
    assert not app.error
    assert "precision of every level is above 0.25" in said
    assert "Every level was proven by itself." in words(show(app, "Thresholds"))


def test_a_file_sampled_by_class_is_asked_for_the_population() -> None:
    app = aim(open_app("thresholds"), 0.35)
    sampled = metrics(app)
    app.number_input(key="thresholds_keep_negatives").set_value(0.5).run()
    aim(app, 0.2)
    assert not app.error
    assert metrics(app)[0] < sampled[0], "half of the negatives are missing: precision of the population is lower"
    for view in VIEWS:
        assert not show(app, view).error, view
    said = words(confirm(app))
    assert "precision is above 0.2. " in said
    assert "This rule is confirmed" in said
    app.number_input(key="thresholds_keep_negatives").set_value(0.4).run()
    assert "Rows of this file were opened under other settings" in words(app)


@pytest.mark.parametrize("rows", [12, 40])
def test_a_few_rows_are_no_disaster(rows: int) -> None:
    frame = make_frame(rows)
    frame.loc[:5, "label"] = [0, 1, 0, 1, 0, 1]
    app = upload(open_app("thresholds"), to_csv(frame))
    use_file(app)
    assert not app.exception
    for view in VIEWS:
        assert not show(app, view).exception


def test_one_class_left_by_a_filter_is_a_message() -> None:
    frame = make_frame(400)
    frame["device"] = np.where(frame["label"] == 1, "web", "ios")
    app = upload(open_app("thresholds"), to_csv(frame))
    widget(app, "multiselect", "map_segments").set_value(["device"])
    use_file(app)
    widget(app, "multiselect", "thresholds_filters").set_value(["device"]).run()
    widget(app, "multiselect", "thresholds_keep").set_value(["web"]).run()
    assert "do not have both labels" in words(app)
    assert "What this does not tell" in words(app)


# --- the tour ---


def test_the_tour_is_about_the_sample_and_sets_the_question() -> None:
    app = choose_upload(open_app("thresholds"))
    app.button(key="thresholds_tour_start").click().run()
    for number, view in enumerate(("Thresholds", "Frontier", "Methods", "Export"), start=1):
        assert f"**{number} of 4 · " in words(app)
        assert app.slider(key="thresholds_precision").value == 0.3
        assert app.session_state["thresholds_view"] == view
        assert "Sample data, simulated" in words(app)
        assert not app.error
        if number < 4:
            app.button(key="thresholds_tour_next").click().run()
    app.button(key="thresholds_tour_end").click().run()
    assert "thresholds_tour_end" not in keys(app, "button")


def test_the_overview_leads_here() -> None:
    app = open_app()
    app.button(key="overview_thresholds").click().run()
    assert app.title[0].value == "Thresholds"
