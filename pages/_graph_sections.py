"""The views of the graph page by name."""

from collections.abc import Callable

import streamlit as st

from pages._graph_around import show_around
from pages._graph_compare import show_compare
from pages._graph_export import show_export
from pages._graph_health import show_health
from pages._graph_inspect import show_inspect
from pages._graph_map import show_map
from pages._graph_view import View
from pages._shell import guarded

SECTIONS: dict[str, Callable[[View], None]] = {
    "Inspect": show_inspect,
    "Neighbourhood": show_around,
    "Map": show_map,
    "Compare engines": show_compare,
    "Health": show_health,
    "Export": show_export,
}


@st.fragment
def run_section(show: Callable[[View], None], view: View) -> None:
    """Show the chosen view; its own controls run it again without the rest of the page."""
    with guarded("graph_section"):
        show(view)
