"""A draft, sent here by the thresholds page: what a reviewer would see, and the form that submits it."""

import json
from datetime import date, timedelta
from functools import partial
from typing import Any

import streamlit as st

from core.errors import InputError
from core.holdout.load import find_holdout
from core.signoff.active import Active, find_latest
from core.signoff.earlier import find_earlier
from core.signoff.submission import Draft, hash_evidence, prepare_draft
from core.signoff.workflow import Signing, submit
from pages._shell import get_engine, guarded
from pages._shell_jobs import compute, keep
from pages._signoff_evidence import show_comparison, show_evidence
from pages._signoff_rival import show_rival
from pages._signoff_sent import Sent, drop_sent, find_sent
from pages._signoff_view import OUTCOME, POLICY, VERSION, View, sign_by

FORM = "signoff_submit"
REVIEW_DAYS = 90


def show_draft(view: View) -> None:
    """The draft and its form; how to get one where there is none."""
    sent = find_sent()
    if sent is None:
        st.info("There is no draft. Tune thresholds, confirm them, and choose 'Send to sign-off' under Export.")
        if OUTCOME not in st.session_state:  # it would stand where the second half of a double click on submit ends
            _lead_to_thresholds()
        return
    with view.ledger.stream(view.policy) as stream:
        active, rivals = find_latest(stream), stream.open_versions()
    draft = _prepare(view, sent, active)
    st.subheader(f"Draft of version {_count(view) + 1} of {view.policy}", anchor=False)
    show_evidence(draft.payload)
    show_comparison(draft.payload)
    for version in rivals:
        with guarded(f"signoff_rival_{version}"):
            show_rival(view, sent, version)
    _ask(view, draft)


def _lead_to_thresholds() -> None:
    if st.button("Go to thresholds", key="signoff_go_tune", icon=":material/tune:", type="primary"):
        st.switch_page("pages/thresholds.py", query_params={})  # without them it refuses to drop those of widgets


def _count(view: View) -> int:
    return view.ledger.count_submissions(view.policy)


def _prepare(view: View, sent: Sent, active: Active | None) -> Draft:
    holdout = find_holdout(sent.policy.data_digest, settings=view.settings)
    if holdout is None:
        raise InputError("The data of this draft is no longer kept here.", fix="Upload it again and tune anew.")
    base = None if active is None else active.activation.hash
    known = "earlier", view.ledger.id, view.ledger.last().seq, holdout.digest
    earlier = keep(known, lambda: find_earlier(view.ledger, holdout))
    told = json.dumps(earlier)
    return compute(
        ("draft", hash_evidence(sent.evidence), base, told, view.settings.quorum, view.settings.large_change),
        lambda: prepare_draft(
            sent.policy, sent.evidence, holdout, get_engine(view.settings), active=active, earlier=earlier,
            settings=view.settings,
        ),
        label="Draft",
    )  # fmt: skip


def _ask(view: View, draft: Draft) -> None:
    """Rationale and review date; the button is on the page as long as nobody has signed."""
    with st.form(FORM):
        st.text_area(
            "Rationale", key=f"{FORM}_rationale", max_chars=5_000,
            placeholder="Why these thresholds, and why now",
        )  # fmt: skip
        st.text_input(  # the parts of a date input are too small to hit
            "Review by (year-month-day)", (date.today() + timedelta(days=REVIEW_DAYS)).isoformat(), max_chars=10,
            key=f"{FORM}_review_by", width=240,
        )  # fmt: skip
        st.caption(
            f"Needs {draft.payload['needs']} approval{'s' if draft.payload['needs'] > 1 else ''} by other people. "
            f"{draft.payload['needs_why']}"
        )
        st.form_submit_button(
            "Submit for review", key=f"{FORM}_send", type="primary", icon=":material/send:",
            disabled=view.signer is None,
            on_click=sign_by(view, FORM, partial(_submit, draft)),
        )  # fmt: skip
    if view.signer is None:
        st.caption("Type your name above to sign.")


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(f"{text[:10]!r} is no day.", fix="Give the day of the review as in 2027-05-31.") from error


def _submit(draft: Draft, signing: Signing) -> Any:
    review_by = _read_day(st.session_state[f"{FORM}_review_by"])
    complete = draft.complete(rationale=st.session_state[f"{FORM}_rationale"], review_by=review_by)
    record = submit(signing, complete)
    drop_sent()
    st.session_state[POLICY], st.query_params[VERSION] = record.policy, str(record.version)
    return record
