"""``python -m core graph …``.

What fits or evaluates engines is imported where it is called: torch takes seconds, and no other command needs it.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from core.cli.bar import run_with_bar
from core.cli.graph_inputs import add_graph, open_graph
from core.cli.output import add_json, write_json
from core.cli.stored import register_stored
from core.errors import InputError
from core.graph.cold_start import infer_cold_items, is_inferred
from core.graph.export import Method, export_recommendations
from core.graph.health import measure_health
from core.graph.imported import ENGINE, import_factors
from core.graph.kept import delete_graph, list_graphs
from core.graph.lookup import find_product
from core.graph.model_file import Model, Setting, read_model, write_model
from core.graph.recommend import recommend
from core.graph.retrieve import Direction
from core.graph.split import SplitKind
from core.rng import make_generator
from core.settings import Settings

COMPARED = "ensemble,blade,ease,cocitation,ppr,strap,hope,lightgcn,popularity"


def register(words: Any) -> None:
    """Add the commands of this word."""
    commands = words.add_parser("graph", help="what is bought next, and before").add_subparsers(
        dest="command", required=True, metavar="COMMAND"
    )
    health = commands.add_parser("health", help="counts of a graph, and what may be wrong with it")
    add_graph(health)
    add_json(health)
    health.set_defaults(run=_health)
    _register_evaluate(commands)
    _register_models(commands)
    _register_lists(commands)
    register_stored(
        commands, "graph", "graph", also=", with their models", tell=_tell_graphs,
        delete=lambda digest, settings: delete_graph(digest, settings=settings),
    )  # fmt: skip


def _register_evaluate(commands: Any) -> None:
    evaluate = commands.add_parser("evaluate", help="fit engines on some edges, and measure them on others")
    add_graph(evaluate)
    add = evaluate.add_argument
    add(
        "--engines", default=COMPARED, metavar="E,…", help="the first is compared with the others (default %(default)s)"
    )
    add("--split", choices=get_args(SplitKind), default="pair", help="edge leaks (default %(default)s)")
    add("--seed", type=int, default=0, metavar="S", help="of everything random (default %(default)s)")
    add_json(evaluate)
    evaluate.set_defaults(run=_evaluate)


def _register_models(commands: Any) -> None:
    train = commands.add_parser("train", help="fit one engine, and write the model")
    add_graph(train)
    add = train.add_argument
    add("--engine", default="ensemble", metavar="E", help="default %(default)s")
    add("--option", metavar="NAME=VALUE", action="append", default=[], help="of the engine; may be repeated")
    add("--seed", type=int, default=0, metavar="S", help="of everything random (default %(default)s)")
    add("--out", type=Path, metavar="MODEL", required=True, help="where to write the model")
    train.set_defaults(run=_train)
    imported = commands.add_parser("import", help="a model from two matrices that were trained elsewhere")
    imported.add_argument("source_vectors", type=Path, metavar="SOURCE.npy", help="vectors of queries, a row each")
    imported.add_argument("target_vectors", type=Path, metavar="TARGET.npy", help="vectors of answers, a row each")
    add_graph(imported)
    add = imported.add_argument
    add("--ids", type=Path, metavar="IDS", required=True, help="whose vectors each row holds: a column with a header")
    add("--out", type=Path, metavar="MODEL", required=True, help="where to write the model")
    imported.set_defaults(run=_import)


def _register_lists(commands: Any) -> None:
    one = commands.add_parser("recommend", help="what is bought next after a product, or before it")
    one.add_argument("model", type=Path, metavar="MODEL", help="a model file")
    add = one.add_argument
    add("--item", metavar="X", required=True, help="id or title of the product")
    add("--k", type=int, default=10, metavar="K", help="how many (default %(default)s)")
    add("--direction", choices=get_args(Direction), default="next", help="default %(default)s")
    add("--new", action="store_true", help="leave out known edges")
    add_json(one)
    one.set_defaults(run=_recommend)
    every = commands.add_parser("export", help="the lists of all products, as Parquet")
    every.add_argument("model", type=Path, metavar="MODEL", help="a model file")
    add = every.add_argument
    add("--k", type=int, default=20, metavar="K", help="how many per product (default %(default)s)")
    add("--new", action="store_true", help="leave out known edges")
    add("--method", choices=get_args(Method), default="auto", help="auto: FAISS above 200,000 products, if installed")
    add("--out", type=Path, metavar="OUT", required=True, help="Parquet: source, rank, target, score, known")
    every.set_defaults(run=_export)


def _health(arguments: argparse.Namespace) -> None:
    graph = open_graph(arguments, Settings.from_environment())
    write_json({"digest": graph.digest, "name": graph.name, **measure_health(graph).to_json()}, arguments.json)


def _evaluate(arguments: argparse.Namespace) -> None:
    from core.graph.train import Trial, evaluate

    settings = Settings.from_environment()
    names = tuple(name.strip() for name in arguments.engines.split(",") if name.strip())
    graph = open_graph(arguments, settings)
    trial = Trial(arguments.split, names, arguments.seed)
    evaluation = run_with_bar(evaluate(graph, trial, settings=settings))
    for failure in evaluation.failed:
        sys.stderr.write(f"note: {failure.name} was left out: {failure.reason} {failure.fix}\n")
    share = evaluation.split.reverse_in_train
    if share:
        sys.stderr.write(f"note: of {share:.0%} of the test edges the reverse was trained on: figures flatter\n")
    write_json({"digest": graph.digest, **evaluation.to_json()}, arguments.json)


def _train(arguments: argparse.Namespace) -> None:
    from core.graph.train import Recipe, train

    settings = Settings.from_environment()
    recipe = Recipe(arguments.engine, tuple(map(_read_option, arguments.option)), arguments.seed)
    graph = open_graph(arguments, settings)
    model = run_with_bar(train(graph, recipe, settings=settings))
    write_model(model, arguments.out)
    write_json(_describe(model), None)


def _read_option(text: str) -> tuple[str, Setting]:
    """A number, true, false or null as JSON has it; anything else is text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"--option must be NAME=VALUE; given: {text[:60]!r}.", fix="Write it as dimensions=32.")
    try:
        found = json.loads(value)
    except ValueError:
        return name, value
    return name, found if isinstance(found, int | float | bool | None) else value


def _import(arguments: argparse.Namespace) -> None:
    settings = Settings.from_environment()
    graph = open_graph(arguments, settings)
    paths = (arguments.source_vectors, arguments.target_vectors, arguments.ids)
    found = run_with_bar(import_factors(graph, *paths, settings=settings))
    model = Model(graph, found.factors, ENGINE, {}, 0, {})
    write_model(model, arguments.out)
    write_json(_describe(model) | {"products": graph.nodes, "matched": found.matched, "unknown": found.unknown}, None)


def _describe(model: Model) -> dict[str, Any]:
    return {
        "engine": model.engine,
        "settings": model.settings,
        "seed": model.seed,
        "digest": model.graph.digest,
        "validation": model.validation,
    }


def _recommend(arguments: argparse.Namespace) -> None:
    model = infer_cold_items(read_model(arguments.model))
    graph = model.graph
    node = find_product(graph, arguments.item)
    found = recommend(
        graph, model.scorer, node, k=arguments.k, direction=arguments.direction, with_known=not arguments.new
    )
    items = graph.items
    query = {
        "id": graph.ids[node],
        "title": items.title[node],
        "category": items.categories[items.category[node]],
        "in_degree": int(graph.in_degree[node]),
        "out_degree": int(graph.out_degree[node]),
        "inferred": is_inferred(model.scorer, node, found.direction),
    }
    rows = found.frame().drop(columns="node").to_dict("records")
    told = {"model": _describe(model), "query": query, "direction": found.direction, "note": found.note, "items": rows}
    write_json(told, arguments.json)


def _export(arguments: argparse.Namespace) -> None:
    model = infer_cold_items(read_model(arguments.model))
    job = export_recommendations(
        model.graph,
        model.scorer,
        k=arguments.k,
        target=arguments.out,
        with_known=not arguments.new,
        method=arguments.method,
        rng=make_generator(model.seed),
    )
    told = asdict(run_with_bar(job))
    write_json(told | {"recall": told["recall"] if math.isfinite(told["recall"]) else None}, None)


def _tell_graphs(settings: Settings) -> Iterator[tuple[str, str]]:
    for kept in list_graphs(settings):
        known = kept.nodes is not None and kept.edges is not None
        about = f"{kept.nodes:>10,} products {kept.edges:>12,} edges  {kept.name!r}" if known else "cannot be read"
        yield kept.digest, about
