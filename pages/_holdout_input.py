"""Which holdout the page is about: the sample, or data of one's own."""

from collections.abc import Callable

import streamlit as st

from core.errors import InputError
from core.holdout.data import Holdout
from core.holdout.load import find_holdout, load_sample
from core.jobs import Job
from core.plotting import clean_label
from core.settings import Settings
from pages._holdout_files import DIGEST, name_path, upload
from pages._shell import guarded, touring
from pages._shell_jobs import run_job

SOURCE, CHOSEN, CHOSEN_ON = "holdout_source", "holdout_chosen", "holdout_chosen_on"
TITLES = {"Sample": "Sample", "Upload": "Upload a file", "Path": "Path on the server"}


def pick_holdout(
    settings: Settings, *, word: str = "holdout", load: Callable[[Settings], Job[Holdout]] = load_sample
) -> Holdout:
    """Show the choice of data, which all pages about a holdout share, and return the holdout that is in use.

    The tour of the page ``word`` is always about the sample, which ``load`` loads.
    """
    if touring(word):
        return _describe(run_job(load(settings), label="Sample"), is_sample=True)
    if st.session_state.get(CHOSEN_ON) != word:  # a widget's value does not follow to another page
        here = "data" in st.query_params
        st.session_state[SOURCE] = "Upload" if here else st.session_state.get(CHOSEN, "Sample")
    source = st.radio(
        "Data", list(_SOURCES), format_func=lambda source: TITLES.get(source, str(source)),
        horizontal=True, key=SOURCE, persist_state="session",
    )  # fmt: skip
    st.session_state.update({CHOSEN: source, CHOSEN_ON: word})
    with guarded("holdout_source"):
        if source not in _SOURCES:
            raise InputError("There is no such source of data.", fix="Choose one of those shown.")
        _SOURCES[source](settings)
    own = None
    with guarded("holdout_data"):
        own = _find_own(settings, wanted=source != "Sample")
    return _describe(own or run_job(load(settings), label="Sample"), is_sample=own is None)


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
    st.session_state[DIGEST] = digest
    if st.query_params.get("data") != digest:  # each write sends the address of this run, which may be out of date
        st.query_params["data"] = digest
    return found


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


_SOURCES = {"Sample": _use_sample, "Upload": upload, "Path": name_path}
