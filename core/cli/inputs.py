"""What commands on a holdout have in common: files, columns and filters → a stored holdout."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar, get_args

from core.cli.bar import run_with_bar
from core.engine.protocol import Among
from core.errors import InputError
from core.holdout.data import ColumnRoles, Guess, Holdout, UncertaintyKind, guess_roles
from core.holdout.load import load_holdout
from core.holdout.positivity import Binning, Method
from core.holdout.segments import filter_rows
from core.ingest.load import inspect
from core.ingest.store import read_stamp
from core.settings import Settings

METHODS: dict[str, Method] = {"equal-weight": "equal_weight", "equal-width": "equal_width"}

Column = TypeVar("Column", str, tuple[str, ...])


def add_input(command: argparse.ArgumentParser, *, levels: Binning) -> None:
    """Add the options for files, columns, filter and uncertainty levels."""
    kinds = get_args(UncertaintyKind)
    add = command.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="CSV, csv.gz or Parquet; several are read as one")
    add("--score", metavar="C", help="score column")
    add("--uncertainty", metavar="C", action="append", help="uncertainty column; twice (low, high) for an interval")
    add("--uncertainty-kind", choices=kinds, metavar="K", help=", ".join(kinds))
    add("--label", metavar="C", help="label column")
    add("--weight", metavar="C", help="weight column")
    add("--time", metavar="C", help="time column")
    add("--group", metavar="C", help="column whose rows stay together in a split, e.g. the user")
    add("--segment", metavar="C", action="append", default=[], help="segment column; may be repeated")
    add("--where", metavar="C=V", action="append", default=[], help="keep rows with value V of C; may be repeated")
    add("--levels", type=int, default=levels.count, metavar="K", help="uncertainty levels (default %(default)s)")
    add("--level-method", choices=METHODS, default=name_method(levels.method), help="how levels are cut")
    add("--level-edges", metavar="E", help="typed level edges, e.g. 1,3,10,100")


def name_method(method: Method) -> str:
    """The word for a method of cutting on the command line."""
    return next(flag for flag, named in METHODS.items() if named == method)


def load_input(arguments: argparse.Namespace, settings: Settings) -> Holdout:
    """Parse and store the files, with a progress bar.

    Raises
    ------
    InputError
        A file, a column or a row is not what it must be.
    """
    check_files(arguments.files)
    return load_files(arguments.files, _roles(arguments, settings), settings)


def check_files(files: Sequence[Path]) -> None:
    """Raise at once where a name was typed wrong.

    Raises
    ------
    InputError
        A file is not there.
    """
    for file in files:
        read_stamp(file)


def load_files(files: Sequence[Path], roles: ColumnRoles, settings: Settings) -> Holdout:
    """Parse and store files whose columns are known, with a progress bar."""
    return run_with_bar(load_holdout(files, roles, name=files[0].name, settings=settings))


def read_binning(edges: str | None, method: str, count: int, *, name: str) -> Binning:
    """Typed edges where there are any, else a method and a count."""
    return Binning(METHODS[method], count) if edges is None else Binning.typed(edges, name=name)


def read_filter(holdout: Holdout, texts: Sequence[str]) -> list[Among]:
    """One condition per column: several values of a column are alternatives."""
    values: dict[str, list[str]] = {}
    for column, value in map(_column_and_value, texts):
        values.setdefault(column, []).append(value)
    return [filter_rows(holdout, column, wanted) for column, wanted in values.items()]


def _roles(arguments: argparse.Namespace, settings: Settings) -> ColumnRoles:
    """The roles given, the rest guessed from the header."""
    guess = guess_roles(inspect(arguments.files[0], settings=settings).columns)
    uncertainty = tuple(arguments.uncertainty or guess.uncertainty)
    named = guess_roles(uncertainty) if arguments.uncertainty else guess
    segments = dict.fromkeys([*arguments.segment, *(_column_and_value(text)[0] for text in arguments.where)])
    return ColumnRoles(
        score=_found("score", arguments.score or guess.score),
        uncertainty=_found("uncertainty", uncertainty),
        uncertainty_kind=arguments.uncertainty_kind or _kind(named, uncertainty),
        label=_found("label", arguments.label or guess.label),
        weight=arguments.weight,
        time=arguments.time,
        group=arguments.group,
        segments=tuple(segments),
    )


def _found(role: str, column: Column | None) -> Column:
    if not column:
        raise InputError(f"No column looks like the {role}.", fix=f"Name it with --{role}.")
    return column


def _kind(named: Guess, columns: tuple[str, ...]) -> UncertaintyKind:
    """The kind that the names tell; two columns of any name are the ends of an interval."""
    if len(columns) == 2:
        return "interval"
    if not named.uncertainty:  # a wrong guess would turn the order of the levels round
        raise InputError(
            f"The name {columns[0]!r} does not tell which kind of uncertainty it holds.",
            fix=f"Say --uncertainty-kind, one of {', '.join(get_args(UncertaintyKind))}.",
        )
    return named.uncertainty_kind


def _column_and_value(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"--where must be COLUMN=VALUE; given: {text[:60]!r}.", fix="Write it as device=web.")
    return column, value
