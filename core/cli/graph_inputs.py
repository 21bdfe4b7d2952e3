"""What commands on a graph have in common: files, columns and direction → a stored graph."""

import argparse
from pathlib import Path

from core.cli.bar import run_with_bar
from core.cli.inputs import check_files
from core.errors import InputError
from core.graph.data import Graph, swap_direction
from core.graph.graphml import GRAPHML, load_graphml
from core.graph.load import ItemFiles, load_graph
from core.graph.roles import EdgeRoles, ItemRoles, guess_edge_roles, guess_item_roles
from core.ingest.load import inspect
from core.settings import Settings


def add_graph(command: argparse.ArgumentParser) -> None:
    """Add the files of edges and items, their columns, and the direction."""
    add = command.add_argument
    add("files", nargs="+", type=Path, metavar="EDGES", help="CSV, csv.gz or Parquet, several are one; or a GraphML")
    add("--items", type=Path, action="append", metavar="FILE", default=[], help="what is known of the products")
    add("--source", metavar="C", help="column of what is bought first")
    add("--target", metavar="C", help="column of what is bought next")
    add("--weight", metavar="C", help="column of the edges' weights")
    add("--time", metavar="C", help="column of the edges' times")
    add("--item-id", metavar="C", help="column of the items' ids, as in the edges")
    add("--title", metavar="C", help="column of the titles")
    add("--category", metavar="C", help="column of the categories")
    add("--feature", metavar="C", action="append", help="column of a feature, number or word; may be repeated")
    add("--swap", action="store_true", help="read every edge the other way round")


def open_graph(arguments: argparse.Namespace, settings: Settings) -> Graph:
    """Parse and store the files, with a progress bar; what is stored already is not parsed again.

    Raises
    ------
    InputError
        A file, a column or a row is not what it must be.
    """
    check_files([*arguments.files, *arguments.items])
    first = arguments.files[0]
    if first.name.lower().endswith(GRAPHML):
        _check_alone(arguments)
        graph = run_with_bar(load_graphml(first, name=first.name, settings=settings))
    else:
        items = (arguments.items, _item_roles(arguments, settings)) if arguments.items else None
        graph = _load(arguments, items, settings)
    return swap_direction(graph) if arguments.swap else graph


def _check_alone(arguments: argparse.Namespace) -> None:
    roles = ("source", "target", "weight", "time", "item_id", "title", "category", "feature")
    if len(arguments.files) > 1 or arguments.items or any(getattr(arguments, role) for role in roles):
        raise InputError(
            "A GraphML file stands alone: it holds the items too, and names its own columns.",
            fix="Leave out --items and the names of columns, or convert the file to CSV.",
        )


def _load(arguments: argparse.Namespace, items: ItemFiles | None, settings: Settings) -> Graph:
    files = arguments.files
    return run_with_bar(
        load_graph(files, _edge_roles(arguments, settings), items=items, name=files[0].name, settings=settings)
    )


def _edge_roles(arguments: argparse.Namespace, settings: Settings) -> EdgeRoles:
    """The roles given, the rest guessed from the other columns."""
    given = {role: getattr(arguments, role) for role in ("source", "target", "weight", "time")}
    columns = inspect(arguments.files[0], settings=settings).columns
    guess = guess_edge_roles([column for column in columns if column not in given.values()])
    source, target = given["source"] or guess.source, given["target"] or guess.target
    if source is None or target is None:
        missing = "target" if target is None else "source"
        raise InputError(f"No column looks like the {missing} of the edges.", fix=f"Name it with --{missing}.")
    return EdgeRoles(source, target, given["weight"] or guess.weight, given["time"] or guess.time)


def _item_roles(arguments: argparse.Namespace, settings: Settings) -> ItemRoles:
    """Likewise; features given take the place of those guessed."""
    table = inspect(arguments.items[0], settings=settings)
    guess = guess_item_roles(table)
    item = arguments.item_id or guess.id
    if item is None:
        raise InputError("No column looks like the id of the items.", fix="Name it with --item-id.")
    title, category = arguments.title or guess.title, arguments.category or guess.category
    used = {item, arguments.title, arguments.category}
    title = title if title != category or arguments.title else None
    category = category if category != title or arguments.category else None
    if arguments.feature is None:
        numbers = tuple(name for name in guess.numbers if name not in used)
        words = tuple(name for name in guess.words if name not in used)
    else:
        numbers = tuple(name for name in arguments.feature if name in guess.numbers)
        words = tuple(name for name in arguments.feature if name not in guess.numbers)
    return ItemRoles(item, title, category, numbers, words)
