"""The form that says which column of a file plays which role, filled with guesses."""

from collections.abc import Mapping
from typing import Any, get_args

import streamlit as st

from core.errors import InputError
from core.holdout.data import ColumnRoles, Guess, UncertaintyKind, guess_roles
from core.ingest.schema import Table
from core.ingest.store import digest_bytes
from pages._shell_columns import NONE_LABEL, pick_column, pick_columns, pick_optional, show_first_rows
from pages._shell_show import tell_apart

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
    show_first_rows(table, labels, key=key)
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


def _choose_columns(labels: Mapping[str, str], guess: Guess, kind: UncertaintyKind, *, key: str) -> dict[str, Any]:
    def required(title: str, role: str, guessed: str | None) -> str | None:
        return pick_column(title, labels, guessed, key=f"map_{role}_{key}")

    def optional(title: str, role: str, guessed: str | None) -> str | None:
        return pick_optional(title, labels, guessed, key=f"map_{role}_{key}")

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
        segments = pick_columns(
            "Segments (optional)", labels, key=f"map_segments_{key}", placeholder="Columns to compare across"
        )
    return {
        "score": score, "uncertainty": uncertainty, "uncertainty_kind": kind, "label": label,
        "weight": weight, "time": time, "segments": segments, "group": group,
    }  # fmt: skip
