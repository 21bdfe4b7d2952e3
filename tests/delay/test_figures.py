"""Figures: traces equal the frames, titles, axes and text alternatives."""

import numpy as np
import pytest

from core.delay import figures as draw
from core.delay.anatomy import (
    count_outcomes,
    measure_baking,
    measure_bias,
    measure_distribution,
    measure_rate_by_age,
    split_error,
)
from core.delay.arms import plan_arm, train_arm
from core.delay.compare import MEASURES, Comparison
from core.delay.data import Options
from core.delay.diagnostics import measure_signals, summarise_weights
from core.delay.laws import DAY
from core.delay.maturity import measure_cohorts, measure_delays, measure_maturity
from core.delay.snapshot import observe
from core.delay.waiting import Waiting
from core.delay.weights import measure_shape, tabulate_weights
from core.plotting import alternative
from tests.delay.hand_logs import NONE, day, hand_log
from tests.delay.populations import small_log

Z = 1.959964
HOSTILE = "<b>x</b>$\\alpha$"


@pytest.fixture(scope="module")
def log():
    return small_log()


@pytest.fixture(scope="module")
def snapshot(log):
    return observe(log, day(60), window=30 * DAY)


@pytest.fixture(scope="module")
def comparison():
    arms = ("oracle", "naive", "is_signal")
    values = np.random.default_rng(0).uniform(0.4, 0.6, (4, 3, len(MEASURES)))
    values[:, :, 0] = [[1, 5, 2], [2, 8, 2], [3, 8, 5], [2, 7, 3]]
    return Comparison(tuple(plan_arm(arm, options=Options()) for arm in arms), tuple("0123"), values)


@pytest.fixture(scope="module")
def waiting():
    values = np.random.default_rng(0).uniform(0.1, 1, (2, 3, 3, 2, 2))
    return Waiting(("still", HOSTILE), ("oracle", "naive"), (0.0, 7.0, 30.0), (0, 1, 2), values)


def titles(figure):
    assert figure.layout.title.text
    return figure.layout.xaxis.title.text, figure.layout.yaxis.title.text


def equal(drawn, expected):
    assert np.allclose(np.asarray(drawn, float), np.asarray(expected, float), equal_nan=True)


@pytest.mark.parametrize("measure", MEASURES)
def test_arms_are_drawn_with_their_errors(comparison, measure):
    figure, frame = draw.measure_figure(comparison, measure), comparison.frame()
    (points,) = figure.data
    equal(points.x, frame[measure])
    equal(points.error_x.array, Z * frame[f"{measure}_se"])
    assert list(points.y) == ["oracle", "naive", "is_signal"]
    assert titles(figure)[0] == draw.MEASURE_TITLES[measure][1]
    assert bool(figure.layout.shapes) == (measure == "pcoc")
    assert f"({frame.sort_values(measure)['arm'].iloc[0]})" in alternative(figure)


def test_the_pcoc_line_stands_at_1(comparison):
    (line,) = draw.measure_figure(comparison, "pcoc").layout.shapes
    assert (line.x0, line.x1) == (1, 1)


def test_a_measure_that_is_not_known_draws_nothing(comparison):
    values = comparison.values.copy()
    values[:, :, 0] = np.nan
    figure = draw.measure_figure(Comparison(comparison.plans, comparison.runs, values), "regret")
    assert len(figure.data[0].x) == 0
    assert "It is not known here" in alternative(figure)


def test_recovery_has_fiellers_interval(comparison):
    (points,) = draw.recovery_figure(comparison).data
    found = [comparison.recovery(name) for name in comparison.names]
    equal(points.x, [line.share for line in found])
    equal(np.asarray(points.x) + points.error_x.array, [line.hi for line in found])
    equal(np.asarray(points.x) - points.error_x.arrayminus, [line.lo for line in found])
    one = Comparison(comparison.plans, ("0",), comparison.values[:1])
    (points,) = draw.recovery_figure(one).data
    assert set(points.marker.symbol) == {"circle-open"}
    equal(points.error_x.array, np.zeros(3))
    values = comparison.values.copy()
    values[:, 1, 0] = 0
    none = draw.recovery_figure(Comparison(comparison.plans, comparison.runs, values))
    assert "naive is no worse than the oracle" in alternative(none)


@pytest.mark.parametrize("measure", ["regret", "pcoc"])
def test_the_split_is_stacked(comparison, measure):
    split = split_error(comparison, measure=measure)
    figure, frame = draw.split_figure(split), split.frame()
    stale, late = figure.data
    equal(stale.x, frame["staleness"])
    equal(late.x, frame["delay_bias"])
    equal(late.error_x.array, Z * frame["delay_bias_se"])
    assert figure.layout.barmode == "relative"
    assert titles(figure)[0] == ("PCOC less 1" if measure == "pcoc" else "regret, nats per impression")


def test_delays_stand_on_a_logarithmic_axis_with_their_median(snapshot):
    found = measure_distribution(snapshot)
    figure, frame = draw.distribution_figure(found), found.frame()
    bars, line = figure.data
    equal(bars.y, frame["share"])
    equal(line.y, frame["arrived"])
    equal(line.x, frame["hi"])
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.shapes[0].x0 == found.median / DAY
    (note,) = figure.layout.annotations
    assert note.x == pytest.approx(np.log10(found.median / DAY))
    assert note.text.startswith("median ")


def test_rates_by_age(snapshot):
    found = measure_rate_by_age(snapshot)
    figure, frame, curve = draw.rate_by_age_figure(found), found.frame(), found.curve_frame().dropna()
    band, line, seen, eventual = figure.data
    equal(line.y, curve["rate"])
    equal(band.y, [*curve["rate_hi"], *curve["rate_lo"][::-1]])
    equal(seen.y, frame["rate"])
    equal(np.asarray(seen.y) + seen.error_y.array, frame["rate_hi"])
    equal(eventual.y, [found.eventual] * 2)
    assert f"the curve ends at {found.eventual:.3g}" in alternative(figure)


def test_cohorts_bake_one_line_each(snapshot):
    found = measure_baking(snapshot)
    figure, frame = draw.baking_figure(found), found.frame()
    equal(np.concatenate([trace.y for trace in figure.data]), frame["rate"])
    equal(np.concatenate([trace.x for trace in figure.data]), frame["age"])
    assert [trace.name for trace in figure.data] == list(frame["start"].dt.strftime("%Y-%m-%d").unique())


@pytest.mark.parametrize("part", ["age", "segment"])
def test_bias(log, part):
    table = measure_bias(log, day(60), window=30 * DAY, options=Options())
    figure, frame = draw.bias_figure(table, part), table.frame()
    frame = frame[frame["part"] == part]
    labels, model = figure.data
    equal(labels.y, frame["labels"])
    equal(model.y, frame["pcoc"])
    equal(np.asarray(model.y) - model.error_y.arrayminus, frame["pcoc_lo"])
    assert list(labels.x) == list(frame["name"])
    assert figure.layout.shapes[0].y0 == 1


def test_outcomes_are_stacked(log):
    found = count_outcomes(log, day(60), window=30 * DAY)
    figure, frame = draw.outcomes_figure(found), found.frame()
    for trace, kind in zip(figure.data, ("true_positive", "delayed_positive", "true_negative"), strict=True):
        equal(trace.y, frame[kind])
    assert f"{frame['delayed_positive'].sum():,} delayed positives" in alternative(figure)


def test_waiting_curves_and_minima(waiting):
    figure, frame = draw.waiting_figure(waiting, HOSTILE), waiting.frame()
    frame = frame[frame["world"] == HOSTILE]
    for trace, arm in zip(figure.data, waiting.arms, strict=True):
        part = frame[frame["arm"] == arm]
        equal(trace.x, part["wait"])
        equal(trace.y, part["regret"])
        equal(trace.error_y.array, Z * part["regret_se"])
        equal(trace.customdata, part[["pcoc", "bias", "freshness"]])
    assert "<" not in figure.layout.title.text
    parts, frame = draw.waiting_parts_figure(waiting, HOSTILE, "naive"), frame[frame["arm"] == "naive"]
    for trace, part in zip(parts.data, ("bias", "freshness", "excess"), strict=True):
        equal(trace.y, frame[part])
        equal(trace.error_y.array, Z * frame[f"{part}_se"])
    (best,) = (line for line in waiting.minima() if (line.world, line.arm) == (HOSTILE, "naive"))
    assert parts.layout.shapes[0].x0 == best.wait
    minima = draw.minima_figure(waiting)
    for trace, arm in zip(minima.data, waiting.arms, strict=True):
        equal(trace.y, [line.wait for line in waiting.minima() if line.arm == arm])


def test_weights(snapshot):
    plan = plan_arm("is_signal", options=Options())
    training = train_arm(plan, snapshot).training
    shape = measure_shape(snapshot, training)
    negatives, positives = draw.weights_figure(shape).data
    equal(negatives.y, shape.frame()["negatives"])
    equal(positives.y, shape.frame()["positives"])
    positive, negative = draw.weight_age_figure(shape).data
    equal(positive.y, shape.age_frame()["positive_weight"])
    equal(negative.y, shape.age_frame()["negative_weight"])
    table = tabulate_weights([("is_signal", summarise_weights(training))])
    bars = draw.weight_table_figure(table).data
    for bar, column in zip(bars, ("effective_share", "clipped", "lost"), strict=True):
        equal(bar.x, table.frame()[column])


def test_signals(snapshot):
    table = measure_signals(snapshot)
    before, after = draw.signal_figure(table).data
    equal(before.y, table.frame()["entropy"])
    equal(after.y, table.frame()["given_signal"])
    assert list(before.x) == ["cart"]


def test_delay_curves(snapshot):
    curves = measure_delays(snapshot)
    figure, frame = draw.delay_curves_figure(curves), curves.frame()
    band, *lines = figure.data
    whole = frame[frame["segment"] == "all segments"].dropna()
    equal(band.y, [*whole["hi"], *whole["lo"][::-1]])
    assert [line.name for line in lines] == list(curves.names)
    equal(np.concatenate([line.y for line in lines]), frame["arrived"])
    log = hand_log([0, 1, 9], [1, NONE, 0.5], segment=[0, 0, 1])
    unknown = draw.delay_curves_figure(measure_delays(observe(log, day(10), window=4 * DAY)))
    assert "Nothing is known of 1 segments" in alternative(unknown)


def test_cohorts(snapshot):
    found = measure_cohorts(snapshot, unit="week")
    figure, frame = draw.cohorts_figure(found), found.frame()
    band, eventual, seen = figure.data
    equal(band.y, [*frame["expected_hi"], *frame["expected_lo"][::-1]])
    equal(eventual.y, frame["eventual"])
    equal(seen.y, frame["conversions"])
    assert [symbol == "diamond" for symbol in seen.marker.symbol] == frame["outside"].tolist()


def test_maturity(snapshot):
    found = measure_maturity(snapshot)
    figure, frame = draw.maturity_figure(found), found.frame()
    bars, points = figure.data
    shown = frame[(frame["rows"] > 0) | (frame["delays"] > 0)]
    equal(bars.y, shown["delays"])
    equal(points.y, shown["rate"].dropna())
    assert bars.x[0] == "0–1 d"
    assert found.warning() in alternative(figure)
