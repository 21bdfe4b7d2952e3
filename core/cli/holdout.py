"""``python -m core holdout …``."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.cli.bar import run_with_bar
from core.cli.inputs import METHODS, add_input, load_input, name_method, read_binning, read_filter
from core.cli.stored import register_stored
from core.engine.duck import DuckEngine
from core.holdout.exploration import Exploration, explore
from core.holdout.load import holdout_store
from core.holdout.positivity import BINS, LEVELS
from core.holdout.reliability import SEED, measure_reliability
from core.holdout.report import ReportParts, build_report
from core.holdout.slices import HALF_WIDTH, SCORE, slice_at_score
from core.holdout.time_course import positivity_over_time
from core.rng import make_generator
from core.settings import Settings


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
    register_stored(
        commands, "holdout", "holdout", tell=_tell_holdouts,
        delete=lambda digest, settings: holdout_store(settings).delete(digest),
    )  # fmt: skip


def _add_input(command: argparse.ArgumentParser) -> None:
    add_input(command, levels=LEVELS)
    add = command.add_argument
    add("--bins", type=int, default=BINS.count, metavar="L", help="score bins (default %(default)s)")
    add("--bin-method", choices=METHODS, default=name_method(BINS.method), help="how bins are cut")
    add("--score-edges", metavar="E", help="typed score edges, e.g. 0,0.1,0.5,1")


def _explore(arguments: argparse.Namespace) -> tuple[Exploration, DuckEngine]:
    settings = Settings.from_environment()
    holdout = load_input(arguments, settings)
    engine = DuckEngine(settings)
    levels = read_binning(arguments.level_edges, arguments.level_method, arguments.levels, name="level edges")
    bins = read_binning(arguments.score_edges, arguments.bin_method, arguments.bins, name="score edges")
    where = read_filter(holdout, arguments.where)
    return run_with_bar(explore(holdout, engine, levels=levels, bins=bins, where=where)), engine


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


def _tell_holdouts(settings: Settings) -> Iterator[tuple[str, str]]:
    store = holdout_store(settings)
    for digest in store.digests():
        metadata = store.read_metadata(digest)
        yield digest, f"{metadata['parsed']['rows']:>12,} rows  {metadata['name']!r}" if metadata else "cannot be read"
