"""A version under review: its state, its evidence, who signed what, and the acts that are open."""

import pandas as pd
import streamlit as st

from core.plotting import clean_label
from core.signoff.data import Record
from core.signoff.workflow import State, find_standing
from pages._shell_show import show_table
from pages._signoff_acts import show_acts
from pages._signoff_evidence import show_comparison, show_evidence
from pages._signoff_list import choose_version
from pages._signoff_view import View

BADGES: dict[State, tuple[str, str]] = {
    "submitted": ("blue", ":material/rate_review:"), "approved": ("violet", ":material/thumb_up:"),
    "rejected": ("red", ":material/block:"), "withdrawn": ("gray", ":material/undo:"),
    "active": ("green", ":material/bolt:"), "superseded": ("gray", ":material/update:"),
    "expired": ("orange", ":material/event_busy:"), "rolled back": ("gray", ":material/history:"),
    "void": ("orange", ":material/link_off:"),
}  # fmt: skip


def show_review(view: View) -> None:
    """Choose a version, look at it, act."""
    version = choose_version(view)
    if version is None:
        st.info("Nothing has been submitted under this name yet.")
        return
    with view.ledger.stream(view.policy) as stream:
        standing = find_standing(stream, version)
    colour, icon = BADGES[standing.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"{view.policy}, version {version}", anchor=False, width="content")
        st.badge(standing.state.capitalize(), icon=icon, color=colour)
    st.text(standing.why)
    show_acts(view, standing)
    payload = standing.submission.payload
    st.markdown("**Rationale**")
    st.text(payload["rationale"])
    show_evidence(payload)
    show_comparison(payload)
    show_table(_list_records(standing.records), name="signatures", opened=True)


def _list_records(records: tuple[Record, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": [record.seq for record in records],
            "act": [record.kind.replace("_", " ") for record in records],
            "by": [clean_label(record.signer.name) for record in records],
            "identity": [record.signer.identity for record in records],
            "at": pd.to_datetime([record.at for record in records], format="ISO8601"),
            "meaning": [record.meaning for record in records],
            "said": [record.payload.get("rationale") or record.payload.get("remark") or "" for record in records],
            "hash": [record.hash for record in records],
        }
    )
