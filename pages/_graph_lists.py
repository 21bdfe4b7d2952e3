"""Lists of products as tables: what a reader compares, and a download with every column."""

from typing import Any

import pandas as pd
import streamlit as st

from core.export import safe_csv
from core.graph.recommend import Recommendations, SymmetricList
from core.graph.substitutes import Substitutes
from core.plotting import clean_label

ROW, HEAD, RANK_WIDTH, NUMBER_WIDTH, TITLE_WIDTH = 35, 38, 46, 76, 190  # pixels
TEXTS = ("title", "category", "id")
HEADS = {
    "rank": "#",
    "title": "product",
    "score": "score",
    "reverse_score": "score back",
    "asymmetry": "asymmetry",
    "reverse_rank": "rank back",
    "in_degree": "in",
    "out_degree": "out",
    "symmetric_score": "symmetric",
    "wrong_way": "wrong way",
}
HELP = {
    "score": "Of the pair in the direction of this list",
    "reverse_score": "Of the same pair the other way round",
    "asymmetry": "score minus score back",
    "reverse_rank": "Where this product stands in the other one's list, among all products",
    "in_degree": "Products that lead to it",
    "out_degree": "Products that it leads to",
    "absent": "Not in the directed list",
    "wrong_way": "The opposite direction has the higher score",
    "status": "new: no known edge either way",
    "likeness": "Cosine of both source vectors; 1 is the same",
}
ORDER = ("rank", "title", "score", "reverse_score", "asymmetry", "reverse_rank", "status", "in_degree", "out_degree",
         "category", "id")  # fmt: skip
SUBSTITUTES = ("rank", "title", "likeness", "in_degree", "out_degree", "category", "id")
SYMMETRIC = ("rank", "title", "wrong_way", "absent", "symmetric_score", "score", "reverse_score", "category", "id")


def show_recommendations(found: Recommendations, *, name: str) -> None:
    """A ranked list, or why there is none."""
    if found.note:
        st.text(found.note)
    if len(found.node):
        _show(found.frame(), ORDER, name=name)


def show_substitutes(found: Substitutes) -> None:
    """The products that are alike as a source, or that there is none."""
    if len(found.node):
        _show(found.frame(), SUBSTITUTES, name="alike as a source")
    else:
        st.text("This engine finds no product alike.")


def show_symmetric(found: SymmetricList) -> None:
    """The list without direction."""
    if len(found.node):
        _show(found.frame(), SYMMETRIC, name="without direction")


def _show(frame: pd.DataFrame, columns: tuple[str, ...], *, name: str) -> None:
    shown = frame[list(columns)].copy()
    for column in TEXTS:
        shown[column] = [clean_label(text) for text in shown[column]]
    st.dataframe(
        shown,
        hide_index=True,
        height=HEAD + ROW * min(len(shown), 15),
        column_config={column: _configure(column, shown[column]) for column in columns},
        key=f"list_{name}",
        alt=f"Table: {name}",
    )
    st.download_button(
        "Download CSV",
        data=lambda: safe_csv(frame),
        file_name=f"{name.replace(' ', '_')}.csv",
        mime="text/csv",
        key=f"csv_{name}",
        on_click="ignore",
        icon=":material/download:",
    )


def _configure(column: str, values: "pd.Series[Any]") -> Any:
    head, about = HEADS.get(column, column), HELP.get(column)
    if values.dtype == bool:
        return st.column_config.CheckboxColumn(head, help=about)
    if column == "title":
        return st.column_config.TextColumn(head, width=TITLE_WIDTH)
    if pd.api.types.is_numeric_dtype(values):
        whole = column in ("rank", "reverse_rank", "in_degree", "out_degree")
        width = RANK_WIDTH if column == "rank" else NUMBER_WIDTH
        return st.column_config.NumberColumn(head, width=width, format="localized" if whole else "%.3g", help=about)
    return st.column_config.TextColumn(head, help=about)
