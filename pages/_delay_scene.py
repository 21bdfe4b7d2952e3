"""The simulated world that the page is about, and how arms are trained in it. Core checks every value again."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from core.checks import check_between, check_count
from core.delay.arms import ARMS, DEFAULT_ARMS
from core.delay.compare import BOUND, REFERENCE, Schedule
from core.delay.data import Log, Options
from core.delay.laws import DAY
from core.delay.simulate import PRESETS, START, World, simulate_log
from core.delay.wording import Drift, drift_of
from core.rng import make_generator
from pages._delay_controls import (
    CADENCE_MOST,
    DAILY_ENDS,
    DELAY_ENDS,
    DRIFTS,
    LAWS,
    LOOKBACK_ENDS,
    MEANING_MOST,
    SEEDS_MOST,
    SENT,
    SIGNALS,
    TRAININGS_MOST,
    WINDOW_ENDS,
    apply_drift,
    choose,
    choose_number,
    make_signal,
    settle_preset,
    slide,
)
from pages._shell_jobs import keep


@dataclass(frozen=True, slots=True)
class Scene:
    """A world, and when and how arms are trained in it: scalars only, so that it is a key."""

    drift: Drift
    world: World
    schedule: Schedule
    options: Options
    seeds: int
    arms: tuple[str, ...]

    @property
    def key(self) -> Hashable:
        """What the views of one world depend on."""
        return self.world, self.schedule, self.options

    @property
    def at(self) -> float:
        """UTC seconds of the first training."""
        return float(START + DAY * self.schedule.at)

    @property
    def window(self) -> float:
        """Attribution window in seconds."""
        return self.world.window * DAY

    def draw(self) -> Log:
        """One log from the world, that of the first seed."""
        world = replace(self.world, days=self.schedule.days)
        return keep(("delay log", world), lambda: simulate_log(world, rng=make_generator(0)))


def choose_scene() -> Scene:
    """The controls of the world: those that matter most in sight, the rest folded."""
    world = PRESETS[settle_preset()].world
    with st.container(horizontal=True, key="delay_choices"):  # side by side where there is room
        drift = choose("What changes", DRIFTS, drift_of(world), key="delay_drift")
        strength = choose("Signal: add to cart", SIGNALS, "usual", key="delay_signal")
    delay, window, cadence = st.columns(3)
    with delay:
        median = slide("Median delay, days", DELAY_ENDS, world.law.median, key="delay_median", step=0.25)
    with window:
        days = slide("Attribution window, days", WINDOW_ENDS, int(world.window), key="delay_window")
    with cadence:
        every = slide("Retrain every … days", (1, CADENCE_MOST), 1, key="delay_cadence")
    world = apply_drift(world, drift)
    with st.expander("More settings", icon=":material/tune:", key="delay_more"):
        more = _choose_more(with_signal=strength in SENT)
    signals = make_signal(strength, more["meaning"])
    law = replace(world.law, kind=more["law"], median=float(median))
    world = replace(world, law=law, window=float(days), daily=more["daily"], signals=signals)
    options, schedule = Options(lookback=float(more["lookback"])), Schedule(cadence=every, rounds=more["trainings"])
    return Scene(drift, world, schedule, options, more["seeds"], more["arms"])


def _choose_more(*, with_signal: bool) -> dict[str, Any]:
    left, middle, right = st.columns(3)
    with left:
        law = choose("Delay law", LAWS, "mixture", key="delay_law", listed=True)
        daily = choose_number("Impressions a day", DAILY_ENDS, 700, key="delay_daily")
    with middle:
        seeds = choose_number("Simulated worlds (seeds)", (1, SEEDS_MOST), 12, key="delay_seeds")
        lookback = choose_number("Train on the last … days", LOOKBACK_ENDS, 30, key="delay_lookback")
    with right:
        trainings = choose_number("Trainings in a row", (1, TRAININGS_MOST), 1, key="delay_trainings")
        meaning = slide("The signal's meaning drifts by", (0.0, MEANING_MOST), 0.0, key="delay_meaning", step=0.05)
    others = [name for name in ARMS if name not in (BOUND, REFERENCE) and (with_signal or not ARMS[name].signals)]
    chosen = st.multiselect(
        "Arms beside final labels (oracle) and labels as seen (naive)", others,
        default=[name for name in DEFAULT_ARMS if name in others], key=f"delay_arms_{with_signal}",
        format_func=lambda name: f"{ARMS[name].title} ({name})" if name in ARMS else str(name),
        persist_state="session", select_all=False,
    )  # fmt: skip
    check_count(daily, *DAILY_ENDS, name="impressions a day")
    check_count(seeds, 1, SEEDS_MOST, name="seeds")
    check_count(trainings, 1, TRAININGS_MOST, name="trainings")
    check_count(lookback, *LOOKBACK_ENDS, name="training window")
    check_between(meaning, 0.0, MEANING_MOST, name="drift of the signal")
    arms = (BOUND, REFERENCE, *(name for name in others if name in chosen))
    return {
        "law": law, "daily": daily, "seeds": seeds, "lookback": lookback, "trainings": trainings,
        "meaning": float(meaning), "arms": arms,
    }  # fmt: skip
