"""What the parts of the sign-off page share: the ledger, the policy in view, who signs, and what came of it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from uuid import uuid4

import streamlit as st

from core.errors import RecScopeError
from core.settings import Settings
from core.signoff.active import publish
from core.signoff.data import TURNS, Receipt, Record, Signer
from core.signoff.identity import StaleSignIn
from core.signoff.ledger import Ledger
from core.signoff.workflow import Signing
from pages._shell_login import signed_in
from pages._signoff_who import check_still_signs

POLICY, VERSION = "signoff_policy", "signoff_version"
KEYS, OUTCOME, UNPUBLISHED = "signoff_keys", "signoff_outcome", "signoff_unpublished"
SIGNED_AT, DOUBLE_CLICK_SECONDS = "signoff_signed_at", 0.5
Act = Callable[[Signing], Record]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One policy of a ledger, at the revision that is shown, and who looks at it."""

    ledger: Ledger
    settings: Settings
    signer: Signer | None
    policy: str
    revision: int


@st.cache_resource
def get_ledger(settings: Settings) -> Ledger:
    """The ledger of this server, looked through once."""
    ledger = Ledger.open(None, settings)
    ledger.check()
    return ledger


def sign_by(view: View, form: str, act: Act) -> Callable[[], None]:
    """What a button does when it is pressed: sign, once, what is shown now."""
    return partial(_sign, view, form, _key_of(form), act)


def _key_of(form: str) -> str:
    """The idempotency key of a form, the same until an act of it is recorded."""
    return str(st.session_state.setdefault(KEYS, {}).setdefault(form, str(uuid4())))


def _sign(view: View, form: str, key: str, act: Act) -> None:
    """Sign before anything is drawn, and remember what came of it: a run of the page may end at any line."""
    if view.signer is None or (view.signer.identity == "oidc" and not signed_in()):
        return
    if time.monotonic() - st.session_state.get(SIGNED_AT, -inf) < DOUBLE_CLICK_SECONDS:
        return  # its second half may meet another button in the place of the first
    st.session_state.pop(UNPUBLISHED, None)
    try:
        check_still_signs(view.signer)
        record = act(Signing(view.ledger, view.policy, view.signer, view.revision, key))
    except RecScopeError as error:
        found = _find(view.ledger, key)
        if found is None:
            st.session_state[OUTCOME] = error
            return
        record = found
    st.session_state[OUTCOME] = Receipt.of(record, ledger_id=view.ledger.id)
    st.session_state[SIGNED_AT] = time.monotonic()
    st.session_state[KEYS].pop(form, None)
    if record.kind in TURNS and view.settings.active_folder is not None:
        try:
            publish(view.ledger, view.policy, folder=view.settings.active_folder)
        except RecScopeError as error:
            st.session_state[UNPUBLISHED] = error


def _find(ledger: Ledger, key: str) -> Record | None:
    """The record of a key: a connection that broke at the very end may have left one."""
    try:
        return ledger.find(key)
    except RecScopeError:
        return None


def show_outcome() -> None:
    """What came of the last signature: a receipt to keep, or why nothing was signed."""
    outcome = st.session_state.get(OUTCOME)
    if outcome is None:
        return
    with st.container(border=True, key="signoff_outcome_card"):
        if isinstance(outcome, Receipt):
            _show_receipt(outcome)
        else:
            st.error("Nothing was signed.", icon=":material/error:")
            st.text(f"{outcome}\n{outcome.fix}")
            if isinstance(outcome, StaleSignIn) and signed_in():
                st.button("Sign in again", key="signoff_again", icon=":material/login:", on_click=st.login)
        st.button("Close", key="signoff_close", on_click=partial(st.session_state.pop, OUTCOME, None))


def _show_receipt(receipt: Receipt) -> None:
    st.success(
        f"Signed and recorded as number {receipt.seq:,}: {receipt.kind.replace('_', ' ')}, version {receipt.version}.",
        icon=":material/verified:",
    )
    st.text(f"{receipt.policy} · {receipt.at} · {receipt.signer}\n{receipt.hash}")
    st.download_button(
        "Download your receipt", data=json.dumps(receipt.to_json(), indent=2), mime="application/json",
        file_name=f"recscope_receipt_{receipt.seq}.json", key="signoff_receipt", on_click="ignore", type="primary",
        icon=":material/receipt_long:",
    )  # fmt: skip
    unpublished = st.session_state.get(UNPUBLISHED)
    if unpublished is not None:
        st.warning("It is recorded, but the file for the serving system was not replaced.")
        st.text(f"{unpublished}\n{unpublished.fix}")
    st.caption(
        "Keep it outside of this server. If the record is ever removed or rewritten, your receipt proves it: the chain "
        "alone cannot."
    )
