"""Which graph the page is about: the sample, or data of one's own, in either direction."""

import streamlit as st

from core.errors import InputError
from core.graph.data import Graph, swap_direction
from core.graph.health import Health, measure_health
from core.graph.load import load_sample
from core.graph.stored import find_graph
from core.plotting import clean_label
from core.settings import Settings
from pages._graph_files import DIGEST, SWAPPED, name_path, upload
from pages._shell import guarded, touring
from pages._shell_jobs import keep, run_job

SOURCE = "graph_source"
TITLES = {"Sample": "Sample", "Upload": "Upload files", "Path": "Path on the server"}


def pick_graph(settings: Settings) -> Graph:
    """Show the choice of data, and return the graph that is in use; a tour is always about the sample."""
    if touring("graph"):
        return _describe(run_job(load_sample(settings), label="Sample"), is_sample=True, swapped=False)
    if SOURCE not in st.session_state and "data" in st.query_params:
        st.session_state[SOURCE] = "Upload"
    source = st.radio(
        "Data", list(_SOURCES), format_func=lambda source: TITLES.get(source, str(source)),
        horizontal=True, key=SOURCE, persist_state="session",
    )  # fmt: skip
    with guarded("graph_source"):
        if source not in _SOURCES:
            raise InputError("There is no such source of data.", fix="Choose one of those shown.")
        _SOURCES[source](settings)
    own = None
    with guarded("graph_data"):
        own = _find_own(settings, wanted=source != "Sample")
    graph, swapped = own or run_job(load_sample(settings), label="Sample"), _is_swapped()
    if swapped:
        graph = keep(("swapped", graph.digest), lambda: swap_direction(graph))
    return _describe(graph, is_sample=own is None, swapped=swapped)


def health_of(graph: Graph) -> Health:
    """Counts and warnings of a graph, found once."""
    return keep(("health", graph.digest), lambda: measure_health(graph))


def _find_own(settings: Settings, *, wanted: bool) -> Graph | None:
    """The stored graph that the address or this session names, so that both name it; None where it is not wanted."""
    digest = (st.query_params.get("data") or st.session_state.get(DIGEST)) if wanted else None
    if digest is None:
        st.query_params.pop("data", None)
        return None
    found = keep(("graph", digest), lambda: find_graph(digest, settings=settings))
    if found is None:
        raise InputError(
            "The data of this link is no longer kept here.",
            fix="Upload the files again; until then the page shows the sample.",
        )
    st.session_state[DIGEST] = digest
    if st.query_params.get("data") != digest:  # each write sends the address of this run, which may be out of date
        st.query_params["data"] = digest
    return found


def _is_swapped() -> bool:
    """Whether the edges are read the other way round; the address and this session both know."""
    if SWAPPED not in st.session_state:
        st.session_state[SWAPPED] = st.query_params.get("swapped") == "1"
    swapped = bool(st.session_state[SWAPPED])
    if swapped != (st.query_params.get("swapped") == "1"):
        st.query_params.update({"swapped": "1"} if swapped else {})
        if not swapped:
            st.query_params.pop("swapped", None)
    return swapped


def _swap() -> None:
    st.session_state[SWAPPED] = not st.session_state.get(SWAPPED)


def _describe(graph: Graph, *, is_sample: bool, swapped: bool) -> Graph:
    health = health_of(graph)
    counts = f"{health.nodes:,} products, {health.edges:,} edges, {health.one_way:.0%} of them one-way"
    with st.container(horizontal=True, vertical_alignment="center", key="graph_in_use"):
        if is_sample:
            st.badge("Sample data, simulated", icon=":material/science:", color="blue")
        else:
            st.badge("Your data", icon=":material/database:", color="green")
        if swapped:
            st.badge("Direction swapped", icon=":material/swap_horiz:", color="orange")
        st.text(f"{clean_label(graph.name)} · {counts}")
        if not touring("graph"):
            st.button("Swap direction", key="graph_swap", icon=":material/swap_horiz:", on_click=_swap)
    if health.warnings:
        st.text(f"{len(health.warnings)} {'thing' if len(health.warnings) == 1 else 'things'} to look at: see Health.")
    return graph


def _use_sample(_: Settings) -> None:
    st.caption("A simulated shop in which the true directions are known. Upload your own pairs to see yours.")


_SOURCES = {"Sample": _use_sample, "Upload": upload, "Path": name_path}
