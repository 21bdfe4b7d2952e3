"""Another submission that waits for review while a draft is being written."""

import json

import streamlit as st

from core.holdout.load import find_holdout
from core.signoff.comparison import compare_policies
from core.signoff.figures import cutoffs_figure
from core.signoff.workflow import find_standing
from core.thresholds.policy_file import read_policy
from pages._shell import get_engine
from pages._shell_jobs import compute
from pages._shell_show import quoted, show_figure, show_table
from pages._signoff_evidence import name_uncertainty
from pages._signoff_sent import Sent
from pages._signoff_view import View


def show_rival(view: View, sent: Sent, version: int) -> None:
    """Another submission that waits for review: whichever becomes active first voids the other."""
    with view.ledger.stream(view.policy) as stream:
        rival = find_standing(stream, version)
    st.warning(
        f"Version {version}, by {quoted(rival.author.name)}, is {rival.state} against the same active policy. "
        "Whichever becomes active first voids the approvals of the other.",
        icon=":material/call_split:",
    )
    policy = read_policy(json.dumps(rival.submission.payload["policy"]))
    holdout = find_holdout(sent.policy.data_digest, settings=view.settings)
    if holdout is None or policy.columns != sent.policy.columns:
        st.text("It reads other columns, so the two cannot be compared on the rows of this draft.")
        return
    found = compute(
        ("rival", policy.hash, sent.policy.hash),
        lambda: compare_policies(policy, sent.policy, holdout, get_engine(view.settings)),
        label="Comparison",
    )
    show_figure(cutoffs_figure(found, unit=name_uncertainty(sent.evidence)), key=f"figure_rival_{version}")
    show_table(found.frame(), name=f"version {version} and this draft", opened=True)
