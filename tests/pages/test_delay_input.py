"""A log of one's own on the delay page: uploads, roles, dates, the arms, the export, links, and what may be wrong."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.drive import charts, go_to, keys, open_app, to_csv, to_parquet, widget, words
from tests.pages.logs import give_log, make_log, open_delay, use_log

OWN = "Your own log"
FIGURES = [
    "Delays and rates by lag bucket", "Share of conversions that have arrived, by segment",
    "Conversions by day of the impression: seen and expected", "Log-loss", "Predicted over observed conversions",
    "Calibration error", "Ranking, which late labels hardly move",
]  # fmt: skip
TABLES = ["csv_maturity by age", "csv_arrived by age", "csv_cohorts", "csv_log paired differences", "csv_log measures"]
HOSTILE = {
    "markup": "<script>alert(1)</script>",
    "mathjax": "$\\href{javascript:alert(1)}{x}$",
    "image": "![x](http://evil.example/x.png)",
    "directive": ":red[x] `y` **z**",
    "bidi": "abc\u202edcba\u200b",
    "template": "%{x}{{y}}",
}  # fmt: skip
FORBIDDEN = ("<script", "$", "\\href", "{{y}}", "\u202e", "\\u202e")


def mapped(app: AppTest, kind: str, role: str) -> Any:
    """What the form says for a role."""
    return widget(app, kind, f"map_{role}_").value


def own(app: AppTest, line: str) -> bool:
    """Whether the view is about the user's own log, described so."""
    said = words(app)
    return "Your data" in said and line in said and "Sample data" not in said


@pytest.fixture
def mine() -> AppTest:
    """The view with a log of one's own."""
    return use_log(give_log(open_delay(OWN), to_parquet(make_log()), name="mine.parquet"))


def test_the_sample_is_there_at_once() -> None:
    app = open_delay(OWN)
    said = words(app)
    assert not app.error
    assert "Sample data, simulated" in said
    assert "As of 2026-03-10 00:00 UTC: 14,400 later rows" in said
    assert "The as-of date cuts off delays: 12,000 of 25,600 rows" in said
    assert charts(app) == FIGURES
    assert keys(app, "download_button") == TABLES
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))


def test_a_log_is_mapped_by_guess_and_used(mine: AppTest) -> None:
    assert own(mine, "mine.parquet · 4,500 rows")
    assert not mine.error
    assert charts(mine) == FIGURES
    digest = mine.query_params["data"]
    assert re.fullmatch("[0-9a-f]{64}", digest if isinstance(digest, str) else digest[0])


def test_the_form_guesses_every_role() -> None:
    app = give_log(open_delay(OWN), to_csv(make_log()))
    assert "Sample data, simulated" in words(app), "nothing changes before the form is sent"
    assert mapped(app, "selectbox", "time") == "event_time"
    assert mapped(app, "selectbox", "conversion") == "conversion_time"
    assert mapped(app, "selectbox", "segment") == "campaign"
    assert mapped(app, "selectbox", "id") == "id"
    assert mapped(app, "multiselect", "signals") == ["cart_time"]
    assert mapped(app, "multiselect", "numbers") == ["x0", "x1", "hour_sin", "hour_cos"]
    assert own(use_log(app), "mine.csv · 4,500 rows")


def test_a_signal_as_feature_is_refused_with_its_reason() -> None:
    app = give_log(
        open_delay(OWN), to_csv(make_log().assign(cart=lambda frame: frame["cart_time"].notna().astype(int)))
    )
    widget(app, "multiselect", "map_words").set_value(["cart_time"])
    assert "a signal comes after the impression, so no score can have it" in words(use_log(app))
    widget(app, "multiselect", "map_words").set_value([])
    widget(app, "multiselect", "map_numbers").set_value(["cart"])
    use_log(app)
    assert "Feature 'cart' says whether signal" in words(app), "a signal in disguise"
    assert "How much is in yet?" in words(app), "the rest of the view stays"


def test_a_log_without_signals_offers_no_arm_that_needs_one() -> None:
    app = use_log(give_log(open_delay(OWN), to_csv(make_log().drop(columns="cart_time"))))
    assert own(app, "4,500 rows")
    assert not app.error
    assert not any("signal" in arm for arm in widget(app, "multiselect", "delay_log_arms").value)
    assert not any("signal" in name for name in widget(app, "selectbox", "delay_export").options)


# --- dates ---


def test_another_date_is_another_answer(mine: AppTest) -> None:
    before = widget(mine, "text_input", "delay_as_of").value
    assert before == "2026-03-14", "rows up to 19 March are final, less 5 days to score"
    widget(mine, "text_input", "delay_as_of").set_value("2026-03-01").run()
    assert "As of 2026-03-01 00:00 UTC" in words(mine)


def test_what_is_no_date_is_refused(mine: AppTest) -> None:
    widget(mine, "text_input", "delay_as_of").set_value("soon").run()
    assert "'soon' is no date." in words(mine)
    widget(mine, "text_input", "delay_as_of").set_value("1999-01-01").run()
    assert "lies outside the log" in words(mine)


def test_a_date_without_finished_rows_says_from_when_there_are(mine: AppTest) -> None:
    widget(mine, "text_input", "delay_as_of").set_value("2026-01-20").run()
    said = words(mine)
    assert "No row is older than the attribution window of 30 days." in said
    assert "Choose an as-of date from 2026-02-04" in said


def test_a_date_after_which_nothing_is_final_says_which_one_to_choose(mine: AppTest) -> None:
    widget(mine, "number_input", "delay_log_window").set_value(60.0).run()
    widget(mine, "text_input", "delay_as_of").set_value("2026-03-18").run()
    said = words(mine)
    assert "has a final label by" in said
    assert "Choose an as-of date before" in said
    assert "How much is in yet?" in said


def test_the_end_of_the_log_hides_what_comes_later(mine: AppTest) -> None:
    widget(mine, "text_input", "delay_until").set_value("2026-03-16").run()
    said = words(mine)
    assert "rows left out: after the end of the log" in said
    assert "conversions hidden: after the end of the log" in said


# --- the arms and the export ---


def test_arms_can_be_chosen(mine: AppTest) -> None:
    widget(mine, "multiselect", "delay_log_arms").set_value(["is_signal"]).run()
    table = next(table.value for table in mine.dataframe if "log-loss" in table.value and "family" in table.value)
    assert list(table["arm"]) == ["oracle", "naive", "is_signal"]


def test_a_large_log_is_scored_when_asked(mine: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages._delay_score.AT_ONCE", 10)
    mine.run()
    assert charts(mine) == FIGURES[:3]
    mine.button(key="delay_score_run").click().run()
    assert charts(mine) == FIGURES


def test_rows_leave_with_weights(mine: AppTest, home: Path) -> None:
    mine.button(key="delay_prepare").click().run()
    assert not mine.error
    assert "Snapshot weights: every row at most once." in words(mine)
    assert "delay_rows" in keys(mine, "download_button")
    file = next((home / "delay" / "exports").glob("*.parquet"))
    frame, about = pd.read_parquet(file), json.loads(pq.read_schema(file).metadata[b"recscope"])
    assert list(frame.columns) == ["row", "id", "label", "weight"]
    assert (about["arm"], about["kind"], about["as_of"]) == ("is_signal", "snapshot", "2026-03-14 00:00 UTC")
    assert (frame["id"] == "i" + (frame["row"] - 1).astype(str)).all()


def test_a_stream_is_called_a_stream(mine: AppTest) -> None:
    widget(mine, "selectbox", "delay_export").set_value("es_dfm").run()
    mine.button(key="delay_prepare").click().run()
    assert "a row that converts late stands there twice" in words(mine)


# --- what may be wrong ---


def shift_conversions(frame: pd.DataFrame) -> pd.DataFrame:
    """Every conversion before its event."""
    return frame.assign(
        conversion_time=frame["event_time"].where(frame["conversion_time"].notna()) - pd.Timedelta("1h")
    )


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty"),
        (b"event_time,conversion_time\n", "no rows"),
        (b"\x00\xff\xfe", ""),
        (to_csv(make_log().assign(conversion_time="")), "None of the 4,500 rows has a conversion."),
        (to_csv(shift_conversions(make_log())), "conversions come before their events"),
        (b"event_time,conversion_time\nyesterday,\n", ""),
        (b"event_time,conversion_time\n2026-01-01T00:00:00Z,2026-01-01T01:00:00\n", "zone"),
    ],
)  # fmt: skip
def test_a_bad_file_is_a_message_with_a_mend_and_the_sample_stays(data: bytes, complaint: str) -> None:
    app = give_log(open_delay(OWN), data)
    if not app.error:
        use_log(app)
    assert len(app.error) == 1
    assert complaint in words(app)
    assert "Sample data, simulated" in words(app)
    assert charts(app) == FIGURES


def test_rows_that_are_left_out_are_counted() -> None:
    frame = make_log()
    frame.loc[3, "id"] = frame.loc[2, "id"]
    assert "1 rows left out: the id stands in an earlier row" in words(
        use_log(give_log(open_delay(OWN), to_csv(frame)))
    )


def test_a_form_without_its_times_asks_for_them() -> None:
    frame = make_log().rename(columns={"event_time": "a", "conversion_time": "b"})
    assert "A log needs the time of the event and that of its conversion." in words(
        use_log(give_log(open_delay(OWN), to_csv(frame)))
    )


# --- links, paths, other pages ---


@pytest.mark.parametrize(("digest", "complaint"), [("ab" * 32, "no longer kept here"), ("no", "not a data digest")])
def test_a_link_to_unknown_data_says_so_and_shows_the_sample(digest: str, complaint: str) -> None:
    app = open_delay(OWN, data=digest)
    assert complaint in words(app)
    assert "Sample data, simulated" in words(app)
    assert charts(app) == FIGURES


def test_the_log_is_kept_in_the_address_and_while_another_page_is_visited(mine: AppTest) -> None:
    digest = mine.query_params["data"]
    digest = digest if isinstance(digest, str) else digest[0]
    assert own(open_delay(OWN, data=digest), "4,500 rows")
    go_to(mine, "overview")
    mine.session_state["delay_view"] = mine.query_params["delay_view"] = OWN
    go_to(mine, "delay")
    mine.radio(key="delay_source").set_value("Sample").run()
    assert "Sample data, simulated" in words(mine)
    assert "data" not in mine.query_params


def test_a_path_is_found_below_the_data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_delay(OWN)
    app.radio(key="delay_source").set_value("Path").run()
    assert "RECSCOPE_DATA_ROOT" in words(app)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "log.csv").write_bytes(to_csv(make_log()))
    monkeypatch.setenv("RECSCOPE_DATA_ROOT", str(tmp_path / "root"))
    app.run()
    app.text_input(key="delay_path").set_value("../log.csv").run()
    assert "is not a path below the data root" in words(app)
    app.text_input(key="delay_path").set_value("log.csv").run()
    assert own(use_log(app), "log.csv · 4,500 rows")


def test_a_source_that_is_not_offered_does_no_harm() -> None:
    app = open_app("overview")
    app.session_state["delay_source"] = "<b>"
    app.query_params["delay_view"] = OWN
    go_to(app, "delay")
    assert "What this does not tell" in words(app)


# --- text from outside ---


def test_hostile_names_are_shown_as_text_only() -> None:
    bad = list(HOSTILE.values())
    frame = make_log()
    cart = frame.pop("cart_time")
    for i, text in enumerate(bad):
        frame[f"{text}_time"] = cart
        frame[f"{text} {i}"] = np.sin(frame["x0"] * (i + 2)).round(3)
    frame["campaign"] = [bad[i % len(bad)] for i in range(len(frame))]
    app = use_log(give_log(open_delay(OWN), to_csv(frame), name="".join(text[:12] for text in bad) + ".csv"))
    assert own(app, "4,500 rows")
    assert not app.error
    for chart in app.get("plotly_chart"):
        for part in FORBIDDEN:
            assert part not in chart.proto.spec
            assert part not in chart.proto.alt
    shown = [*app.markdown, *app.caption, *app.info, *app.warning, *app.subheader]
    assert not any("evil.example" in one.value or "<script" in one.value for one in shown)
