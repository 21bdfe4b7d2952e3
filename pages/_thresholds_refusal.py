"""The answer that no rule holds, with what could have been certified and what would be enough."""

import streamlit as st

from core.thresholds.certificate import Refusal
from core.thresholds.data import Cuts
from pages._thresholds_numbers import show_numbers
from pages._thresholds_view import View


def show_refusal(view: View, refusal: Refusal, confirm: Cuts) -> None:
    """A refusal is an answer like any other."""
    if refusal.confirmed is not None:
        what = "the rule that passed at first" if refusal.taken_back else "the rule most likely to hold"
        note = f"On the other half: {what}."
        show_numbers("Confirmed", note, refusal.confirmed, confirm, view.evidence.sampling)
    said = view.evidence.to_json()["refused"]
    best, more = said["best_certifiable_precision"], said["more_accepted_rows_needed"]
    st.warning(f"Not certified. {said['reason']}", icon=":material/block:")
    if best is not None:
        st.text(f"Best precision that these rows could have certified: {best:.4g}. Try it on fresh rows.")
    if more is not None:
        st.text(f"If its precision stays as seen, about {more:,} more accepted rows would be enough.")
    elif refusal.taken_back:
        st.text("A few groups decide: more groups are needed, not more rows of these.")
    elif refusal.scope == "each level":
        st.text("The weakest level decides: it needs more accepted rows, or a higher threshold.")
    elif refusal.confirmed is not None and refusal.confirmed.precision <= refusal.target:
        st.text("Its precision here is not above the target, so more rows of this kind would not help.")
