"""Results of sign-off → figures. Nothing is computed here."""

import numpy as np
import plotly.graph_objects as go

from core.holdout.figures import LOG_RATIO, RATE_TICKS, TICKS
from core.plotting import (
    BLUE,
    NEUTRAL,
    SURFACE_SCALE,
    VERMILLION,
    interval_band,
    interval_points,
    make_figure,
    reference_line,
)
from core.signoff.comparison import Comparison
from core.signoff.population import Shift
from core.signoff.watch import ALPHA, Watch

LEGEND = {"orientation": "h", "y": -0.25}
NONE_AT = 1.04  # where a level that accepts none is drawn: above all scores
LOOK_HOVER = (
    "look %{x}: %{customdata[0]:,} accepted rows<br>precision %{y:.3~g} (%{customdata[1]:.3~g} – %{customdata[2]:.3~g})"
    "<extra>%{fullData.name}</extra>"
)
LEVEL_HOVER = (
    "level %{x}: %{customdata[0]:,} accepted rows<br>precision %{y:.3~g} (%{customdata[1]:.3~g} – "
    "%{customdata[2]:.3~g})<extra>%{fullData.name}</extra>"
)
CELL_HOVER = (
    "level %{customdata[0]}<br>score %{customdata[1]:.4g} – %{customdata[2]:.4g}<br>share when signed "
    "%{customdata[3]:.3~%}<br>share now %{customdata[4]:.3~%}<br>part of the index %{customdata[5]:.3g}<extra></extra>"
)


def course_figure(watch: Watch) -> go.Figure:
    """Precision on average since activation with its bounds, look by look, and that of each look alone."""
    frame = watch.course()
    x = frame["look"].to_numpy()
    so_far, lower, upper, alone, lo, hi = (
        frame[name].to_numpy(dtype=np.float64)
        for name in ("so_far", "lower", "upper", "precision", "precision_lo", "precision_hi")
    )
    traces = [
        interval_band(x, lower, upper, colour=BLUE, name="bounds that hold at all looks"),
        interval_points(
            x,
            so_far,
            lower,
            upper,
            colour=BLUE,
            name="average since activation",
            mode="lines+markers",
            line={"color": BLUE, "width": 2},
            customdata=frame[["accepted", "lower", "upper"]].to_numpy(),
            hovertemplate=LOOK_HOVER,
        ),
        interval_points(
            x,
            alone,
            lo,
            hi,
            colour=NEUTRAL,
            name="each look alone, 95 % interval",
            marker={"color": NEUTRAL, "size": 9, "symbol": "diamond"},
            customdata=frame[["accepted", "precision_lo", "precision_hi"]].to_numpy(),
            hovertemplate=LOOK_HOVER,
        ),
        reference_line([x[0] - 0.5, x[-1] + 0.5], [watch.target] * 2, name=f"target {_percent(watch.target)}"),
    ]
    figure = make_figure(
        traces,
        title="Precision since activation",
        x_title="look (oldest first)",
        y_title="precision of accepted rows",
        alt=f"Precision of accepted rows over {len(frame)} looks. After the last one it lies between "
        f"{lower[-1]:.3g} and {upper[-1]:.3g} on average since activation (each bound wrong with probability at most "
        f"{ALPHA:g} over all recorded looks); "
        f"the target is {watch.target:g}. Verdict: {watch.verdict}.",
    )
    figure.update_xaxes(range=[x[0] - 0.5, x[-1] + 0.5], dtick=max(1, -(-len(frame) // 20)), tick0=1, tickformat="d")
    figure.update_yaxes(tickformat=RATE_TICKS)
    figure.update_layout(legend=LEGEND)
    return figure


def population_figure(shift: Shift) -> go.Figure:
    """What each level and score bin adds to the stability index."""
    frame = shift.frame()
    levels, bins = shift.signed.rows.shape
    columns = ["level", "score_lo", "score_hi", "signed_share", "share", "contribution"]
    data = frame[columns].to_numpy(dtype=np.float64).reshape(levels, bins, len(columns))
    heat = go.Heatmap(
        z=data[:, :, 5],
        x=np.arange(bins),
        y=np.arange(1, levels + 1),
        customdata=data,
        hovertemplate=CELL_HOVER,
        colorscale=SURFACE_SCALE,
        zmin=0,
        colorbar={"title": {"text": "part of the index"}, "thickness": 14},
        xgap=1,
        ygap=1,
    )
    figure = make_figure(
        [heat],
        title="Where the rows have moved",
        x_title="score bin (lower edge)",
        y_title="level (in the order of the policy)",
        alt=_shift_alt(shift),
    )
    at = np.arange(0, bins + 1, max(-(-bins // (TICKS - 1)), 1))
    names = [f"{shift.signed.score_edges[i]:.3g}" for i in at]
    figure.update_xaxes(tickvals=at - 0.5, ticktext=names, range=[-0.5, bins - 0.5], showgrid=False)
    figure.update_yaxes(dtick=max(1, -(-levels // 20)), tick0=1, range=[0.5, levels + 0.5], showgrid=False)
    return figure


def _shift_alt(shift: Shift) -> str:
    if np.isnan(shift.index):
        return "Heatmap without values: on one side no row lies inside the levels."
    first = shift.largest().iloc[0]
    return (
        f"Heatmap of the parts of the stability index, {shift.index:.3g} in all; chance alone gives "
        f"{shift.expected:.3g}. The largest part comes from level {first['level']:.0f}, scores {first['score_lo']:.3g} "
        f"to {first['score_hi']:.3g}: a share of {first['signed_share']:.3g} when signed, {first['share']:.3g} now."
    )


def levels_figure(watch: Watch) -> go.Figure:
    """Precision of each level, when it was signed and now."""
    frame = watch.frame()
    x = frame["level"].to_numpy(dtype=np.float64)
    traces = []
    for names, accepted, aside, colour, symbol, title in (
        (("signed_precision", "signed_lo", "signed_hi"), "signed_accepted", -0.1, NEUTRAL, "diamond", "when signed"),
        (("precision", "lo", "hi"), "accepted", 0.1, BLUE, "circle", "this look"),
    ):
        rate, lo, hi = (frame[name].to_numpy(dtype=np.float64) for name in names)
        traces.append(
            interval_points(
                x + aside,
                rate,
                lo,
                hi,
                colour=colour,
                name=f"{title}, 95 % interval",
                marker={"color": colour, "size": 9, "symbol": symbol},
                customdata=frame[[accepted, *names[1:]]].to_numpy(dtype=np.float64),
                hovertemplate=LEVEL_HOVER.replace("%{x}", "%{x:.0f}"),
            )
        )
    ends = [0.5, len(frame) + 0.5]
    traces.append(reference_line(ends, [watch.target] * 2, name=f"target {_percent(watch.target)}"))
    told = ", ".join(f"level {line.level} {line.precision:.3g}" for line in frame.itertuples() if line.accepted)
    figure = make_figure(
        traces,
        title="Precision of each level, signed and now",
        x_title="level (in the order of the policy)",
        y_title="precision of accepted rows",
        alt=f"Precision of accepted rows per level now: {told or 'no row is accepted'}. The target is "
        f"{watch.target:g}. The table below has the signed ones and all intervals.",
    )
    figure.update_xaxes(range=ends, dtick=max(1, -(-len(frame) // 20)), tick0=1)
    figure.update_yaxes(tickformat=RATE_TICKS)
    figure.update_layout(legend=LEGEND)
    return figure


def cutoffs_figure(comparison: Comparison, *, unit: str) -> go.Figure:
    """Thresholds of the present and of the proposed policy over the uncertainty; above all scores where none passes."""
    frame = comparison.cutoffs()
    traces = []
    for name, colour, dash in (("present", NEUTRAL, "dash"), ("proposed", VERMILLION, "solid")):
        part = frame[frame["policy"] == name]
        threshold = part["threshold"].to_numpy(dtype=np.float64)
        said = ["accepts none" if np.isinf(value) else f"from a score of {value:.6g}" for value in threshold]
        traces.append(
            go.Scatter(
                x=part[["low", "high"]].to_numpy(dtype=np.float64).ravel(),
                y=np.repeat(np.where(np.isinf(threshold), NONE_AT, threshold), 2),
                mode="lines",
                line={"color": colour, "dash": dash, "width": 3},
                name=name,
                customdata=np.repeat([f"level {i}: {one}" for i, one in zip(part["level"], said, strict=True)], 2),
                hovertemplate="%{customdata}<extra>%{fullData.name}</extra>",
            )
        )
    sides = comparison.sides
    changed = [len(side.thresholds) for side in sides]
    figure = make_figure(
        traces,
        title="Thresholds, present and proposed",
        x_title=unit,
        y_title="threshold of the score",
        alt=f"Thresholds of {changed[0]} present and {changed[1]} proposed levels over {unit}. "
        f"{'The same.' if _same(comparison) else 'They differ.'} A level that accepts none is drawn above all scores. "
        "The table below has every threshold.",
    )
    low, high = float(frame["low"].min()), float(frame["high"].max())
    if low > 0 and high / low > LOG_RATIO:
        figure.update_xaxes(type="log")
    figure.update_yaxes(tickformat=".3~g")
    figure.update_layout(legend=LEGEND)
    return figure


def _same(comparison: Comparison) -> bool:
    present, proposed = comparison.sides
    return (present.level_edges, present.thresholds) == (proposed.level_edges, proposed.thresholds)


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
