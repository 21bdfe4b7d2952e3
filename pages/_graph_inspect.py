"""The view of one product: what is bought next, what it is bought after, and why."""

import streamlit as st

from core.errors import InputError
from core.graph.recommend import Recommendations, recommend_symmetric
from core.graph.substitutes import find_substitutes
from core.graph.wording import name_product, state_asymmetry, state_symmetric
from core.ingest.store import digest_bytes
from pages._graph_explain import show_explanation
from pages._graph_lists import show_recommendations, show_substitutes, show_symmetric
from pages._graph_view import View, choose_product, find_list, look_at, show_product
from pages._shell_jobs import keep
from pages._shell_show import tell_apart

LENGTH, MOST = 10, 50
TITLES = {"next": "Customers who bought this next want", "before": "This is bought next after"}


def show_inspect(view: View) -> None:
    """Both lists side by side, a sentence on the asymmetry, the explanation, the symmetric list, and substitutes."""
    node = choose_product(view)
    show_product(view, node)
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    k = int(left.number_input("Products per list", 1, MOST, LENGTH, key="graph_k", bind="query-params"))
    known = right.toggle("List known edges too", value=True, key="graph_known", bind="query-params")
    lists = {side: find_list(view, node, side, k=k, with_known=known) for side in ("next", "before")}
    for column, (side, found) in zip(st.columns(2, gap="medium"), lists.items(), strict=True):
        with column:
            st.subheader(TITLES[side])
            show_recommendations(found, name=f"bought {side}")
    chosen = _choose_pair(lists)
    if chosen is not None:
        found, place = chosen
        st.text(state_asymmetry(found, place))
        item = int(found.node[place])
        pair = (node, item) if found.direction == "next" else (item, node)
        st.button(
            "Look at that product", key="graph_look", icon=":material/arrow_forward:", on_click=look_at,
            args=(str(view.graph.ids[item]),),
        )  # fmt: skip
        show_explanation(view, *pair)
    _show_symmetric(view, lists["next"], k=k, known=known)
    _show_substitutes(view, node, k=k)


def _choose_pair(lists: dict[str, Recommendations]) -> tuple[Recommendations, int] | None:
    """Which recommendation to explain."""
    pairs = [(side, place) for side, found in lists.items() for place in range(len(found.node))]
    if not pairs:
        return None
    said = {"next": "next, rank", "before": "before, rank"}
    names = [
        f"{said[side]} {place + 1}: {name_product(lists[side].graph, int(lists[side].node[place]))}"
        for side, place in pairs
    ]
    labels = dict(zip(pairs, tell_apart(names).values(), strict=True))
    key = digest_bytes(repr(names).encode())[:12]  # of other lists, the same places have other names
    pair = st.selectbox("Explain", pairs, format_func=lambda pair: labels.get(pair, str(pair)), key=f"graph_pair_{key}")
    if pair not in pairs:
        raise InputError("There is no such recommendation.", fix="Choose one of those shown.")
    side, place = pair
    return lists[side], place


def _show_symmetric(view: View, directed: Recommendations, *, k: int, known: bool) -> None:
    st.subheader("What a model without direction would say")
    symmetric = keep(
        ("symmetric", *view.key, directed.query, k, known),
        lambda: recommend_symmetric(view.scorer, directed, k=k, with_known=known),
    )
    st.text(state_symmetric(symmetric))
    show_symmetric(symmetric)
    st.caption(
        "One vector per product cannot tell before from after. Of all models without direction, the nearest to this "
        "engine takes the mean of both scores, and so has one list for both questions."
    )


def _show_substitutes(view: View, node: int, *, k: int) -> None:
    st.subheader("What could stand in its place")
    show_substitutes(
        keep(("substitutes", *view.key, node, k), lambda: find_substitutes(view.graph, view.scorer, node, k=k))
    )
    st.caption(
        "Products whose source vectors point the same way, because the same things are wanted after them. Rivals that "
        "share accessories stand here; where every accessory fits one product only, its accessories do."
    )
