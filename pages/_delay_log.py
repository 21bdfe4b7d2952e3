"""The view about a log: the sample, or one's own; as of which date; and what follows from it."""

import streamlit as st

from core.delay.load import load_sample
from core.delay.recorded import RecordedLog
from core.delay.stored import find_log
from core.errors import InputError
from core.settings import Settings
from pages._delay_export import show_export
from pages._delay_log_files import DIGEST, name_path, upload
from pages._delay_log_view import choose_date
from pages._delay_maturity import show_maturity
from pages._delay_score import show_score
from pages._shell import guarded
from pages._shell_jobs import keep, run_job

SOURCE = "delay_source"
TITLES = {"Sample": "Sample", "Upload": "Upload a file", "Path": "Path on the server"}
PARTS = {"delay_maturity": show_maturity, "delay_score": show_score, "delay_export": show_export}


def show_log() -> None:
    """Choose a log and a date; then maturity, the arms, and the export, each guarded by itself."""
    settings = Settings.from_environment()
    own = _pick_log(settings)
    recorded = own or run_job(load_sample(settings), label="Sample")
    view = choose_date(recorded, settings, is_sample=own is None)
    for part, show in PARTS.items():
        with guarded(part):
            show(view)


def _pick_log(settings: Settings) -> RecordedLog | None:
    """The reader's own log; None for the sample."""
    if SOURCE not in st.session_state and "data" in st.query_params:
        st.session_state[SOURCE] = "Upload"
    source = st.radio(
        "Log", list(_SOURCES), format_func=lambda source: TITLES.get(source, str(source)),
        horizontal=True, key=SOURCE, persist_state="session",
    )  # fmt: skip
    with guarded("delay_source"):
        if source not in _SOURCES:
            raise InputError("There is no such source of data.", fix="Choose one of those shown.")
        _SOURCES[source](settings)
    own = None
    with guarded("delay_data"):
        own = _find_own(settings, wanted=source != "Sample")
    return own


def _find_own(settings: Settings, *, wanted: bool) -> RecordedLog | None:
    """The stored log that the address or this session names, so that both name it; None where it is not wanted."""
    digest = (st.query_params.get("data") or st.session_state.get(DIGEST)) if wanted else None
    if digest is None:
        st.query_params.pop("data", None)
        return None
    found = keep(("delay recorded", digest), lambda: find_log(digest, settings=settings))
    if found is None:
        raise InputError(
            "The data of this link is no longer kept here.",
            fix="Upload the file again; until then the page shows the sample.",
        )
    st.session_state[DIGEST] = digest
    if st.query_params.get("data") != digest:  # each write sends the address of this run, which may be out of date
        st.query_params["data"] = digest
    return found


def _use_sample(_: Settings) -> None:
    st.caption("A simulated log. The file holds what a log in practice holds, and not the truth behind it.")


_SOURCES = {"Sample": _use_sample, "Upload": upload, "Path": name_path}
