"""What the views of the graph page share: graph, model, and the product that is looked at."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from core.errors import InputError
from core.graph.cold_start import is_inferred
from core.graph.data import Graph
from core.graph.explain import Explanation, explain
from core.graph.model_file import Model
from core.graph.recommend import Recommendations, recommend
from core.graph.retrieve import Direction
from core.graph.scorers import Scorer
from core.graph.search import index_products, search_products
from core.graph.wording import suggest_products
from core.plotting import clean_label
from core.settings import Settings
from pages._shell_jobs import keep
from pages._shell_show import tell_apart

SEARCH, PRODUCT = "graph_search", "graph_product"
SUGGESTED = 50
EXAMPLE = "phone-010"  # of the sample
ROLES: dict[Direction, str] = {"next": "wanted next", "before": "bought before"}


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What the sections of one run share."""

    graph: Graph
    model: Model
    path: Path
    settings: Settings

    @property
    def scorer(self) -> Scorer:
        """The model's scores."""
        return self.model.scorer

    @property
    def key(self) -> tuple[Any, ...]:
        """The file's name is a digest of graph and recipe."""
        return (self.path.name,)


def choose_product(view: View) -> int:
    """A search box and the products that match; without a search, those to begin with."""
    left, right = st.columns([2, 3])
    text = left.text_input(
        "Search by title or id", key=SEARCH, placeholder="leather case", bind="query-params", persist_state="session"
    )
    found = _find_products(view.graph, text)
    labels = label_products(view.graph, found)
    if st.session_state.get(PRODUCT) not in labels:
        st.session_state[PRODUCT] = next(iter(labels))
    name = right.selectbox(
        "Product", list(labels), format_func=lambda name: labels.get(name, str(name)), key=PRODUCT,
        persist_state="session",
    )  # fmt: skip
    if name not in labels:
        raise InputError("There is no such product.", fix="Choose one of those shown.")
    if st.query_params.get("product") != name:
        st.query_params["product"] = name
    return found[list(labels).index(name)]


def label_products(graph: Graph, nodes: list[int]) -> dict[str, str]:
    """Ids of products, which a widget remembers, and what it shows for each."""
    ids = [str(name) for name in graph.ids[nodes]]
    titles = [str(title) for title in graph.items.title[nodes]]
    shown = tell_apart(name if name == title else f"{title} · {name}" for name, title in zip(ids, titles, strict=True))
    return dict(zip(ids, shown.values(), strict=True))


def look_at(name: str) -> None:
    """Search for a product by its whole id: it is then the first that matches, and chosen."""
    st.session_state.update({SEARCH: name, PRODUCT: None})


def _find_products(graph: Graph, text: str) -> list[int]:
    if not text.strip():
        suggested: list[int] = suggest_products(graph, limit=SUGGESTED).tolist()
        linked = _find_id(graph, st.query_params.get("product", EXAMPLE))
        return suggested if linked is None else list(dict.fromkeys([linked, *suggested]))
    index = keep(("index", graph.digest), lambda: index_products(graph))
    found: list[int] = search_products(index, text).node.tolist()
    if not found:
        raise InputError("No product has these words in its title or id.", fix="Type a part of a title or an id.")
    return found


def _find_id(graph: Graph, name: str) -> int | None:
    at = int(np.searchsorted(graph.ids, name))
    return at if at < graph.nodes and graph.ids[at] == name else None


def show_product(view: View, node: int) -> None:
    """One line about a product."""
    graph = view.graph
    category = graph.items.categories[graph.items.category[node]]
    leads, reached = int(graph.out_degree[node]), int(graph.in_degree[node])
    st.text(
        f"{clean_label(graph.items.title[node])} · {clean_label(category)} · leads to {leads:,} products, "
        f"{reached:,} lead to it"
    )
    for direction, what in ROLES.items():
        if is_inferred(view.scorer, node, direction):
            st.badge(f"What is {what}: inferred from similar items", icon=":material/content_copy:", color="orange")


def find_list(view: View, node: int, direction: Direction, *, k: int, with_known: bool) -> Recommendations:
    """The ranked list of a product."""
    return keep(
        ("list", *view.key, node, direction, k, with_known),
        lambda: recommend(view.graph, view.scorer, node, k=k, direction=direction, with_known=with_known),
    )


def find_explanation(view: View, source: int, target: int) -> Explanation:
    """The parts of one score."""
    return keep(("explanation", *view.key, source, target), lambda: explain(view.graph, view.scorer, source, target))
