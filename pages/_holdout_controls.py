"""How the rows are cut into levels and bins, and which rows count."""

import streamlit as st

from core.engine.protocol import Among
from core.errors import InputError
from core.holdout.data import Holdout, Segment
from core.holdout.positivity import BINS, BINS_CAP, LEVELS, LEVELS_CAP, MINIMUM_ROWS, Binning, suggest_edges
from core.holdout.segments import filter_rows
from pages._shell import touring
from pages._shell_show import quoted, tell_apart

METHODS = {"equal_weight": "Equal numbers of rows", "equal_width": "Equal widths", "edges": "Typed edges"}
MOST_ROWS = 10**6
Cut = tuple[Binning, Binning, int, list[Among]]


def choose_cut(holdout: Holdout) -> Cut:
    """Uncertainty levels, score bins, rows that a cell needs, and the filter."""
    with st.expander("Levels, bins and filter", icon=":material/tune:", key="holdout_controls"):
        left, middle, right = st.columns(3)
        with left:
            levels = choose_levels(holdout, word="holdout", default=LEVELS)
        with middle:
            bins = _choose_bins()
        with right:
            fewest = st.number_input(
                "Hatch cells with fewer rows than", 0, MOST_ROWS, MINIMUM_ROWS,
                key="holdout_minimum_rows", bind="query-params", persist_state="session",
            )  # fmt: skip
            where = choose_filter(holdout, word="holdout")
    return levels, bins, int(fewest), where


def choose_levels(holdout: Holdout, *, word: str, default: Binning) -> Binning:
    """How the uncertainty is cut into levels, for any page about a holdout."""
    method = _choose_method("Uncertainty levels", key=f"{word}_level_method", default=default.method)
    if method == "edges":
        example = suggest_edges(holdout.rows.ranges["uncertainty"])
        return _type_edges("Level edges", example, key=f"{word}_level_edges")
    return Binning(method, choose_count("Number of levels", LEVELS_CAP, default.count, key=f"{word}_levels"))


def _choose_bins() -> Binning:
    method = _choose_method("Score bins", key="holdout_bin_method", default=BINS.method)
    if method == "edges":
        return _type_edges("Bin edges", "0, 0.1, 0.2, 0.5, 1", key="holdout_bin_edges")
    return Binning(method, choose_count("Number of bins", BINS_CAP, BINS.count, key="holdout_bins"))


def _choose_method(title: str, *, key: str, default: str) -> str:
    options = list(METHODS)
    chosen = st.selectbox(
        title, options, index=options.index(default), format_func=lambda method: METHODS.get(method, str(method)),
        key=key, bind="query-params", persist_state="session",
    )  # fmt: skip
    if chosen not in METHODS:
        raise InputError("There is no such way to cut.", fix="Choose one of those shown.")
    return chosen


def choose_count(title: str, most: int, default: int, *, key: str) -> int:
    """A whole number from 1, remembered and in the address."""
    return int(st.number_input(title, 1, most, default, key=key, bind="query-params", persist_state="session"))


def _type_edges(title: str, example: str, *, key: str) -> Binning:
    text = st.text_input(title, example, key=key, bind="query-params", persist_state="session")
    return Binning.typed(text, name=title)


def choose_filter(holdout: Holdout, *, word: str) -> list[Among]:
    """Keep only some values of some segments; a tour is about all rows."""
    if not holdout.segments or touring(word):
        return []
    labels = tell_apart(segment.name for segment in holdout.segments)
    chosen = st.multiselect(
        "Filter by",
        list(labels),
        format_func=lambda name: labels.get(name, str(name)),
        key=f"{word}_filters_{holdout.digest[:8]}",
        persist_state="session",
    )
    kept = {
        segment: _keep_values(holdout, segment, word=word) for segment in holdout.segments if segment.name in chosen
    }
    return [filter_rows(holdout, segment.name, values) for segment, values in kept.items() if values]


def _keep_values(holdout: Holdout, segment: Segment, *, word: str) -> list[str]:
    labels = tell_apart(sorted(segment.values))
    return st.multiselect(
        f"Keep {quoted(segment.name)}",
        list(labels),
        format_func=lambda value: labels.get(value, str(value)),
        key=f"{word}_keep_{holdout.digest[:8]}_{segment.column}",
        persist_state="session",
    )
