"""How every page shows a figure, a table, its limits, and text that came from outside."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
import streamlit as st

from core.export import safe_csv
from core.plotting import alternative, clean_label
from core.tables import readable

TABLE_ROWS = 2_000
TABLE_HEIGHT = 320
# Each has more than 6:1 in its theme, and still 3:1 in the other one: charts keep their ink until the page runs again.
INK = {"light": "#5B5B5B", "dark": "#929292", None: "#767676"}


def show_figure(figure: Any, *, key: str) -> None:
    """Draw a figure with its text alternative, its text in the theme's ink."""
    figure.update_layout(font={"color": INK[st.context.theme.type]})
    st.plotly_chart(
        figure,
        theme=None,
        key=key,
        alt=alternative(figure),
        config={"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d"]},
    )


def show_table(frame: pd.DataFrame, *, name: str, opened: bool = False) -> None:
    """The table behind a figure in readable form, and its download as CSV with every number."""
    shown = readable(frame.head(TABLE_ROWS))
    whole = {column: st.column_config.NumberColumn(format="localized") for column in shown.select_dtypes("integer")}
    parts = {column: st.column_config.NumberColumn(format="%.4g") for column in shown.select_dtypes("floating")}
    times = {
        column: st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm")
        for column in shown.select_dtypes("datetimetz")
    }
    with st.expander(f"Table: {name}", expanded=opened, icon=":material/table_rows:", key=f"fold_{name}"):
        st.dataframe(
            shown,
            hide_index=True,
            height=min(TABLE_HEIGHT, 38 + 35 * len(shown)),
            column_config=whole | parts | times,
            key=f"table_{name}",
            placeholder="",  # of a missing value
            alt=f"Table: {name}",
        )
        if len(frame) > TABLE_ROWS:
            st.caption(f"The first {TABLE_ROWS:,} of {len(frame):,} rows; the CSV has all of them.")
        st.download_button(
            "Download CSV",
            data=lambda: safe_csv(frame),
            file_name=f"{name.replace(' ', '_')}.csv",
            mime="text/csv",
            key=f"csv_{name}",
            on_click="ignore",
            icon=":material/download:",
        )


def show_limits(text: str) -> None:
    """Close a page with what it does not tell."""
    st.caption(text)


def keep_within(key: str, lo: float, hi: float) -> None:
    """Drop a remembered widget value that the widget's present bounds do not allow."""
    value = st.session_state.get(key)
    if value is not None and not lo <= value <= hi:
        del st.session_state[key]


def quoted(text: str) -> str:
    """Text from outside for a label, which is markdown: as code, in which nothing has a meaning."""
    return f"`{clean_label(text).replace('`', '') or ' '}`"


def tell_apart(options: Iterable[str], *, reserved: Iterable[str] = ()) -> dict[str, str]:
    """Give each option a safe label of its own; a widget takes options with the same label for the same option."""
    labels: dict[str, str] = {}
    taken = set(reserved)
    for position, option in enumerate(options, start=1):
        label = clean_label(option).strip() or "(blank)"
        while label in taken:
            label += f" (no. {position})"
        taken.add(label)
        labels[option] = label
    return labels
