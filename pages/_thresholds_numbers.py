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
    st.markdown(f"**{title}** · n = {_count(found['n'], of)}")
    st.caption(note)
    left, right = st.columns(2)
    left.metric("Precision", _known(found["precision"]))
    left.caption(_interval(found, "precision"))
    right.metric("Recall", _known(found["recall"]))
    right.caption(_interval(found, "recall"))
    by = "" if of.weights is None else "By weight: "
    st.text(
        f"{by}{found['accepted']:,.0f} accepted, {found['tp']:,.0f} of them positive, of {found['positives']:,.0f}."
    )
    if found["outside"]:
        st.caption(f"Rows in no level: {found['outside']:,}. The rule rejects them, and no figure here counts them.")


def _count(n: float, of: Cuts) -> str:
    return f"{n:,.0f}" if of.weights is None else f"{of.weights.rows[:, -1].sum():,} rows that weigh {n:,.0f}"


def percent(share: float, spec: str = ".2f") -> str:
    """A share in percent; number and sign stay on one line."""
    return f"{100 * share:{spec}}\N{NO-BREAK SPACE}%"


def _known(value: float | None) -> str:
    return "–" if value is None else percent(value)


def _interval(found: dict[str, Any], name: str) -> str:
    lo, hi = found[f"{name}_lo"], found[f"{name}_hi"]
    return "no interval" if lo is None else f"95 %: {100 * lo:.2f} to {percent(hi)}"
