"""``python -m core holdout …``."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from core.cli.bar import run_with_bar
from core.engine.duck import DuckEngine
from core.engine.protocol import Among
from core.errors import InputError
from core.holdout.data import ColumnRoles, Guess, Holdout, UncertaintyKind, guess_roles
from core.holdout.exploration import Exploration, explore
from core.holdout.load import holdout_store, load_holdout
from core.holdout.positivity import BINS, LEVELS, Binning, Method
from core.holdout.reliability import SEED, measure_reliability
from core.holdout.report import ReportParts, build_report
from core.holdout.segments import filter_rows
from core.holdout.slices import HALF_WIDTH, SCORE, slice_at_score
from core.holdout.time_course import positivity_over_time
from core.ingest.load import inspect
from core.ingest.store import read_stamp
from core.rng import make_generator
from core.settings import Settings

METHODS: dict[str, Method] = {"equal-weight": "equal_weight", "equal-width": "equal_width"}

Column = TypeVar("Column", str, tuple[str, ...])


def register(words: Any) -> None:
    """Add the commands of this word."""
    commands = words.add_parser("holdout", help="positivity over score and uncertainty").add_subparsers(
        dest="command", required=True, metavar="COMMAND"
    )
    positivity = commands.add_parser("positivity", help="levels, cells and the test as JSON")
    _add_input(positivity)
    positivity.add_argument("--json", type=Path, metavar="OUT", help="write it here instead of to standard output")
    positivity.set_defaults(run=_positivity)
    report = commands.add_parser("report", help="a self-contained HTML report of aggregates")
    _add_input(report)
    add = report.add_argument
    add("--score-slice", type=float, default=SCORE, metavar="S", help="score of the slice (default %(default)s)")
    add("--half-width", type=float, default=HALF_WIDTH, metavar="H", help="its half-width (default %(default)s)")
    add("--html", type=Path, metavar="OUT", required=True, help="where to write the report")
    report.set_defaults(run=_report)
    commands.add_parser("list", help="stored holdouts").set_defaults(run=_list)
    delete = commands.add_parser("delete", help="delete stored holdouts")
    which = delete.add_mutually_exclusive_group(required=True)
    which.add_argument("digest", nargs="?", help="data digest, as list prints it")
    which.add_argument("--all", action="store_true", help="every stored holdout")
    delete.set_defaults(run=_delete)


def _add_input(command: argparse.ArgumentParser) -> None:
    kinds = get_args(UncertaintyKind)
    add = command.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="CSV, csv.gz or Parquet; several are read as one")
    add("--score", metavar="C", help="score column")
    add("--uncertainty", metavar="C", action="append", help="uncertainty column; twice (low, high) for an interval")
    add("--uncertainty-kind", choices=kinds, metavar="K", help=", ".join(kinds))
    add("--label", metavar="C", help="label column")
    add("--weight", metavar="C", help="weight column")
    add("--time", metavar="C", help="time column")
    add("--segment", metavar="C", action="append", default=[], help="segment column; may be repeated")
    add("--where", metavar="C=V", action="append", default=[], help="keep rows with value V of C; may be repeated")
    add("--levels", type=int, default=LEVELS.count, metavar="K", help="uncertainty levels (default %(default)s)")
    add("--level-method", choices=METHODS, default=_flag(LEVELS.method), help="how levels are cut")
    add("--level-edges", metavar="E", help="typed level edges, e.g. 1,3,10,100")
    add("--bins", type=int, default=BINS.count, metavar="L", help="score bins (default %(default)s)")
    add("--bin-method", choices=METHODS, default=_flag(BINS.method), help="how bins are cut")
    add("--score-edges", metavar="E", help="typed score edges, e.g. 0,0.1,0.5,1")


def _flag(method: Method) -> str:
    return next(flag for flag, named in METHODS.items() if named == method)


def _explore(arguments: argparse.Namespace) -> tuple[Exploration, DuckEngine]:
    settings = Settings.from_environment()
    for file in arguments.files:
        read_stamp(file)  # a name typed wrong is told before any work
    roles = _roles(arguments, settings)
    holdout = run_with_bar(load_holdout(arguments.files, roles, name=arguments.files[0].name, settings=settings))
    engine = DuckEngine(settings)
    levels = _binning(arguments.level_edges, arguments.level_method, arguments.levels, name="level edges")
    bins = _binning(arguments.score_edges, arguments.bin_method, arguments.bins, name="score edges")
    where = _filter(holdout, arguments.where)
    return run_with_bar(explore(holdout, engine, levels=levels, bins=bins, where=where)), engine


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


def _binning(edges: str | None, method: str, count: int, *, name: str) -> Binning:
    return Binning(METHODS[method], count) if edges is None else Binning.typed(edges, name=name)


def _filter(holdout: Holdout, texts: Sequence[str]) -> list[Among]:
    """One condition per column: several values of a column are alternatives."""
    values: dict[str, list[str]] = {}
    for column, value in map(_column_and_value, texts):
        values.setdefault(column, []).append(value)
    return [filter_rows(holdout, column, wanted) for column, wanted in values.items()]


def _column_and_value(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"--where must be COLUMN=VALUE; given: {text[:60]!r}.", fix="Write it as device=web.")
    return column, value


def _positivity(arguments: argparse.Namespace) -> None:
    exploration, _ = _explore(arguments)
    text = json.dumps(exploration.to_json(), indent=2, allow_nan=False) + "\n"
    if arguments.json:
        arguments.json.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


def _report(arguments: argparse.Namespace) -> None:
    exploration, engine = _explore(arguments)
    holdout, surface = exploration.holdout, exploration.surface()
    rng, where = make_generator(SEED), exploration.where
    parts = ReportParts(
        exploration,
        minimum_rows=surface.minimum_rows,
        score_slice=slice_at_score(exploration.cube, score=arguments.score_slice, half_width=arguments.half_width),
        reliability=run_with_bar(measure_reliability(surface, holdout, engine, where=where, rng=rng)),
        course=run_with_bar(positivity_over_time(holdout, engine, where=where)) if holdout.roles.time else None,
    )
    arguments.html.write_text(build_report(parts), encoding="utf-8")


def _list(_: argparse.Namespace) -> None:
    store = holdout_store(Settings.from_environment())
    for digest in store.digests():
        metadata = store.read_metadata(digest)
        about = f"{metadata['parsed']['rows']:>12,} rows  {metadata['name']!r}" if metadata else "cannot be read"
        sys.stdout.write(f"{digest}  {about}\n")


def _delete(arguments: argparse.Namespace) -> None:
    store = holdout_store(Settings.from_environment())
    digests = store.digests() if arguments.all else [arguments.digest]
    for digest in digests:
        if not store.delete(digest):
            raise InputError(f"There is no stored holdout {digest[:12]}….", fix="See `holdout list`.")
        sys.stdout.write(f"deleted {digest}\n")
