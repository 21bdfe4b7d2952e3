"""Results of the thresholds page → figures. Nothing is computed here."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.arrays import FloatArray
from core.holdout.figures import RATE_TICKS, surface_figure
from core.plotting import (
    BLUE,
    NEUTRAL,
    VERMILLION,
    interval_band,
    interval_points,
    make_figure,
    reference_line,
)
from core.thresholds.certify import FEWEST_ACCEPTED
from core.thresholds.methods import NAMES, Comparison
from core.thresholds.objective import Objective
from core.thresholds.rule import Rule
from core.thresholds.shift import PriorShift
from core.thresholds.tuning import Method

GREEN, PINK = "#009E73", "#CC79A7"
_COLOURS: dict[Method, str] = {
    "exact": BLUE, "mist": BLUE, "ew_dpmt": NEUTRAL, "greedy": PINK, "single": VERMILLION, "recalibrated": VERMILLION,
}  # fmt: skip
_DASHES: dict[Method, str] = {
    "exact": "solid", "mist": "solid", "ew_dpmt": "dot", "greedy": "dashdot", "single": "solid", "recalibrated": "dot",
}  # fmt: skip
LEGEND = {"orientation": "h", "y": -0.25}
SURROUNDINGS = 2.5  # times the recall of the marks
CURVE_HOVER = (
    "recall %{x:.3~g}<br>precision %{y:.3~g} (95 %: %{customdata[2]:.3~g} – %{customdata[3]:.3~g})"
    "<br>accepted %{customdata[0]:,.0f}<br>positives %{customdata[1]:,.0f}"
)


def rule_figure(rule: Rule, *, unit: str) -> go.Figure:
    """The positivity surface with the threshold of each level drawn on top; rows right of the mark are accepted."""
    surface = rule.surface()
    figure = surface_figure(surface, unit=unit)
    x, y = _steps(rule, surface.cube.score_edges)
    key = {"color": NEUTRAL, "width": 3}  # black would not be seen on a dark ground
    figure.add_scatter(x=[None], y=[None], mode="lines", line=key, name="threshold")
    for colour, width in (("#FFFFFF", 7), ("#000000", 3)):  # black on a white rim is seen on every colour
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": colour, "width": width},
            name="threshold",
            showlegend=False,
            hoverinfo="skip",
        )
    figure.update_layout(
        title={"text": "Thresholds on the positivity of the tuning rows"},
        meta={"alt": f"{_rule_alt(rule)} {figure.layout.meta['alt']}"},
    )
    return figure


def _steps(rule: Rule, edges: FloatArray) -> tuple[list[float], list[float]]:
    """A line up each level at its threshold, in cells of the heatmap; at the end for a level that accepts none."""
    at = np.interp(np.where(np.isinf(rule.thresholds), edges[-1], rule.thresholds), edges, np.arange(len(edges))) - 0.5
    x = np.repeat(at, 2).tolist()
    y = (np.repeat(np.arange(len(at)), 2) + np.tile([-0.5, 0.5], len(at))).tolist()
    return x, y


def _rule_alt(rule: Rule) -> str:
    said = [
        f"level {i} {'accepts none' if np.isinf(threshold) else f'from a score of {threshold:.3g}'}"
        for i, threshold in enumerate(rule.thresholds, start=1)
    ]
    return f"Thresholds on top: {', '.join(said)}."


def frontier_figure(comparison: Comparison, *, method: Method, confirmed: Mapping[str, Any] | None = None) -> go.Figure:
    """Precision against recall of every method, with the target, the chosen rule and the single threshold marked.

    ``confirmed`` is what the certified rule does on the confirmation half, as :func:`evidence.describe` gives it. The
    axes show the surroundings of what is marked; a double click shows every rule.
    """
    curves = comparison.curves()
    names = [name for name in NAMES if name != "exact" or name == method]  # its frontier is that of mist and one rule
    traces = []
    chosen = curves[curves["method"] == method].dropna(subset=["precision_lo"])
    if not chosen.empty:
        x, lo, hi = (chosen[column].to_numpy(dtype=np.float64) for column in ("recall", "precision_lo", "precision_hi"))
        traces.append(interval_band(x, lo, hi, colour=_COLOURS[method], name="95 % interval of the chosen method"))
    for name in names:
        part = curves[curves["method"] == name]
        if not part.empty and (name != "mist" or method != "exact"):
            traces.append(_curve(part, name, is_chosen=name == method))
    marks = _marks(comparison, method, confirmed)
    traces += [*_target(comparison), *marks]
    figure = make_figure(
        traces,
        title="Precision against recall, on the tuning rows",
        x_title="recall",
        y_title="precision",
        alt=_frontier_alt(comparison, method),
        height=480,
    )
    x_range, y_range = _surroundings(comparison.objective, curves, marks)
    figure.update_xaxes(range=x_range, tickformat=RATE_TICKS)
    figure.update_yaxes(range=y_range, tickformat=RATE_TICKS)
    figure.update_layout(legend=LEGEND)
    return figure


def _curve(part: pd.DataFrame, method: Method, *, is_chosen: bool) -> go.Scatter:
    style = {"dash": "solid", "width": 3} if is_chosen else {"dash": _DASHES[method], "width": 2}
    return go.Scatter(
        x=part["recall"],
        y=part["precision"],
        mode="lines",
        line={"color": _COLOURS[method], **style},
        name=NAMES[method],
        customdata=part[["accepted", "tp", "precision_lo", "precision_hi"]].to_numpy(),
        hovertemplate=f"{NAMES[method]}<br>{CURVE_HOVER}<extra></extra>",
    )


def _surroundings(
    objective: Objective, curves: pd.DataFrame, marks: Sequence[go.Scatter]
) -> tuple[list[float], list[float]]:
    """Ranges of recall and precision around marks and target; elsewhere a few noisy rules would set the scale."""
    drawn = [mark for mark in marks if not np.isnan(mark.y[0])]  # a rule that accepts none has no precision
    recalls, precisions = ([float(mark[axis][0]) for mark in drawn] for axis in ("x", "y"))
    {"recall": recalls, "precision": precisions}.get(objective.kind, []).append(objective.target)
    if not drawn:
        return [0.0, 1.01], [0.0, 1.02]
    end = min(SURROUNDINGS * max(recalls), 1.01)
    near = curves[curves["recall"].between(min(recalls) / SURROUNDINGS, end) & (curves["accepted"] >= FEWEST_ACCEPTED)]
    lo, hi = min([*precisions, *near["precision"]]), max([*precisions, *near["precision"]])
    pad = 0.1 * (hi - lo) or 0.1
    return [0.0, end], [max(lo - pad, 0.0), min(hi + pad, 1.02)]


def _target(comparison: Comparison) -> list[go.Scatter]:
    target = comparison.objective.target
    if comparison.objective.kind == "precision":
        return [reference_line([0, 1], [target, target], name=f"target precision {_percent(target)}")]
    if comparison.objective.kind == "recall":
        return [reference_line([target, target], [0, 1], name=f"target recall {_percent(target)}")]
    return []


def _marks(comparison: Comparison, method: Method, confirmed: Mapping[str, Any] | None) -> list[go.Scatter]:
    marks = []
    styles: dict[Method, tuple[str, str, int, str]] = {"single": (VERMILLION, "diamond", 12, "best single threshold")}
    styles[method] = (_COLOURS[method], "star", 16, "chosen rule, tuned")
    for name, (colour, symbol, size, title) in styles.items():
        tuning = comparison.answer(name).tuning
        if tuning is None:
            continue
        counts = tuning.counts
        marks.append(
            go.Scatter(
                x=[counts.recall],
                y=[comparison.sampling.in_population(counts.precision)],
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": size},
                name=title,
                hovertemplate="recall %{x:.3~g}<br>precision %{y:.3~g}<extra>%{fullData.name}</extra>",
            )
        )
    if confirmed is not None:
        marks.append(
            interval_points(
                [confirmed["recall"]],
                *(np.array([confirmed[name]]) for name in ("precision", "precision_lo", "precision_hi")),
                colour=GREEN,
                name="certified rule, confirmed, 95 % interval",
                hovertemplate="recall %{x:.3~g}<br>precision %{y:.3~g}<extra>confirmed</extra>",
            )
        )
    return marks


def _frontier_alt(comparison: Comparison, method: Method) -> str:
    tuning = comparison.answer(method).tuning
    found = sum(answer.tuning is not None for answer in comparison.answers)
    if tuning is None:
        return f"Precision against recall of {found} methods; the chosen one has no rule for this question."
    recall, precision = tuning.counts.recall, comparison.sampling.in_population(tuning.counts.precision)
    return (
        f"Precision against recall of {found} methods on the tuning rows. The chosen rule ({NAMES[method]}) has "
        f"recall {recall:.3g} at precision {precision:.3g}. The table below has every rule."
    )


def shift_figure(shift: PriorShift, *, base_rate: float) -> go.Figure:
    """Precision against the base rate with its band, the target, and the base rates observed, asked and needed."""
    frame = shift.frame()
    x = frame["base_rate"].to_numpy()
    traces = [
        interval_band(
            x,
            frame["lo"].to_numpy(),
            frame["hi"].to_numpy(),
            colour=BLUE,
            name=f"{_percent(shift.confidence)} band",
        ),
        go.Scatter(
            x=x,
            y=frame["precision"],
            mode="lines",
            line={"color": BLUE, "width": 2},
            name="precision",
            customdata=frame[["lo", "hi"]].to_numpy(),
            hovertemplate="base rate %{x:.3~g}<br>precision %{y:.3~g} (%{customdata[0]:.3~g} – %{customdata[1]:.3~g})"
            "<extra></extra>",
        ),
        reference_line([x[0], x[-1]], [shift.target] * 2, name=f"target {_percent(shift.target)}"),
        _upright(shift.observed, NEUTRAL, "dot", f"observed base rate {_percent(shift.observed)}"),
    ]
    if base_rate != shift.observed:
        traces.append(_upright(base_rate, VERMILLION, "solid", f"asked base rate {_percent(base_rate)}"))
    figure = make_figure(
        traces,
        title="Precision at other base rates",
        x_title="base rate (share of positives)",
        y_title="precision of accepted rows",
        alt=f"Precision rises with the base rate. At the observed {shift.observed:.3g} rests the measured precision; "
        f"the target of {shift.target:g} is met from a base rate of {shift.break_even:.3g} on "
        f"({shift.break_even_lo:.3g} to {shift.break_even_hi:.3g}).",
    )
    figure.update_xaxes(type="log", range=[float(np.log10(x[0])), 0], tickvals=_LOG_TICKS, ticktext=_LOG_NAMES)
    figure.update_yaxes(range=[0, 1.02], tickformat=RATE_TICKS)
    figure.update_layout(legend=LEGEND)
    return figure


_LOG_TICKS = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1]
_LOG_NAMES = ["0.01%", "0.03%", "0.1%", "0.3%", "1%", "3%", "10%", "30%", "100%"]


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def _upright(x: float, colour: str, dash: str, name: str) -> go.Scatter:
    line = {"color": colour, "dash": dash, "width": 2}
    return go.Scatter(x=[x, x], y=[0, 1], mode="lines", line=line, name=name, hoverinfo="skip")
