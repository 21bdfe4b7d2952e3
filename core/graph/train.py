"""Fit an engine, or evaluate several, in a process of its own; what was done before is read from the data folder."""

import json
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from core.checks import check_count
from core.errors import InputError
from core.graph.data import Edges, Graph
from core.graph.engines import ENGINES, Engine
from core.graph.evaluate import evaluate_engines
from core.graph.evaluation import Evaluation
from core.graph.evaluation_file import read_evaluation
from core.graph.metrics import METRICS, measure_ranks
from core.graph.model_file import Model, Setting, read_model
from core.graph.process import run_child
from core.graph.ranking import most_queries, rank_in_blocks
from core.graph.resample import estimate_columns, make_clusters
from core.graph.scorers import Scorer
from core.graph.split import Split, SplitKind, hold_out, split_graph
from core.ingest.store import digest_bytes, make_folder
from core.jobs import Job, Progress, Result, between
from core.rng import make_generator
from core.settings import Settings

VERSION = 2  # rises when the same recipe comes to give another result
HELD_OUT = 0.05
SEEDS = 2**31
VALIDATED = ("HR@10", "MRR@20")
_FOLD, _INTERVALS, _QUERIES, _SPLIT = 16, 17, 18, 19  # streams of the seed; an engine's own is named by its name


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is made.

    Attributes
    ----------
    engine
        Name in ``ENGINES``.
    options
        (name, value) of the engine's options that are not left at their defaults.
    seed
        Of everything random: from 0 to 2³¹ - 1.
    """

    engine: str
    options: tuple[tuple[str, Setting], ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """Which engines to evaluate, on which split.

    Attributes
    ----------
    kind
        How the edges are parted.
    engines
        Names in ``ENGINES``; ``name/mode`` is that engine with another neighbourhood, as ``blade/adaptive``.
    seed
        Of the split and of everything else that is random.
    """

    kind: SplitKind
    engines: tuple[str, ...]
    seed: int = 0


def train_model(graph: Graph, recipe: Recipe) -> Job[Model]:
    """Fit an engine in this process, and measure it on validation edges.

    Parameters
    ----------
    graph
        Of which 5 % of the pairs are held out for validation, so that both directions of a pair are held out together.
    recipe
        Engine, options and seed.

    Returns
    -------
    Model
        Its graph is the whole one, validation edges included, for these are known too. ``validation`` holds ``HR@10``
        and ``MRR@20``, each with ``_lo`` and ``_hi`` of its 95 % interval, and ``n`` (edges); nothing where the graph
        is too small for any to be held out.

    Raises
    ------
    InputError
        There is no such engine or option, or a value is out of range.

    Notes
    -----
    An engine may choose by the validation edges (when to stop, how to weigh), so its figures on them are hopeful:
    ``evaluate_trial`` measures on test edges.
    """
    engine = _check_recipe(recipe)
    fold = hold_out(graph, validation=HELD_OUT, rng=make_generator(recipe.seed, _FOLD))
    rng = make_generator(recipe.seed, zlib.crc32(engine.name.encode()))
    scorer = yield from between(0.0, 0.9, engine.fit(fold, **dict(recipe.options), rng=rng))
    validation = yield from between(0.9, 0.95, _validate(scorer, fold.validation, graph, seed=recipe.seed))
    return Model(graph, scorer, engine.name, dict(recipe.options), recipe.seed, validation)


def evaluate_trial(graph: Graph, trial: Trial) -> Job[Evaluation]:
    """Split a graph and evaluate engines in this process.

    Raises
    ------
    InputError
        As ``split_graph`` and ``evaluate_engines``.
    """
    engines = [_vary(name) if "/" in name else name for name in trial.engines]
    return (yield from evaluate_engines(_part(graph, trial), engines, seed=trial.seed))


def train(graph: Graph, recipe: Recipe, *, settings: Settings) -> Job[Model]:
    """The model of a stored graph and a recipe: read from the data folder, or fitted in a limited process of its own.

    Closing the job ends the process, which then leaves nothing behind. One runs at a time.

    Raises
    ------
    InputError
        As :func:`train_model`; the process overran its memory or time.
    """
    path = model_path(graph, recipe, settings=settings)
    request = {"task": "train", "recipe": asdict(recipe)}
    return (yield from _read_or_run(path, read_model, request, graph, settings))


def evaluate(graph: Graph, trial: Trial, *, settings: Settings) -> Job[Evaluation]:
    """The evaluation of a stored graph: read from the data folder, or made in a limited process of its own.

    Raises
    ------
    InputError
        As :func:`evaluate_trial`; the process overran its memory or time.
    """

    def read(path: Path) -> Evaluation:
        return read_evaluation(path, _part(graph, trial))

    path = evaluation_path(graph, trial, settings=settings)
    return (yield from _read_or_run(path, read, {"task": "evaluate", "trial": asdict(trial)}, graph, settings))


def model_path(graph: Graph, recipe: Recipe, *, settings: Settings) -> Path:
    """Where the model of a graph and a recipe is kept once it is trained: its name is the digest of both."""
    return settings.home / "graph" / "models" / _name(graph, asdict(recipe))


def evaluation_path(graph: Graph, trial: Trial, *, settings: Settings) -> Path:
    """Where the evaluation of a graph is kept once it is done: its name is the digest of graph and trial."""
    return settings.home / "graph" / "evaluations" / _name(graph, asdict(trial))


def _name(graph: Graph, made: dict[str, Any]) -> str:
    text = json.dumps({"version": VERSION, "graph": graph.digest, **made}, sort_keys=True)
    return digest_bytes(text.encode())


def _read_or_run(
    path: Path, read: Callable[[Path], Result], request: dict[str, Any], graph: Graph, settings: Settings
) -> Job[Result]:
    if path.exists():
        try:
            return read(path)
        except InputError:  # of an older RecScope, or damaged: made again
            path.unlink(missing_ok=True)
    make_folder(path.parent)
    request = {**request, "digest": graph.digest, "path": str(path)}
    yield from between(0.0, 0.98, run_child(request, settings, is_done=path.exists))
    yield Progress(0.98, "reading what was found")
    return read(path)


def _check_recipe(recipe: Recipe) -> Engine:
    check_count(recipe.seed, 0, SEEDS - 1, name="seed")
    engine = ENGINES.get(recipe.engine)
    if engine is None:
        raise InputError(
            f"There is no engine called {str(recipe.engine)[:40]!r}.", fix=f"Choose among: {', '.join(ENGINES)}."
        )
    kinds = _find_options(engine)
    for name, value in recipe.options:
        if name not in kinds:
            raise InputError(
                f"{engine.title} has no option {str(name)[:40]!r}.",
                fix=f"Choose among: {', '.join(sorted(kinds)) or 'none'}.",
            )
        if not _takes(kinds[name], value):
            raise InputError(f"{name} cannot be {str(value)[:40]!r}.", fix=f"Give it as {_name_kind(kinds[name])}.")
    return engine


def _find_options(engine: Engine) -> dict[str, Any]:
    """The options of an engine and their types; of one that is loaded late, those of the function that it loads."""
    fit = engine.fit
    if any(one.kind is Parameter.VAR_KEYWORD for one in signature(fit).parameters.values()):
        fit = getattr(import_module(f"core.graph.{engine.name}"), f"fit_{engine.name}")
    keyword_only = [one.name for one in signature(fit).parameters.values() if one.kind is Parameter.KEYWORD_ONLY]
    return {name: kind for name, kind in get_type_hints(fit).items() if name in keyword_only and name != "rng"}


def _takes(kind: Any, value: Setting) -> bool:
    """Whether a value is of the kind that an option declares; a whole number is a number too."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return any(_takes(one, value) for one in get_args(kind))
    return type(value) is kind or (kind is float and type(value) is int)


def _name_kind(kind: Any) -> str:
    if get_origin(kind) in (Literal, Union, UnionType):
        return " or ".join(one if isinstance(one, str) else _name_kind(one) for one in get_args(kind))
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}.get(kind, "null")


def _validate(scorer: Scorer, edges: Edges, graph: Graph, *, seed: int) -> Job[dict[str, float]]:
    """HR@10 and MRR@20 of held-out edges; of a large graph, of as many queries as ``most_queries`` tells."""
    sources, most = np.unique(edges.source), most_queries(graph.nodes)
    if len(sources) > most:
        asked = make_generator(seed, _QUERIES).choice(sources, most, replace=False)
        edges = edges.take(np.isin(edges.source, asked))
    if not len(edges):
        return {}
    ranks = yield from rank_in_blocks(scorer, edges, known=graph.adjacency())
    clusters = make_clusters(edges.source, rng=make_generator(seed, _INTERVALS))
    found = estimate_columns(measure_ranks(ranks, edges), clusters)
    figures = {"n": float(len(edges))}
    for name in VALIDATED:
        entry = found.entry(METRICS.index(name))
        figures |= {name: entry["value"], f"{name}_lo": entry["lo"], f"{name}_hi": entry["hi"]}
    return figures


def _vary(name: str) -> Engine:
    base, _, mode = name.partition("/")
    engine = _check_recipe(Recipe(base, (("neighbourhood", mode),)))
    return replace(engine, name=name, title=f"{engine.title}: {mode}", fit=partial(engine.fit, neighbourhood=mode))


def _part(graph: Graph, trial: Trial) -> Split:
    check_count(trial.seed, 0, SEEDS - 1, name="seed")
    return split_graph(graph, kind=trial.kind, rng=make_generator(trial.seed, _SPLIT))
