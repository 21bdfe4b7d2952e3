"""How much of a log is in yet: by age, by cohort, by segment."""

import streamlit as st

from core.delay.figures import cohorts_figure, delay_curves_figure, maturity_figure
from core.delay.maturity import Unit, measure_cohorts, measure_delays, measure_maturity
from pages._delay_controls import choose
from pages._delay_log_view import LogView
from pages._shell_jobs import keep
from pages._shell_show import show_figure, show_table

UNITS: dict[Unit, str] = {"day": "Days", "week": "Weeks"}


def show_maturity(view: LogView) -> None:
    """What the as-of date cuts off; delays in lag buckets; cohorts against what their age lets expect; F by segment."""
    st.subheader("How much is in yet?")
    maturity = keep(("delay maturity", view.key), lambda: measure_maturity(view.observe()))
    if (warning := maturity.warning()) is not None:
        st.warning(warning, icon=":material/content_cut:")
    show_figure(maturity_figure(maturity), key="figure_maturity")
    show_table(maturity.frame(), name="maturity by age")
    curves = keep(("delay curves", view.key), lambda: measure_delays(view.observe()))
    show_figure(delay_curves_figure(curves), key="figure_curves")
    if curves.unknown:
        st.text(f"{len(curves.unknown)} segments have no finished conversion: how late theirs come is not known.")
    show_table(curves.frame(), name="arrived by age")
    unit: Unit = "week" if choose("Cohorts", UNITS, "day", key="delay_unit") == "week" else "day"
    cohorts = keep(("delay cohorts", view.key, unit), lambda: measure_cohorts(view.observe(), unit=unit))
    show_figure(cohorts_figure(cohorts), key="figure_cohorts")
    st.caption(
        "Expected: from the Kaplan–Meier rate of all rows and the age of each. A cohort outside its range converts "
        "unlike the others, not merely later: the range holds for independent rows and a known curve, so a few "
        "outside are no alarm."
    )
    show_table(cohorts.frame(), name="cohorts")
