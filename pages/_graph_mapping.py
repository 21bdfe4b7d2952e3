"""The form that says which columns of edges and items play which role, filled with guesses."""

from collections.abc import Mapping

import streamlit as st

from core.errors import InputError
from core.graph.roles import EdgeRoles, ItemRoles, guess_edge_roles, guess_item_roles
from core.ingest.schema import Table
from core.ingest.store import digest_bytes
from pages._shell_columns import NONE_LABEL, pick_column, pick_columns, pick_optional, show_first_rows
from pages._shell_show import tell_apart

Labels = Mapping[str, str]


def map_columns(edges: Table, items: Table | None) -> tuple[EdgeRoles, ItemRoles | None] | None:
    """The form; None until it is sent."""
    columns = (edges.columns, items.columns if items else ())
    key = digest_bytes(repr(columns).encode())[:12]
    edge_labels = tell_apart(edges.columns, reserved=[NONE_LABEL])
    item_labels = tell_apart(items.columns, reserved=[NONE_LABEL]) if items else {}
    show_first_rows(edges, edge_labels, key=f"edges_{key}", of="the edges")
    if items:
        show_first_rows(items, item_labels, key=f"items_{key}", of="the items")
    with st.form(f"graph_mapping_{key}", border=False):
        ends = _choose_edges(edges, edge_labels, key)
        about = _choose_items(items, item_labels, key) if items else None
        if not st.form_submit_button("Use these files", type="primary", key=f"map_submit_{key}"):
            return None
    if None in ends[:2]:
        raise InputError("An edge needs two columns: its source and its target.", fix="Choose both in the form.")
    if about is not None and about[0] is None:
        raise InputError("No column is chosen for the id of the items.", fix="Choose the one that the edges use.")
    return EdgeRoles(*ends), ItemRoles(*about) if about else None


def _choose_edges(table: Table, labels: Labels, key: str) -> tuple[str | None, ...]:
    guess = guess_edge_roles(table.columns)
    source, target, weight, time = st.columns(4)
    with source:
        first = pick_column("Source: bought first", labels, guess.source, key=f"map_source_{key}")
    with target:
        second = pick_column("Target: bought next", labels, guess.target, key=f"map_target_{key}")
    with weight:
        strength = pick_optional("Weight (optional)", labels, guess.weight, key=f"map_weight_{key}")
    with time:
        moment = pick_optional("Time (optional)", labels, guess.time, key=f"map_time_{key}")
    return first, second, strength, moment


def _choose_items(table: Table, labels: Labels, key: str) -> tuple:
    guess = guess_item_roles(table)
    ids, titles, groups = st.columns(3)
    with ids:
        item = pick_column("Id of the item, as in the edges", labels, guess.id, key=f"map_id_{key}")
    with titles:
        title = pick_optional("Title (optional)", labels, guess.title, key=f"map_title_{key}")
    with groups:
        category = pick_optional("Category (optional)", labels, guess.category, key=f"map_category_{key}")
    left, right = st.columns(2)
    with left:
        numbers = pick_columns(
            "Features that are numbers (optional)", labels, guess.numbers,
            key=f"map_numbers_{key}", placeholder="Columns such as the price",
        )  # fmt: skip
    with right:
        words = pick_columns(
            "Features that are words (optional)", labels, guess.words,
            key=f"map_words_{key}", placeholder="Columns such as the brand",
        )  # fmt: skip
    return item, title, category, numbers, words
