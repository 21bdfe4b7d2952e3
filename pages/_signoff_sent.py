"""What the thresholds page hands over to the sign-off page: a policy with the evidence that it rests on."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

import streamlit as st

from core.thresholds.policy import Policy
from pages._shell_login import find_person

PEOPLE = 1_000
_SENT = "signoff_sent"


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """A policy, and its evidence bundle."""

    policy: Policy
    evidence: dict[str, Any]


# To sign takes a recent sign-in, and each sign-in begins a new session: the last draft of a person outlives it.
_KEPT: OrderedDict[tuple[str, str], Sent] = OrderedDict()
_LOCK = Lock()


def send(policy: Policy, evidence: dict[str, Any]) -> None:
    """Keep a draft for this session, and for the person who is signed in; go to where it is submitted."""
    sent, person = Sent(policy, evidence), find_person()
    st.session_state[_SENT] = sent
    if person is not None:
        with _LOCK:
            _KEPT[person] = sent
            _KEPT.move_to_end(person)
            if len(_KEPT) > PEOPLE:
                _KEPT.popitem(last=False)
    st.switch_page("pages/signoff.py", query_params={"signoff_view": "Draft"})


def find_sent() -> Sent | None:
    """The draft of this session, or the last one of this person."""
    person = find_person()
    return st.session_state.get(_SENT) or (_KEPT.get(person) if person is not None else None)


def drop_sent() -> None:
    """Forget it, once it is submitted."""
    st.session_state.pop(_SENT, None)
    person = find_person()
    if person is not None:
        _KEPT.pop(person, None)
