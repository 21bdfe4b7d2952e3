"""The view that asks how old a row must be before it is learned from."""

from dataclasses import replace
from functools import partial

import streamlit as st

from core.delay.compare import REFERENCE
from core.delay.figures import minima_figure, waiting_figure, waiting_parts_figure
from core.delay.simulate import PRESETS, World
from core.delay.waiting import ARMS, Waiting, sweep_waiting
from core.errors import InputError
from pages._delay_controls import SENT, SIGNALS
from pages._delay_scene import Scene
from pages._shell_jobs import compute
from pages._shell_show import show_figure, show_table

YOURS = "Your world"
SEEDS, DAILY, DAY_OF_TRAINING = 4, 500, 70
DAYS = (0.0, 1.0, 3.0, 7.0, 14.0, 21.0, 30.0)
WANTED, SIGNAL_ARM = "delay_more_worlds", "is_signal"


def show_waiting(scene: Scene) -> None:
    """Bias against freshness over the days waited, and how the best wait moves with drift and signal."""
    st.markdown(
        "Waiting makes labels truer and the model older. The arm that has final labels (oracle) shows the cost in "
        "*freshness* alone; what lies above its line is what labels still lack."
    )
    world = replace(scene.world, daily=min(scene.world.daily, DAILY))
    worlds = {YOURS: world}
    if st.toggle("Also with other drifts and signals (takes a few times as long)", key=WANTED, persist_state="session"):
        worlds |= _list_others(world)
    waiting = _sweep(scene, worlds)
    chosen = YOURS
    if len(worlds) > 1:
        show_figure(minima_figure(waiting), key="figure_minima")
        show_table(waiting.minima_frame(), name="best waits", opened=True)
        chosen = st.selectbox("Look at", list(worlds), key="delay_wait_world")
    if chosen not in worlds:
        raise InputError("There is no such world.", fix="Choose one of those shown.")
    show_figure(waiting_figure(waiting, chosen), key="figure_waiting")
    show_figure(waiting_parts_figure(waiting, chosen, REFERENCE), key="figure_waiting_parts")
    for best in waiting.minima():
        if best.world == chosen:
            st.text(
                f"{best.arm}: least regret when it waits {best.wait:g} days; the same in {best.agreement:.0%} of "
                f"{SEEDS} worlds."
            )
    st.caption(
        f"{SEEDS} worlds of {world.daily} impressions a day, trained on day {DAY_OF_TRAINING} on "
        f"{scene.options.lookback:g} days of rows at least that old, scored on the next day. Where the lines are flat, "
        "the minimum is a matter of chance: see how many worlds agree."
    )
    show_table(waiting.frame(), name="waiting")


def _list_others(world: World) -> dict[str, World]:
    """The same world with another drift, and with another signal."""
    walking = PRESETS["gradual"].world.walk
    others = {
        "Nothing changes": replace(world, walk=0.0, jump=0.0),
        "A little daily": replace(world, walk=walking, jump=0.0),
        "Twice that": replace(world, walk=2 * walking, jump=0.0),
    }
    for strength in ("weak", "strong"):
        if_converting, if_not = SENT[strength]
        signals = tuple(replace(signal, if_converting=if_converting, if_not=if_not) for signal in world.signals)
        if signals:
            others[f"{SIGNALS[strength]} signal"] = replace(world, signals=signals)
    return others


def _sweep(scene: Scene, worlds: dict[str, World]) -> Waiting:
    arms = tuple(name for name in ARMS if scene.world.signals or name != SIGNAL_ARM)
    waits = tuple(wait for wait in DAYS if wait <= scene.world.window)
    return compute(
        ("delay waiting", scene.key, tuple(worlds)),
        partial(
            sweep_waiting, worlds, waits=waits, arms=arms, seeds=range(SEEDS), at=DAY_OF_TRAINING,
            options=scene.options,
        ),
        label="Waiting times",
    )  # fmt: skip
