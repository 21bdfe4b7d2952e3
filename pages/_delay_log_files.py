"""Logs of one's own: an upload or a path below the data root, their columns, and the stored log they become."""

from functools import partial

import streamlit as st

from core.delay.load import load_log
from core.delay.stored import log_store
from core.settings import Settings
from pages._delay_mapping import map_columns
from pages._shell_files import Given, has_data_root, look_into, take_path, take_upload, tell_upload_limits
from pages._shell_jobs import run_job

DIGEST, SEEN, LOADED = "delay_digest", "delay_seen", "delay_loaded"


def upload(settings: Settings) -> None:
    """Take a file from the reader's machine."""
    given = take_upload(
        "One row per impression, click or issue: its time, the time of its conversion (blank if none), times of "
        "signals, features. CSV, CSV.gz or Parquet.",
        key="delay_file", store=log_store(settings), settings=settings,
    )  # fmt: skip
    tell_upload_limits(settings)
    if given is not None:
        _map_and_load(given, settings)


def name_path(settings: Settings) -> None:
    """Take files on the server."""
    if not has_data_root(settings):
        return
    given = take_path(
        "Path or glob below the data root", key="delay_path", placeholder="logs/2026-*.parquet", settings=settings
    )
    if given is not None:
        _map_and_load(given, settings)


def _map_and_load(given: Given, settings: Settings) -> None:
    """Show the first rows and the form of the columns; once that is sent, load the file and start over with it."""
    table = look_into(given, key=SEEN, settings=settings)
    is_loaded = st.session_state.get(LOADED) == given.content
    with st.expander(
        "Columns", expanded=not is_loaded, icon=":material/view_column:", key=f"delay_columns_{is_loaded}"
    ):
        roles = map_columns(table)
    if roles is None:
        return
    with given.open() as files:
        job = load_log(files, roles, name=given.name, settings=settings)
        recorded = run_job(job, label="Your log", on_cancel=partial(st.toast, "Stopped. Nothing was kept."))
    st.session_state.update({LOADED: given.content, DIGEST: recorded.digest})
    st.query_params["data"] = recorded.digest
    st.rerun()
