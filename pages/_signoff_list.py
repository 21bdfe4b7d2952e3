"""The list of submissions, a page of it at a time, and the choice of one."""

import pandas as pd
import streamlit as st

from core.plotting import clean_label
from core.signoff.workflow import Listed, list_standings
from pages._shell_show import keep_within, show_table
from pages._signoff_view import VERSION, View

PER_PAGE = 50
PAGE = "signoff_page"


def choose_version(view: View) -> int | None:
    """Return the chosen version, the newest one at first; None where nothing was submitted."""
    count = view.ledger.count_submissions(view.policy)
    if not count:
        return None
    linked = _read_link(count)
    pages = -(-count // PER_PAGE)
    keep_within(PAGE, 1, pages)
    page = 1
    if pages > 1:
        st.session_state.setdefault(PAGE, (count - linked) // PER_PAGE + 1)
        page = int(st.number_input(f"Page, of {pages:,}", 1, pages, key=PAGE, width=160))
    listed = list_standings(view.ledger, view.policy, offset=(page - 1) * PER_PAGE, limit=PER_PAGE)
    labels = {one.summary.version: _label(one) for one in listed}
    wanted = st.session_state.get(VERSION, linked)
    st.session_state[VERSION] = wanted if wanted in labels else next(iter(labels))
    chosen = st.selectbox(
        "Version", list(labels), format_func=lambda version: labels.get(version, str(version)), key=VERSION
    )
    if st.query_params.get(VERSION) != str(chosen):  # not its label, which says its state
        st.query_params[VERSION] = str(chosen)
    show_table(_tabulate(listed), name="submissions")
    return int(chosen)


def _read_link(count: int) -> int:
    """The version that the address names, or the newest one."""
    named = st.query_params.get(VERSION, "")
    found = int(named) if named.isascii() and named.isdigit() and len(named) < len(str(10**9)) else count
    return found if 1 <= found <= count else count


def _label(one: Listed) -> str:
    first = one.summary.lines[0]
    return f"{one.summary.version} · {one.state} · {clean_label(first.signer)} · {first.at[:10]}"


def _tabulate(listed: list[Listed]) -> pd.DataFrame:
    of = [one.summary for one in listed]
    return pd.DataFrame(
        {
            "version": [one.version for one in of],
            "state": [one.state for one in listed],
            "author": [clean_label(one.lines[0].signer) for one in of],
            "submitted": pd.to_datetime([one.lines[0].at for one in of], format="ISO8601"),
            "approvals": [f"{sum(line.kind == 'approve' for line in one.lines)} of {one.needs}" for one in of],
            "review by": [one.review_by for one in of],
            "last act": [one.lines[-1].kind.replace("_", " ") for one in of],
            "last act by": [clean_label(one.lines[-1].signer) for one in of],
        }
    )
