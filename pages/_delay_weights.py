"""The view that explains weights: formula, spread, cost, age, and what a signal tells. Two kinds, never mixed."""

from dataclasses import dataclass, replace
from functools import partial

import streamlit as st

from core.delay.arms import ARMS, Arm, plan_arm, train_arm
from core.delay.data import FittedRule
from core.delay.diagnostics import WeightSummary, summarise_weights
from core.delay.figures import weight_age_figure, weight_table_figure, weights_figure
from core.delay.snapshot import observe
from core.delay.weights import WeightShape, measure_shape, tabulate_weights
from core.errors import InputError
from core.jobs import Job, Progress
from pages._delay_controls import choose
from pages._delay_scene import Scene
from pages._delay_signals import show_signals
from pages._shell_jobs import compute
from pages._shell_show import show_figure, show_table

KINDS = {"snapshot": "Snapshot: each row once", "stream": "Stream: late converters twice"}
ABOUT = {
    "snapshot": "Every impression stands in the training set once, with the label as seen or a soft label.",
    "stream": (
        "An impression that converts late stands in the stream twice, first as a negative, then as a positive. These "
        "weights answer the duplicates: on a snapshot they would be wrong, so the two kinds are never drawn together."
    ),
}
FAMILIES = {"snapshot": ("plain", "snapshot weights", "soft labels"), "stream": ("stream weights",)}
FIRST = {"snapshot": "is_signal", "stream": "es_dfm"}
CAPS = {"none": "No cap", "10": "10", "5": "5", "2": "2"}


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """The weights of one arm, described."""

    arm: str
    summary: WeightSummary
    shape: WeightShape


def show_weights(scene: Scene) -> None:
    """One arm's formula and weights, all arms of its kind side by side, and the entropy that signals leave."""
    left, right = st.columns([3, 2])
    with left:
        kind = choose("Kind of training set", KINDS, "snapshot", key="delay_kind")
    with right:
        cap = choose("Largest weight", CAPS, "none", key="delay_cap")
    st.markdown(ABOUT[kind])
    arms = tuple(
        arm.name for arm in ARMS.values() if arm.family in FAMILIES[kind] and arm.fit is not None
        and (scene.world.signals or not arm.signals)
    )  # fmt: skip
    weighed = compute(
        ("delay weights", scene.key, arms, cap),
        partial(_weigh, scene, arms, None if cap == "none" else float(cap)),
        label="Weights",
    )
    first = FIRST[kind] if FIRST[kind] in arms else arms[-1]
    chosen = st.selectbox(
        "Arm", arms, index=arms.index(first), key=f"delay_weight_{kind}", persist_state="session",
        format_func=lambda name: f"{ARMS[name].title} ({name})" if name in ARMS else str(name),
    )  # fmt: skip
    if chosen not in arms:
        raise InputError("This arm has no such weights.", fix="Choose one of those shown.")
    _show_arm(ARMS[chosen], weighed[arms.index(chosen)])
    st.subheader("Arms of this kind side by side")
    table = tabulate_weights([(one.arm, one.summary) for one in weighed])
    show_figure(weight_table_figure(table), key=f"figure_side_by_side_{kind}")
    show_table(table.frame(), name=f"{kind} weights side by side")
    st.caption(
        "Effective: (Σw)²/Σw², the rows of weight 1 that would be as noisy. A cap cuts the weights of young "
        "conversions, and of hardly anything else: it makes predictions steadier and too low, by about the share "
        "that is lost."
    )
    show_signals(scene)


def _weigh(scene: Scene, arms: tuple[str, ...], cap: float | None) -> Job[tuple[Weighed, ...]]:
    snapshot = observe(scene.draw(), scene.at, window=scene.window)
    found = []
    for place, name in enumerate(arms):
        yield Progress(place / len(arms), f"weigh {name}")
        free, capped = (
            train_arm(plan_arm(name, options=replace(scene.options, cap=most)), snapshot).training
            for most in (None, cap)
        )
        if not isinstance(free, FittedRule) and not isinstance(capped, FittedRule):
            found.append(Weighed(name, summarise_weights(capped, uncapped=free), measure_shape(snapshot, capped)))
    return tuple(found)


def _show_arm(arm: Arm, weighed: Weighed) -> None:
    st.text(f"Formula: {arm.formula}")
    summary = weighed.summary
    st.text(
        f"{summary.rows:,} entries are worth {summary.effective:,.0f} of weight 1. Largest weight "
        f"{summary.largest:.3g}; {summary.clipped:.2%} cut at the cap, which takes {summary.lost:.1%} of the weight "
        "of conversions."
    )
    left, right = st.columns(2)
    with left:
        show_figure(weights_figure(weighed.shape), key=f"figure_weights_{arm.name}")
        show_table(weighed.shape.frame(), name="histogram of weights")
    with right:
        show_figure(weight_age_figure(weighed.shape), key=f"figure_weight_age_{arm.name}")
        show_table(weighed.shape.age_frame(), name="weight by age")
    st.caption("e: age · v: seen to have converted · F: share arrived by that age · s: signals seen by that age.")
