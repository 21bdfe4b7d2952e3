"""The model that the page asks: read where it is stored, trained where it is not, with live figures meanwhile."""

from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from core.graph.cold_start import infer_cold_items
from core.graph.data import Graph
from core.graph.epoch import Epoch
from core.graph.figures import training_figure
from core.graph.model_file import Model
from core.graph.parts import Ensemble
from core.graph.train import Recipe, model_path, train
from core.ingest.store import read_stamp
from core.jobs import Progress
from core.settings import MEBIBYTE, Settings
from pages._graph_options import QUICK, choose_recipe, is_ready, title_of
from pages._shell import guarded
from pages._shell_jobs import keep, run_unless_stopped
from pages._shell_results import Results
from pages._shell_show import show_figure, show_table

WANTED = "graph_wanted"
MODEL_BYTES = 2048 * MEBIBYTE
Found = tuple[Model, Path]


def choose_model(graph: Graph, settings: Settings) -> Found | None:
    """Engine and settings, and their model; one that takes long is trained on demand, and a quick one stands in."""
    left, right = st.columns([2, 3], gap="large")
    with left:
        recipe = choose_recipe()
    with right:
        found = _find_wanted(graph, recipe, settings)
        if found is None and recipe != Recipe(QUICK):
            with guarded("graph_stand_in"):
                found = _find(graph, Recipe(QUICK), settings)
        if found is not None:
            _describe(*found)
    return found


def _find_wanted(graph: Graph, recipe: Recipe, settings: Settings) -> Found | None:
    path = model_path(graph, recipe, settings=settings)
    wanted = st.session_state.setdefault(WANTED, set())
    if not (path.exists() or is_ready(recipe, graph) or path.name in wanted):
        st.markdown(
            f"**{title_of(recipe.engine)}** is not trained on this graph with these settings yet. Until it is, "
            f"{title_of(QUICK)} stands in."
        )
        want = partial(wanted.add, path.name)
        st.button("Train", key="graph_train", type="primary", icon=":material/model_training:", on_click=want)
        return None
    found = None
    with guarded("graph_training"):
        found = _find(graph, recipe, settings)
    return found


def _find(graph: Graph, recipe: Recipe, settings: Settings) -> Found:
    """The model in memory, of the file as it is now; a file that is gone or damaged is made again."""
    path = model_path(graph, recipe, settings=settings)
    known: Model | None = _models().get(_key(path))
    if known is not None:
        return known, path
    curve = _Curve()
    start = partial(train, graph, recipe, settings=settings)
    found = run_unless_stopped(("model", path.name), start, label=title_of(recipe.engine), watch=curve.watch)
    curve.slot.empty()
    if curve.epochs:
        keep(("curve", path.name), curve.frame)
    model = infer_cold_items(found)
    _models().put(_key(path), model)
    return model, path


@st.cache_resource
def _models() -> Results:
    return Results(MODEL_BYTES)


def _key(path: Path) -> tuple[str, tuple[int, ...]]:
    return path.name, read_stamp(path) if path.exists() else ()


class _Curve:
    """Loss and validation HitRate, drawn as the epochs come in."""

    def __init__(self) -> None:
        self.slot = st.empty()
        self.epochs: list[tuple[str, int, float, float]] = []

    def watch(self, report: Progress) -> None:
        """Take one report."""
        if isinstance(report, Epoch):
            self.epochs.append((report.network, report.epoch, report.loss, report.hit_rate))
            with self.slot.container():
                show_figure(training_figure(self.frame()), key=f"figure_training_{len(self.epochs)}")

    def frame(self) -> pd.DataFrame:
        """One row per epoch."""
        return pd.DataFrame(self.epochs, columns=["network", "epoch", "loss", "hit_rate"])


def _describe(model: Model, path: Path) -> None:
    """What the model reaches on validation edges, and how its training went."""
    figures = model.validation
    if not figures:
        st.text(f"{title_of(model.engine)}: the graph is too small to hold edges out, so nothing was measured.")
        return
    hits, reciprocal = (
        f"{figures[name]:.3f} ({figures[f'{name}_lo']:.3f} to {figures[f'{name}_hi']:.3f})"
        for name in ("HR@10", "MRR@20")
    )
    st.markdown(
        f"**{title_of(model.engine)}**, measured on {figures['n']:,.0f} edges held out for validation:\n\n"
        f"- HitRate@10 **{hits}**: how often the target is among the first 10\n"
        f"- MRR@20 **{reciprocal}**: the mean of 1 / rank of the target, 0 beyond rank 20"
    )
    st.caption(
        "95 % intervals over products. Hopeful where an engine stops by these edges or learns weights from them, as "
        "the ensemble does: Compare engines asks for edges that nothing has seen."
    )
    if isinstance(model.scorer, Ensemble):
        st.text(f"It weighs {model.scorer.chosen}.")
        show_table(model.scorer.frame(), name="weights of the ensemble")
        show_table(model.scorer.compared_frame(), name="sums that were compared")
    curve = keep(("curve", path.name), pd.DataFrame)  # empty where it was trained before the server started
    if len(curve):
        show_figure(training_figure(curve), key="figure_training")
        show_table(curve, name="training")
