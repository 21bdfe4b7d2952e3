"""Where an engine is good: by degree, by direction, and from category to category."""

import streamlit as st

from core.graph.breakdown import SHOWN, SLICES
from core.graph.evaluation import Evaluation
from core.graph.figures import categories_figure, direction_figure, slices_figure
from core.graph.wording import state_direction
from pages._graph_options import title_of
from pages._shell_show import show_figure, show_table

BY = tuple(dict.fromkeys(by for by, _ in SLICES))


def show_slices(evaluation: Evaluation) -> None:
    """Slices of the test edges, the direction beside the in-degree, and the matrix of categories."""
    st.subheader("Where?")
    left, right = st.columns(2)
    by = left.selectbox("Slices by", BY, key="graph_by", bind="query-params")
    metric = right.selectbox("Metric of the slices", SHOWN, key="graph_by_metric", bind="query-params")
    show_figure(slices_figure(evaluation, by=by, metric=metric), key="figure_slices")
    frame = evaluation.breakdown_frame()
    show_table(frame.assign(engine=[title_of(name) for name in frame["engine"]]), name="slices")
    st.subheader("Which way?")
    show_figure(direction_figure(evaluation), key="figure_direction")
    st.caption(
        "Where popular products are mostly targets, the in-degree alone tells most directions. That an engine knows "
        "more is shown where its paired difference, with its interval, is above 0."
    )
    for result in evaluation.engines:
        st.text(state_direction(result.direction, title_of(result.name)))
    told = evaluation.direction_frame()
    show_table(told.assign(engine=[title_of(name) for name in told["engine"]]), name="direction")
    _show_categories(evaluation)


def _show_categories(evaluation: Evaluation) -> None:
    names = [result.name for result in evaluation.engines]
    if len(evaluation.split.graph.items.categories) < 2:
        return
    st.subheader("From category to category")
    if st.session_state.get("graph_of") not in names:
        st.session_state["graph_of"] = names[0]
    name = st.selectbox("Engine of the matrix", names, format_func=title_of, key="graph_of")
    show_figure(categories_figure(evaluation, name), key="figure_categories")
    show_table(evaluation.engine(name).breakdown.category_frame(), name="category to category")
