"""The views of the holdout page. Each shows one answer: figure, table, plain words."""

from collections.abc import Callable

import streamlit as st

from core.holdout.figures import (
    calibration_figure,
    effect_figure,
    slice_figure,
    surface_figure,
)
from core.holdout.report import ReportParts, build_report
from pages._holdout_segments import show_segments
from pages._holdout_view import View, choose_slice, course_of, reliability_of
from pages._holdout_why import show_why
from pages._shell import guarded
from pages._shell_show import show_figure, show_table


def show_surface(view: View) -> None:
    """Positivity over uncertainty level × score bin, and one line per level."""
    surface = view.exploration.surface(minimum_rows=view.minimum_rows)
    show_figure(surface_figure(surface, unit=view.unit), key="figure_surface")
    show_table(surface.frame(), name="positivity surface")
    show_figure(calibration_figure(surface), key="figure_calibration")


def show_slice(view: View) -> None:
    """Positivity against uncertainty at one score."""
    cut = choose_slice(view)
    show_figure(slice_figure(cut, unit=view.unit), key="figure_slice")
    window = f"scores from {cut.score_lo:.4g} to below {cut.score_hi:.4g}"
    st.caption(f"Rows with {window}, n = {cut.cube.rows:,}. Bars are 95 % Wilson intervals.")
    show_table(cut.frame(), name="score slice")


def show_test(view: View) -> None:
    """Is it real? The size of the effect by score, and the reliability table."""
    test = view.exploration.test
    if test is None:
        st.info("All rows lie in one uncertainty level, so nothing can be compared. Choose more levels above.")
    else:
        show_figure(effect_figure(test), key="figure_effect")
        st.caption(
            "Rows are compared at the same scores, where both levels have rows. Bars are 95 % intervals; those of "
            "the bands are wider, since there are several. Right of the dashed line, uncertain rows are positive "
            "more often. The test asks about all levels, the bars about the two extreme ones, so one can be clear "
            "where the other is not."
        )
        show_table(test.frame(), name="effect by score")
    reliability = reliability_of(view)
    st.subheader("Reliability per uncertainty level")
    st.caption(
        f"Gap is positivity minus mean score. ECE, the mean size of the gap, is over {reliability.bins} score bins. "
        f"In brackets: {reliability.confidence:.0%} intervals, left out where there are too few positives for one. "
        "Lower log-loss and Brier score are better."
    )
    show_table(reliability.frame(), name="reliability", opened=True)


def show_report(view: View) -> None:
    """The self-contained report."""
    st.markdown(
        "One HTML file with the figures, their tables, the data digest and the settings. It holds sums and rates, "
        "never a row, and opens without a network. Choose the score of its slice:"
    )
    course = course_of(view) if view.holdout.roles.time else None
    parts = ReportParts(view.exploration, view.minimum_rows, choose_slice(view), reliability_of(view), course)
    st.download_button(
        "Download the report",
        data=lambda: build_report(parts),
        file_name="recscope_holdout.html",
        mime="text/html",
        key="holdout_report",
        type="primary",
        on_click="ignore",
        icon=":material/description:",
    )


SECTIONS = {
    "Surface": show_surface,
    "Slice": show_slice,
    "Is it real?": show_test,
    "Why": show_why,
    "Segments and time": show_segments,
    "Report": show_report,
}


@st.fragment
def run_section(show: Callable[[View], None], view: View) -> None:
    """Show the chosen view; its own controls run it again without the rest of the page."""
    with guarded("holdout_section"):
        show(view)
