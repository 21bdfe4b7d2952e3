"""The delay page in simulated worlds: first paint, every view, every control, presets, the tour, impossible values."""

import math
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.delay.simulate import PRESETS
from core.delay.wording import drift_of
from tests.pages.drive import charts, go_to, keys, open_app, words
from tests.pages.logs import SMALL, open_delay

MEASURES = ["What each arm wins back of what late labels cost", "Regret against the true probability",
            "Predicted over observed conversions", "Log-loss", "Calibration error",
            "Ranking, which late labels hardly move"]  # fmt: skip
VIEWS = {
    "Simulate": (MEASURES, ["csv_won back", "csv_simulate paired differences", "csv_simulate measures"]),
    "Anatomy of the bias": (
        ["How long conversions take", "Conversion rate by age: young rows only look worse",
         "What the labels say, and what they will say", "Naive training, by age of the label",
         "Naive training, by segment", "What late labels do, and what old data does", "How cohorts bake"],
        ["csv_delays", "csv_rate by age", "csv_labels over time", "csv_naive calibration", "csv_parts of the error",
         "csv_cohorts by age"],
    ),
    "How long must I wait?": (
        ["How long to wait: Your world", "What waiting gains and costs: naive, Your world"],
        ["csv_waiting"],
    ),
    "Weights, explained": (
        ["Weights", "Weight against age", "What weights cost", "What signals tell of the label"],
        ["csv_histogram of weights", "csv_weight by age", "csv_snapshot weights side by side", "csv_signals"],
    ),
}  # fmt: skip


def measures(app: AppTest) -> Any:
    """The table of the measures."""
    return next(table.value for table in app.dataframe if "regret" in table.value and "family" in table.value)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_has_its_figures_tables_and_alternatives(view: str) -> None:
    app = open_delay(view)
    said = words(app)
    assert not app.error
    assert charts(app) == VIEWS[view][0]
    assert keys(app, "download_button") == VIEWS[view][1]
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))
    assert all(table.proto.alt for table in app.dataframe)
    assert "What this does not tell: what happens where its assumptions fail." in said
    for assumption in ("F stationary", "keeps its meaning", "P(x) unchanged", "no refunds", "in the spirit of"):
        assert assumption in said


def test_first_paint_has_a_drift_the_reference_arms_and_what_chance_can_do() -> None:
    app = open_delay()
    assert app.session_state["delay_drift"] == "gradual"
    assert list(measures(app)["arm"][:2]) == ["oracle", "naive"]
    said = words(app)
    assert "AUC hardly moves" in said
    assert "Is it more than chance?" in said
    assert "Importance weights with signals against importance weights: no difference in regret is seen" in said
    assert "2 simulated worlds of 6,100 impressions" in said


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "gradual"])
def test_a_preset_sets_the_controls_that_it_speaks_of(preset: str) -> None:
    app = open_delay()
    app.selectbox(key="delay_preset").set_value(preset).run()
    world = PRESETS[preset].world
    assert not app.error
    assert app.session_state["delay_drift"] == drift_of(world)
    assert app.slider(key="delay_median").value == world.law.median
    if preset == "stationary":
        assert "Nothing changes in this world" in words(app)


def test_a_link_opens_a_preset() -> None:
    app = open_delay(delay_preset=PRESETS["jump_down"].title)
    assert app.selectbox(key="delay_preset").value == "jump_down"
    assert app.session_state["delay_drift"] == "down"


def test_naive_beats_the_oracle_after_a_jump_down_and_the_page_says_why() -> None:
    app = open_delay(delay_preset=PRESETS["jump_down"].title, delay_seeds="5", delay_daily="400")
    found = measures(app).set_index("arm")
    assert found.loc["naive", "regret"] < found.loc["oracle", "regret"]
    assert "the two errors cancel. After a rise they add up." in words(app)


def test_waiting_is_best_where_nothing_changes_and_the_page_says_why() -> None:
    app = open_delay(delay_preset=PRESETS["stationary"].title, delay_seeds="4", delay_daily="400")
    assert "who waits until labels are final loses nothing" in words(app)


def test_every_control_moves_the_result() -> None:
    app = open_delay()
    before = measures(app)
    for kind, key, value in (
        ("slider", "delay_median", 8.0), ("slider", "delay_window", 14), ("slider", "delay_cadence", 3),
        ("number_input", "delay_lookback", 20), ("number_input", "delay_trainings", 2),
        ("selectbox", "delay_law", "weibull"),
    ):  # fmt: skip
        getattr(app, kind)(key=key).set_value(value).run()
        after = measures(app)
        assert not app.error
        assert not after.equals(before), key
        before = after


def test_without_a_signal_no_arm_uses_one() -> None:
    app = open_delay()
    app.session_state["delay_signal"] = "none"
    app.run()
    assert not app.error
    assert not any("signal" in arm for arm in measures(app)["arm"])
    app = open_delay("Weights, explained")
    app.session_state["delay_signal"] = "none"
    app.run()
    assert "This world has no signal." in words(app)


def test_any_arm_can_be_added() -> None:
    app = open_delay()
    app.multiselect(key="delay_arms_True").set_value(["dfm", "es_dfm", "entire_space"]).run()
    assert not app.error
    assert list(measures(app)["arm"]) == ["oracle", "naive", "dfm", "es_dfm", "entire_space"]


# --- the other views ---


def test_the_error_can_be_split_in_pcoc() -> None:
    app = open_delay("Anatomy of the bias")
    app.radio(key="delay_split").set_value("pcoc").run()
    assert not app.error
    table = next(table.value for table in app.dataframe if "staleness" in table.value)
    assert table.set_index("arm").loc["naive", "delay bias"] < 0


def test_the_minimum_moves_with_drift_and_signal() -> None:
    app = open_delay("How long must I wait?")
    app.toggle(key="delay_more_worlds").set_value(True).run(timeout=240)
    assert not app.error
    assert charts(app) == [
        "The best waiting time, by world", "How long to wait: Your world",
        "What waiting gains and costs: naive, Your world",
    ]  # fmt: skip
    table = next(table.value for table in app.dataframe if "agreement" in table.value)
    assert set(table["world"]) == {
        "Your world", "Nothing changes", "A little daily", "Twice that", "Weak signal", "Strong signal",
    }  # fmt: skip
    app.selectbox(key="delay_wait_world").set_value("Nothing changes").run()
    assert charts(app)[-1] == "What waiting gains and costs: naive, Nothing changes"


def test_the_two_kinds_of_weights_are_never_drawn_together() -> None:
    app = open_delay("Weights, explained")
    assert "Every impression stands in the training set once" in words(app)
    first = next(table.value for table in app.dataframe if "effective share" in table.value)
    assert {"is_signal", "ulc"} < set(first["arm"])
    app.session_state["delay_kind"] = "stream"
    app.run()
    assert "so the two kinds are never drawn together" in words(app)
    second = next(table.value for table in app.dataframe if "effective share" in table.value)
    assert set(second["arm"]) == {"fnw", "fnc", "es_dfm", "defer", "defuse"}
    assert not set(first["arm"]) & set(second["arm"])


def test_a_cap_takes_weight_from_conversions() -> None:
    app = open_delay("Weights, explained")
    assert "0.00% cut at the cap, which takes 0.0% of the weight of conversions." in words(app)
    app.session_state["delay_cap"] = "2"
    app.run()
    table = next(table.value for table in app.dataframe if "effective share" in table.value).set_index("arm")
    assert table.loc["is_signal", "lost"] > 0
    assert table.loc["is_signal", "largest"] == 2
    assert "Largest weight 2;" in words(app)


# --- the tour, and other pages ---


def test_the_tour_sets_what_it_speaks_of() -> None:
    app = open_delay("Weights, explained")
    app.button(key="delay_tour_start").click().run()
    steps = ["Anatomy of the bias", "Simulate", "Simulate", "Weights, explained"]
    for number, view in enumerate(steps, start=1):
        assert f"**{number} of 4 · " in words(app)
        assert not app.error
        assert charts(app) == VIEWS[view][0]
        assert app.session_state["delay_drift"] == ("none" if number == 3 else "gradual")
        if number < len(steps):
            app.button(key="delay_tour_next").click().run()
    app.button(key="delay_tour_end").click().run()
    assert "delay_tour_end" not in keys(app, "button")


def test_the_controls_are_kept_while_another_page_is_visited() -> None:
    app = open_delay()
    app.slider(key="delay_median").set_value(6.0).run()
    go_to(app, "holdout")
    go_to(app, "delay")
    assert app.slider(key="delay_median").value == 6.0


# --- what a websocket client could send ---


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("number_input", "delay_seeds", 10**9),
        ("number_input", "delay_daily", 0),
        ("number_input", "delay_trainings", -1),
        ("number_input", "delay_lookback", 10**6),
        ("slider", "delay_median", math.nan),
        ("slider", "delay_median", -1.0),
        ("slider", "delay_window", 10**6),
        ("slider", "delay_cadence", 0),
        ("slider", "delay_meaning", 1e9),
    ],
)
def test_a_value_outside_the_bounds_does_no_harm(kind: str, key: str, value: Any) -> None:
    app = open_delay()
    getattr(app, kind)(key=key).set_value(value).run()
    shown = getattr(app, kind)(key=key)
    assert shown.min <= shown.value <= shown.max
    assert "What this does not tell" in words(app)


@pytest.mark.parametrize("key", ["delay_preset", "delay_drift", "delay_signal", "delay_law"])
def test_a_choice_that_is_not_offered_does_no_harm(key: str) -> None:
    app = open_app("overview")
    for name, value in SMALL.items():
        app.session_state[name] = int(value)
    app.session_state[key] = "<b>nothing</b>"
    go_to(app, "delay")
    assert "What this does not tell" in words(app)
