"""The view of the graph itself: what it looks like, and what may be wrong with it."""

import streamlit as st

from pages._graph_input import health_of
from pages._graph_view import View
from pages._shell_show import show_table


def show_health(view: View) -> None:
    """Warnings in plain words, then all counts."""
    health = health_of(view.graph)
    if not health.warnings:
        st.success(
            "No check found anything. Which way the edges go, only a pair that you know tells.",
            icon=":material/check_circle:",
        )
    for number, warning in enumerate(health.warnings):
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"graph_warning_{number}"):
            st.badge("Look at this", icon=":material/warning:", color="orange")
            st.text(warning)
    show_table(health.frame(), name="health of the graph", opened=True)
    st.caption(
        "One-way: the reverse is no edge. A source is bought before its target; if the case leads to the phone, use "
        "Swap direction above."
    )
