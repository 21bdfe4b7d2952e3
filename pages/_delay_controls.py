"""Widgets of the simulated world: their ends, their words, and the presets that set several at once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import streamlit as st

from core.delay.simulate import PRESETS, Signal, World
from core.delay.wording import drift_of
from core.errors import InputError

PRESET, FIRST = "delay_preset", "gradual"
KEPT: dict[str, Any] = {"bind": "query-params", "persist_state": "session"}
DRIFTS = {"none": "Nothing", "gradual": "A little daily", "up": "Jump up", "down": "Jump down"}
SIGNALS = {"none": "None", "weak": "Weak", "usual": "Usual", "strong": "Strong"}
SENT = {"weak": (0.3, 0.08), "usual": (0.75, 0.08), "strong": (0.95, 0.02)}  # P(signal | conversion), P(signal | none)
LAWS = {
    "mixture": "Some at once, the rest log-normal", "log_normal": "Log-normal", "weibull": "Weibull, heavy tail",
    "exponential": "Exponential",
}  # fmt: skip
DELAY_ENDS, WINDOW_ENDS, LOOKBACK_ENDS, DAILY_ENDS = (0.25, 20.0), (1, 30), (3, 30), (100, 5_000)
CADENCE_MOST, TRAININGS_MOST, SEEDS_MOST, MEANING_MOST = 14, 7, 40, 0.5
Number = TypeVar("Number", int, float)


def settle_preset() -> str:
    """The preset; choosing one sets the controls that it speaks of."""
    if st.session_state.get(PRESET) not in (None, *PRESETS):
        st.session_state[PRESET] = FIRST
    chosen = st.selectbox(
        "World", list(PRESETS), index=list(PRESETS).index(FIRST), key=PRESET, on_change=_follow_preset,
        format_func=lambda name: PRESETS[name].title if name in PRESETS else str(name), **KEPT,
    )  # fmt: skip
    return str(chosen)


def _follow_preset() -> None:
    if (preset := PRESETS.get(st.session_state[PRESET])) is not None:
        world = preset.world
        st.session_state.update(
            delay_drift=drift_of(world), delay_median=world.law.median, delay_window=int(world.window)
        )


def choose(title: str, options: Mapping[str, str], default: str, *, key: str, listed: bool = False) -> str:
    """One of a few named options, side by side or in a list."""
    if st.session_state.get(key) not in (None, *options):
        del st.session_state[key]

    def show(option: object) -> str:
        return options.get(str(option), str(option))

    first = list(options).index(default)
    if listed:
        chosen = st.selectbox(title, list(options), index=first, format_func=show, key=key, **KEPT)
    else:
        chosen = st.radio(title, list(options), index=first, format_func=show, horizontal=True, key=key, **KEPT)
    if chosen not in options:
        raise InputError(f"There is no such choice for {title.lower()}.", fix="Choose one of those shown.")
    return str(chosen)


def slide(title: str, ends: tuple[Number, Number], default: Number, *, key: str, step: Number | None = None) -> Number:
    """A number between two ends."""
    value: Number = st.slider(title, *ends, value=default, step=step, key=key, **KEPT)
    return value


def choose_number(title: str, ends: tuple[int, int], default: int, *, key: str) -> int:
    """A whole number between two ends, typed."""
    return int(st.number_input(title, *ends, value=default, key=key, **KEPT))


def apply_drift(world: World, drift: str) -> World:
    """The world with another kind of change: that of the preset which shows it."""
    if drift == drift_of(world):
        return world
    other = PRESETS[{"none": "stationary", "gradual": "gradual", "up": "jump_up", "down": "jump_down"}[drift]].world
    return replace(world, walk=other.walk, jump=other.jump)


def make_signal(strength: str, meaning: float) -> tuple[Signal, ...]:
    """The signal of a world by its strength, its meaning drifting by so much a day; none for none."""
    if strength not in SENT:
        return ()
    if_converting, if_not = SENT[strength]
    return (Signal(if_converting=if_converting, if_not=if_not, drift=meaning),)
