"""Which engine is asked, and its settings; only settings that differ from the engine's own reach the recipe."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.errors import InputError
from core.graph.data import Graph
from core.graph.engines import ENGINES
from core.graph.model_file import Setting
from core.graph.train import SEEDS, Recipe

DEFAULT = next(name for name in ("ensemble", "ease") if name in ENGINES)
QUICK = "cocitation"
READY = ("cocitation", "popularity", "random")  # done in a moment on any graph that a page can show,
READY_SMALL, SMALL = ("ease", "ppr", "strap", "hope"), 5_000  # and these up to so many products
KEPT = {"bind": "query-params", "persist_state": "session"}


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of an engine: a number between two ends, or one of some choices."""

    name: str
    title: str
    default: Setting
    low: float = 0
    high: float = 0
    step: float = 0
    choices: tuple[tuple[Setting, str], ...] = ()
    about: str = ""


_DIMENSIONS = Option("dimensions", "Dimension of the vectors", 128, 8, 512, 8)
_NETWORK = (
    Option("dimensions", "Dimension of the vectors", 64, 8, 256, 8),
    Option("epochs", "Most epochs", 60, 1, 300, 1, about="It stops earlier where validation no longer improves."),
)
OPTIONS: dict[str, tuple[Option, ...]] = {
    "blade": (
        Option("direction", "Weight of the direction", 0.2, 0.0, 2.0, 0.05, about="0 ignores which way an edge goes."),
        Option(
            "neighbourhood", "Neighbourhood", "full",
            choices=(("full", "All neighbours"), ("uniform", "Some, evenly drawn"), ("ppr", "By random walks"),
                     ("adaptive", "By degree: more for rare products")),
        ),
        Option("budget", "Neighbours per product", 10, 2, 100, 1, about="Not read where all are taken."),
        Option("hops", "Hops", 2, 0, 8, 2),
        Option(
            "popularity", "Popularity exponent", 0.0, 0.0, 1.0, 0.05,
            about="0 leaves popularity to the vectors, 1 takes it away.",
        ),
        Option(
            "features", "Features of the items", False,
            choices=((False, "Not used"), (True, "Added to the vectors")),
        ),
        *_NETWORK,
    ),
    "lightgcn": (*_NETWORK, Option("hops", "Hops", 2, 0, 8, 2)),
    "daemon": (_NETWORK[0], Option("layers", "Layers", 2, 1, 4, 1), Option("epochs", "Epochs", 30, 1, 300, 1)),
    "ease": (
        Option("regularisation", "Regularisation", 50.0, 1.0, 2_000.0, 1.0, about="Larger keeps weights nearer 0."),
    ),
    "cocitation": (
        Option(
            "exponent", "Popularity exponent", 0.5, 0.0, 1.0, 0.05,
            about="0 counts shared sources; 1 divides popularity away.",
        ),
        Option("shrinkage", "Shrinkage", 0.0, 0.0, 50.0, 0.5, about="Larger trusts rare products less."),
    ),
    "ppr": (
        Option("restart", "Restart probability", 0.15, 0.01, 0.99, 0.01, about="Larger stays nearer to the query."),
        Option("steps", "Steps of the walk", 4, 1, 30, 1),
    ),
    "strap": (_DIMENSIONS, Option("restart", "Restart probability", 0.5, 0.05, 0.95, 0.05)),
    "hope": (_DIMENSIONS, Option("decay", "Decay of long walks", 0.9, 0.1, 0.99, 0.01)),
}  # fmt: skip


def choose_recipe() -> Recipe:
    """The engine, its settings and the seed."""
    names = list(ENGINES)
    if st.session_state.get("graph_engine") not in (None, *names):
        st.session_state["graph_engine"] = DEFAULT
    name = st.selectbox(
        "Engine", names, index=names.index(DEFAULT), format_func=title_of, key="graph_engine", **KEPT
    )  # fmt: skip
    if name not in ENGINES:
        raise InputError("There is no such engine.", fix="Choose one of those shown.")
    st.caption(ENGINES[name].about)
    with st.expander("Settings", icon=":material/tune:", key="graph_settings"):
        options = _choose_options(name)
        seed = st.number_input("Seed", 0, SEEDS - 1, 0, key="graph_seed", **KEPT)
    return Recipe(name, options, int(seed))


def is_ready(recipe: Recipe, graph: Graph) -> bool:
    """Whether a model is made in a moment, so that nobody needs to ask for it."""
    return recipe.engine in READY or (recipe.engine in READY_SMALL and graph.nodes <= SMALL)


def title_of(name: str) -> str:
    """The plain title of an engine, or of one with another neighbourhood."""
    base, _, mode = str(name).partition("/")
    title = ENGINES[base].title if base in ENGINES else base
    return f"{title}: {mode}" if mode else title


def _choose_options(name: str) -> tuple[tuple[str, Setting], ...]:
    options: Sequence[Option] = OPTIONS.get(name, ())
    values = [(option, _choose(option, key=f"graph_{name}_{option.name}")) for option in options]
    return tuple((option.name, value) for option, value in values if value != option.default)


def _choose(option: Option, *, key: str) -> Setting:
    about = option.about or None
    if option.choices:
        labels = dict(option.choices)
        chosen = st.selectbox(
            option.title, list(labels), index=list(labels).index(option.default),
            format_func=lambda one: labels.get(one, str(one)), key=key, help=about, **KEPT,
        )  # fmt: skip
        if chosen not in labels:
            raise InputError(f"There is no such choice for {option.title.lower()}.", fix="Choose one of those shown.")
        return chosen
    kind = type(option.default)
    ends = (kind(option.low), kind(option.high), option.default, kind(option.step))
    return kind(st.slider(option.title, *ends, key=key, help=about, **KEPT))
