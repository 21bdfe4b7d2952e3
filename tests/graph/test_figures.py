"""Figures: traces, titles, data equal to the frame, and the text alternative."""

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.graph import evaluate
from core.graph.engines import Engine
from core.graph.evaluate import evaluate_engines
from core.graph.figures import categories_figure, direction_figure, engines_figure, slices_figure, training_figure
from core.graph.split import split_graph
from core.jobs import Progress, finish
from core.plotting import alternative
from tests.graph.tiny_graphs import random_graph, random_table, table

HOSTILE = "<b>$Chance$</b>"


def fit_popular(fold, *, rng):
    yield Progress(0.5, "counting")
    return table(np.tile(fold.graph.in_degree.astype(float), (fold.graph.nodes, 1)))


def fit_chance(fold, *, rng):
    yield Progress(0.0, "drawing")
    return random_table(rng, fold.graph.nodes, values=1_000)


def evaluated(names):
    graph = random_graph(np.random.default_rng(0), 60, share=0.2, category=np.arange(60) // 25)
    split = split_graph(graph, test=0.3, rng=np.random.default_rng(0))
    engines = {
        "popular": Engine("popular", "Popularity", "", fit_popular),
        "chance": Engine("chance", HOSTILE, "", fit_chance),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "ENGINES", engines | {"refused": Engine("refused", "No", "", fit_never)})
        return finish(evaluate_engines(split, names, seed=0))


def fit_never(fold, *, rng):
    yield Progress(0.0, "looking")
    raise InputError("too few edges.", fix="Give more.")


@pytest.fixture(scope="module")
def evaluation():
    return evaluated(["popular", "chance"])


def titles(figure):
    return figure.layout.title.text, figure.layout.xaxis.title.text, figure.layout.yaxis.title.text


def equal(drawn, expected):
    return np.asarray(drawn, float) == pytest.approx(np.asarray(expected, float), nan_ok=True)


def test_engines_are_the_frame_best_on_top(evaluation):
    figure = engines_figure(evaluation, metric="MRR@20")
    frame = evaluation.frame()
    frame = frame[frame["metric"] == "MRR@20"].sort_values("value")
    points = figure.data[0]
    assert equal(points.x, frame["value"])
    assert equal(points.error_x.array, frame["hi"] - frame["value"])
    assert equal(points.error_x.arrayminus, frame["value"] - frame["lo"])
    assert equal(points.customdata, frame[["lo", "hi", "n"]])
    shown = {"popular": "Popularity", "chance": "bChance/b"}
    assert list(figure.layout.yaxis.ticktext) == [shown[name] for name in frame["engine"]]
    assert titles(figure) == ("MRR@20 of each engine", "MRR@20 (0 to 1)", "engine")
    assert f"{shown[frame['engine'].iloc[-1]]} is highest with {frame['value'].iloc[-1]:.3f}" in alternative(figure)


@pytest.mark.parametrize(("by", "groups"), [("query out-degree", 4), ("target in-degree", 3), ("edge", 2)])
def test_slices_are_the_frame(evaluation, by, groups):
    figure = slices_figure(evaluation, by=by, metric="HR@10")
    frame = evaluation.breakdown_frame()
    frame = frame[(frame["by"] == by) & (frame["metric"] == "HR@10")]
    for trace, name in zip(figure.data, ["popular", "chance"], strict=True):
        part = frame[frame["engine"] == name]
        assert len(part) == groups
        assert equal(trace.y, part["value"])
        assert equal(trace.error_y.array, part["hi"] - part["value"])
        assert equal(trace.error_y.arrayminus, part["value"] - part["lo"])
        assert equal(np.round(trace.x), range(groups))
    assert np.all(np.abs(np.subtract(figure.data[0].x, figure.data[1].x)) > 0.1)
    assert figure.data[0].marker.symbol != figure.data[1].marker.symbol
    labels = figure.layout.xaxis.ticktext
    assert labels[-1] == f"{part['group'].iloc[-1]}<br>n {part['n'].iloc[-1]:,}"
    assert titles(figure) == (f"HR@10 by {by}", f"{by} (n: test edges)", "HR@10 (0 to 1)")
    assert f"{groups} groups, for 2 engines" in alternative(figure)


def test_categories_are_the_frame_and_rare_cells_stay_empty(evaluation):
    figure = categories_figure(evaluation, "chance")
    frame = evaluation.engine("chance").breakdown.category_frame()
    heat = figure.data[0]
    assert equal(np.ravel(heat.z), frame["value"].where(frame["shown"]))
    assert 0 < (~frame["shown"]).sum() < 9
    assert equal(np.reshape(heat.customdata, (9, 4)), frame[["value", "lo", "hi", "n"]])
    assert heat.zmax == pytest.approx(frame.loc[frame["shown"], "value"].max())
    assert figure.layout.yaxis.autorange == "reversed"
    assert titles(figure) == (
        "HR@10 from category to category: bChance/b", "category of the target", "category of the query"
    )  # fmt: skip
    assert f"{(~frame['shown']).sum()} cells with fewer than 30" in alternative(figure)


def test_direction_is_the_frame_beside_its_baseline(evaluation):
    figure = direction_figure(evaluation)
    frame = evaluation.direction_frame()
    for measure, points, line in (
        ("direction AUC", figure.data[0], figure.data[1]), ("pairwise accuracy", figure.data[2], figure.data[3])
    ):  # fmt: skip
        part = frame[frame["measure"] == measure]
        assert points.name == measure
        assert equal(points.x, part["value"])
        assert equal(points.error_x.array, part["hi"] - part["value"])
        assert list(points.text) == ["Popularity", "bChance/b"]
        assert equal(line.x, part["baseline"])
        assert line.name == f"{measure}, in-degree alone"
    assert titles(figure) == (
        "Which way? One-way test edges against their reversals", "share told apart (0.5: a coin)", "engine"
    )  # fmt: skip
    assert "2 engines" in alternative(figure)


def test_where_all_engines_refuse_there_is_still_a_figure():
    evaluation = evaluated(["refused"])
    assert [failure.name for failure in evaluation.failed] == ["refused"]
    for figure in (engines_figure(evaluation), slices_figure(evaluation), direction_figure(evaluation)):
        assert "0 engines" in alternative(figure)
        assert sum(len(trace.x) for trace in figure.data if trace.mode == "markers") == 0


def test_each_network_of_a_training_has_lines_of_its_own():
    rows = [("blade", 1, 6.0, np.nan), ("blade", 2, 5.0, 0.4), ("lightgcn", 1, 0.7, 0.3)]
    epochs = pd.DataFrame(rows, columns=["network", "epoch", "loss", "hit_rate"])
    figure = training_figure(epochs)
    assert [trace.name for trace in figure.data] == [
        "blade: loss", "blade: HR@10", "lightgcn: loss", "lightgcn: HR@10",
    ]  # fmt: skip
    assert [list(trace.x) for trace in figure.data] == [[1, 2], [2], [1], [1]]
    assert [list(trace.y) for trace in figure.data] == [[6.0, 5.0], [0.4], [0.7], [0.3]]
    assert figure.layout.showlegend
    assert not training_figure(epochs[epochs["network"] == "blade"]).layout.showlegend
