"""The graph page on its sample: first paint, every view, every control, the tour, and values no widget would send."""

import math
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.graph.engines import ENGINES
from core.graph.load import load_sample
from core.graph.train import Recipe, Trial, evaluate, train
from core.jobs import finish
from core.settings import Settings
from pages._graph_compare import FIRST
from pages._graph_options import OPTIONS, QUICK
from tests.pages.drive import charts, go_to, keys, open_app, widget, words
from tests.pages.shop import show

PHONE = "Vindrel Pico 6 phone, 128 GB"
AROUND = f"Before and next: {PHONE}"
MAP = "Map of products, as a query (left) and as an answer (right)"
VIEWS = {
    "Inspect": ([], ["csv_bought next", "csv_bought before", "csv_parts of the score", "csv_links between the two",
                     "csv_without direction", "csv_alike as a source"]),
    "Neighbourhood": ([AROUND], ["csv_arrows around the product", "csv_products around the product"]),
    "Map": ([MAP], ["csv_most alike", "csv_map of products"]),
    "Compare engines": (
        ["HR@10 of each engine", "HR@10 by query out-degree", "Which way? One-way test edges against their reversals",
         "HR@10 from category to category: Linear model (EASE)"],
        ["csv_metrics", "csv_paired differences", "csv_slices", "csv_direction", "csv_category to category",
         "csv_beyond accuracy"],
    ),
    "Health": ([], ["csv_health of the graph"]),
    "Export": ([], ["graph_model"]),
}  # fmt: skip


@pytest.fixture(scope="session")
def trained_sample(parsed_sample: Path) -> Path:
    """The parsed samples, with the models and the comparison that the page makes of them by itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECSCOPE_HOME", str(parsed_sample))
        settings = Settings.from_environment()
        graph = finish(load_sample(settings))
        for engine in ("ease", QUICK):
            finish(train(graph, Recipe(engine), settings=settings))
        finish(evaluate(graph, Trial("pair", FIRST), settings=settings))
    return parsed_sample


@pytest.fixture(autouse=True)
def home(trained_sample: Path, home: Path) -> Path:
    """The data folder of this test, copied once the models are there."""
    return home


def open_graph(**query: str) -> AppTest:
    """The page with an engine whose results stand in the tests."""
    return open_app("graph", **({"graph_engine": ENGINES["ease"].title} | query))


def product(app: AppTest) -> str:
    """The line about the product in view."""
    return next(one.value for one in app.text if "lead to it" in one.value)


def search(app: AppTest, text: str) -> AppTest:
    """Type into the search box."""
    return app.text_input(key="graph_search").set_value(text).run()


def test_first_paint_shows_the_sample_and_says_so() -> None:
    said = words(app := open_app("graph"))
    assert not app.error
    assert "Sample data, simulated" in said
    assert "shop · 2,246 products, 18,670 edges, 86% of them one-way" in said
    assert "measured on 936 edges held out for validation" in said
    assert product(app).startswith(f"{PHONE} · Phones · leads to 45 products")
    assert "What this does not tell: whether showing a recommendation makes anybody buy" in said


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_has_its_figures_its_tables_and_their_downloads(view: str) -> None:
    app = show(open_graph(), view)
    figures, downloads = VIEWS[view]
    assert not app.error
    assert charts(app) == figures
    assert keys(app, "download_button") == downloads
    assert len(app.dataframe) == sum(key.startswith("csv_") for key in downloads)
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))
    assert all(table.proto.alt for table in app.dataframe)


def test_a_link_opens_a_view_a_search_and_a_product() -> None:
    assert charts(open_graph(graph_view="Map")) == [MAP]
    assert product(open_graph(graph_search="case-005")).startswith("Craglo slim case for Vindrel Pico 4, red")
    assert product(open_graph(product="case-005")).startswith("Craglo slim case for Vindrel Pico 4, red")
    assert product(open_graph(product="nobody")).startswith("Brennix"), "the first one that is suggested"


# --- inspect ---


def test_a_phone_leads_to_its_accessories_and_not_back() -> None:
    app = open_graph()
    after, before = (table.value for table in app.dataframe[:2])
    assert set(after["category"]) <= {"Phone cases", "Screen guards", "Chargers", "Power banks", "Earphones"}
    assert (after["asymmetry"] > 0).all()
    assert (before["asymmetry"] < 0).mean() > 0.5, "what leads to a phone is rather led to by it"
    said = words(app)
    assert f"{PHONE} recommends" in said
    assert f"does not recommend {PHONE}: place 1 in the list one way" in said


def test_a_case_is_bought_after_its_phone_and_a_model_without_direction_offers_the_phone() -> None:
    app = search(open_graph(), "case-005")
    assert "Phones" not in set(app.dataframe[0].value["category"])
    assert app.dataframe[1].value["category"].iloc[0] == "Phones"
    assert "of its 10 products lie the wrong way round" in words(app)
    wrong = next(one.value for one in app.dataframe if "wrong_way" in one.value)
    assert wrong[wrong["wrong_way"]]["category"].iloc[0] == "Phones"


def test_the_parts_of_a_score_add_up() -> None:
    app = open_graph()
    score = float(app.dataframe[0].value["score"].iloc[0])
    assert f"The score {score:.4g} is the sum of" in words(app)
    assert app.dataframe[2].value["value"].sum() == pytest.approx(score, rel=1e-4)


def test_another_pair_is_explained_when_it_is_chosen() -> None:
    app = open_graph()
    widget(app, "selectbox", "graph_pair").set_value(("before", 0)).run()
    assert f"Both ways: {PHONE} is recommended by {app.dataframe[1].value['title'].iloc[0]}" in words(app)
    score = float(app.dataframe[1].value["score"].iloc[0])
    assert f"The score {score:.4g} is the sum of" in words(app)


def test_the_pairs_to_explain_are_those_of_the_product_in_view() -> None:
    app = open_graph()
    first = widget(app, "selectbox", "graph_pair")
    search(app, "laptop-044")
    second = widget(app, "selectbox", "graph_pair")
    assert first.key != second.key, "a browser goes on showing the old name where only the name changes"
    assert app.dataframe[0].value["title"].iloc[0] in second.options[0]


def test_one_can_go_on_to_the_other_product() -> None:
    app = open_graph()
    there = str(app.dataframe[0].value["id"].iloc[0])
    app.button(key="graph_look").click().run()
    assert there in app.query_params["product"]
    assert PHONE not in product(app)


def test_known_edges_can_be_left_out_and_lists_made_longer() -> None:
    app = open_graph()
    assert "known edge" in set(app.dataframe[0].value["status"])
    app.toggle(key="graph_known").set_value(False).run()
    assert not {"known edge", "both"} & set(app.dataframe[0].value["status"])
    app.number_input(key="graph_k").set_value(25).run()
    assert len(app.dataframe[0].value) == 25


def test_a_search_without_a_match_says_so_and_can_be_mended() -> None:
    app = search(open_graph(), "xylophone")
    assert "No product has these words" in words(app)
    assert not search(app, "leather case").error


# --- neighbourhood and map ---


def test_a_click_opens_a_product_and_reset_closes_it() -> None:
    app = show(open_graph(), "Neighbourhood")
    before = len(app.dataframe[1].value)
    app.button(key="graph_open").click().run()
    assert len(app.dataframe[1].value) > before
    app.button(key="graph_reset").click().run()
    assert len(app.dataframe[1].value) == before
    assert app.button(key="graph_reset").disabled


def test_the_picture_holds_no_more_products_than_asked() -> None:
    app = show(open_graph(), "Neighbourhood")
    app.slider(key="graph_shown").set_value(20).run()
    assert len(app.dataframe[1].value) <= 20


def test_the_map_marks_the_product_and_names_those_alike() -> None:
    app = show(open_graph(graph_search="laptop-044"), "Map")
    assert len(app.dataframe[0].value) == 10
    assert "Laptops" in set(app.dataframe[0].value["category"])


# --- engines ---


def test_an_engine_that_takes_long_is_trained_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages._graph_options.READY_SMALL", ())
    app = open_graph(graph_engine=ENGINES["hope"].title)
    assert "is not trained on this graph with these settings yet" in words(app)
    assert "**Co-citation**, measured on" in words(app)
    app.button(key="graph_train").click().run()
    assert "**Walks of every length, factorised (HOPE)**, measured on" in words(app)
    assert "no decomposition over neighbours exists" in words(app)


def test_a_setting_makes_another_model() -> None:
    app = open_graph()
    before = app.dataframe[0].value["score"].tolist()
    app.slider(key="graph_ease_regularisation").set_value(500.0).run()
    assert app.dataframe[0].value["score"].tolist() != before
    app.slider(key="graph_ease_regularisation").set_value(50.0).run()
    assert app.dataframe[0].value["score"].tolist() == before


@pytest.mark.parametrize("engine", sorted(OPTIONS))
def test_every_setting_is_one_of_its_engine_with_the_same_default(engine: str) -> None:
    parameters = signature(getattr(import_module(f"core.graph.{engine}"), f"fit_{engine}")).parameters
    for option in OPTIONS[engine]:
        assert parameters[option.name].default == option.default


def test_the_edge_split_is_labelled_as_leaking() -> None:
    app = show(open_graph(), "Compare engines")
    assert "Split by pair: 3,729 test edges" in words(app)
    app.multiselect(key="graph_engines").set_value(["popularity"]).run()
    app.selectbox(key="graph_split").set_value("edge").run()
    assert "Split by edge, which LEAKS" in words(app)
    assert "of them have their reverse in training" in words(app)


def test_differences_are_told_in_plain_words() -> None:
    said = words(show(open_graph(), "Compare engines"))
    assert "Linear model (EASE) is better than Popularity in HR@10: +0.3" in said
    assert "Popularity: direction AUC" in said
    assert "no difference shown, +0.000 (+0.000 to +0.000)" in said  # popularity is the in-degree


def test_the_lists_are_prepared_on_demand() -> None:
    app = show(open_graph(), "Export")
    app.button(key="graph_prepare").click().run()
    assert not app.error
    assert "of 2,246 products." in words(app)
    assert keys(app, "download_button") == ["graph_lists", "graph_model"]


# --- the tour, and other pages ---


def test_the_tour_sets_what_it_speaks_of() -> None:
    app = open_graph()
    app.button(key="graph_tour_start").click().run()
    for number, view in enumerate(["Inspect", "Inspect", "Neighbourhood", "Compare engines"], start=1):
        assert f"**{number} of 4 · " in words(app)
        assert not app.error
        assert charts(app) == VIEWS[view][0]
        if number < 4:
            app.button(key="graph_tour_next").click().run()
    app.button(key="graph_tour_end").click().run()
    assert keys(app, "radio") == ["graph_source"]


def test_the_product_is_kept_while_another_page_is_visited() -> None:
    app = search(open_graph(), "case-005")
    go_to(app, "overview")
    go_to(app, "graph")
    assert product(app).startswith("Craglo slim case")


# --- what a websocket client could send ---


@pytest.mark.parametrize(
    ("view", "kind", "key", "value"),
    [
        ("Inspect", "number_input", "graph_k", 10**9),
        ("Inspect", "number_input", "graph_k", 0),
        ("Inspect", "slider", "graph_ease_regularisation", -1.0),
        ("Inspect", "slider", "graph_ease_regularisation", math.nan),
        ("Inspect", "number_input", "graph_seed", -1),
        ("Neighbourhood", "slider", "graph_shown", 10**6),
        ("Compare engines", "number_input", "graph_trial_seed", -1),
        ("Export", "number_input", "graph_export_k", 10**9),
    ],
)
def test_a_value_outside_the_bounds_does_no_harm(view: str, kind: str, key: str, value: Any) -> None:
    app = show(open_graph(), view)
    usual = getattr(app, kind)(key=key).value
    getattr(app, kind)(key=key).set_value(value).run()
    assert getattr(app, kind)(key=key).value == usual
    assert "What this does not tell" in words(app)
