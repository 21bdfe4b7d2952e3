"""Results of the holdout page → figures. Nothing is computed here."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.holdout.closed_form import Curve
from core.holdout.effect import UncertaintyTest
from core.holdout.positivity import Surface
from core.holdout.segments import SegmentComparison
from core.holdout.slices import ScoreSlice
from core.holdout.time_course import TimeCourse
from core.holdout.verdict import state_verdict
from core.plotting import (
    BLUE,
    DASHES,
    NEUTRAL,
    SURFACE_SCALE,
    SYMBOLS,
    VERMILLION,
    clean_label,
    interval_band,
    interval_points,
    make_figure,
    ordered_colours,
    reference_line,
)

LOG_RATIO = 30
SMALL_RATE = 0.45
RATE_TICKS = ".3~%"
LOG_TICKS = [factor * 10.0**power for power in range(-12, 13) for factor in (1, 3)]
TICKS = 11
SEGMENTS_SHOWN = 20
CELL_HOVER = (
    "level %{customdata[0]}<br>score %{customdata[1]:.4g} – %{customdata[2]:.4g}<br>rows %{customdata[3]:,}<br>"
    "positives %{customdata[4]:,}<br>positivity %{customdata[5]:.3~g} "
    "(%{customdata[6]:.3~g} – %{customdata[7]:.3~g})<extra></extra>"
)
POINT_HOVER = (
    "positivity %{y:.3~g} (%{customdata[0]:.3~g} – %{customdata[1]:.3~g})<br>rows %{customdata[2]:,}<br>"
    "positives %{customdata[3]:,}<br>mean score %{customdata[4]:.3~g}"
)


def surface_figure(surface: Surface, *, unit: str) -> go.Figure:
    """Heatmap of positivity over uncertainty level × score bin; cells below the minimum n are hatched."""
    frame, shown = surface.frame(), surface.shown
    levels, bins = shown.shape
    names = surface.cube.level_names()
    columns = ["level", "score_lo", "score_hi", "rows", "positives", "rate", "lo", "hi"]
    data = frame[columns].to_numpy().reshape(levels, bins, len(columns))
    heat = go.Heatmap(
        z=np.where(shown, data[:, :, 5], np.nan),
        x=np.arange(bins),
        y=np.arange(levels),
        customdata=data,
        hovertemplate=CELL_HOVER,
        colorscale=SURFACE_SCALE,
        zmin=0,
        zmax=float(max(np.nanmax(np.where(shown, data[:, :, 5], 0.0)), 1e-3)),
        colorbar={"title": {"text": "positivity"}, "thickness": 14},
        hoverongaps=False,
        xgap=1,
        ygap=1,
    )
    figure = make_figure(
        [heat, _hatching(data, shown, surface.minimum_rows)],
        title="Positivity by score and uncertainty",
        x_title="score bin (lower edge)",
        y_title=f"{unit}, least uncertain at the bottom",
        alt=_surface_alt(surface, names),
    )
    at = np.arange(0, bins + 1, max(-(-bins // (TICKS - 1)), 1))  # evenly, or labels run into each other
    figure.update_xaxes(
        tickvals=at - 0.5,
        ticktext=[f"{surface.cube.score_edges[i]:.3g}" for i in at],
        range=[-0.5, bins - 0.5],
        showgrid=False,
    )
    every = max(1, -(-levels // 20))
    figure.update_yaxes(
        tickvals=list(range(0, levels, every)), ticktext=names[::every], range=[-0.5, levels - 0.5], showgrid=False
    )
    figure.update_layout(
        barmode="overlay", bargap=0, legend={"orientation": "h", "y": 1.12, "x": 1, "xanchor": "right"}
    )
    return figure


def _hatching(data: np.ndarray, shown: np.ndarray, minimum_rows: int) -> go.Bar:
    level, bin_ = np.nonzero(~shown)
    return go.Bar(
        x=bin_,
        y=np.ones(len(bin_)),
        base=level - 0.5,
        width=1.0,
        customdata=data[level, bin_],
        hovertemplate=CELL_HOVER,
        marker={
            "color": "rgba(0,0,0,0)",
            "line": {"width": 0},
            "pattern": {"shape": "/", "fgcolor": NEUTRAL, "size": 6, "solidity": 0.15},
        },
        name=f"fewer than {max(minimum_rows, 1):,} rows",
        showlegend=True,
    )


def _surface_alt(surface: Surface, names: list[str]) -> str:
    shown = surface.shown
    rate = np.where(shown, surface.cube.cells.rate, np.nan)
    if not shown.any():
        return "Heatmap of positivity; every cell holds too few rows to be coloured."
    top = np.unravel_index(int(np.nanargmax(rate)), rate.shape)
    edges = surface.cube.score_edges
    return (
        f"Heatmap of positivity over {len(names)} uncertainty levels and {len(edges) - 1} score bins. The highest rate "
        f"is {rate[top]:.3g}, at scores {edges[top[1]]:.3g} to {edges[top[1] + 1]:.3g} in level {names[top[0]]}. "
        f"{int((~shown).sum())} cells hold too few rows. The table below has every cell."
    )


def slice_figure(score_slice: ScoreSlice, *, unit: str, curve: Curve | None = None) -> go.Figure:
    """Positivity against uncertainty at one score; the score is the reference line, n stands at each point."""
    frame = score_slice.frame().dropna(subset=["rate"])
    x = frame["mean_uncertainty"].to_numpy()
    points = interval_points(
        x,
        frame["rate"].to_numpy(),
        frame["lo"].to_numpy(),
        frame["hi"].to_numpy(),
        colour=BLUE,
        name="observed, 95 % interval",
        customdata=frame[["lo", "hi", "rows", "positives", "mean_score"]].to_numpy(),
        hovertemplate=f"{unit} %{{x:.4g}}<br>{POINT_HOVER}<extra></extra>",
    )
    counts = go.Scatter(
        x=x,
        y=frame["hi"],
        mode="text",
        text=[f"n {rows:,}" for rows in frame["rows"]],
        textposition="top center",
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
    )
    claimed = go.Scatter(
        x=x,
        y=frame["mean_score"],
        mode="markers",
        marker={"color": NEUTRAL, "symbol": "line-ew-open", "size": 14, "line": {"width": 2}},
        name="mean score of the rows",
        hoverinfo="skip",
    )
    drawn = [points, counts, claimed]
    if curve is not None:
        line = {"color": VERMILLION, "width": 2}
        drawn.append(go.Scatter(x=curve.evidence, y=curve.positivity, mode="lines", line=line, name="closed form"))
        x = np.concatenate([x, curve.evidence])
    certain_first = score_slice.cube.more_is_certain
    drawn.append(
        reference_line([_low(x), _high(x)], [score_slice.score] * 2, name=f"the score itself, {score_slice.score:g}")
    )
    figure = make_figure(
        drawn,
        title=f"At score {score_slice.score:g}: positivity against uncertainty",
        x_title=f"{unit} (more uncertain to the right)",
        y_title="positivity",
        alt=_slice_alt(score_slice),
    )
    figure.update_yaxes(range=_rate_range(frame["hi"], [score_slice.score]), tickformat=RATE_TICKS)
    wide = len(x) > 0 and x.min() > 0 and x.max() / x.min() > LOG_RATIO
    figure.update_xaxes(autorange="reversed" if certain_first else True)
    if wide:
        ticks = [tick for tick in LOG_TICKS if x.min() / 2 <= tick <= 2 * x.max()]
        figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{tick:,g}" for tick in ticks])
    figure.update_layout(legend={"orientation": "h", "y": -0.25})
    return figure


def _rate_range(*rates: Any) -> list[float]:
    """Axis from 0 to 1, or to just above the largest rate where all are small."""
    largest = max((float(np.nanmax(part)) for part in map(np.asarray, rates) if part.size), default=1.0)
    return [0.0, 1.0] if largest > SMALL_RATE else [0.0, 1.1 * largest]


def _low(x: np.ndarray) -> float:
    return float(x.min()) if len(x) else 0.0


def _high(x: np.ndarray) -> float:
    return float(x.max()) if len(x) else 1.0


def _slice_alt(score_slice: ScoreSlice) -> str:
    frame = score_slice.frame().dropna(subset=["rate"])
    if frame.empty:
        return f"No rows have a score near {score_slice.score:g}."
    first, last = frame.iloc[0], frame.iloc[-1]
    return (
        f"Positivity among rows with score {score_slice.score_lo:.3g} to {score_slice.score_hi:.3g}: {first.rate:.3g} "
        f"(n {first.rows:,.0f}) in the least uncertain level with rows, {last.rate:.3g} (n {last.rows:,.0f}) in the "
        "most uncertain."
    )


def calibration_figure(surface: Surface) -> go.Figure:
    """Positivity against score, one line per uncertainty level, with the diagonal."""
    frame = surface.frame()
    frame = frame[frame["rows"] >= max(surface.minimum_rows, 1)]
    names, colours = surface.cube.level_names(), ordered_colours(surface.cube.levels)
    traces: list[go.Scatter] = [reference_line([0, 1], [0, 1], name="positivity = score")]
    for _, part in frame.groupby("level"):
        i = int(part["level"].iloc[0]) - 1
        traces.append(
            interval_points(
                part["mean_score"],
                part["rate"].to_numpy(),
                part["lo"].to_numpy(),
                part["hi"].to_numpy(),
                colour=colours[i],
                name=f"level {names[i]}",
                mode="lines+markers",
                line={"color": colours[i], "dash": DASHES[i % len(DASHES)]},
                marker={"color": colours[i], "symbol": SYMBOLS[i % len(SYMBOLS)], "size": 7},
                customdata=part[["lo", "hi", "rows", "positives", "mean_score"]].to_numpy(),
                hovertemplate=f"level {names[i]}<br>{POINT_HOVER}<extra></extra>",
            )
        )
    figure = make_figure(
        traces,
        title="Positivity against score, per uncertainty level",
        x_title="mean score of the bin",
        y_title="positivity",
        alt=f"One line per uncertainty level ({surface.cube.levels}), least uncertain first, beside the diagonal where "
        "positivity equals the score. The surface's table has every point.",
    )
    figure.update_xaxes(range=_rate_range(frame["mean_score"]))
    figure.update_yaxes(range=_rate_range(frame["hi"], frame["mean_score"]), tickformat=RATE_TICKS)
    figure.update_layout(legend={"orientation": "h", "y": -0.25})
    return figure


def effect_figure(test: UncertaintyTest) -> go.Figure:
    """Most minus least uncertain level at the same scores: over all scores and in three bands."""
    frame = test.frame().dropna(subset=["effect"])
    names = [f"{line.scores}: {line.score_lo:.2g} – {line.score_hi:.2g}" for line in frame.itertuples(index=False)]
    points = go.Scatter(
        x=100 * frame["effect"],
        y=names,
        error_x={
            "type": "data",
            "array": 100 * (frame["hi"] - frame["effect"]),
            "arrayminus": 100 * (frame["effect"] - frame["lo"]),
            "color": BLUE,
        },
        mode="markers",
        marker={"color": BLUE, "size": 10},
        name="difference",
        customdata=frame[["rows"]].to_numpy(),
        hovertemplate="%{x:+.3~g} points<br>rows %{customdata[0]:,}<extra></extra>",
    )
    figure = make_figure(
        [points],
        title="Most against least uncertain rows, at the same scores",
        x_title="difference in positivity, percentage points",
        y_title="",
        alt=state_verdict(test),
        height=280,
    )
    figure.add_vline(x=0, line={"color": NEUTRAL, "dash": "dash", "width": 1.5})
    figure.update_yaxes(autorange="reversed")
    return figure


def segment_figure(comparison: SegmentComparison) -> go.Figure:
    """Positivity and mean score in the score window per segment value, largest first."""
    frame = comparison.frame().dropna(subset=["rate"]).head(SEGMENTS_SHOWN)
    names = [clean_label(value) for value in frame["segment"]]
    observed = go.Scatter(
        x=frame["rate"],
        y=names,
        error_x={
            "type": "data",
            "array": frame["hi"] - frame["rate"],
            "arrayminus": frame["rate"] - frame["lo"],
            "color": BLUE,
        },
        mode="markers",
        marker={"color": BLUE, "size": 9},
        name="positivity, 95 % interval",
        customdata=frame[["rows", "positives"]].to_numpy(),
        hovertemplate="%{x:.3~g}<br>rows %{customdata[0]:,}<br>positives %{customdata[1]:,}<extra>%{y}</extra>",
    )
    claimed = go.Scatter(
        x=frame["mean_score"],
        y=names,
        mode="markers",
        marker={"color": VERMILLION, "symbol": "line-ns-open", "size": 14, "line": {"width": 3}},
        name="mean score",
        hovertemplate="%{x:.3~g}<extra>%{y}</extra>",
    )
    figure = make_figure(
        [observed, claimed],
        title=f"Scores {comparison.score_lo:.2g} – {comparison.score_hi:.2g}, by {clean_label(comparison.name)}",
        x_title="positivity",
        y_title="",
        alt=f"Positivity with interval, and mean score, for {len(frame)} values of {clean_label(comparison.name)}.",
        height=160 + 26 * len(frame),
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(range=_rate_range(frame["hi"], frame["mean_score"]), tickformat=RATE_TICKS)
    figure.update_layout(legend={"orientation": "h", "y": -0.35})
    return figure


def time_figure(course: TimeCourse) -> go.Figure:
    """Positivity per time bucket with its interval, beside the mean score."""
    frame = course.frame().dropna(subset=["rate"])
    times = frame["time"].to_numpy()
    traces = [
        interval_band(times, frame["lo"].to_numpy(), frame["hi"].to_numpy(), colour=BLUE, name="95 % interval"),
        go.Scatter(
            x=times,
            y=frame["rate"],
            mode="lines+markers",
            line={"color": BLUE},
            name="positivity",
            customdata=frame[["lo", "hi", "rows", "positives", "mean_score"]].to_numpy(),
            hovertemplate=f"%{{x}}<br>{POINT_HOVER}<extra></extra>",
        ),
        go.Scatter(
            x=times, y=frame["mean_score"], mode="lines", line={"color": VERMILLION, "dash": "dash"}, name="mean score"
        ),
    ]
    figure = make_figure(
        traces,
        title=f"Positivity by {course.unit} (UTC)",
        x_title="time",
        y_title="positivity",
        alt=f"Positivity with interval, and mean score, in {len(frame)} buckets of one {course.unit}.",
    )
    figure.update_yaxes(rangemode="tozero", tickformat=RATE_TICKS)
    figure.update_layout(legend={"orientation": "h", "y": -0.25})
    return figure
