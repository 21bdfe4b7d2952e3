"""What the thresholds page hands over to the sign-off page: a policy with the evidence that it rests on."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.thresholds.policy import Policy

_SENT = "signoff_sent"


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """A policy, and its evidence bundle."""

    policy: Policy
    evidence: dict[str, Any]


def send(policy: Policy, evidence: dict[str, Any]) -> None:
    """Keep a draft for this session, and go to where it is submitted."""
    st.session_state[_SENT] = Sent(policy, evidence)
    st.switch_page("pages/signoff.py", query_params={"signoff_view": "Draft"})


def find_sent() -> Sent | None:
    """The draft of this session."""
    found: Sent | None = st.session_state.get(_SENT)
    return found


def drop_sent() -> None:
    """Forget it, once it is submitted."""
    st.session_state.pop(_SENT, None)
