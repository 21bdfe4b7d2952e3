"""The view of other base rates: what another share of positives would do to the precision."""

import numpy as np
import streamlit as st

from core.thresholds.figures import shift_figure
from core.thresholds.shift import shift_prior
from pages._shell_show import show_figure, show_table
from pages._thresholds_numbers import percent
from pages._thresholds_view import View

RATES = [float(f"{rate:.3g}") for rate in np.geomspace(1e-4, 0.999, 240)]
ENDS = {"lo": "precision_from", "hi": "precision_to"}


def show_shift(view: View) -> None:
    """Precision against the base rate, and the base rate that the target needs."""
    if view.objective.kind != "precision":
        st.info("A break-even needs a target precision. Choose the goal 'Most recall at a precision'.")
        return
    certificate = view.certificate
    counts, where = (certificate.confirmed, "the other half") if certificate else (view.rule.counts, view.counted.half)
    seen = counts.positives / counts.rows
    rates = sorted({*RATES, seen})
    shift = shift_prior(counts, np.array(rates), target=view.objective.target)
    rate = _choose_rate(rates, seen)
    there = shift.frame().set_index("base_rate").loc[rate]
    show_figure(shift_figure(shift, base_rate=rate), key="figure_shift")
    st.markdown(
        f"At a base rate of {percent(rate, '.4g')} the precision would be **{percent(there.precision)}** "
        f"({100 * there.lo:.2f} to {percent(there.hi)}). The target of {percent(shift.target, 'g')} is met from a base "
        f"rate of **{percent(shift.break_even)}** on ({100 * shift.break_even_lo:.2f} to "
        f"{percent(shift.break_even_hi)}); these rows have {percent(seen)}."
    )
    st.caption(
        f"From n = {shift.rows:,} rows of {where}; the band has {percent(shift.confidence, 'g')} confidence. It holds "
        "if only the share of positives changes, and positives and negatives look as here. Nothing here can check that."
    )
    show_table(shift.frame().rename(columns=ENDS), name="other base rates")


def _choose_rate(rates: list[float], seen: float) -> float:
    """It starts from what was seen, which is another one for other rows."""
    key = "thresholds_base_rate"
    if st.session_state.get(key) not in (None, *rates):
        st.session_state[key] = seen
    return st.select_slider(
        "Base rate where the rule will be used", rates, seen, format_func=lambda one: percent(one, ".4g"),
        key=key, persist_state="session",
    )  # fmt: skip
