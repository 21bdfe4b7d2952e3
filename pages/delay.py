"""Page: what labels that arrive late do to training, and which correction works."""

import streamlit as st

from core.delay.simulate import PRESETS
from core.delay.wording import drift_of
from pages._delay_sections import SECTIONS, run_section
from pages._shell import Step, guarded, open_page
from pages._shell_show import show_limits


def _preset(name: str) -> dict[str, object]:
    """The controls as a preset sets them."""
    world = PRESETS[name].world
    return {
        "delay_preset": name, "delay_drift": drift_of(world), "delay_median": world.law.median,
        "delay_window": int(world.window), "delay_signal": "usual", "delay_cadence": 1,
    }  # fmt: skip


STEPS = (
    Step(
        "Not yet, or never?",
        "Blue rows are conversions that were seen. Hatched ones will come, and count as negatives today: the younger "
        "the day, the more of them. A model trained on labels as seen learns a rate that is too low.",
        {**_preset("gradual"), "delay_view": "Anatomy of the bias"},
    ),
    Step(
        "Waiting is no free answer",
        "Here customers change a little every day. Waiting for final labels costs more than late labels do; weights "
        "that allow for what is still to come get close to the oracle, which no correction can be expected to beat.",
        {**_preset("gradual"), "delay_view": "Simulate"},
    ),
    Step(
        "When nothing changes, wait",
        "The same arms in a world without drift: waiting is as good as it gets, and a signal adds nothing. What is "
        "right depends on how fast your world changes, so try the controls.",
        {**_preset("stationary"), "delay_view": "Simulate"},
    ),
    Step(
        "What the weights do",
        "A young conversion stands for those still to come, so it weighs more than 1; a young row without one may "
        "still convert, so it weighs less. With age both go to 1. End the tour, and bring your own log in the last "
        "view.",
        {**_preset("gradual"), "delay_kind": "snapshot", "delay_cap": "none", "delay_view": "Weights, explained"},
    ),
)
NOT_TOLD = (
    "What this does not tell: what happens where its assumptions fail. Every correction takes for granted that the "
    "delays of finished rows hold for young ones (F stationary, or a lagged estimate of it), that a signal keeps its "
    "meaning (p(signal | outcome) stable), that the kind of traffic stays the same (P(x) unchanged), and that a "
    "conversion is final: no refunds, no attribution that moves later. Simulated worlds are simpler than yours; "
    "their truth is known only because they are. The method is importance sampling with pre-conversion signals, in "
    "the spirit of “Modelling Delayed Redemption with Importance Sampling and Pre-Redemption Engagement” (KDD 2023), "
    "derived here afresh."
)

open_page(
    "delay",
    "Is a missing conversion a no, or a *not yet*? See what late labels do to training, and which correction works.",
    STEPS,
)
tabs = st.tabs(list(SECTIONS), key="delay_view", bind="query-params")
for tab, show in zip(tabs, SECTIONS.values(), strict=True):
    if tab.open:
        with tab, guarded("delay"):
            run_section(show)
show_limits(NOT_TOLD)
