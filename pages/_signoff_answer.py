"""What a look at newer rows found: the verdict, the course over looks, and where rows have shifted."""

import streamlit as st

from core.signoff.figures import course_figure, levels_figure, population_figure
from core.signoff.watch import Watch
from pages._shell_show import show_figure, show_table
from pages._signoff_evidence import percent

VERDICTS = {
    "holds": (st.success, ":material/verified:"),
    "weakening": (st.warning, ":material/trending_down:"),
    "broken": (st.error, ":material/heart_broken:"),
}


def show_answer(found: Watch) -> None:
    """Verdict with the rule that decided it, the course over looks, and where rows have shifted."""
    show, icon = VERDICTS[found.verdict]
    show(f"{found.verdict.capitalize()}. {found.rule}".replace("$", r"\$"), icon=icon)
    for reason in found.reasons:
        if reason != found.rule:
            st.text(f"· {reason}")
    _show_figures_of(found)
    show_figure(course_figure(found), key="figure_course")
    show_table(found.course(), name="looks at the policy")
    left, right = st.columns(2)
    with left:
        show_figure(levels_figure(found), key="figure_levels")
    with right:
        show_figure(population_figure(found.shift), key="figure_population")
    show_table(found.frame(), name="levels signed and now")
    show_table(found.shift.frame(), name="population shift")


def _show_figures_of(found: Watch) -> None:
    """Recall, shift of the population, rows outside, and how far the base rate may fall."""
    recall, shift, base = found.recall, found.shift, found.base_rate
    one, two, three, four = st.columns(4)
    with one.container(border=True, height="stretch"):
        st.metric("Recall", percent(recall.now.value))
        st.caption(
            f"Signed {percent(recall.signed.value)}. Difference {100 * recall.difference:+.2f} points "
            f"({100 * recall.lo:+.2f} to {100 * recall.hi:+.2f})."
        )
    with two.container(border=True, height="stretch"):
        st.metric("Stability index (PSI)", f"{shift.index:.3f}")
        st.caption(f"Chance alone gives {shift.expected:.3f} at this number of rows (p = {shift.p_value:.3g}).")
    with three.container(border=True, height="stretch"):
        lo, hi = shift.outside_interval
        st.metric("Outside the levels", percent(shift.now.outside_share))
        st.caption(f"95 %: {lo:.2%} – {hi:.2%}. When signed: {percent(shift.signed.outside_share)}.")
    with four.container(border=True, height="stretch"):
        st.metric("Base rate", percent(None if base is None else base.now))
        st.caption(
            "Not known for these rows." if base is None else
            f"The target is met from {percent(base.break_even)} on ({percent(base.break_even_lo)} – "
            f"{percent(base.break_even_hi)}), if the scores of each label stay as they were."
        )  # fmt: skip
