"""Files of one's own: an upload or a path below the data root, their columns, and the stored holdout they become."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import streamlit as st

from core.errors import InputError, TooLarge
from core.holdout.load import holdout_store, load_holdout
from core.ingest.load import inspect
from core.ingest.places import find_files
from core.ingest.schema import Table
from core.ingest.store import read_stamp
from core.settings import MEBIBYTE, Settings
from pages._holdout_mapping import map_columns
from pages._shell_jobs import run_job

DIGEST, SEEN, LOADED = "holdout_digest", "holdout_seen", "holdout_loaded"
Files = Callable[[], AbstractContextManager[tuple[Path, ...]]]


def upload(settings: Settings) -> None:
    """Take a file from the reader's machine."""
    largest = min(settings.upload_bytes, settings.session_quota_bytes) // MEBIBYTE
    file = st.file_uploader(
        "One row per scored event: a score, its uncertainty and the label. CSV, CSV.gz or Parquet.",
        type=["csv", "gz", "parquet", "pq", "tsv", "txt"],
        key="holdout_file",
        max_upload_size=largest,
    )
    st.caption(
        f"At most {largest:,} MB; a file marked red was refused as too large. "
        "Whoever has the address of your view can open the view."
    )
    if file is None:
        return
    if file.size > settings.upload_bytes:
        raise TooLarge(f"The file has {file.size:,} bytes.", fix="Give it by path, or raise RECSCOPE_MAX_UPLOAD_MB.")

    @contextmanager
    def spooled() -> Iterator[tuple[Path, ...]]:
        with holdout_store(settings).spooled(file.getvalue()) as path:
            yield (path,)

    _map_and_load(spooled, name=file.name, content=file.file_id, settings=settings)


def take_path(settings: Settings) -> None:
    """Take files on the server, below the folder that its operator has opened."""
    if settings.data_root is None:
        st.info("To name files on the server here, start it with RECSCOPE_DATA_ROOT set to the folder that holds them.")
        return
    pattern = st.text_input(
        "Path or glob below the data root",
        key="holdout_path",
        placeholder="scores/2026-*.parquet",
        persist_state="session",
    )
    if not pattern:
        return
    files = find_files(pattern, root=settings.data_root)
    content = repr([(str(file), *read_stamp(file)) for file in files])

    @contextmanager
    def below_root() -> Iterator[tuple[Path, ...]]:
        yield files

    _map_and_load(below_root, name=pattern, content=content, settings=settings)


def _map_and_load(open_files: Files, *, name: str, content: str, settings: Settings) -> None:
    """Show the first rows and the form of the columns; once that is sent, load the file and start over with it."""
    table = _look_into(open_files, content=content, settings=settings)
    is_loaded = st.session_state.get(LOADED) == content
    with st.expander(
        "Columns", expanded=not is_loaded, icon=":material/view_column:", key=f"holdout_columns_{is_loaded}"
    ):
        roles = map_columns(table)
    if roles is None:
        return
    with open_files() as files:
        job = load_holdout(files, roles, name=name, settings=settings)
        holdout = run_job(job, label="Your file", on_cancel=partial(st.toast, "Stopped. Nothing was kept."))
    st.session_state[LOADED] = content
    st.session_state[DIGEST] = st.query_params["data"] = holdout.digest
    st.rerun()


def _look_into(open_files: Files, *, content: str, settings: Settings) -> Table:
    """Header and first rows of a file, read once; what was wrong with it is remembered too."""
    seen = st.session_state.get(SEEN)
    if seen is None or seen[0] != content:
        try:
            with open_files() as files:
                seen = (content, inspect(files[0], settings=settings))
        except InputError as error:
            seen = (content, error)
        st.session_state[SEEN] = seen
    if isinstance(seen[1], InputError):
        raise seen[1]
    return seen[1]
