"""Columns of a file that a reader chooses among, under safe labels, and its first rows."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from core.ingest.schema import Table

NONE, NONE_LABEL = "", "(none)"  # no column of a file has an empty name


def show_first_rows(table: Table, labels: Mapping[str, str], *, key: str, of: str = "the file") -> None:
    """The first rows under safe labels."""
    st.caption(f"The first rows of {of}, as text.")
    numbers = [str(i) for i in range(len(table.columns))]  # a name from outside is shown, and used for nothing else
    st.dataframe(
        pd.DataFrame(list(table.preview), columns=numbers),
        hide_index=True,
        height="content",
        key=f"map_preview_{key}",
        column_config=dict(zip(numbers, labels.values(), strict=True)),
        alt=f"First rows of {of}",
    )


def pick_column(title: str, labels: Mapping[str, str], guessed: str | None, *, key: str) -> str | None:
    """A column that a role needs; None where none is chosen."""
    return _pick(title, list(labels), labels, guessed, key)


def pick_optional(title: str, labels: Mapping[str, str], guessed: str | None, *, key: str) -> str | None:
    """A column for a role that may go without; None where it does."""
    return _pick(title, [NONE, *labels], labels, guessed or NONE, key) or None


def pick_columns(
    title: str, labels: Mapping[str, str], guessed: Sequence[str] = (), *, key: str, placeholder: str
) -> tuple[str, ...]:
    """Any number of columns."""
    return tuple(
        st.multiselect(
            title,
            list(labels),
            default=list(guessed),
            format_func=lambda column: labels.get(column, str(column)),
            key=key,
            placeholder=placeholder,
            select_all=False,
        )
    )


def _pick(title: str, columns: list[str], labels: Mapping[str, str], guessed: str | None, key: str) -> str | None:
    return st.selectbox(
        title,
        columns,
        index=columns.index(guessed) if guessed in columns else None,
        format_func=lambda column: labels.get(column, NONE_LABEL if column == NONE else str(column)),
        key=key,
        placeholder="Choose a column",
    )
