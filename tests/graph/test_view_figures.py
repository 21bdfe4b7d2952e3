"""Figures of the views: what is drawn equals the frames, and text of strangers is drawn as text."""

from dataclasses import replace

import numpy as np
import pytest

from core.graph.ego import ego_network
from core.graph.figures import ROLE_NAMES, ego_figure, projection_figure
from core.graph.projection import project_spaces
from core.graph.scorers import Factors
from core.plotting import alternative
from tests.graph.tiny_graphs import make_graph, random_graph, random_table

HOSTILE = ["<b onclick=x>a</b>", "=cmd()", "x" * 10**6, "$\\alpha$ %{y}", "", "e", "f", "g"]


def make_ego(**options):
    rng = np.random.default_rng(4)
    graph, scorer = random_graph(rng, 40, share=0.2), random_table(rng, 40, values=90)
    ego = ego_network(graph, scorer, 3, **options)
    return ego_network(graph, scorer, 3, expanded=ego.node[[1, -1]].tolist(), **options)


def make_hostile():
    graph = make_graph([(0, 1), (1, 0), (2, 0), (0, 3), (4, 0), (0, 5)], 8, category=[0, 1, 2, 3, 0, 0, 0, 0])
    title = np.array(HOSTILE, dtype=object)
    return replace(graph, items=replace(graph.items, title=title, categories=tuple(HOSTILE[:4])))


def named(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def test_every_node_is_drawn_once_where_it_lies():
    ego = make_ego()
    figure, frame = ego_figure(ego), ego.node_frame()
    drawn = {}
    for role, name in ROLE_NAMES.items():
        for trace in named(figure, name):
            for x, y, data in zip(trace.x, trace.y, trace.customdata, strict=True):
                assert data[0] not in drawn
                drawn[data[0]] = (role, x, y, data[2], data[4], data[5])
    columns = (frame["role"], ego.x, ego.y, frame["id"], frame["in_degree"], frame["out_degree"])
    expected = dict(zip(frame["node"], zip(*columns, strict=True), strict=True))
    assert drawn == expected


def test_every_arrow_is_drawn_towards_its_head():
    ego = make_ego()
    figure, frame = ego_figure(ego), ego.frame()
    drawn = 0
    for side in ("next", "before"):
        for what in ("known edge", "recommended"):
            (trace,) = named(figure, f"{what}: {side}")
            some = np.flatnonzero((ego.side == side) & (frame["what"] == what))
            drawn += len(some)
            assert len(trace.x) == 3 * len(some)
            assert trace.x[1::3].tolist() == ego.x[ego.head[some]].tolist()
            assert trace.y[1::3].tolist() == ego.y[ego.head[some]].tolist()
            start = np.where(
                ego.mutual[some], (ego.x[ego.tail[some]] + ego.x[ego.head[some]]) / 2, ego.x[ego.tail[some]]
            )
            assert trace.x[0::3].tolist() == start.tolist()
            assert np.isnan(trace.x[2::3].astype(float)).all()
            assert (trace.marker.symbol, trace.marker.angleref) == ("arrow", "previous")
            assert trace.line.color == {"next": "#0072B2", "before": "#D55E00"}[side]
            assert trace.line.dash == {"known edge": "solid", "recommended": "dot"}[what]
    assert drawn == len(frame)


def test_the_network_is_told_in_words():
    figure = ego_figure(make_ego(limit=20))
    assert "Directed network around n3: 20 products" in alternative(figure)
    assert figure.layout.title.text == "Before and next: n3"
    assert figure.layout.xaxis.title.text == "order of buying"
    assert "the product<br>and those beside it" in figure.layout.xaxis.ticktext


@pytest.mark.parametrize("limit", [20, 100])
def test_marks_stay_few(limit):
    figure = ego_figure(make_ego(limit=limit))
    assert sum(len(trace.x) for trace in figure.data if "text" in trace.mode) <= limit
    assert sum(len(trace.x) // 3 for trace in figure.data if "lines" in trace.mode) <= 300


def test_a_lonely_product_is_drawn():
    figure = ego_figure(ego_network(make_graph([], 2), None, 1))
    assert len(figure.data) == 1
    assert "Bought next, among others: nothing. Bought before: nothing." in alternative(figure)


def test_titles_are_drawn_as_text():
    graph = make_hostile()
    vectors = Factors(*(np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32) for _ in range(2)))
    figures = [
        ego_figure(ego_network(graph, None, 0)),
        projection_figure(project_spaces(graph, vectors, rng=np.random.default_rng(0)), selected=0),
    ]
    for figure in figures:
        text = figure.to_json()
        assert len(text) < 100_000
        for part in ("onclick=x>", "<b ", "$", "%{y}", "\\alpha"):
            assert part not in text.replace("\\\\", "\\")


def make_projection(categories, limit=800):
    rng = np.random.default_rng(1)
    graph = random_graph(rng, 60, category=(np.arange(60) % categories).tolist())
    vectors = Factors(*(rng.standard_normal((60, 5)).astype(np.float32) for _ in range(2)))
    return project_spaces(graph, vectors, limit=limit, rng=rng)


@pytest.mark.parametrize(("categories", "groups"), [(1, 1), (8, 8), (12, 9)])
def test_every_product_is_on_both_maps(categories, groups):
    projection = make_projection(categories)
    figure, frame = projection_figure(projection), projection.frame().set_index("node")
    for axis, role in (("x", "source"), ("x2", "target")):
        traces = [trace for trace in figure.data if trace.xaxis == axis]
        assert len(traces) == groups
        drawn = {d[0]: (x, y) for t in traces for x, y, d in zip(t.x, t.y, t.customdata, strict=True)}
        assert drawn == dict(zip(frame.index, zip(frame[f"{role}_x"], frame[f"{role}_y"], strict=True), strict=True))
    looks = {(t.marker.color, t.marker.symbol) for t in figure.data}
    assert len(looks) == groups
    assert len(named(figure, "other categories")) == (2 if categories > 8 else 0)


def test_rings_mark_a_product_and_its_neighbours():
    projection = make_projection(3)
    figure = projection_figure(projection, selected=7)
    rings = named(figure, "chosen, and most alike in all dimensions")
    place = projection.node.tolist().index(7)
    for trace, at, alike in zip(
        rings,
        (projection.source, projection.target),
        (projection.alike_source, projection.alike_target),
        strict=True,
    ):
        assert np.column_stack([trace.x, trace.y]).tolist() == at[[place, *alike[place]]].tolist()
    assert not named(projection_figure(projection, selected=999), "chosen, and most alike in all dimensions")


def test_the_map_is_told_in_words():
    figure = projection_figure(make_projection(3, limit=30))
    assert "30 of 60 products, drawn by degree" in alternative(figure)
    assert "of the variance" in alternative(figure)
    assert figure.layout.xaxis.title.text == "first component, as a query"
    assert figure.layout.xaxis2.title.text == "first component, as an answer"
    assert figure.layout.yaxis.title.text == "second component"
