"""The front door's question of direction, with a live figure."""

import streamlit as st

from core.graph.ego import ego_network
from core.graph.figures import ego_figure
from core.graph.load import load_sample
from core.graph.lookup import find_product
from core.settings import Settings
from pages._shell_jobs import keep, run_job
from pages._shell_show import show_figure, show_table

PHONE, CASE = "phone-010", "case-041"
PRODUCTS = {"a phone": PHONE, "a case for it": CASE}


def show_direction() -> None:
    """The question of direction, with the neighbours of two products of the sample."""
    graph = run_job(load_sample(Settings.from_environment()), label="Sample shop")
    chosen = st.radio("Stand at", list(PRODUCTS), horizontal=True, key="overview_product")
    node = find_product(graph, PRODUCTS.get(chosen, PHONE))
    ego = keep(("ego", graph.digest, node), lambda: ego_network(graph, None, node))
    show_figure(ego_figure(ego), key="figure_direction")
    after, before = int(graph.out_degree[node]), int(graph.in_degree[node])
    st.caption(
        f"Simulated shop, known edges only: this product leads to {after:,} products, {before:,} lead to it. An arrow "
        "points from what is bought first to what is bought next."
    )
    show_table(ego.frame(), name="overview arrows")
    if st.button("Ask it of your own products", key="overview_graph", type="primary", icon=":material/arrow_forward:"):
        st.switch_page("pages/graph.py")
