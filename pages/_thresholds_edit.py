"""The view in which thresholds are set by hand: live counts, pins, and the test of the result."""

import math
from hashlib import sha256

import pandas as pd
import streamlit as st

from core.thresholds.evidence import describe
from core.thresholds.rule import Rule, snap_cut
from core.thresholds.tuning import tune
from pages._shell_show import show_table
from pages._thresholds_looks import ask_rule
from pages._thresholds_view import View

PENDING = "thresholds_edit_pending"
ACROSS = 4


def show_edit(view: View) -> None:
    """One threshold per level, the counts that follow at once, and what the other half says."""
    st.session_state.update(st.session_state.pop(PENDING, {}))
    st.markdown(
        "Type thresholds; each snaps to the nearest cut between two scores, and an empty one accepts none. Another "
        "rule in view starts them anew. Pin the levels that you want to keep, and let the rest be optimised around "
        "them."
    )
    keys = _keys(view)
    cuts, pinned = _choose_cuts(view, keys)
    with st.container(horizontal=True):
        if st.button("Optimise the rest", key="thresholds_optimise", icon=":material/auto_fix_high:"):
            _optimise(view, keys, {level: cuts[level] for level in pinned})
        _offer_test(view, cuts)
    sampling = view.evidence.sampling
    edited = Rule(view.counted.tuned, cuts, sampling)
    lines = {"rule in view": view.rule, "edited by hand": edited}
    frame = pd.DataFrame([{"rule": name, **describe(rule.counts, rule.of, sampling)} for name, rule in lines.items()])
    show_table(frame, name="edited against the rule in view", opened=True)
    show_table(edited.frame(), name="levels, edited", opened=True)
    st.caption(f"Counts of {view.counted.half}, live. They are hopeful, as the thresholds were set in sight of them.")


def _keys(view: View) -> list[str]:
    """Keys of the inputs: those of one rule in view, so that another one starts anew."""
    name = sha256(repr((view.counted.key, view.rule.cuts)).encode()).hexdigest()[:12]
    return [f"thresholds_edit_{name}_{level}" for level in range(view.counted.tuned.levels)]


def _choose_cuts(view: View, keys: list[str]) -> tuple[tuple[int, ...], list[int]]:
    of, cuts, pinned = view.counted.tuned, [], []
    columns = st.columns(min(ACROSS, len(keys)))
    for level, key in enumerate(keys):
        lo, hi = view.rule.level_bounds[level]
        with columns[level % len(columns)]:
            st.session_state.setdefault(key, _field(view.rule.thresholds[level]))
            typed = st.number_input(
                f"Level {level + 1} ({lo:.4g} – {hi:.4g})", 0.0, 1.0, None, step=0.005, format="%.4f",
                key=key, persist_state="session", placeholder="accepts none",
            )  # fmt: skip
            cuts.append(snap_cut(of, math.inf if typed is None else typed))
            if st.checkbox(f"Pin level {level + 1}", key=f"{key}_pin", persist_state="session"):
                pinned.append(level)
    return tuple(cuts), pinned


def _field(threshold: float) -> float | None:
    """What a field says for a threshold: nothing where it accepts none."""
    return None if math.isinf(threshold) else float(threshold)


def _optimise(view: View, keys: list[str], pinned: dict[int, int]) -> None:
    """Set the free levels to the best around the pinned ones."""
    method = "mist" if view.method == "mist" else "exact"  # the others cannot
    tuning = tune(view.counted.tuned, view.evidence.sampling.in_sample(view.objective), method=method, pinned=pinned)
    thresholds = Rule(view.counted.tuned, tuning.cuts).thresholds.tolist()
    st.session_state[PENDING] = {key: _field(one) for key, one in zip(keys, thresholds, strict=True)}
    st.rerun()


def _offer_test(view: View, cuts: tuple[int, ...]) -> None:
    ready = view.log is not None and view.objective.kind == "precision"
    asked = st.button(
        "Test on the other half: one more look", key="thresholds_test_edit", icon=":material/visibility:",
        disabled=not ready, help=None if ready else "Confirm the rule in view first: that opens the other half.",
    )  # fmt: skip
    if asked and ready:
        ask_rule(view, cuts, origin="by hand")
