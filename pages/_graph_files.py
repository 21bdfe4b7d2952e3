"""Graphs of one's own: edges and items by upload or by path, or a GraphML file, and the stored graph they become."""

from contextlib import ExitStack
from functools import partial

import streamlit as st

from core.graph.data import Graph
from core.graph.graphml import load_graphml
from core.graph.load import load_graph
from core.graph.roles import EdgeRoles, ItemRoles
from core.graph.stored import graph_store
from core.jobs import Job
from core.settings import Settings
from pages._graph_mapping import map_columns
from pages._shell_files import TABLES, Given, has_data_root, look_into, take_path, take_upload, tell_upload_limits
from pages._shell_jobs import run_job

DIGEST, SWAPPED, LOADED = "graph_digest", "graph_swapped", "graph_loaded"
GRAPHML = (".graphml", ".graphml.gz", ".xml")
EDGES = "Edges: one row per pair, source and target, maybe weight and time. CSV, CSV.gz, Parquet or GraphML."
ITEMS = "Items (optional): id, title, category, features. CSV, CSV.gz or Parquet."


def upload(settings: Settings) -> None:
    """Take files from the reader's machine."""
    store = graph_store(settings)
    left, right = st.columns(2)
    with left:
        types = (*TABLES, "graphml", "xml")
        edges = take_upload(EDGES, key="graph_edges_file", store=store, settings=settings, types=types)
    with right:
        items = take_upload(ITEMS, key="graph_items_file", store=store, settings=settings)
    tell_upload_limits(settings)
    _use(edges, items, settings)


def name_path(settings: Settings) -> None:
    """Take files on the server."""
    if not has_data_root(settings):
        return
    left, right = st.columns(2)
    with left:
        edges = take_path(
            "Edges: path or glob below the data root",
            key="graph_edges_path", placeholder="pairs/2026-*.parquet", settings=settings,
        )  # fmt: skip
    with right:
        items = take_path(
            "Items (optional): path or glob", key="graph_items_path", placeholder="items.csv", settings=settings
        )
    _use(edges, items, settings)


def _use(edges: Given | None, items: Given | None, settings: Settings) -> None:
    if edges is None:
        return
    if edges.name.lower().endswith(GRAPHML):
        _use_graphml(edges, settings)
    else:
        _map_and_load(edges, items, settings)


def _use_graphml(given: Given, settings: Settings) -> None:
    st.caption("A GraphML file names its own roles: title, category and weight are read where it has them.")
    if st.button("Use this file", key="graph_use_graphml", type="primary"):
        with given.open() as files:
            _take_in(load_graphml(files[0], name=given.name, settings=settings), given.content)


def _map_and_load(edges: Given, items: Given | None, settings: Settings) -> None:
    """Show the first rows and the form of the columns; once that is sent, load the files and start over with them."""
    table = look_into(edges, key="graph_seen_edges", settings=settings)
    about = look_into(items, key="graph_seen_items", settings=settings) if items else None
    content = edges.content + (items.content if items else "")
    is_loaded = st.session_state.get(LOADED) == content
    with st.expander(
        "Columns", expanded=not is_loaded, icon=":material/view_column:", key=f"graph_columns_{is_loaded}"
    ):
        roles = map_columns(table, about)
    if roles is not None:
        with ExitStack() as lent:
            _take_in(_load(lent, edges, items, roles, settings), content)


def _load(
    lent: ExitStack, edges: Given, items: Given | None, roles: tuple[EdgeRoles, ItemRoles | None], settings: Settings
) -> Job[Graph]:
    files = lent.enter_context(edges.open())
    listed = (lent.enter_context(items.open()), roles[1]) if items and roles[1] else None
    return load_graph(files, roles[0], items=listed, name=edges.name, settings=settings)


def _take_in(job: Job[Graph], content: str) -> None:
    """Load a graph, and start over with it."""
    graph = run_job(job, label="Your graph", on_cancel=partial(st.toast, "Stopped. Nothing was kept."))
    st.session_state.update({LOADED: content, DIGEST: graph.digest, SWAPPED: False})
    st.query_params["data"] = graph.digest
    st.query_params.pop("swapped", None)
    st.rerun()
