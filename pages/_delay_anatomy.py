"""The view that takes the bias of young labels apart, in the first of the simulated worlds."""

import streamlit as st

from core.delay.anatomy import (
    count_outcomes,
    measure_baking,
    measure_bias,
    measure_distribution,
    measure_rate_by_age,
    split_error,
)
from core.delay.figures import (
    baking_figure,
    bias_figure,
    distribution_figure,
    outcomes_figure,
    rate_by_age_figure,
    split_figure,
)
from core.delay.snapshot import observe
from pages._delay_scene import Scene
from pages._delay_simulate import compare_scene
from pages._shell_jobs import keep
from pages._shell_show import show_figure, show_table

MEASURES = {"regret": "Regret", "pcoc": "PCOC"}


def show_anatomy(scene: Scene) -> None:
    """Delays, the rate by age, the labels over time, naive calibration, and the two parts of the error."""
    log = scene.draw()
    snapshot = keep(("delay snapshot", scene.key), lambda: observe(log, scene.at, window=scene.window))
    st.caption(
        f"The first of the simulated worlds as it was known on day {scene.schedule.at}. A conversion later than "
        f"{scene.world.window:g} days counts as none."
    )
    left, right = st.columns(2)
    with left:
        delays = keep(("delay distribution", scene.key), lambda: measure_distribution(snapshot))
        show_figure(distribution_figure(delays), key="figure_delays")
        show_table(delays.frame(), name="delays")
    with right:
        rate = keep(("delay rate", scene.key), lambda: measure_rate_by_age(snapshot))
        show_figure(rate_by_age_figure(rate), key="figure_rate")
        show_table(rate.frame(), name="rate by age")
    outcomes = keep(
        ("delay outcomes", scene.key), lambda: count_outcomes(log, scene.at, window=scene.window)
    )  # fmt: skip
    show_figure(outcomes_figure(outcomes), key="figure_outcomes")
    st.caption(
        "A delayed positive looks like a negative today. The younger the row, the more of its conversions are hidden: "
        "this is what a model trained on labels as seen learns as if it were lack of interest."
    )
    show_table(outcomes.frame(), name="labels over time")
    _show_bias(scene)
    _show_split(scene)
    with st.expander("How cohorts bake", icon=":material/oven_gen:", key="delay_baking"):
        baking = keep(("delay baking", scene.key), lambda: measure_baking(snapshot))
        show_figure(baking_figure(baking), key="figure_baking")
    show_table(baking.frame(), name="cohorts by age")


def _show_bias(scene: Scene) -> None:
    """Naive calibration by age of the label and by segment."""
    table = keep(
        ("delay bias", scene.key),
        lambda: measure_bias(scene.draw(), scene.at, window=scene.window, options=scene.options),
    )
    for column, part in zip(st.columns(2), ("age", "segment"), strict=True):
        with column:
            show_figure(bias_figure(table, part), key=f"figure_bias_{part}")
    st.caption(
        "The model cannot see how old a label is, so it spreads the missing conversions of young rows over all rows: "
        "its PCOC is too low against old rows' final labels as well."
    )
    show_table(table.frame(), name="naive calibration")


def _show_split(scene: Scene) -> None:
    """What late labels do, and what the age of the training window does, over all simulated worlds."""
    comparison = compare_scene(scene)
    measure = st.radio(
        "Error in", list(MEASURES), format_func=lambda name: MEASURES.get(name, str(name)), horizontal=True,
        key="delay_split", persist_state="session",
    )  # fmt: skip
    split = split_error(comparison, measure="pcoc" if measure == "pcoc" else "regret")
    show_figure(split_figure(split), key="figure_split")
    st.caption(
        "Delay bias is what a correction can take away: arm less oracle. Window staleness is left even with final "
        "labels, because the training window is older than the day that is predicted: a shorter window or more "
        "frequent training mends it. Parts of opposite sign cancel."
    )
    show_table(split.frame(), name="parts of the error")
