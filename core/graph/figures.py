"""Results of the graph page → figures. Nothing is computed here."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.graph.breakdown import FEWEST
from core.graph.direction import MEASURES
from core.graph.evaluate import Evaluation
from core.plotting import (
    BLUE,
    DASHES,
    HEIGHT,
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
