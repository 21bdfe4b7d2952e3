"""Who signs: the person whom the identity provider vouches for, or a name that is typed."""

import streamlit as st

from core.errors import InputError
from core.settings import Settings
from core.signoff.data import Signer
from core.signoff.identity import declare_signer, read_signer
from pages._shell_login import sign_out, signed_in

NAME = "signoff_name"


def find_signer(settings: Settings) -> Signer | None:
    """Say who signs; None until a name is given."""
    return _show_signed_in(settings) if signed_in() else _ask_for_name()


def check_still_signs(signer: Signer) -> None:
    """Refuse a click that came before the page was drawn for the name that is typed now."""
    if signer.identity == "self-declared" and declare_signer(st.session_state.get(NAME) or "") != signer:
        raise InputError("The name was changed just now.", fix="Look at who signs, then sign.")


def _show_signed_in(settings: Settings) -> Signer:
    signer = read_signer(st.user.to_dict(), settings=settings)
    with st.container(horizontal=True, vertical_alignment="center", key="signoff_who"):
        st.badge("Signed in", icon=":material/verified_user:", color="green")
        st.text(f"{signer.name} · {', '.join(signer.roles) or 'no role: you may look, and not sign'}")
        st.button("Sign out", key="signoff_logout", icon=":material/logout:", on_click=sign_out)
    return signer


def _ask_for_name() -> Signer | None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="signoff_who"):
        name = st.text_input(
            "Your name", key=NAME, max_chars=80, persist_state="session", width=320,
            placeholder="As it shall stand in the record",
        )  # fmt: skip
        st.badge("Self-declared", icon=":material/edit:", color="orange")
    st.caption(
        "No identity provider is configured on this server, so nobody vouches for names: every record and export says "
        "'identity: self-declared'."
    )
    return declare_signer(name) if name and name.strip() else None
