"""The way in where an identity provider is configured: nobody sees a page before signing in."""

import time
from pathlib import Path

import streamlit as st
from streamlit.web.server.starlette.starlette_app_utils import decode_xsrf_token_string

from pages._shell_visits import Place, SignIn, Visits

VISITS = Visits()  # no cache of Streamlit: any visitor may have those cleared


def signed_in() -> bool:
    """Whether an identity provider vouches for the visitor, who has not signed out since."""
    sign_in = _find_sign_in()
    return sign_in is not None and not VISITS.has_ended(sign_in)


def find_person() -> tuple[str, str] | None:
    """Issuer and subject of the visitor; None where nobody vouches for one."""
    return (str(st.user.get("iss")), str(st.user.get("sub"))) if signed_in() else None


def may_enter() -> bool:
    """Whether the visitor is signed in, or this server knows of no identity provider."""
    return signed_in() or (st.user.get("is_logged_in") is None and not _has_unreadable_secrets())


def sign_out() -> None:
    """Sign out of this server in every tab, and of the identity provider where it offers that."""
    sign_in = _find_sign_in()
    if sign_in is not None:
        VISITS.end(sign_in)
    st.logout()


def require_login(word: str) -> None:
    """Stop here, with a way to sign in, unless the visitor may enter; who just signed in goes on to where they were."""
    first = not st.session_state.get("login_has_run")
    st.session_state["login_has_run"] = True
    sign_in = _find_sign_in() if signed_in() else None
    here = Place(word, st.query_params.to_dict(), sign_in, time.monotonic())
    before = _note(here)
    if not may_enter():
        _show_way_in()
        st.stop()
    if first and before is not None and before.leads_to(here):
        st.switch_page(f"pages/{before.word}.py", query_params=before.parameters)


def _find_sign_in() -> SignIn | None:
    """What tells one sign-in from another, the person first; None where nobody is signed in."""
    if not st.user.get("is_logged_in"):
        return None
    return tuple(str(st.user.get(name)) for name in ("iss", "sub", "iat", "nonce"))


def _note(here: Place) -> Place | None:
    """Note where this browser is, and tell where it was; Streamlit's token against forged requests tells browsers."""
    browser, _ = decode_xsrf_token_string(st.context.cookies.get("_streamlit_xsrf", ""))
    return VISITS.move(browser, here) if browser else None


def _has_unreadable_secrets() -> bool:
    """Whether secrets are there that cannot be read: they may name an identity provider, so nobody may enter."""
    files = map(Path, st.get_option("secrets.files"))
    return any(file.exists() for file in files) and not st.secrets.load_if_toml_exists()


def _show_way_in() -> None:
    with (
        st.container(horizontal_alignment="center"),
        st.container(width=440, horizontal_alignment="center", gap="medium", key="login_card"),
    ):
        st.title("RecScope", anchor=False, text_alignment="center")
        if st.user.get("is_logged_in") is None:
            st.error(
                "The secrets of this server cannot be read, so nobody can sign in. Its log says where the mistake is."
            )
            return
        st.markdown("Sign in to see how far your model can be trusted, and to sign for it.", text_alignment="center")
        st.button("Sign in", key="login", type="primary", icon=":material/login:", width="stretch", on_click=st.login)
