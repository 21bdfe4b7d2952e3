"""What a rule does on one half: n, precision and recall with their intervals."""

from typing import Any

import streamlit as st

from core.thresholds.certificate import Counts
from core.thresholds.data import Cuts
from core.thresholds.evidence import describe
from core.thresholds.sampling import Sampling


def show_numbers(title: str, note: str, counts: Counts, of: Cuts, sampling: Sampling) -> None:
    """The figures of one half, under its name."""
    found = describe(counts, of, sampling)
    st.markdown(f"**{title}** · n = {found['n']:,.0f}")
    st.caption(note)
    left, right = st.columns(2)
    left.metric("Precision", _percent(found["precision"]))
    left.caption(_interval(found, "precision"))
    right.metric("Recall", _percent(found["recall"]))
    right.caption(_interval(found, "recall"))
    st.text(f"{found['accepted']:,.0f} accepted, {found['tp']:,.0f} of them positive, of {found['positives']:,.0f}.")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"


def _interval(found: dict[str, Any], name: str) -> str:
    lo, hi = found[f"{name}_lo"], found[f"{name}_hi"]
    return "no interval" if lo is None else f"95 %: {lo:.2%} to {hi:.2%}"
