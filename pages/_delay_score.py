"""The arms on a log: trained on what was known at the date, scored on the finished labels of later days."""

from functools import partial

import streamlit as st

from core.checks import check_count
from core.delay.arms import ARMS, DEFAULT_ARMS
from core.delay.compare import BOUND, REFERENCE, Comparison, Schedule, compare_on_log
from core.delay.data import Options
from core.delay.wording import state_recovery
from core.errors import InputError
from pages._delay_log_view import SCORED_DAYS, LogView
from pages._delay_simulate import show_measures, show_pairs
from pages._shell_jobs import compute

MOST_DAYS, AT_ONCE = 14, 100_000  # rows up to which the arms are trained without being asked for
WANTED = "delay_log_wanted"


def show_score(view: LogView) -> None:
    """Choose arms and days; train every arm on each of them, and score it on the next."""
    st.subheader("Which correction works on this log?")
    arms, days = _choose(view)
    wanted = st.session_state.setdefault(WANTED, set())
    if len(view.recorded.log) > AT_ONCE and (view.key, arms, days) not in wanted:
        st.button(
            "Train and score the arms", key="delay_score_run", type="primary", icon=":material/play_arrow:",
            on_click=wanted.add, args=((view.key, arms, days),),
        )  # fmt: skip
        st.caption("Each arm is trained on every one of the days: some seconds to some minutes.")
        return
    comparison: Comparison = compute(
        ("delay score", view.key, arms, days),
        partial(
            compare_on_log, view.recorded.log, at=view.at, window=view.window, arms=arms,
            schedule=Schedule(rounds=days), options=Options(),
        ),
        label="Arms on this log",
    )  # fmt: skip
    st.markdown(f"**{state_recovery(comparison)}**")
    show_pairs(comparison, key="log")
    st.caption(
        f"Trained {'once, at the as-of date' if days == 1 else f'{days} times, daily from the as-of date on'}, and "
        "scored on the next day's final labels. Days share most of their training rows, so errors are somewhat too "
        "small. Regret needs the true probability, which no log has: log-loss stands in its place."
    )
    show_measures(comparison, key="log")


def _choose(view: LogView) -> tuple[tuple[str, ...], int]:
    left, right = st.columns([4, 1])
    with_signal = bool(view.recorded.log.signal_names)
    others = [name for name in ARMS if name not in (BOUND, REFERENCE) and (with_signal or not ARMS[name].signals)]
    chosen = left.multiselect(
        "Arms beside final labels (oracle) and labels as seen (naive)", others,
        default=[name for name in DEFAULT_ARMS if name in others], key=f"delay_log_arms_{with_signal}",
        format_func=lambda name: f"{ARMS[name].title} ({name})" if name in ARMS else str(name),
        persist_state="session", select_all=False,
    )  # fmt: skip
    days = right.number_input(
        "Days to score", 1, MOST_DAYS, SCORED_DAYS, key="delay_scored", bind="query-params", persist_state="session"
    )
    if not set(chosen) <= set(others):
        raise InputError("There is no such arm.", fix="Choose among those shown.")
    check_count(int(days), 1, MOST_DAYS, name="days to score")
    return (BOUND, REFERENCE, *(name for name in others if name in chosen)), int(days)
