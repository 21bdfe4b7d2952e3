"""Why one product is recommended with another: the exact parts of the score, and what the graph says."""

import streamlit as st

from core.graph.wording import state_support, state_terms
from pages._graph_view import View, find_explanation
from pages._shell_show import show_table


def show_explanation(view: View, source: int, target: int) -> None:
    """The parts of score(source → target), largest first, and the links that support the pair."""
    found = find_explanation(view, source, target)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**What the score consists of**")
        st.text(state_terms(found))
        if len(found.terms.value):
            kinds = found.by_part()
            if len(kinds) > 1:
                show_table(kinds, name="kinds of parts", opened=True)
            if found.terms.through.any():
                frame = found.frame()[["part", "title", "value", "category", "id"]]
                show_table(frame, name="parts of the score", opened=True)
    with right:
        st.markdown("**What the graph says of the pair**")
        st.text(state_support(found))
        support = found.support.frame()
        if len(support):
            show_table(
                support[["kind", "title", "links", "strength", "category", "id"]],
                name="links between the two",
                opened=True,
            )
