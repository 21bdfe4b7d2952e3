"""Files of one's own: an upload or a path below the data root, their columns, and the stored holdout they become."""

from functools import partial

import streamlit as st

from core.holdout.load import holdout_store, load_holdout
from core.settings import Settings
from pages._holdout_mapping import map_columns
from pages._shell_files import Given, has_data_root, look_into, take_path, take_upload, tell_upload_limits
from pages._shell_jobs import run_job

DIGEST, SEEN, LOADED = "holdout_digest", "holdout_seen", "holdout_loaded"


def upload(settings: Settings) -> None:
    """Take a file from the reader's machine."""
    given = take_upload(
        "One row per scored event: a score, its uncertainty and the label. CSV, CSV.gz or Parquet.",
        key="holdout_file", store=holdout_store(settings), settings=settings,
    )  # fmt: skip
    tell_upload_limits(settings)
    if given is not None:
        _map_and_load(given, settings)


def name_path(settings: Settings) -> None:
    """Take files on the server."""
    if not has_data_root(settings):
        return
    given = take_path(
        "Path or glob below the data root",
        key="holdout_path", placeholder="scores/2026-*.parquet", settings=settings,
    )  # fmt: skip
    if given is not None:
        _map_and_load(given, settings)


def _map_and_load(given: Given, settings: Settings) -> None:
    """Show the first rows and the form of the columns; once that is sent, load the file and start over with it."""
    table = look_into(given, key=SEEN, settings=settings)
    is_loaded = st.session_state.get(LOADED) == given.content
    with st.expander(
        "Columns", expanded=not is_loaded, icon=":material/view_column:", key=f"holdout_columns_{is_loaded}"
    ):
        roles = map_columns(table)
    if roles is None:
        return
    with given.open() as files:
        job = load_holdout(files, roles, name=given.name, settings=settings)
        holdout = run_job(job, label="Your file", on_cancel=partial(st.toast, "Stopped. Nothing was kept."))
    st.session_state[LOADED] = given.content
    st.session_state[DIGEST] = st.query_params["data"] = holdout.digest
    st.rerun()
