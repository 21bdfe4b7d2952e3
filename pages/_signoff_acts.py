"""The acts that the state of a version leaves open, and the form that signs them."""

from functools import partial
from typing import Any

import streamlit as st

from core.signoff.data import Record, Signer
from core.signoff.workflow import Signing, Standing, activate, approve, reject, roll_back, withdraw
from pages._signoff_view import View, sign_by

FORM = "signoff_act"
SIGNATURE = "Your signature names what you saw. If anything of it changed in between, nothing is signed."


def show_acts(view: View, standing: Standing) -> None:
    """The buttons that the state leaves; core decides who may press them."""
    acts = _open_acts(view, standing)
    if view.signer is None:
        st.caption("Type your name above to sign.")
    if not acts or view.signer is None:
        return
    form = f"{FORM}_{view.policy}_{standing.version}"
    with st.form(form):
        st.text_area(
            "Remark or rationale", key=_text_key(view.policy, standing.version), max_chars=5_000, height=80,
            placeholder=_ask_for(acts),
        )  # fmt: skip
        with st.container(horizontal=True):
            for name, act in acts.items():
                st.form_submit_button(
                    name, type="primary" if name in ("Approve", "Activate") else "secondary",
                    on_click=sign_by(view, f"{form}_{name}", act),
                    key=f"{FORM}_{name.lower().replace(' ', '_')}",
                )  # fmt: skip
        st.caption(SIGNATURE)


def _text_key(policy: str, version: int) -> str:
    """What is typed about one version is never signed for another."""
    return f"{FORM}_text_{policy}_{version}"


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
    return approve(signing, version, seen=seen, remark=st.session_state[_text_key(signing.policy, version)])


def _activate(version: int, signing: Signing) -> Record:
    return activate(signing, version)


def _with_reason(act: Any, version: int, signing: Signing) -> Record:
    text = st.session_state[_text_key(signing.policy, version)]
    record: Record = act(signing, version, rationale=text)
    return record
