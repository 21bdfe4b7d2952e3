"""Data of one's own on the graph page: uploads, column roles, paths, links, direction, and what may be wrong."""

import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.graph.load import load_sample
from core.graph.train import Recipe, train
from core.jobs import finish
from core.settings import Settings
from pages._graph_options import QUICK
from tests.pages.drive import charts, go_to, open_app, to_csv, to_parquet, widget, words
from tests.pages.shop import give_edges, give_items, make_edges, make_items, show, use_files

HOSTILE = {
    "markup": "<script>alert(1)</script>",
    "mathjax": "$\\href{javascript:alert(1)}{x}$",
    "formula": "=HYPERLINK(\"http://evil.example\")",
    "image": "![x](http://evil.example/x.png)",
    "directive": ":red[x] `y` **z**",
    "bidi": "abc\u202edcba\u200b",
    "template": "%{x}{{y}}",
}  # fmt: skip
FORBIDDEN = ("<script", "$", "\\href", "{{y}}", "\u202e", "\\u202e")


@pytest.fixture(scope="session")
def trained_sample(parsed_sample: Path) -> Path:
    """The parsed samples, with the model that the page makes by itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECSCOPE_HOME", str(parsed_sample))
        settings = Settings.from_environment()
        for engine in ("ease", QUICK):
            finish(train(finish(load_sample(settings)), Recipe(engine), settings=settings))
    return parsed_sample


@pytest.fixture(autouse=True)
def home(trained_sample: Path, home: Path) -> Path:
    """The data folder of this test, copied once the model is there."""
    return home


def mapped(app: AppTest, role: str) -> Any:
    """What the form says for a role."""
    return widget(app, "selectbox", f"map_{role}_").value


def own(app: AppTest, line: str) -> bool:
    """Whether the page is about the user's own data, described so."""
    said = words(app)
    return "Your data" in said and line in said and "Sample data" not in said and not app.error


@pytest.fixture
def mine() -> AppTest:
    """The page with edges and items of one's own."""
    app = give_items(give_edges(open_app("graph"), to_csv(make_edges())), to_csv(make_items()))
    return use_files(app)


def test_edges_are_mapped_by_guess_and_used() -> None:
    edges = make_edges()
    app = give_edges(open_app("graph"), to_parquet(edges), name="pairs.parquet")
    assert "Sample data, simulated" in words(app), "nothing changes before the form is sent"
    assert [mapped(app, role) for role in ("source", "target", "weight", "time")] == ["source", "target", "weight", ""]
    use_files(app)
    assert own(app, f"pairs.parquet · 60 products, {len(edges)} edges")
    assert len(app.query_params["data"][0]) == 64 or len(app.query_params["data"]) == 64


def test_items_give_titles_categories_and_a_product_without_edges(mine: AppTest) -> None:
    assert own(mine, "pairs.csv · 61 products")
    mine.text_input(key="graph_search").set_value("p03").run()
    assert "Phone number p03 · Phones" in words(mine)
    mine.text_input(key="graph_search").set_value("new").run()
    assert "leads to 0 products, 0 lead to it" in words(mine)
    assert not mine.error


@pytest.mark.parametrize("view", ["Inspect", "Neighbourhood", "Map", "Compare engines", "Health", "Export"])
def test_every_view_works_on_files_of_ones_own(mine: AppTest, view: str) -> None:
    show(mine, view)
    assert own(mine, "pairs.csv · 61 products")


def test_a_mapping_can_be_turned_round_and_one_column_cannot_be_both_ends() -> None:
    app = give_edges(open_app("graph"), to_csv(make_edges()))
    widget(app, "selectbox", "map_source").set_value("target")
    use_files(app)
    assert "Column 'target' is mapped to two roles." in words(app)
    widget(app, "selectbox", "map_target").set_value("source")
    assert own(use_files(app), "60 products")


def test_an_end_that_is_not_chosen_is_asked_for() -> None:
    frame = make_edges().rename(columns={"source": "x", "target": "y", "weight": "z"})
    app = use_files(give_edges(open_app("graph"), to_csv(frame)))
    assert "An edge needs two columns" in words(app)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty"),
        (b"source,target\n", "no rows"),
        (b"source,target\na,a\nb,b\n", "No edge is left"),
        (b"\x00\xff\xfe", ""),
    ],
)
def test_a_bad_file_is_a_message_with_a_mend_and_the_sample_stays(data: bytes, complaint: str) -> None:
    app = give_edges(open_app("graph"), data)
    if not app.error:
        use_files(app)
    assert len(app.error) == 1
    assert complaint in words(app)
    assert "Sample data, simulated" in words(app)
    assert len(app.dataframe) >= 5, "and its lists"


def test_items_named_twice_are_an_error() -> None:
    items = make_items()
    items.loc[1, "id"] = items.loc[0, "id"]
    app = use_files(give_items(give_edges(open_app("graph"), to_csv(make_edges())), to_csv(items)))
    assert "The items name 'p00' twice, in rows 1 and 2; 1 id is repeated." in words(app)


GRAPHML = """<?xml version="1.0"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="t" for="node" attr.name="title" attr.type="string"/>
<graph edgedefault="directed">
<node id="a"><data key="t">Phone</data></node><node id="b"/><node id="c"/>
<edge source="a" target="b"/><edge source="a" target="c"/><edge source="b" target="c"/>
</graph></graphml>
"""


def test_graphml_needs_no_form_and_an_entity_bomb_is_refused() -> None:
    app = give_edges(open_app("graph"), GRAPHML.encode(), name="shop.graphml")
    app.button(key="graph_use_graphml").click().run()
    assert own(app, "shop.graphml · 3 products, 3 edges")
    bomb = GRAPHML.replace("<graphml ", '<!DOCTYPE g [<!ENTITY a "b">]>\n<graphml ')
    app = give_edges(open_app("graph"), bomb.encode(), name="bomb.graphml")
    app.button(key="graph_use_graphml").click().run()
    assert len(app.error) == 1


# --- direction ---


def test_swapping_turns_every_list_round_and_back() -> None:
    app = open_app("graph")
    after = app.dataframe[0].value["id"].tolist()
    app.button(key="graph_swap").click().run()
    assert "Direction swapped" in words(app)
    assert "1" in app.query_params["swapped"]
    assert app.dataframe[0].value["id"].tolist() != after
    app.button(key="graph_swap").click().run()
    assert app.dataframe[0].value["id"].tolist() == after
    assert "swapped" not in app.query_params


def test_the_address_carries_the_direction_and_the_data(mine: AppTest) -> None:
    digest = mine.query_params["data"]
    digest = digest if isinstance(digest, str) else digest[0]
    app = open_app("graph", data=digest, swapped="1", graph_view="Health")
    assert own(app, "61 products")
    assert "Direction swapped" in words(app)


def test_symmetric_files_are_warned_of() -> None:
    edges = make_edges()[["source", "target"]]
    both = [*edges.itertuples(index=False), *edges[["target", "source"]].itertuples(index=False, name=None)]
    rows = "\n".join(",".join(pair) for pair in both)
    app = use_files(give_edges(open_app("graph"), f"source,target\n{rows}\n".encode()))
    assert "to look at: see Health." in words(app)
    assert "looks like an undirected graph written both ways" in words(show(app, "Health"))


# --- links, paths, other pages ---


@pytest.mark.parametrize(("digest", "complaint"), [("ab" * 32, "no longer kept here"), ("no", "not a data digest")])
def test_a_link_to_unknown_data_says_so_and_shows_the_sample(digest: str, complaint: str) -> None:
    app = open_app("graph", data=digest)
    assert complaint in words(app)
    assert "Sample data, simulated" in words(app)
    assert len(app.dataframe) >= 5


def test_files_of_ones_own_are_kept_while_another_page_is_visited(mine: AppTest) -> None:
    go_to(mine, "overview")
    go_to(mine, "graph")
    assert own(mine, "61 products")
    mine.radio(key="graph_source").set_value("Sample").run()
    assert "Sample data, simulated" in words(mine)
    assert "data" not in mine.query_params


def test_a_path_is_found_below_the_data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_app("graph")
    app.radio(key="graph_source").set_value("Path").run()
    assert "RECSCOPE_DATA_ROOT" in words(app)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "pairs.csv").write_bytes(to_csv(make_edges()))
    monkeypatch.setenv("RECSCOPE_DATA_ROOT", str(tmp_path / "root"))
    app.run()
    app.text_input(key="graph_edges_path").set_value("../pairs.csv").run()
    assert "is not a path below the data root" in words(app)
    app.text_input(key="graph_edges_path").set_value("pairs.csv").run()
    assert own(use_files(app), "pairs.csv · 60 products")


# --- text from outside ---


def test_hostile_titles_ids_and_names_are_shown_as_text_only() -> None:
    bad = list(HOSTILE.values())
    ids = {f"p{i:02d}": f"{text}0" for i, text in enumerate(bad)}
    edges, items = make_edges().replace(ids), make_items().replace(ids)
    items["title"] = [f"{bad[i % len(bad)]} {i}" for i in range(len(items))]
    items["category"] = [bad[i % len(bad)] if i % 2 else "plain" for i in range(len(items))]
    app = give_edges(open_app("graph"), to_csv(edges), name="".join(text[:10] for text in bad) + ".csv")
    use_files(give_items(app, to_csv(items)))
    assert own(app, "61 products")
    for view in ("Inspect", "Neighbourhood", "Map", "Health", "Export"):
        show(app, view)
        assert not app.error
        for chart in app.get("plotly_chart"):
            for part in FORBIDDEN:
                assert part not in chart.proto.spec
                assert part not in chart.proto.alt
        for one in [*app.selectbox, *app.multiselect, *app.expander, *app.button]:
            label = re.sub("`[^`]*`", "", one.label)
            assert not any(text.strip("'")[:8] in label for text in bad)
        shown = [*app.markdown, *app.caption, *app.info, *app.warning, *app.subheader]
        assert not any("evil.example" in one.value or "<script" in one.value for one in shown)
    assert len(charts(show(app, "Neighbourhood"))) == 1
