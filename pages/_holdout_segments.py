"""The view of parts of the rows: positivity across a segment column, and over time."""

import streamlit as st

from core.holdout.figures import SEGMENTS_SHOWN, segment_figure, time_figure
from core.holdout.segments import compare_segments
from pages._holdout_view import View, choose_slice, course_of
from pages._shell_jobs import compute
from pages._shell_show import show_figure, show_table, tell_apart


def show_segments(view: View) -> None:
    """Compare across a segment column, and follow positivity over time."""
    if view.holdout.segments:
        _compare(view)
    else:
        st.info("No segment column is mapped. Choose some under Columns when you give your data.")
    if view.holdout.roles.time is None:
        st.info("No time column is mapped. Choose one under Columns to see positivity over time.")
        return
    course = course_of(view)
    show_figure(time_figure(course), key="figure_time")
    show_table(course.frame(), name="positivity over time")


def _compare(view: View) -> None:
    labels = tell_apart(segment.name for segment in view.holdout.segments)
    column = st.selectbox(
        "Compare across",
        list(labels),
        format_func=lambda name: labels.get(name, str(name)),
        key="holdout_segment",
        persist_state="session",
    )
    cut = choose_slice(view)
    comparison = compute(
        ("segments", column, cut.score, cut.half_width, *view.key),
        lambda: compare_segments(
            view.holdout, view.engine, column, view.exploration.cube,
            score=cut.score, half_width=cut.half_width, where=view.exploration.where,
        ),
        label="Segments",
    )  # fmt: skip
    show_figure(segment_figure(comparison), key="figure_segments")
    st.caption(
        f"The figure shows the largest values, at most {SEGMENTS_SHOWN}, at scores from {comparison.score_lo:.4g} to "
        f"below {comparison.score_hi:.4g}. In the table, effect is the most minus the least uncertain level at the "
        "same scores, over all scores of the segment; p belongs to its test. Of 20 segments without effect, one has "
        "p < 0.05 by chance."
    )
    show_table(comparison.frame(), name="segments")
