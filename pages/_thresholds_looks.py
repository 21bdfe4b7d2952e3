"""Questions to the confirmation half: the first one opens it, and every further one is counted."""

import streamlit as st

from core.thresholds.data import Cuts
from core.thresholds.methods import NAMES
from pages._thresholds_numbers import show_numbers
from pages._thresholds_view import View, keep_log, open_half, times_opened


def offer_to_open(view: View) -> None:
    """The button that opens the other half, and what it costs."""
    st.markdown("**Confirmed** · not opened yet")
    st.text("The other half has not been looked at. Settle your question first: it answers the first one best.")
    if times_opened(view.counted):
        st.warning("Rows of this file were opened under other settings: a further answer is practice, not a guarantee.")
    st.caption(
        f"Of δ = {view.counted.counting.delta:g}, {view.counted.spent:g} goes to this test; the rest is kept for "
        "later edits."
    )
    if st.button("Confirm on the other half", key="thresholds_open", type="primary", icon=":material/lock_open:"):
        open_half(view.counted, view.objective, view.method)
        st.rerun()


def show_look(view: View, confirm: Cuts) -> None:
    """The answer to a rule in view that is not the one that the half was opened for, or the button to ask."""
    if view.look is None:
        st.markdown("**Confirmed** · this rule was not tested")
        st.text(f"The half was opened for a target of {view.log.objective.target:g} by {NAMES[view.log.method]}.")
        if st.button("Test this rule: one more look", key="thresholds_look", icon=":material/visibility:"):
            origin = f"target {view.objective.target:g}, {view.method}"
            ask_rule(view, view.rule.cuts, origin=origin)
        return
    verdict = view.look.verdict
    show_numbers(
        "Confirmed", "On the other half, after it had been opened.", verdict.confirmed, confirm, view.evidence.sampling
    )
    (st.success if verdict.certified else st.warning)(verdict.reason)


def ask_rule(view: View, cuts: tuple[int, ...], *, origin: str) -> None:
    """Ask the opened half about one more rule, and count it."""
    log = view.log.test(cuts, target=view.objective.target, origin=origin)
    keep_log(view.counted, log)
    st.rerun()
