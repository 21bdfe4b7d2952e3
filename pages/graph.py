"""Page: given this product, what next, and why not the other way round."""

import streamlit as st

from core.settings import Settings
from pages._graph_input import pick_graph
from pages._graph_model import choose_model
from pages._graph_sections import SECTIONS, run_section
from pages._graph_view import View
from pages._shell import Step, guarded, open_page
from pages._shell_show import show_limits

FIRST = {"graph_engine": "cocitation", "graph_search": "phone-010", "graph_product": None}
STEPS = (
    Step(
        "Next, and before",
        "This is a simulated shop. On the left is what is wanted after this phone: its cases, guards and chargers. "
        "On the right is what the phone is bought after. The two lists answer different questions.",
        {**FIRST, "graph_view": "Inspect"},
    ),
    Step(
        "Why not the other way round?",
        "This is a phone case. Its lists are the other way round: it follows the phones that it fits. A model "
        "without direction, below, would offer a phone to somebody who already has one.",
        {**FIRST, "graph_search": "case-005", "graph_view": "Inspect"},
    ),
    Step(
        "Walk along the arrows",
        "Products bought before are on the left, those bought next on the right. Click one to open its own "
        "neighbours; the table below has every arrow.",
        {**FIRST, "graph_view": "Neighbourhood"},
    ),
    Step(
        "Which engine, and is it really better?",
        "Each engine is asked for pairs that it has not seen. Overlapping intervals do not settle it; the paired "
        "differences do. End the tour to bring your own pairs.",
        {**FIRST, "graph_view": "Compare engines"},
    ),
)
NOT_TOLD = (
    "What this does not tell: whether showing a recommendation makes anybody buy. The graph records what was bought "
    "with what, under whatever was shown then, so that a known edge may be the echo of an old recommendation. Held-out "
    "edges are of the same period and the same shop. A score orders one list; it is no probability, and not comparable "
    "between engines. An asymmetry compares two lists, and products with more edges may score higher: Compare engines "
    "says how often it points the right way. An explanation says what the score consists of, not why people buy."
)

open_page(
    "graph",
    "Given this product, what is wanted *next*, and why not the other way round? Bring pairs of products, source "
    "before target, and see.",
    STEPS,
)
with guarded("graph"):
    settings = Settings.from_environment()
    graph = pick_graph(settings)
    found = choose_model(graph, settings)
    tabs = st.tabs(list(SECTIONS), key="graph_view", bind="query-params")
    for tab, show in zip(tabs, SECTIONS.values(), strict=True):
        if tab.open and found is not None:
            with tab:
                run_section(show, View(graph, *found, settings))
show_limits(NOT_TOLD)
