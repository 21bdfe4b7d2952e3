"""The form that says which column of a file plays which role, filled with guesses."""

from collections.abc import Mapping
from typing import Any, get_args

import pandas as pd
import streamlit as st

from core.errors import InputError
from core.holdout.data import ColumnRoles, Guess, UncertaintyKind, guess_roles
from core.ingest.schema import Table
from core.ingest.store import digest_bytes
from pages._shell_show import tell_apart

NONE, NONE_LABEL = "", "(none)"  # no column of a file has an empty name
KINDS = {
    "variance": "Variance",
    "std": "Standard deviation",
    "interval": "Interval (low, high)",
    "entropy": "Entropy",
    "evidence": "Evidence count (more is more certain)",
}


def map_columns(table: Table) -> ColumnRoles | None:
    """The form; None until it is sent."""
    labels = tell_apart(table.columns, reserved=[NONE_LABEL])
    key = digest_bytes(repr(table.columns).encode())[:12]
    _show_first_rows(table, labels, key=key)
    guess = guess_roles(table.columns)
    kinds = list(get_args(UncertaintyKind))
    kind = st.selectbox(
        "Uncertainty is given as",
        kinds,
        index=kinds.index(guess.uncertainty_kind),
        format_func=lambda kind: KINDS.get(kind, str(kind)),
        key=f"map_kind_{key}",
    )
    with st.form(f"holdout_mapping_{key}", border=False):
        chosen = _choose_columns(labels, guess, kind, key=key)
        if not st.form_submit_button("Use this file", type="primary", key=f"map_submit_{key}"):
            return None
    for role in ("score", "uncertainty", "label"):
        if chosen[role] in (None, ()) or (role == "uncertainty" and None in chosen[role]):
            raise InputError(f"No column is chosen for the {role}.", fix="Choose one in the form.")
    return ColumnRoles(**chosen)


def _show_first_rows(table: Table, labels: Mapping[str, str], *, key: str) -> None:
    st.caption("The first rows of the file, as text.")
    numbers = [str(i) for i in range(len(table.columns))]  # a name from outside is shown, and used for nothing else
    st.dataframe(
        pd.DataFrame(list(table.preview), columns=numbers),
        hide_index=True,
        height="content",
        key=f"map_preview_{key}",
        column_config=dict(zip(numbers, labels.values(), strict=True)),
        alt="First rows of the file",
    )


def _choose_columns(labels: Mapping[str, str], guess: Guess, kind: UncertaintyKind, *, key: str) -> dict[str, Any]:
    def pick(title: str, role: str, guessed: str | None, *, columns: list[str]) -> str | None:
        return st.selectbox(
            title,
            columns,
            index=columns.index(guessed) if guessed in columns else None,
            format_func=lambda column: labels.get(column, NONE_LABEL if column == NONE else str(column)),
            key=f"map_{role}_{key}",
            placeholder="Choose a column",
        )

    def required(title: str, role: str, guessed: str | None) -> str | None:
        return pick(title, role, guessed, columns=list(labels))

    def optional(title: str, role: str, guessed: str | None) -> str | None:
        return pick(title, role, guessed or NONE, columns=[NONE, *labels]) or None

    left, middle, right = st.columns(3)
    with left:
        score = required("Score", "score", guess.score)
        weight = optional("Weight (optional)", "weight", guess.weight)
    with middle:
        guessed = guess.uncertainty if kind == guess.uncertainty_kind else ()
        ends = ("Low", "High") if kind == "interval" else ("Uncertainty",)
        uncertainty = tuple(
            required(end, f"{kind}{i}", guessed[i] if i < len(guessed) else None) for i, end in enumerate(ends)
        )
        time = optional("Time (optional)", "time", guess.time)
        group = optional("Group, such as the user (optional)", "group", None)
    with right:
        label = required("Label", "label", guess.label)
        segments = st.multiselect(
            "Segments (optional)",
            list(labels),
            format_func=lambda column: labels.get(column, str(column)),
            key=f"map_segments_{key}",
            placeholder="Columns to compare across",
            select_all=False,
        )
    return {
        "score": score, "uncertainty": uncertainty, "uncertainty_kind": kind, "label": label,
        "weight": weight, "time": time, "segments": tuple(segments), "group": group,
    }  # fmt: skip
