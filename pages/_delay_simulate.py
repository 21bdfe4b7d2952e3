"""The view that compares the arms in simulated worlds."""

from dataclasses import asdict, replace
from functools import partial

import pandas as pd
import streamlit as st

from core.delay.compare import Comparison, compare_arms
from core.delay.figures import measure_figure, recovery_figure
from core.delay.wording import explain_comparison, state_pair, state_recovery
from pages._delay_scene import Scene
from pages._shell_jobs import compute
from pages._shell_show import show_figure, show_table

AUC_NOTE = (
    "AUC hardly moves: late labels change the level of the predictions far more than their order. A model can keep its "
    "AUC and still bid a tenth too low."
)


def show_simulate(scene: Scene) -> None:
    """What each arm would have predicted over the following days, against truth."""
    comparison = compare_scene(scene)
    st.markdown(f"**{state_recovery(comparison)}**")
    st.markdown(explain_comparison(comparison, scene.drift))
    rounds, cadence = scene.schedule.rounds, scene.schedule.cadence
    trained = "" if rounds == 1 else f" for the first of {rounds} times"
    scored = "the day" if cadence == 1 else f"the {cadence} days"
    st.caption(
        f"{len(comparison.runs)} simulated worlds of {replace(scene.world, days=scene.schedule.days).rows:,} "
        f"impressions; trained on day {scene.schedule.at}{trained}, and scored against the true probability on "
        f"{scored} after a training. Bars are 95 % intervals over worlds."
    )
    left, right = st.columns(2)
    with left:
        show_figure(recovery_figure(comparison), key="figure_recovery")
        st.caption("Dashed: labels as seen (0 %) and final labels (100 %). Hollow: the interval has no end.")
        recovered = [asdict(comparison.recovery(name)) for name in comparison.names]
        show_table(pd.DataFrame(recovered), name="won back")
    with right:
        show_pairs(comparison, key="simulate")
    show_measures(comparison, key="simulate")


def compare_scene(scene: Scene) -> Comparison:
    """The comparison of a scene, computed once."""
    return compute(
        ("delay comparison", scene),
        partial(
            compare_arms, scene.world, arms=scene.arms, seeds=range(scene.seeds), schedule=scene.schedule,
            options=scene.options,
        ),
        label="Comparison",
    )  # fmt: skip


def show_measures(comparison: Comparison, *, key: str) -> None:
    """The measure that decides beside PCOC, the others, and AUC last; the table has all."""
    measures = list(dict.fromkeys((comparison.measure, "pcoc", "log_loss", "ece", "auc")))
    for first in range(0, len(measures), 2):
        for column, measure in zip(st.columns(2), measures[first : first + 2], strict=False):
            with column:
                show_figure(measure_figure(comparison, measure), key=f"figure_{key}_{measure}")
    st.caption(AUC_NOTE)
    show_table(comparison.frame(), name=f"{key} measures")


def show_pairs(comparison: Comparison, *, key: str) -> None:
    """Each arm against naive, and each arm with signals against its twin, in plain words."""
    st.markdown("**Is it more than chance?** Differences are paired: both arms saw the same.")
    pairs = comparison.pairs()
    st.text("\n".join(state_pair(comparison, pair) for pair in pairs))
    show_table(pd.DataFrame([asdict(pair) for pair in pairs]), name=f"{key} paired differences")
