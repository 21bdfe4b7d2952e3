"""The view that compares engines on edges that none of them has seen."""

from typing import get_args

import pandas as pd
import streamlit as st

from core.errors import InputError
from core.graph.engines import ENGINES
from core.graph.evaluation import Evaluation
from core.graph.figures import engines_figure
from core.graph.metrics import METRICS
from core.graph.neighbourhoods import Mode
from core.graph.train import SEEDS, Trial, evaluate, evaluation_path
from core.graph.wording import state_difference, state_split
from pages._graph_options import title_of
from pages._graph_slices import show_slices
from pages._graph_view import View
from pages._shell_jobs import compute
from pages._shell_show import show_figure, show_table

SPLITS = {
    "pair": "By pair (no test edge has its reverse in training)",
    "edge": "By edge (leaks, as in papers)",
    "time": "By time",
}
FIRST = ("ease", "cocitation", "ppr", "popularity")
TOLD = ("HR@10", "MRR@20")
VARIED = "blade"  # whose neighbourhoods may be compared: adaptive ones against fixed ones
WANTED = "graph_trials"
SMALL = 5_000  # products up to which the first comparison runs by itself


def show_compare(view: View) -> None:
    """Choose, run, and read: figures, tables, paired differences."""
    trial = _choose_trial()
    wanted = st.session_state.setdefault(WANTED, set())
    ready = evaluation_path(view.graph, trial, settings=view.settings).exists()
    small = view.graph.nodes <= SMALL and set(trial.engines) <= set(FIRST)
    if not (ready or small or (view.graph.digest, trial) in wanted):
        st.button(
            "Compare", key="graph_run", type="primary", icon=":material/play_arrow:",
            on_click=wanted.add, args=((view.graph.digest, trial),),
        )  # fmt: skip
        st.caption(
            "Fitted to 75 % of the edges, tuned by 5 % where an engine needs it, and asked for the other 20 %: seconds "
            "to minutes. The ensemble, once it is tuned, is fitted to these 5 % too."
        )
        return
    evaluation = compute(
        ("evaluation", view.graph.digest, trial),
        lambda: evaluate(view.graph, trial, settings=view.settings),
        label="Comparison",
    )
    _show(evaluation)


def _choose_trial() -> Trial:
    left, middle, right = st.columns([4, 2, 1])
    names = list(ENGINES)
    if VARIED in names:
        names += [f"{VARIED}/{mode}" for mode in get_args(Mode) if mode != "full"]
    engines = left.multiselect(
        "Engines", names, default=list(FIRST), format_func=title_of, key="graph_engines",
        persist_state="session", select_all=False,
    )  # fmt: skip
    kind = middle.selectbox(
        "Split", list(SPLITS), format_func=lambda kind: SPLITS.get(kind, str(kind)), key="graph_split",
        bind="query-params", persist_state="session",
    )  # fmt: skip
    seed = right.number_input(
        "Seed", 0, SEEDS - 1, 0, key="graph_trial_seed", bind="query-params", persist_state="session"
    )
    if kind not in SPLITS:
        raise InputError("There is no such split.", fix="Choose one of those shown.")
    if not engines:
        raise InputError("No engine is chosen.", fix="Choose at least one engine.")
    return Trial(kind, tuple(sorted(engines, key=names.index)), int(seed))


def _show(evaluation: Evaluation) -> None:
    st.text(state_split(evaluation.split))
    for failure in evaluation.failed:
        st.text(f"{title_of(failure.name)}: {failure.reason} {failure.fix}")
    if not evaluation.engines:
        return
    metric = st.selectbox("Metric", METRICS, index=METRICS.index("HR@10"), key="graph_metric", bind="query-params")
    show_figure(engines_figure(evaluation, metric=metric), key="figure_engines")
    show_table(_widen(evaluation), name="metrics", opened=True)
    _show_differences(evaluation)
    show_slices(evaluation)
    st.subheader("Beyond accuracy")
    st.caption(
        "Of lists of at most 10 new products. Coverage: share of the catalogue in some list. Gini: near 1 where few "
        "products fill all lists. Reciprocal: share of recommendations that hold the other way round too."
    )
    show_table(_titled(evaluation.lists_frame()), name="beyond accuracy", opened=True)


def _widen(evaluation: Evaluation) -> pd.DataFrame:
    """One row per engine, each metric with its interval."""
    rows = []
    for name, part in evaluation.frame().groupby("engine", sort=False):
        row: dict[str, object] = {"engine": title_of(str(name))}
        for line in part.itertuples():
            row |= {line.metric: line.value, f"{line.metric}_lo": line.lo, f"{line.metric}_hi": line.hi}
        rows.append(row)
    return pd.DataFrame(rows)


def _titled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(engine=[title_of(name) for name in frame["engine"]])


def _show_differences(evaluation: Evaluation) -> None:
    """One engine against each other one, on the same test edges."""
    names = [result.name for result in evaluation.engines]
    if len(names) < 2:
        return
    st.subheader("Is one better?")
    if st.session_state.get("graph_against") not in names:
        st.session_state["graph_against"] = names[0]
    mine = st.selectbox("Engine to compare with the others", names, format_func=title_of, key="graph_against")
    others = [evaluation.compare(mine, other) for other in names if other != mine]
    for comparison in others:
        for difference in comparison.differences:
            if difference.metric in TOLD:
                st.text(state_difference(difference, title_of(mine), title_of(comparison.against)))
    frame = pd.concat([comparison.frame() for comparison in others])
    frame = frame.rename(columns={"lo": "difference_lo", "hi": "difference_hi", "value": title_of(mine)})
    frame = frame.assign(against=[title_of(name) for name in frame["against"]]).drop(columns="engine")
    show_table(frame, name="paired differences")
    st.caption("Both are resampled together, 95 % intervals; several comparisons at once are not corrected for.")
