"""The front door: three questions, one live figure, a tour, and the way on."""

import re

import pytest

from tests.pages.drive import charts, go_to, keys, open_app, words

PHONE, CASE = (
    "Before and next: Vindrel Pico 6 phone, 128 GB",
    "Before and next: Orvelle leather case for Vindrel Pico 6",
)
AGES = "Conversion rate by age: young rows only look worse"
SCORES = [0.8, 0.8, 0.4]  # what the tour's steps set


def test_first_paint_asks_three_questions_and_answers_each_from_a_sample() -> None:
    app = open_app()
    said = words(app)
    assert [heading.value[0] for heading in app.subheader] == ["1", "2", "3"]
    assert "Simulated sample." in said
    assert "n = 200,000" in said
    assert "most uncertain rows turn out positive less often" in said
    assert charts(app) == ["At score 0.8: positivity against uncertainty", PHONE, AGES]
    assert keys(app, "download_button") == ["csv_overview slice", "csv_overview arrows", "csv_overview ages"]


@pytest.mark.parametrize("score", [0.4, 0.6])
def test_the_score_moves_figure_and_table(score: float) -> None:
    app = open_app()
    before = app.dataframe[0].value
    app.radio(key="overview_score").set_value(score).run()
    assert charts(app) == [f"At score {score}: positivity against uncertainty", PHONE, AGES]
    assert not app.dataframe[0].value.equals(before)


def test_the_table_is_in_plain_words() -> None:
    table = open_app().dataframe[0].value
    assert list(table.columns) == [
        "level", "uncertainty", "rows", "positives", "mean score", "mean uncertainty", "positivity",
    ]  # fmt: skip
    assert table["positivity"].str.fullmatch(r"0\.\d{3} \(0\.\d{3} to 0\.\d{3}\)").all()


def test_a_phone_leads_to_many_and_its_case_to_few() -> None:
    app = open_app()
    assert "this product leads to 45 products, 4 lead to it" in words(app)
    app.radio(key="overview_product").set_value("a case for it").run()
    assert charts(app)[1].startswith(CASE)
    assert "this product leads to 45 products" not in words(app)


def test_the_second_button_leads_to_the_graph_page() -> None:
    app = open_app()
    app.button(key="overview_graph").click().run()
    assert app.title[0].value == "Graph"


def test_young_views_have_led_to_fewer_purchases_than_they_will() -> None:
    said = words(app := open_app())
    seen, eventual = map(float, re.search(r"so far, ([\d.]+)%; in the end ([\d.]+)% \(", said).groups())
    assert 0 < seen < 0.7 * eventual
    app.session_state["delay_seeds"], app.session_state["delay_daily"] = 2, 100  # a small comparison
    app.button(key="overview_delay").click().run()
    assert app.title[0].value == "Delay"


def test_the_button_leads_to_the_holdout_page() -> None:
    app = open_app()
    app.button(key="overview_go").click().run()
    assert app.title[0].value == "Holdout"


def test_the_tour_walks_through_its_steps_and_sets_the_score() -> None:
    app = open_app()
    app.button(key="overview_tour_start").click().run()
    for number, score in enumerate(SCORES, start=1):
        assert f"**{number} of {len(SCORES)} · " in words(app)
        assert app.radio(key="overview_score").value == score
        assert app.button(key="overview_tour_back").disabled == (number == 1)
        if number < len(SCORES):
            app.button(key="overview_tour_next").click().run()
    assert "overview_tour_next" not in keys(app, "button")
    app.button(key="overview_tour_back").click().run()
    assert f"{len(SCORES) - 1} of {len(SCORES)}" in words(app)
    app.button(key="overview_tour_end").click().run()
    assert "overview_tour_end" not in keys(app, "button")


def test_a_wrong_setting_is_a_message_and_the_questions_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSCOPE_MAX_ROWS", "many")
    app = open_app()
    assert "RECSCOPE_MAX_ROWS must be a whole number" in words(app)
    assert len(app.subheader) == 3


def test_the_tour_ends_where_the_reader_leaves_it(home: object) -> None:
    app = open_app()
    app.button(key="overview_tour_start").click().run()
    go_to(app, "holdout")
    assert "holdout_tour_end" not in keys(app, "button"), "a tour belongs to its page"
    assert "1 of 3" in words(go_to(app, "overview"))
