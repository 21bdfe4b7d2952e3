"""Results of the graph page → figures. Nothing is computed here."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.graph.breakdown import FEWEST
from core.graph.direction import MEASURES
from core.graph.ego import SIDES, Ego
from core.graph.evaluation import Evaluation
from core.graph.projection import Projection
from core.plotting import (
    BLUE,
    DASHES,
    HEIGHT,
    NEUTRAL,
    SURFACE_SCALE,
    SYMBOLS,
    VERMILLION,
    clean_label,
    interval_points,
    make_figure,
    ordered_colours,
    reference_line,
)

BASELINE = "in-degree alone"
GROUP_WIDTH = 0.7
INTERVAL_HOVER = "%{customdata[0]:.3f} – %{customdata[1]:.3f}<br>n %{customdata[2]:,}"


def engines_figure(evaluation: Evaluation, *, metric: str = "HR@10") -> go.Figure:
    """One metric of every engine with its interval, best on top."""
    frame = evaluation.frame()
    frame = frame[frame["metric"] == metric].sort_values("value", kind="stable")
    names = _titles(evaluation, frame["engine"])
    points = _horizontal_points(
        frame, names, at=np.arange(len(names)), colour=BLUE, name=f"{metric}, 95 % interval", symbol=SYMBOLS[0]
    )
    best = f" {names[-1]} is highest with {frame['value'].iloc[-1]:.3f}." if names else ""
    figure = make_figure(
        [points],
        title=f"{metric} of each engine",
        x_title=f"{metric} (0 to 1)",
        y_title="engine",
        alt=f"{metric} with its interval for {len(names)} engines, on {len(evaluation.split.test):,} test edges.{best} "
        "Overlapping intervals do not say that two engines are alike: see the paired comparison.",
        height=_height(len(names)),
    )
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names)
    return figure


def slices_figure(evaluation: Evaluation, *, by: str = "query out-degree", metric: str = "HR@10") -> go.Figure:
    """One metric per group of edges, one series of points with intervals per engine, side by side in a group."""
    frame = evaluation.breakdown_frame()
    frame = frame[(frame["by"] == by) & (frame["metric"] == metric)]
    groups = frame.drop_duplicates("group")
    colours, count = ordered_colours(len(evaluation.engines)), len(evaluation.engines)
    traces = []
    for i, result in enumerate(evaluation.engines):
        part = frame[frame["engine"] == result.name]
        title = clean_label(result.title)
        trace = interval_points(
            np.arange(len(part)) + GROUP_WIDTH * ((i + 0.5) / count - 0.5),
            part["value"].to_numpy(),
            part["lo"].to_numpy(),
            part["hi"].to_numpy(),
            colour=colours[i],
            name=title,
            marker={"color": colours[i], "symbol": SYMBOLS[i % len(SYMBOLS)], "size": 9},
            customdata=part[["lo", "hi", "n"]].to_numpy(),
            hovertemplate=f"{title}<br>{metric} %{{y:.3f}}, {INTERVAL_HOVER}<extra></extra>",
        )
        traces.append(trace)
    figure = make_figure(
        traces,
        title=f"{metric} by {by}",
        x_title=f"{by} (n: test edges)",
        y_title=f"{metric} (0 to 1)",
        alt=f"{metric} with its interval per {by}, {len(groups)} groups, for {count} engines. "
        "The table below has every point.",
    )
    labels = [f"{line.group}<br>n {line.n:,}" for line in groups.itertuples()]
    figure.update_xaxes(tickvals=list(range(len(groups))), ticktext=labels, range=[-0.5, max(len(groups), 1) - 0.5])
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(legend={"orientation": "h", "y": -0.3})
    return figure


def categories_figure(evaluation: Evaluation, engine: str) -> go.Figure:
    """HR@10 of one engine from each category to each; cells with too few test edges are left empty."""
    result = evaluation.engine(engine)
    frame = result.breakdown.category_frame()
    names = [clean_label(name) for name in result.breakdown.categories]
    size = len(names)
    data = frame[["value", "lo", "hi", "n"]].to_numpy().reshape(size, size, 4)
    shown = frame["shown"].to_numpy().reshape(size, size)
    heat = go.Heatmap(
        z=np.where(shown, data[:, :, 0], np.nan),
        x=np.arange(size),
        y=np.arange(size),
        customdata=data,
        hovertemplate="%{y} → %{x}<br>HR@10 %{customdata[0]:.3f} (%{customdata[1]:.3f} – %{customdata[2]:.3f})<br>"
        "n %{customdata[3]:,}<extra></extra>",
        colorscale=SURFACE_SCALE,
        zmin=0,
        zmax=float(np.max(data[:, :, 0], where=shown, initial=1e-3)),
        colorbar={"title": {"text": "HR@10"}, "thickness": 14},
        hoverongaps=False,
        xgap=1,
        ygap=1,
    )
    figure = make_figure(
        [heat],
        title=f"HR@10 from category to category: {clean_label(result.title)}",
        x_title="category of the target",
        y_title="category of the query",
        alt=f"Heat map of HR@10 for test edges between {size} categories, query in the row, target in the column. "
        f"{int((~shown).sum())} cells with fewer than {FEWEST} test edges are left empty. The table has every cell.",
        height=_height(size) + 120,
    )
    ticks = {"tickvals": list(range(size)), "ticktext": names, "showgrid": False}
    figure.update_xaxes(**ticks)
    figure.update_yaxes(**ticks, autorange="reversed")
    return figure


def direction_figure(evaluation: Evaluation) -> go.Figure:
    """Direction AUC and pairwise accuracy of every engine, beside those of the in-degree alone."""
    frame = evaluation.direction_frame()
    traces = []
    for i, (measure, colour) in enumerate(zip(MEASURES, (BLUE, VERMILLION), strict=True)):
        part = frame[frame["measure"] == measure]
        names = _titles(evaluation, part["engine"])
        at = np.arange(len(part)) + (i - 0.5) / 5
        traces.append(_horizontal_points(part, names, at=at, colour=colour, name=measure, symbol=SYMBOLS[i]))
        line = reference_line(
            part["baseline"].head(1).repeat(2), [-0.5, len(part) - 0.5], name=f"{measure}, {BASELINE}"
        )
        traces.append(line.update(line={"color": colour, "dash": DASHES[i + 1]}))
    figure = make_figure(
        traces,
        title="Which way? One-way test edges against their reversals",
        x_title="share told apart (0.5: a coin)",
        y_title="engine",
        alt=f"Direction AUC and pairwise accuracy with intervals for {len(names)} engines on "
        f"{int(frame['n'].head(1).sum()):,} one-way test edges, and as lines those of the {BASELINE}, "
        "which asks only how popular each end is.",
        height=_height(len(names)) + 60,
    )
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.5, -0.5])
    figure.update_layout(legend={"orientation": "h", "y": -0.35})
    return figure


def _titles(evaluation: Evaluation, names: "pd.Series[str]") -> list[str]:
    titles = {result.name: clean_label(result.title) for result in evaluation.engines}
    return [titles[name] for name in names]


def _horizontal_points(
    frame: pd.DataFrame, names: list[str], *, at: np.ndarray, colour: str, name: str, symbol: str
) -> go.Scatter:
    return go.Scatter(
        x=frame["value"],
        y=at,
        text=names,
        error_x={
            "type": "data",
            "array": frame["hi"] - frame["value"],
            "arrayminus": frame["value"] - frame["lo"],
            "color": colour,
        },
        mode="markers",
        marker={"color": colour, "size": 9, "symbol": symbol},
        name=name,
        customdata=frame[["lo", "hi", "n"]].to_numpy(),
        hovertemplate=f"%{{x:.3f}}, {INTERVAL_HOVER}<extra>%{{text}}</extra>",
    )


def _height(lines: int) -> int:
    return max(HEIGHT - 140, 160 + 30 * lines)


GREEN, PINK = "#009E73", "#B0669A"
LEGEND_BELOW = 95  # pixels: two lines of ticks and the title of the axis
ARROW_SIZE, NODE_SIZE, CENTRE_SIZE = 11, 11, 18
LABEL_ROOM, LONGEST_LABEL, SHORTEST_LABEL = 64, 22, 10  # characters: all columns together, and one
ROLES: dict[str, dict[str, Any]] = {
    "centre": {"color": NEUTRAL, "symbol": "star"},
    "next": {"color": BLUE, "symbol": "circle"},
    "before": {"color": VERMILLION, "symbol": "square"},
    "both": {"color": BLUE, "symbol": "diamond", "line": {"color": VERMILLION, "width": 3}},
    "recommended next": {"color": BLUE, "symbol": "circle-open"},
    "recommended before": {"color": VERMILLION, "symbol": "square-open"},
}
ROLE_NAMES = {
    "centre": "the product",
    "next": "bought next",
    "before": "bought before",
    "both": "both: before and next",
    "recommended next": "recommended next",
    "recommended before": "recommended before",
}
NODE_HOVER = "%{customdata[1]}<br>id %{customdata[2]}<br>%{customdata[3]}<br>%{customdata[4]:,} lead here, leads to "
NODE_HOVER += "%{customdata[5]:,}<extra>%{fullData.name}</extra>"
CATEGORY_STYLES = [(colour, symbol) for symbol in ("circle", "diamond") for colour in (BLUE, VERMILLION, GREEN, PINK)]
OTHER = "other categories"
MAP_HOVER = "%{customdata[1]}<br>id %{customdata[2]}<br>%{customdata[3]}<extra>%{fullData.name}</extra>"


def ego_figure(ego: Ego) -> go.Figure:
    """Products and arrows around one product; the first entry of a point's ``customdata`` is the node to open."""
    arrows = [
        _arrows(ego, side, known=known)
        for known in (True, False)
        for side in SIDES
        if np.any((ego.side == side) & (ego.known == known))
    ]
    nodes = [_nodes(ego, role) for role in ROLES if np.any(ego.role == role)]
    title = clean_label(ego.graph.items.title[ego.node[0]])
    layers, count = np.unique(ego.layer, return_counts=True)
    height = int(np.clip(160 + 30 * count.max(), HEIGHT, 900))
    figure = make_figure(
        [*arrows, *nodes],
        title=f"Before and next: {title}",
        x_title="order of buying",
        y_title="",
        alt=_ego_alt(ego, title),
        height=height,
    )
    edge = 0.2 * float(np.ptp(ego.x)) or 1.0
    figure.update_xaxes(
        tickvals=[float(ego.x[ego.layer == layer].mean()) for layer in layers],
        ticktext=[_layer_name(layer) for layer in layers.tolist()],
        range=[float(ego.x.min() - edge), float(ego.x.max() + edge)],
        showgrid=False,
    )
    figure.update_yaxes(showticklabels=False, showgrid=False)
    inside = height - figure.layout.margin.t - figure.layout.margin.b
    figure.update_layout(legend={"orientation": "h", "y": -LEGEND_BELOW / inside})
    return figure


def _arrows(ego: Ego, side: str, *, known: bool) -> go.Scatter:
    """Arrows of one kind as one line with gaps; of two that go both ways, each starts half way."""
    some = (ego.side == side) & (ego.known == known)
    tail, head, half = ego.tail[some], ego.head[some], ego.mutual[some]
    gap = np.full(len(tail), np.nan)
    x, y = (
        np.column_stack([np.where(half, (at[tail] + at[head]) / 2, at[tail]), at[head], gap]).ravel()
        for at in (ego.x, ego.y)
    )
    colour = BLUE if side == "next" else VERMILLION
    return go.Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line={"color": colour, "width": 1.5, "dash": "solid" if known else "dot"},
        marker={
            "color": colour,
            "symbol": "arrow",
            "angleref": "previous",
            "size": np.tile([0, ARROW_SIZE, 0], len(tail)),
            "standoff": np.tile([0, NODE_SIZE / 2, 0], len(tail)),
        },
        opacity=0.7,
        name=f"{'known edge' if known else 'recommended'}: {side}",
        hoverinfo="skip",
    )


def _nodes(ego: Ego, role: str) -> go.Scatter:
    some = np.flatnonzero(ego.role == role)
    room = int(np.clip(LABEL_ROOM // len(np.unique(ego.layer)), SHORTEST_LABEL, LONGEST_LABEL))
    labels = [clean_label(title) for title in ego.graph.items.title[ego.node[some]]]
    sides = np.where(ego.layer[some] == 0, "top center", np.where(ego.layer[some] < 0, "middle left", "middle right"))
    return go.Scatter(
        x=ego.x[some],
        y=ego.y[some],
        mode="markers+text",
        marker={"size": np.where(ego.opened[some], CENTRE_SIZE, NODE_SIZE), "opacity": 1, **ROLES[role]},
        text=[label if len(label) <= room else f"{label[: room - 1]}…" for label in labels],
        textposition=sides.tolist(),
        cliponaxis=False,
        customdata=_node_data(ego.node_frame().iloc[some], ["in_degree", "out_degree"]),
        hovertemplate=NODE_HOVER,
        name=ROLE_NAMES[role],
    )


def _node_data(frame: pd.DataFrame, more: list[str]) -> np.ndarray:
    """Node, title, id, category, and further columns; text that is safe to draw."""
    text = [[clean_label(value) for value in frame[name]] for name in ("title", "id", "category")]
    columns = [frame["node"].tolist(), *text, *(frame[name].tolist() for name in more)]
    return np.array(columns, dtype=object).T


def _layer_name(layer: int) -> str:
    if not layer:
        return "the product<br>and those beside it"
    side = "next" if layer > 0 else "before"
    return side if abs(layer) == 1 else f"{abs(layer)} steps {side}"


def _ego_alt(ego: Ego, title: str) -> str:
    def listed(*roles: str) -> str:
        titles = ego.graph.items.title[ego.node[np.isin(ego.role, roles) & (np.abs(ego.layer) == 1)][:3]]
        return ", ".join(map(clean_label, titles)) or "nothing"

    return (
        f"Directed network around {title}: {len(ego.node)} products and {len(ego.tail)} arrows; {ego.hidden:,} more "
        f"neighbours are not shown. Bought next, among others: {listed('next', 'both')}. Bought before: "
        f"{listed('before')}. The table has every arrow."
    )


def projection_figure(projection: Projection, *, selected: int | None = None) -> go.Figure:
    """The source space beside the target space in the same plane; rings mark a node and those most alike in each."""
    frame = projection.frame()
    common = frame["category"].value_counts().index[: len(CATEGORY_STYLES)].tolist()
    groups = [(clean_label(name), frame["category"] == name, CATEGORY_STYLES[i]) for i, name in enumerate(common)]
    rest = ~frame["category"].isin(common)
    if rest.any():
        groups.insert(0, (OTHER, rest, (NEUTRAL, "circle")))
    traces = []
    for axis, role in (("", "source"), ("2", "target")):
        traces += [_points(frame[some], role, axis, name, style) for name, some, style in groups]
        if selected is not None and selected in projection.node:
            traces.append(_rings(projection, selected, role, axis))
    figure = make_figure(
        traces,
        title="Map of products, as a query (left) and as an answer (right)",
        x_title="first component, as a query",
        y_title="second component",
        alt=f"Two scatter plots of {len(frame):,} products in one plane, coloured by category: left their source "
        f"vectors, right their target vectors. {projection.note} The table has every point.",
        height=HEIGHT + 60,
    )
    grid = figure.layout.xaxis.to_plotly_json()
    title = {**grid["title"], "text": "first component, as an answer"}
    figure.update_layout(
        xaxis={"domain": [0, 0.48]},
        xaxis2={**grid, "title": title, "domain": [0.52, 1], "anchor": "y2", "matches": "x"},
        yaxis2={**figure.layout.yaxis.to_plotly_json(), "title": None, "anchor": "x2", "matches": "y"},
        legend={"orientation": "h", "y": -0.2},
    )
    figure.update_layout(yaxis2={"showticklabels": False})
    return figure


def _points(frame: pd.DataFrame, role: str, axis: str, name: str, style: tuple[str, str]) -> go.Scatter:
    colour, symbol = style
    return go.Scatter(
        x=frame[f"{role}_x"],
        y=frame[f"{role}_y"],
        xaxis=f"x{axis}",
        yaxis=f"y{axis}",
        mode="markers",
        marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.8},
        customdata=_node_data(frame, []),
        hovertemplate=MAP_HOVER,
        name=name,
        legendgroup=name,
        showlegend=not axis,
    )


def _rings(projection: Projection, selected: int, role: str, axis: str) -> go.Scatter:
    place = int(np.flatnonzero(projection.node == selected)[0])
    alike = (projection.alike_source if role == "source" else projection.alike_target)[place]
    alike = alike[alike >= 0]
    at = (projection.source if role == "source" else projection.target)[[place, *alike.tolist()]]
    return go.Scatter(
        x=at[:, 0],
        y=at[:, 1],
        xaxis=f"x{axis}",
        yaxis=f"y{axis}",
        mode="markers",
        marker={
            "symbol": ["star-open", *["circle-open"] * len(alike)],
            "size": [16, *[12] * len(alike)],
            "color": NEUTRAL,
            "line": {"width": 2},
        },
        name="chosen, and most alike in all dimensions",
        legendgroup="rings",
        showlegend=not axis,
        hoverinfo="skip",
    )


def training_figure(epochs: pd.DataFrame) -> go.Figure:
    """Loss and validation HitRate@10 per epoch, one below the other; columns network, epoch, loss, hit_rate."""
    measured = epochs[epochs["hit_rate"].notna()]
    networks = list(dict.fromkeys(epochs["network"]))
    traces = []
    for network, dash, symbol in zip(networks, DASHES, SYMBOLS, strict=False):
        look = {"mode": "lines+markers", "marker": {"size": 6, "symbol": symbol}}
        own, seen = epochs[epochs["network"] == network], measured[measured["network"] == network]
        traces += [
            go.Scatter(
                x=own["epoch"], y=own["loss"], name=f"{network}: loss", line={"color": BLUE, "dash": dash}, **look
            ),
            go.Scatter(
                x=seen["epoch"], y=seen["hit_rate"], name=f"{network}: HR@10", yaxis="y2",
                line={"color": VERMILLION, "dash": dash}, **look,
            ),
        ]  # fmt: skip
    best = f" The best is {measured['hit_rate'].max():.3f}." if len(measured) else ""
    figure = make_figure(
        traces,
        title="Training",
        x_title="epoch",
        y_title="loss",
        alt=f"Loss, and HitRate at 10 on validation edges, over {len(epochs)} epochs.{best} The table has every epoch.",
        height=HEIGHT - 100,
    )
    axis = figure.layout.yaxis.to_plotly_json()
    figure.update_layout(
        yaxis={"domain": [0, 0.45]},
        yaxis2={**axis, "title": {**axis["title"], "text": "validation HR@10"}, "domain": [0.55, 1], "anchor": "x"},
        showlegend=len(networks) > 1,
    )
    return figure
