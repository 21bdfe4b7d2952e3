"""What leaves the ledger: the active policy for a serving system, and the whole history."""

import json

import streamlit as st

from core.errors import InputError
from core.signoff.active import find_active, write_active
from core.signoff.history import build_report, write_lines
from core.thresholds.export_sql import DIALECTS
from pages._shell import guarded
from pages._signoff_view import View

NEVER = {"on_click": "ignore", "icon": ":material/download:", "width": "stretch"}


def show_export(view: View) -> None:
    """Downloads; the command line gives the same to a serving system."""
    left, right = st.columns(2)
    with left, guarded("signoff_active"):
        st.subheader("Active policy", anchor=False)
        _offer_active(view)
    with right:
        st.subheader("History", anchor=False)
        st.download_button(
            "All records as JSON lines", data=lambda: "".join(write_lines(view.ledger)), mime="application/x-ndjson",
            file_name="recscope_ledger.jsonl", key="signoff_lines", **NEVER,
        )  # fmt: skip
        st.download_button(
            "Report (HTML)", data=lambda: build_report(view.ledger, policy=view.policy), mime="text/html",
            file_name=f"recscope_signoff_{view.policy}.html", key="signoff_report", **NEVER,
        )  # fmt: skip
        st.caption("Sums and signatures, never a row of data.")


def _offer_active(view: View) -> None:
    active = find_active(view.ledger, view.policy)
    st.text(f"Version {active.submission.version}, since {active.activation.at[:10]}, review by {active.review_by}")
    name = f"{view.policy}_v{active.submission.version}"
    document = json.dumps(active.document(), indent=2, allow_nan=False)
    st.download_button(
        "JSON", data=document, file_name=f"{name}.json", mime="application/json", key="signoff_json", **NEVER
    )
    dialect = st.selectbox(
        "SQL dialect", list(DIALECTS), format_func=lambda one: DIALECTS.get(one, str(one)), key="signoff_dialect",
        persist_state="session",
    )  # fmt: skip
    if dialect not in DIALECTS:
        raise InputError("There is no such dialect.", fix="Choose one of those shown.")
    st.download_button(
        "SQL expression", data=write_active(active, "sql", dialect=dialect), file_name=f"{name}_{dialect}.sql",
        mime="text/plain", key="signoff_sql", **NEVER,
    )  # fmt: skip
    st.download_button(
        "Python function", data=write_active(active, "python"), file_name=f"{name}.py", mime="text/plain",
        key="signoff_python", **NEVER,
    )  # fmt: skip
    call = f"python -m core signoff active --policy {view.policy} --to json"
    st.code(call, language=None, wrap_lines=True)  # the colours of a shell have too little contrast
