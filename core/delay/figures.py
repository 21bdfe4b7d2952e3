"""Results of the delay page → figures. Nothing is computed here."""

from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.delay.anatomy import Baking, BiasTable, DelayDistribution, ErrorSplit, Outcomes, RateByAge
from core.delay.compare import Comparison
from core.delay.diagnostics import SignalTable
from core.delay.laws import DAY
from core.delay.maturity import Cohorts, DelayCurves, Maturity, name_bucket
from core.delay.waiting import Waiting
from core.delay.weights import WeightShape, WeightTable
from core.intervals import normal
from core.plotting import (
    BLUE,
    DASHES,
    NEUTRAL,
    SYMBOLS,
    VERMILLION,
    clean_label,
    interval_band,
    interval_points,
    make_figure,
    ordered_colours,
    reference_line,
)

MEASURE_TITLES: Final = {
    "regret": ("Regret against the true probability", "regret, nats per impression (lower is better)"),
    "pcoc": ("Predicted over observed conversions", "PCOC, 1 is right; below 1 bids are too low"),
    "log_loss": ("Log-loss", "nats per impression (lower is better)"),
    "ece": ("Calibration error", "ECE (lower is better)"),
    "auc": ("Ranking, which late labels hardly move", "AUC (higher is better)"),
    "ess": ("Effective sample size", "rows of weight 1 that would be as noisy"),
}
CURVES_SHOWN = 8
AGE_TICKS: Final = (
    (1 / 1_440, "1 min"), (10 / 1_440, "10 min"), (1 / 24, "1 h"), (0.25, "6 h"), (1.0, "1 d"), (3.0, "3 d"),
    (7.0, "1 wk"), (30.0, "30 d"), (90.0, "90 d"),
)  # fmt: skip
RATE_TICKS = ".3~%"
BELOW: Final = {"orientation": "h", "y": -0.25}
FAR_BELOW: Final = {"orientation": "h", "y": -0.4}  # of names of buckets, which are drawn slanted
RIGHT_TICKS = ".2~p"


def measure_figure(comparison: Comparison, measure: str) -> go.Figure:
    """One measure of every arm, with the 95 % interval over runs; PCOC beside the line at 1."""
    frame = comparison.frame()
    title, axis = MEASURE_TITLES[measure]
    value, se = frame[measure].to_numpy(), frame[f"{measure}_se"].fillna(0.0).to_numpy()
    known = np.isfinite(value)
    figure = make_figure(
        [_sideways(value[known], se[known], frame["arm"][known], name="mean of the runs, 95 % interval")],
        title=title,
        x_title=axis,
        y_title="",
        alt=f"{title} of {int(known.sum())} arms over {len(comparison.runs)} runs. {_extremes(frame[known], measure)}",
        height=_height(len(frame)),
    )
    if measure == "pcoc":
        figure.add_vline(x=1.0, line={"color": NEUTRAL, "dash": "dash", "width": 1.5})
    figure.update_yaxes(autorange="reversed", type="category")
    return figure


def recovery_figure(comparison: Comparison) -> go.Figure:
    """Share of the regret between naive and oracle that each arm wins back, with Fieller's interval.

    An arm whose interval has no end, as with few runs, is drawn hollow and without bar.
    """
    found = [comparison.recovery(name) for name in comparison.names]
    shown = [line for line in found if np.isfinite(line.share)]
    share, lo, hi = (np.array([getattr(line, end) for line in shown]) for end in ("share", "lo", "hi"))
    bounded = np.isfinite(lo) & np.isfinite(hi)
    points = go.Scatter(
        x=share,
        y=[line.arm for line in shown],
        error_x={
            "type": "data", "array": np.where(bounded, hi - share, 0.0), "color": BLUE,
            "arrayminus": np.where(bounded, share - lo, 0.0),
        },
        mode="markers",
        marker={"color": BLUE, "size": 9, "symbol": np.where(bounded, "circle", "circle-open")},
        name="share, 95 % interval",
        customdata=np.stack([lo, hi], axis=1) if shown else None,
        hovertemplate="%{x:.0%} (%{customdata[0]:.0%} to %{customdata[1]:.0%})<extra>%{y}</extra>",
    )  # fmt: skip
    alt = "; ".join(f"{line.arm} {line.share:.0%}" for line in shown)
    without = int((~bounded).sum())
    figure = make_figure(
        [points],
        title="What each arm wins back of what late labels cost",
        x_title="share of the regret between naive (0) and oracle (1)",
        y_title="",
        alt=f"Recovered share of the regret: {alt}. {without} of the intervals have no end."
        if shown
        else "No share: naive is no worse than the oracle here.",
        height=_height(len(shown)),
    )
    for at in (0.0, 1.0):
        figure.add_vline(x=at, line={"color": NEUTRAL, "dash": "dash", "width": 1.5})
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(tickformat=".0%")
    return figure


def split_figure(split: ErrorSplit) -> go.Figure:
    """Delay bias and window staleness of every arm, stacked."""
    frame = split.frame()
    traces = [
        _bar(frame["staleness"], frame["arm"], NEUTRAL, "window staleness (oracle − truth)"),
        _bar(frame["delay_bias"], frame["arm"], VERMILLION, "delay bias (arm − oracle)", error=frame["delay_bias_se"]),
    ]
    axis = "PCOC less 1" if split.measure == "pcoc" else "regret, nats per impression"
    biases = "; ".join(f"{line.arm} {line.delay_bias:.3g}" for line in frame.itertuples(index=False))
    figure = make_figure(
        traces,
        title="What late labels do, and what old data does",
        x_title=axis,
        y_title="",
        alt=f"Error in two parts. Window staleness is {split.staleness:.3g} for every arm. Delay bias: {biases}.",
        height=_height(len(frame)),
    )
    figure.update_layout(barmode="relative", legend=BELOW)
    figure.update_yaxes(autorange="reversed", type="category")
    return figure


def distribution_figure(distribution: DelayDistribution) -> go.Figure:
    """Delays on a logarithmic axis: share per bin, cumulated share, median."""
    frame = distribution.frame()
    bars = go.Bar(
        x=np.sqrt(frame["lo"] * frame["hi"]), y=frame["share"], width=frame["hi"] - frame["lo"],
        marker={"color": BLUE, "line": {"width": 0}}, name="conversions in the bin",
        hovertemplate="%{y:.2%}<extra></extra>",
    )  # fmt: skip
    line = go.Scatter(
        x=frame["hi"], y=frame["arrived"], mode="lines", line={"color": VERMILLION, "width": 2}, yaxis="y2",
        name="arrived by then (right axis)", hovertemplate="%{y:.1%}<extra></extra>",
    )  # fmt: skip
    median = distribution.median / DAY
    figure = make_figure(
        [bars, line],
        title="How long conversions take",
        x_title="delay from impression to conversion",
        y_title="share of conversions",
        alt=f"Delays of {int(frame['conversions'].sum()):,} mature conversions on a logarithmic axis; half of them "
        f"come within {_show_days(median)}.",
    )
    figure.add_vline(x=median, line={"color": NEUTRAL, "dash": "dash"})
    figure.add_annotation(  # on a logarithmic axis the place of a note is the logarithm, that of a line is not
        x=np.log10(median), y=1, yref="paper", xanchor="right", showarrow=False, text=f"median {_show_days(median)}"
    )
    _log_age(figure)
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    figure.update_layout(
        yaxis2={"overlaying": "y", "side": "right", "range": [0, 1.02], "tickformat": ".0%", "showgrid": False},
        legend=BELOW,
    )
    return figure


def rate_by_age_figure(found: RateByAge) -> go.Figure:
    """Observed rate by age of the rows, Kaplan–Meier band, eventual rate."""
    frame, curve = found.frame(), found.curve_frame().dropna()
    age = curve["age"].to_numpy()
    traces = [
        interval_band(
            age, curve["rate_lo"].to_numpy(), curve["rate_hi"].to_numpy(), colour=BLUE, name="95 % band of the curve"
        ),
        go.Scatter(
            x=age, y=curve["rate"], mode="lines", line={"color": BLUE, "shape": "hv"}, name="Kaplan–Meier, all rows"
        ),
        interval_points(
            frame["age"], frame["rate"].to_numpy(), frame["rate_lo"].to_numpy(), frame["rate_hi"].to_numpy(),
            colour=VERMILLION, name="seen so far, 95 % interval", customdata=frame[["rows", "conversions"]].to_numpy(),
            hovertemplate="age %{x:.3~g} d<br>rate %{y:.3~%}<br>rows %{customdata[0]:,}<br>conversions "
            "%{customdata[1]:,}<extra></extra>",
        ),
        reference_line([0, float(frame["age"].max())], [found.eventual] * 2, name="eventual rate"),
    ]  # fmt: skip
    first = frame.iloc[0]
    figure = make_figure(
        traces,
        title="Conversion rate by age: young rows only look worse",
        x_title="age of the impression, days",
        y_title="conversion rate seen",
        alt=f"Conversion rate by age. The youngest rows show {first['rate']:.3g}, the curve ends at "
        f"{found.eventual:.3g}.",
    )
    figure.update_yaxes(rangemode="tozero", tickformat=RATE_TICKS)
    figure.update_layout(legend=BELOW)
    return figure


def baking_figure(baking: Baking) -> go.Figure:
    """Conversion rate of each cohort by age, one line per cohort, as far as it is known."""
    frame = baking.frame()
    groups = list(frame.groupby("start"))
    colours = ordered_colours(len(groups))
    traces = [
        go.Scatter(
            x=part["age"], y=part["rate"], mode="lines+markers", line={"color": colour}, marker={"size": 5},
            name=f"{start:%Y-%m-%d}", customdata=part[["rows", "conversions"]].to_numpy(),
            hovertemplate="age %{x:g} d<br>rate %{y:.3~%}<br>rows %{customdata[0]:,}<br>conversions "
            "%{customdata[1]:,}<extra>%{fullData.name}</extra>",
        )
        for (start, part), colour in zip(groups, colours, strict=True)
    ]  # fmt: skip
    figure = make_figure(
        traces,
        title="How cohorts bake",
        x_title="age, days",
        y_title="conversion rate up to that age",
        alt=f"One line for each of {len(groups)} cohorts, oldest first, each drawn up to the age that all its rows "
        "have reached.",
    )
    figure.update_yaxes(rangemode="tozero", tickformat=RATE_TICKS)
    return figure


def bias_figure(table: BiasTable, part: str) -> go.Figure:
    """Labels as seen, and naive predictions, over final conversions: by ``age`` or by ``segment``."""
    frame = table.frame()
    frame = frame[(frame["part"] == part) & frame["labels"].notna()]
    names = [clean_label(name) for name in frame["name"]]
    labels = go.Scatter(
        x=names, y=frame["labels"], mode="markers", marker={"color": VERMILLION, "symbol": "square", "size": 9},
        name="labels seen / final", hovertemplate="%{y:.3~g}<extra>%{x}</extra>",
    )  # fmt: skip
    model = interval_points(
        names, frame["pcoc"].to_numpy(), frame["pcoc_lo"].to_numpy(), frame["pcoc_hi"].to_numpy(), colour=BLUE,
        name="naive prediction / final (PCOC), 95 % interval", customdata=frame[["rows", "final"]].to_numpy(),
        hovertemplate="%{y:.3~g}<br>rows %{customdata[0]:,}<br>final conversions %{customdata[1]:,}<extra>%{x}</extra>",
    )  # fmt: skip
    worst = frame.sort_values("labels").iloc[0] if len(frame) else None
    shown = "No row has a final conversion." if worst is None else (
        f"Lowest share of labels: {worst['labels']:.0%} in {clean_label(worst['name'])}."
    )  # fmt: skip
    figure = make_figure(
        [labels, model],
        title=f"Naive training, by {'age of the label' if part == 'age' else 'segment'}",
        x_title="age at the training" if part == "age" else "segment",
        y_title="over final conversions",
        alt=f"Labels seen and naive predictions over final conversions in {len(frame)} groups. {shown}",
        height=480,
    )
    figure.add_hline(y=1.0, line={"color": NEUTRAL, "dash": "dash", "width": 1.5})
    figure.update_xaxes(type="category")
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(legend=FAR_BELOW)
    return figure


def outcomes_figure(outcomes: Outcomes) -> go.Figure:
    """True positives, delayed positives and true negatives per day of impression, as shares of all rows."""
    frame = outcomes.frame()
    kinds = (
        ("true_positive", "true positives: converted, and seen", BLUE, ""),
        ("delayed_positive", "delayed positives: count as negatives so far", VERMILLION, "/"),
        ("true_negative", "true negatives", "#B8B8B8", ""),
        ("unknown", "not known: the log ends first", NEUTRAL, "x"),
    )
    traces = [
        go.Bar(
            x=frame["start"], y=frame[kind], name=name,
            marker={"color": colour, "line": {"width": 0}, "pattern": {"shape": shape}},
            hovertemplate="%{y:,}<extra>%{fullData.name}</extra>",
        )
        for kind, name, colour, shape in kinds if frame[kind].any()
    ]  # fmt: skip
    figure = make_figure(
        traces,
        title="What the labels say, and what they will say",
        x_title="day of the impression (UTC)",
        y_title="impressions",
        alt=f"Impressions of {len(frame)} days: {int(frame['true_positive'].sum()):,} true positives, "
        f"{int(frame['delayed_positive'].sum()):,} delayed positives, most of them in the last days, and "
        f"{int(frame['true_negative'].sum()):,} true negatives.",
    )
    figure.update_layout(barmode="stack", bargap=0.1, legend=BELOW)
    return figure


def waiting_figure(waiting: Waiting, world: str) -> go.Figure:
    """Regret of every arm against waiting days in one world; the oracle's line is the cost in freshness."""
    frame = waiting.frame()
    frame = frame[frame["world"] == world]
    colours = ordered_colours(len(waiting.arms))
    traces = []
    for i, arm in enumerate(waiting.arms):
        part = frame[frame["arm"] == arm]
        lo, hi = normal(part["regret"].to_numpy(), part["regret_se"].fillna(0.0).to_numpy())
        traces.append(
            interval_points(
                part["wait"], part["regret"].to_numpy(), lo, hi, colour=colours[i],
                name=f"{arm} (freshness only)" if arm == "oracle" else arm, mode="lines+markers",
                line={"color": colours[i], "dash": DASHES[i % len(DASHES)]},
                marker={"color": colours[i], "symbol": SYMBOLS[i % len(SYMBOLS)], "size": 8},
                customdata=part[["pcoc", "bias", "freshness"]].to_numpy(),
                hovertemplate="wait %{x:g} d<br>regret %{y:.3~g}<br>PCOC %{customdata[0]:.3~g}<br>late labels "
                "%{customdata[1]:.3~g}<br>freshness %{customdata[2]:.3~g}<extra>%{fullData.name}</extra>",
            )
        )  # fmt: skip
    best = "; ".join(f"{line.arm} {line.wait:g}" for line in waiting.minima() if line.world == world)
    figure = make_figure(
        traces,
        title=f"How long to wait: {clean_label(world)}",
        x_title="youngest row in training, days",
        y_title="regret, nats per impression",
        alt=f"Regret against waiting days over {len(waiting.seeds)} seeds. Days to wait for the least: {best}.",
    )
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(legend=BELOW)
    return figure


def waiting_parts_figure(waiting: Waiting, world: str, arm: str) -> go.Figure:
    """What waiting gains and costs one arm: bias of late labels, loss of freshness, both together and the minimum."""
    frame = waiting.frame()
    frame = frame[(frame["world"] == world) & (frame["arm"] == arm)]
    parts = (
        ("bias", "late labels: arm − oracle at the same wait", VERMILLION, "dash"),
        ("freshness", "freshness: oracle − oracle without waiting", NEUTRAL, "dot"),
        ("excess", "both together", BLUE, "solid"),
    )
    traces = []
    for i, (part, name, colour, dash) in enumerate(parts):
        lo, hi = normal(frame[part].to_numpy(), frame[f"{part}_se"].fillna(0.0).to_numpy())
        traces.append(
            interval_points(
                frame["wait"], frame[part].to_numpy(), lo, hi, colour=colour, name=name, mode="lines+markers",
                line={"color": colour, "dash": dash}, marker={"color": colour, "symbol": SYMBOLS[i], "size": 8},
                hovertemplate="wait %{x:g} d<br>%{y:.3~g}<extra>%{fullData.name}</extra>",
            )
        )  # fmt: skip
    best = next(line for line in waiting.minima() if (line.world, line.arm) == (world, arm))
    figure = make_figure(
        traces,
        title=f"What waiting gains and costs: {arm}, {clean_label(world)}",
        x_title="youngest row in training, days",
        y_title="regret above a fresh oracle, nats",
        alt=f"Regret of {arm} in two parts against waiting days. It is least at {best.wait:g} days, the same in "
        f"{best.agreement:.0%} of {len(waiting.seeds)} seeds.",
    )
    figure.add_vline(x=best.wait, line={"color": NEUTRAL, "dash": "dash"}, annotation_text=f"least at {best.wait:g} d")
    figure.update_layout(legend=BELOW)
    return figure


def minima_figure(waiting: Waiting) -> go.Figure:
    """The best waiting time of every arm, by world: how it moves with drift and signal."""
    frame = waiting.minima_frame()
    traces = [
        go.Scatter(
            x=[clean_label(world) for world in part["world"]], y=part["wait"], mode="lines+markers",
            line={"dash": DASHES[i % len(DASHES)], "color": colour},
            marker={"symbol": SYMBOLS[i % len(SYMBOLS)], "size": 9, "color": colour}, name=arm,
            customdata=part[["regret", "agreement"]].to_numpy(),
            hovertemplate="wait %{y:g} d<br>regret %{customdata[0]:.3~g}<br>the same in %{customdata[1]:.0%} of the "
            "seeds<extra>%{fullData.name}</extra>",
        )
        for i, ((arm, part), colour) in enumerate(
            zip(frame.groupby("arm", sort=False), ordered_colours(len(waiting.arms)), strict=True)
        )
    ]  # fmt: skip
    listed = "; ".join(f"{line.world}, {line.arm}: {line.wait:g}" for line in waiting.minima())
    figure = make_figure(
        traces,
        title="The best waiting time, by world",
        x_title="world",
        y_title="wait with the least regret, days",
        alt=f"Days to wait for the least regret. {listed}.",
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(legend=BELOW)
    return figure


def weights_figure(shape: WeightShape) -> go.Figure:
    """Histogram of weights, of positive and of negative labels."""
    frame = shape.frame()
    middle, width = (frame["lo"] + frame["hi"]) / 2, frame["hi"] - frame["lo"]
    traces = [
        go.Bar(
            x=middle, y=frame[kind], width=width, name=name,
            hovertemplate="weight %{x:.3~g}<br>%{y:,.0f}<extra></extra>",
            marker={"color": colour, "line": {"width": 0}, "pattern": {"shape": shape_}},
        )
        for kind, name, colour, shape_ in (
            ("negatives", "label 0", NEUTRAL, ""), ("positives", "label 1", VERMILLION, "/"),
        )
    ]  # fmt: skip
    figure = make_figure(
        traces,
        title="Weights",
        x_title="weight",
        y_title="entries of the training set (logarithmic)",
        alt=f"Histogram of weights of {frame['positives'].sum():,.0f} positive and {frame['negatives'].sum():,.0f} "
        f"negative labels; the largest weight is {frame['hi'].iloc[-1]:.3g}.",
    )
    figure.update_yaxes(type="log")
    figure.update_layout(barmode="overlay", legend=BELOW)
    figure.update_traces(opacity=0.75)
    return figure


def weight_age_figure(shape: WeightShape) -> go.Figure:
    """Mean weight of positive and of negative labels by age; more elapsed time brings it nearer 1."""
    frame = shape.age_frame()
    traces = [
        go.Scatter(
            x=frame["age"], y=frame[kind], mode="lines+markers", name=name, line={"color": colour, "dash": dash},
            marker={"symbol": symbol, "size": 8, "color": colour},
            hovertemplate="age %{x:.3~g} d<br>%{y:.3~g}<extra></extra>",
        )
        for kind, name, colour, dash, symbol in (
            ("positive_weight", "label 1", VERMILLION, "solid", "circle"),
            ("negative_weight", "label 0", BLUE, "dash", "square"),
        )
    ]  # fmt: skip
    figure = make_figure(
        traces,
        title="Weight against age",
        x_title="age of the impression, days",
        y_title="mean weight",
        alt=f"Mean weight by age. In the youngest rows label 1 weighs {frame['positive_weight'].iloc[0]:.3g} and label "
        f"0 {frame['negative_weight'].iloc[0]:.3g}; in the oldest {frame['positive_weight'].iloc[-1]:.3g} and "
        f"{frame['negative_weight'].iloc[-1]:.3g}.",
    )
    figure.add_hline(y=1.0, line={"color": NEUTRAL, "dash": "dash", "width": 1.5})
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(legend=BELOW)
    return figure


def weight_table_figure(table: WeightTable) -> go.Figure:
    """Effective share of the rows, share of weights cut at the cap, and what the cap took, of every arm."""
    frame = table.frame()
    traces = [
        _bar(frame["effective_share"], frame["arm"], BLUE, "effective share of the rows"),
        _bar(frame["clipped"], frame["arm"], VERMILLION, "share of weights clipped"),
        _bar(frame["lost"], frame["arm"], NEUTRAL, "share of the weight of conversions lost: predictions fall by it"),
    ]
    listed = "; ".join(f"{line.arm} {line.effective_share:.0%}" for line in frame.itertuples(index=False))
    figure = make_figure(
        traces,
        title="What weights cost",
        x_title="share",
        y_title="",
        alt=f"Effective sample size as a share of the rows: {listed}.",
        height=_height(2 * len(frame)),
    )
    figure.update_layout(barmode="group", legend=BELOW)
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(tickformat=".0%")
    return figure


def signal_figure(table: SignalTable) -> go.Figure:
    """Entropy of the final label, before and after each signal is known."""
    frame = table.frame()
    names = [clean_label(name) for name in frame["signal"]]
    traces = [
        go.Bar(x=names, y=frame["entropy"], marker={"color": NEUTRAL}, name="H(y)"),
        go.Bar(
            x=names, y=frame["given_signal"], marker={"color": BLUE}, name="H(y | signal)",
            customdata=frame[["if_converting", "if_not"]].to_numpy(),
            hovertemplate="%{y:.3~g} bits<br>sent by %{customdata[0]:.1%} of conversions<br>and by "
            "%{customdata[1]:.1%} of the others<extra>%{x}</extra>",
        ),
    ]  # fmt: skip
    told = "; ".join(
        f"{clean_label(line.signal)}: {line.entropy:.3g} to {line.given_signal:.3g}"
        for line in frame.itertuples(index=False)
    )
    figure = make_figure(
        traces,
        title="What signals tell of the label",
        x_title="signal",
        y_title="entropy, bits",
        alt=f"Entropy of the label in bits before and after each signal. {told}.",
    )
    figure.update_xaxes(type="category")
    figure.update_layout(barmode="group", legend=BELOW)
    return figure


def delay_curves_figure(curves: DelayCurves) -> go.Figure:
    """F(age) of all segments and of those with most conversions, the former with its Kaplan–Meier band."""
    frame = curves.frame()
    shown = curves.names[:CURVES_SHOWN]
    whole = frame[frame["segment"] == shown[0]].dropna()
    traces: list[Any] = [
        interval_band(
            whole["age"].to_numpy(), whole["lo"].to_numpy(), whole["hi"].to_numpy(), colour=BLUE,
            name=f"95 % band, {shown[0]}",
        )
    ]  # fmt: skip
    for i, (name, colour) in enumerate(zip(shown, ordered_colours(len(shown)), strict=True)):
        part = frame[frame["segment"] == name]
        traces.append(
            go.Scatter(
                x=part["age"], y=part["arrived"], mode="lines", name=clean_label(name),
                line={"color": colour, "dash": DASHES[i % len(DASHES)], "width": 3 if i == 0 else 1.5},
                customdata=part[["lo", "hi", "conversions"]].to_numpy(),
                hovertemplate="%{y:.1%} (%{customdata[0]:.1%} – %{customdata[1]:.1%})<br>conversions %{customdata[2]:,}"
                "<extra>%{fullData.name}</extra>",
            )
        )  # fmt: skip
    unknown = f" Nothing is known of {len(curves.unknown)} segments without mature conversions." * bool(curves.unknown)
    figure = make_figure(
        traces,
        title="Share of conversions that have arrived, by segment",
        x_title="age",
        y_title="F(age)",
        alt=f"F(age) of {len(shown) - 1} of {len(curves.names) - 1} segments and of all together, on a logarithmic "
        f"axis of age.{unknown} The table has every curve with its band.",
    )
    _log_age(figure)
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    figure.update_layout(legend=BELOW)
    return figure


def cohorts_figure(cohorts: Cohorts) -> go.Figure:
    """Conversions seen of each cohort beside those expected by now and in the end."""
    frame = cohorts.frame()
    start = frame["start"].to_numpy()
    outside = frame["outside"].to_numpy()
    traces = [
        interval_band(
            start, frame["expected_lo"].to_numpy(), frame["expected_hi"].to_numpy(), colour=BLUE,
            name="expected by now, 95 % range",
        ),
        go.Scatter(
            x=start, y=frame["eventual"], mode="lines", line={"color": NEUTRAL, "dash": "dash"},
            name="expected in the end",
        ),
        go.Scatter(
            x=start, y=frame["conversions"], mode="markers", name="seen",
            marker={
                "color": np.where(outside, VERMILLION, BLUE), "size": 9,
                "symbol": np.where(outside, "diamond", "circle"),
            },
            customdata=frame[["rows", "expected", "eventual"]].to_numpy(),
            hovertemplate="%{x}<br>seen %{y:,}<br>rows %{customdata[0]:,}<br>expected by now %{customdata[1]:,.0f}<br>"
            "in the end %{customdata[2]:,.0f}<extra></extra>",
        ),
    ]  # fmt: skip
    figure = make_figure(
        traces,
        title=f"Conversions by {cohorts.unit} of the impression: seen and expected",
        x_title=f"{cohorts.unit} of the impression (UTC)",
        y_title="conversions",
        alt=f"Conversions of {len(frame)} cohorts. {int(outside.sum())} lie outside the range that their age lets "
        "expect, drawn as diamonds.",
    )
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(legend=BELOW)
    return figure


def maturity_figure(maturity: Maturity) -> go.Figure:
    """Delays of mature conversions in lag buckets, and the rate seen in rows of that age."""
    frame = maturity.frame()
    frame = frame[(frame["rows"] > 0) | (frame["delays"] > 0)]
    frame = frame.assign(name=[name_bucket(lo, hi) for lo, hi in frame[["age_lo", "age_hi"]].to_numpy()])
    rows = frame.dropna(subset=["rate"])
    traces = [
        go.Bar(
            x=frame["name"], y=frame["delays"], marker={"color": NEUTRAL}, name="conversions with such a delay",
            hovertemplate="%{y:.1%}<extra>%{x}</extra>",
        ),
        interval_points(
            rows["name"], rows["rate"].to_numpy(), rows["rate_lo"].to_numpy(), rows["rate_hi"].to_numpy(), colour=BLUE,
            yaxis="y2", name="rate seen at that age (right axis), 95 % interval",
            customdata=rows[["rows", "conversions"]].to_numpy(),
            hovertemplate="rate %{y:.3~%}<br>rows %{customdata[0]:,}<br>conversions %{customdata[1]:,}"
            "<extra>%{x}</extra>",
        ),
    ]  # fmt: skip
    figure = make_figure(
        traces,
        title="Delays and rates by lag bucket",
        x_title="delay of the conversion, or age of the impression",
        y_title="share of mature conversions",
        alt=f"Delays of mature conversions in {len(frame)} lag buckets, and the conversion rate of rows of that age. "
        f"{maturity.warning() or 'Every window has passed.'}",
        height=500,
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    figure.update_layout(
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "rangemode": "tozero",
            "tickformat": RIGHT_TICKS,
            "showgrid": False,
        },
        legend=FAR_BELOW,
    )
    return figure


def _sideways(value: np.ndarray, se: np.ndarray, names: "pd.Series[str]", *, name: str) -> go.Scatter:
    half = normal(0.0, se)[1]
    return go.Scatter(
        x=value, y=names, error_x={"type": "data", "array": half, "color": BLUE}, mode="markers",
        marker={"color": BLUE, "size": 9}, name=name, customdata=se, hovertemplate="%{x:.4~g} (SE %{customdata:.2~g})"
        "<extra>%{y}</extra>",
    )  # fmt: skip


def _bar(
    value: "pd.Series[float]",
    names: "pd.Series[str]",
    colour: str,
    name: str,
    *,
    error: "pd.Series[float] | None" = None,
) -> go.Bar:
    spread = None if error is None else {"type": "data", "array": normal(0.0, error.fillna(0.0).to_numpy())[1]}
    return go.Bar(
        x=value, y=names, orientation="h", marker={"color": colour}, name=name, error_x=spread,
        hovertemplate="%{x:.3~g}<extra>%{y}</extra>",
    )  # fmt: skip


def _extremes(frame: pd.DataFrame, measure: str) -> str:
    if frame.empty:
        return "It is not known here."
    ordered = frame.sort_values(measure)
    low, high = ordered.iloc[0], ordered.iloc[-1]
    return f"Lowest {low[measure]:.4g} ({low['arm']}), highest {high[measure]:.4g} ({high['arm']})."


def _height(lines: int) -> int:
    return 180 + 28 * max(lines, 1)


def _log_age(figure: go.Figure) -> None:
    at, text = zip(*AGE_TICKS, strict=True)
    figure.update_xaxes(type="log", tickvals=at, ticktext=text)


def _show_days(days: float) -> str:
    return f"{days:.3g} days" if days >= 1 else f"{24 * days:.3g} hours"
