"""The front door's question of delay, with a live figure."""

import streamlit as st

from core.delay.anatomy import measure_rate_by_age
from core.delay.dates import suggest_as_of
from core.delay.figures import rate_by_age_figure
from core.delay.laws import DAY
from core.delay.load import load_sample
from core.delay.snapshot import observe, show_time
from core.settings import Settings
from pages._shell_jobs import keep, run_job
from pages._shell_show import show_figure, show_table

WINDOW, SCORED_DAYS = 30.0, 5  # days, as the delay page begins


def show_delay() -> None:
    """The question of delay, with the conversion rate by age in the sample."""
    recorded = run_job(load_sample(Settings.from_environment()), label="Sample log")
    window = WINDOW * DAY
    at = suggest_as_of(recorded.log, window=window, days=SCORED_DAYS)
    rate = keep(
        ("delay overview", recorded.digest), lambda: measure_rate_by_age(observe(recorded.log, at, window=window))
    )
    show_figure(rate_by_age_figure(rate), key="figure_delay")
    st.caption(
        f"Simulated log, as it was known on {show_time(at)}. Of {rate.rows[0]:,} views of the last day "
        f"{rate.conversions[0]:,} have led to a purchase so far, {rate.conversions[0] / rate.rows[0]:.1%}; in the end "
        f"{rate.eventual:.1%} ({rate.lo[-1]:.1%} to {rate.hi[-1]:.1%}) of all {rate.rows.sum():,} do."
    )
    show_table(rate.frame(), name="overview ages")
    if st.button(
        "See what that does to training", key="overview_delay", type="primary", icon=":material/arrow_forward:"
    ):
        st.switch_page("pages/delay.py")
