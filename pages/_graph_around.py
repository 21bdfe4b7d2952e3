"""The view of the network around a product: a directed picture that opens by click, and its table."""

import streamlit as st

from core.graph.ego import Ego, ego_network
from core.graph.figures import ego_figure
from core.plotting import alternative
from pages._graph_view import View, choose_product, label_products
from pages._shell_jobs import keep
from pages._shell_show import INK, show_table

OPENED, KEY = "graph_opened", "figure_around"
FEWEST, MOST, USUAL = 20, 200, 60


def show_around(view: View) -> None:
    """Before on the left, next on the right; a click opens a product's own neighbours."""
    node = choose_product(view)
    start = (view.graph.digest, node)
    if st.session_state.get(OPENED, ((), []))[0] != start:
        st.session_state[OPENED] = (start, [])
    opened: list[int] = st.session_state[OPENED][1]
    limit = int(
        st.slider("Most products shown", FEWEST, MOST, USUAL, 10, key="graph_shown", bind="query-params")
    )  # fmt: skip
    ego = keep(
        ("ego", *view.key, node, tuple(opened), limit),
        lambda: ego_network(view.graph, view.scorer, node, expanded=opened, limit=limit),
    )
    _draw(ego, len(opened))
    st.caption(
        "Solid arrows are known edges, dotted ones recommendations of the model. Click a product, or choose it below, "
        f"to open its own neighbours. {ego.hidden:,} neighbours are not shown."
    )
    _choose_next(ego)
    show_table(ego.frame(), name="arrows around the product")
    show_table(ego.node_frame().drop(columns="node"), name="products around the product")


def _draw(ego: Ego, step: int) -> None:
    figure = ego_figure(ego)
    figure.update_layout(font={"color": INK[st.context.theme.type]})
    key = f"{KEY}_{step}_{int(ego.node[0])}"  # a click belongs to the picture that was clicked
    st.plotly_chart(
        figure,
        theme=None,
        key=key,
        alt=alternative(figure),
        on_select=lambda: _open_clicked(key),
        selection_mode="points",
        config={"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d"]},
    )


def _open_clicked(key: str) -> None:
    """Open what was clicked; arrows have no product."""
    points = st.session_state.get(key, {}).get("selection", {}).get("points", [])
    for point in points:
        match point.get("customdata"):
            case [int() | float() as node, *_] if node >= 0:
                _open(int(node))


def _open(node: int) -> None:
    start, opened = st.session_state[OPENED]
    if node not in opened:
        st.session_state[OPENED] = (start, [*opened, node])


def _choose_next(ego: Ego) -> None:
    """The same by keyboard, and back to the start."""
    closed: list[int] = ego.node[~ego.opened].tolist()
    labels = label_products(ego.graph, closed)
    left, middle, right = st.columns([4, 1, 1], vertical_alignment="bottom")
    chosen = left.selectbox(
        "Product to open", list(labels), format_func=lambda name: labels.get(name, str(name)), key="graph_to_open"
    )
    nodes = [node for node, name in zip(closed, labels, strict=True) if name == chosen]
    middle.button("Open", key="graph_open", on_click=_open, args=nodes, disabled=not nodes, width="stretch")
    opened = st.session_state[OPENED]
    right.button("Reset", key="graph_reset", on_click=opened[1].clear, disabled=not opened[1], width="stretch")
