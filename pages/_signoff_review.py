"""A version under review: its state, its evidence, who signed what, and the acts that are open."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.plotting import clean_label
from core.signoff.data import Record, Signer
from core.signoff.workflow import (
    Signing,
    Standing,
    State,
    activate,
    approve,
    find_standing,
    reject,
    roll_back,
    withdraw,
)
from pages._shell_show import show_table
from pages._signoff_evidence import show_comparison, show_evidence
from pages._signoff_list import choose_version
from pages._signoff_view import View, sign_by

BADGES: dict[State, tuple[str, str]] = {
    "submitted": ("blue", ":material/rate_review:"), "approved": ("violet", ":material/thumb_up:"),
    "rejected": ("red", ":material/block:"), "withdrawn": ("gray", ":material/undo:"),
    "active": ("green", ":material/bolt:"), "superseded": ("gray", ":material/update:"),
    "expired": ("orange", ":material/event_busy:"), "rolled back": ("gray", ":material/history:"),
    "void": ("orange", ":material/link_off:"),
}  # fmt: skip
FORM = "signoff_act"
TEXT = f"{FORM}_text"
SIGNATURE = "Your signature names what you saw. If anything of it changed in between, nothing is signed."


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
    _show_acts(view, standing)
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


def _show_acts(view: View, standing: Standing) -> None:
    """The buttons that the state leaves; core decides who may press them."""
    acts = _open_acts(view, standing)
    if view.signer is None:
        st.caption("Type your name above to sign.")
    if not acts or view.signer is None:
        return
    with st.form(f"{FORM}_{standing.version}"):
        st.text_area("Remark or rationale", key=TEXT, max_chars=5_000, height=80, placeholder=_ask_for(acts))
        with st.container(horizontal=True):
            for name, act in acts.items():
                st.form_submit_button(
                    name, type="primary" if name in ("Approve", "Activate") else "secondary",
                    on_click=sign_by(view, f"{FORM}_{view.policy}_{standing.version}_{name}", act),
                    key=f"{FORM}_{name.lower().replace(' ', '_')}",
                )  # fmt: skip
        st.caption(SIGNATURE)


def _ask_for(acts: dict[str, Any]) -> str:
    needed = [name.lower() for name in acts if name in ("Reject", "Withdraw", "Roll back to this")]
    return f"Needed to {' or '.join(needed)}" if needed else "Optional"


def _open_acts(view: View, standing: Standing) -> dict[str, Any]:
    version, own = standing.version, _is_among((standing.author,), view.signer)
    acts: dict[str, Any] = {}
    if standing.state == "submitted" and not _is_among((standing.author, *standing.approvers), view.signer):
        acts["Approve"] = partial(_approve, version, standing.submission.hash)
    if standing.state == "approved":
        acts["Activate"] = partial(_activate, version)
    if standing.state in ("submitted", "approved"):
        acts["Withdraw" if own else "Reject"] = partial(_with_reason, withdraw if own else reject, version)
    if standing.state in ("superseded", "rolled back"):
        acts["Roll back to this"] = partial(_with_reason, roll_back, version)
    return acts


def _is_among(people: tuple[Signer, ...], signer: Signer | None) -> bool:
    return signer is not None and any(one.same_person(signer) for one in people)


def _approve(version: int, seen: str, signing: Signing) -> Record:
    return approve(signing, version, seen=seen, remark=st.session_state[TEXT])


def _activate(version: int, signing: Signing) -> Record:
    return activate(signing, version)


def _with_reason(act: Any, version: int, signing: Signing) -> Record:
    record: Record = act(signing, version, rationale=st.session_state[TEXT])
    return record
