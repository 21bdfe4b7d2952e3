"""The form that says which column of a log plays which role, filled with guesses."""

import streamlit as st

from core.delay.roles import LogRoles, guess_log_roles
from core.errors import InputError
from core.ingest.schema import Table
from core.ingest.store import digest_bytes
from pages._shell_columns import NONE_LABEL, pick_column, pick_columns, pick_optional, show_first_rows
from pages._shell_show import tell_apart


def map_columns(table: Table) -> LogRoles | None:
    """The form; None until it is sent."""
    labels = tell_apart(table.columns, reserved=[NONE_LABEL])
    key, guess = digest_bytes(repr(table.columns).encode())[:12], guess_log_roles(table)
    show_first_rows(table, labels, key=key)
    with st.form(f"delay_mapping_{key}", border=False):
        first, second, third, fourth = st.columns(4)
        with first:
            time = pick_column("Time of the event", labels, guess.time, key=f"map_time_{key}")
        with second:
            conversion = pick_column("Time of its conversion", labels, guess.conversion, key=f"map_conversion_{key}")
        with third:
            segment = pick_optional("Segment (optional)", labels, guess.segment, key=f"map_segment_{key}")
        with fourth:
            ids = pick_optional("Id (optional)", labels, guess.id, key=f"map_id_{key}")
        left, middle, right = st.columns(3)
        with left:
            signals = pick_columns(
                "Times of signals before the conversion (optional)", labels, guess.signals,
                key=f"map_signals_{key}", placeholder="Columns such as the time of adding to the cart",
            )  # fmt: skip
        with middle:
            numbers = pick_columns(
                "Features that are numbers (optional)", labels, guess.numbers,
                key=f"map_numbers_{key}", placeholder="Known at the time of the event",
            )  # fmt: skip
        with right:
            words = pick_columns(
                "Features that are words (optional)", labels, guess.words,
                key=f"map_words_{key}", placeholder="Known at the time of the event",
            )  # fmt: skip
        st.caption("A signal helps to weigh labels. It is no feature: at the time of the event nobody knows it.")
        if not st.form_submit_button("Use this log", type="primary", key=f"map_submit_{key}"):
            return None
    if time is None or conversion is None:
        raise InputError("A log needs the time of the event and that of its conversion.", fix="Choose both columns.")
    return LogRoles(time, conversion, signals, numbers, words, segment, ids)
