"""Which holdout the page is about: the sample, an upload, or files below the data root."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import streamlit as st

from core.errors import InputError, TooLarge
from core.holdout.data import Holdout
from core.holdout.load import find_holdout, holdout_store, load_holdout, load_sample
from core.ingest.load import inspect
from core.ingest.places import find_files
from core.ingest.schema import Table
from core.plotting import clean_label
from core.settings import MEBIBYTE, Settings
from pages._holdout_mapping import map_columns
from pages._shell import guarded, touring
from pages._shell_jobs import run_job

SOURCE, DIGEST, SEEN, LOADED = "holdout_source", "holdout_digest", "holdout_seen", "holdout_loaded"
TITLES = {"Sample": "Sample", "Upload": "Upload a file", "Path": "Path on the server"}
Files = Callable[[], AbstractContextManager[tuple[Path, ...]]]


def pick_holdout(settings: Settings) -> Holdout:
    """Show the choice of data, and return the holdout that is in use; a tour is always about the sample."""
    if touring("holdout"):
        return _describe(_load_sample(settings), is_sample=True)
    if SOURCE not in st.session_state:
        st.session_state[SOURCE] = "Upload" if "data" in st.query_params else "Sample"
    source = st.radio(
        "Data", list(_SOURCES), format_func=lambda source: TITLES.get(source, str(source)),
        horizontal=True, key=SOURCE, persist_state="session",
    )  # fmt: skip
    with guarded("holdout_source"):
        if source not in _SOURCES:
            raise InputError("There is no such source of data.", fix="Choose one of those shown.")
        _SOURCES[source](settings)
    own = None
    with guarded("holdout_data"):
        own = _find_own(settings, wanted=source != "Sample")
    return _describe(own or _load_sample(settings), is_sample=own is None)


def _find_own(settings: Settings, *, wanted: bool) -> Holdout | None:
    """The stored holdout that the address or this session names, so that both name it; None where it is not wanted."""
    digest = (st.query_params.get("data") or st.session_state.get(DIGEST)) if wanted else None
    if digest is None:
        st.query_params.pop("data", None)
        return None
    found = find_holdout(digest, settings=settings)
    if found is None:
        raise InputError(
            "The data of this link is no longer kept here.",
            fix="Upload the file again; until then the page shows the sample.",
        )
    st.session_state[DIGEST] = st.query_params["data"] = digest
    return found


def _load_sample(settings: Settings) -> Holdout:
    return run_job(load_sample(settings), label="Sample")


def _describe(holdout: Holdout, *, is_sample: bool) -> Holdout:
    rate = holdout.positives / holdout.rows.count
    counts = f"{holdout.rows.count:,} rows, {holdout.positives:,} positives ({rate:.2%})"
    with st.container(horizontal=True, vertical_alignment="center", key="holdout_in_use"):
        if is_sample:
            st.badge("Sample data, simulated", icon=":material/science:", color="blue")
        else:
            st.badge("Your data", icon=":material/database:", color="green")
        st.text(f"{clean_label(holdout.name)} · {counts}")
    if holdout.excluded:
        reasons = "; ".join(f"{clean_label(reason)}: {count:,}" for reason, count in holdout.excluded)
        st.text(f"Rows left out: {reasons}")
    return holdout


def _use_sample(_: Settings) -> None:
    st.caption("Simulated rows whose true answer is known. Upload a file to see your own.")


def _upload(settings: Settings) -> None:
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


def _take_path(settings: Settings) -> None:
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
    content = repr([(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files])

    @contextmanager
    def below_root() -> Iterator[tuple[Path, ...]]:
        yield files

    _map_and_load(below_root, name=pattern, content=content, settings=settings)


_SOURCES = {"Sample": _use_sample, "Upload": _upload, "Path": _take_path}


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
