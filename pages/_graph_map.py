"""The view of both spaces of vectors: a map in the plane, and neighbours in all dimensions."""

import pandas as pd
import streamlit as st

from core.graph.figures import projection_figure
from core.graph.projection import Projection, project_spaces
from core.rng import make_generator
from pages._graph_view import View, choose_product
from pages._shell_jobs import keep
from pages._shell_show import show_figure, show_table

SHOWN = 800
SEED = 0


def show_map(view: View) -> None:
    """Products as queries and as answers; rings mark the chosen one and those most like it."""
    node = choose_product(view)
    projection = keep(
        ("map", *view.key),
        lambda: project_spaces(view.graph, view.scorer, limit=SHOWN, rng=make_generator(SEED)),
    )
    show_figure(projection_figure(projection, selected=node), key="figure_map")
    st.caption(projection.note)
    _show_alike(projection, node)
    show_table(projection.frame().drop(columns="node"), name="map of products")


def _show_alike(projection: Projection, node: int) -> None:
    """The most similar products in either role, by cosine in all dimensions."""
    place = {shown: at for at, shown in enumerate(projection.node.tolist())}.get(node)
    if place is None:
        st.info("This product was not drawn for the map: it has few edges. Choose one with more.")
        return
    frame = projection.frame()
    parts = {"bought before the same": projection.alike_source, "bought after the same": projection.alike_target}
    tables = [
        frame.iloc[alike[place][alike[place] >= 0]][["title", "category", "id"]].assign(alike=role)
        for role, alike in parts.items()
    ]
    st.markdown(
        "**Most alike in all dimensions** among the products drawn, as a query and as an answer. Of products that the "
        "vectors do not tell apart, none is listed."
    )
    show_table(pd.concat(tables)[["alike", "title", "category", "id"]], name="most alike", opened=True)
