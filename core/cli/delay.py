"""``python -m core delay …``.

What measures maturity is imported where it is called: scipy.stats takes a while, and no other command needs it.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from core.cli.bar import run_with_bar
from core.cli.inputs import check_files
from core.cli.output import add_json, write_json
from core.cli.stored import register_stored
from core.delay.arms import DEFAULT_ARMS, plan_arm
from core.delay.compare import Comparison, Schedule, compare_arms, compare_on_log
from core.delay.data import Options
from core.delay.export import export_weights, write_whole
from core.delay.kept import delete_log, list_logs
from core.delay.laws import DAY
from core.delay.load import load_log
from core.delay.recorded import RecordedLog, count_later, end_log
from core.delay.roles import LogRoles, guess_log_roles
from core.delay.simulate import PRESETS, World, log_frame, simulate_log
from core.delay.snapshot import observe, show_time
from core.errors import InputError
from core.ingest.load import inspect
from core.rng import make_generator
from core.settings import Settings

SEEDS = 5
WINDOW = 30.0
DAY_OPTIONS = {
    "lookback": "length of the training window",
    "deadline": "fsiw and ulc: how far back the counterfactual deadline lies",
    "observation": "es_dfm, defer and defuse: how long a row is waited for",
}


def register(words: Any) -> None:
    """Add the commands of this word."""
    commands = words.add_parser("delay", help="what late labels do to training").add_subparsers(
        dest="command", required=True, metavar="COMMAND"
    )
    simulate = commands.add_parser("simulate", help="a log from a world whose labels arrive late")
    add = simulate.add_argument
    add("--preset", choices=PRESETS, required=True, help="the world")
    add("--seed", type=int, default=0, metavar="S", help="the same seed makes the same bytes (default %(default)s)")
    add("--out", type=Path, metavar="OUT", required=True, help="Parquet")
    _add_size(simulate)
    simulate.set_defaults(run=_simulate)
    _register_compare(commands)
    weights = commands.add_parser("weights", help="rows with weights and soft labels, for training elsewhere")
    _add_log(weights)
    weights.add_argument("--arm", default="is_signal", metavar="A", help="default %(default)s")
    weights.add_argument("--out", type=Path, metavar="OUT", required=True, help="Parquet: row, id, label, weight")
    _add_options(weights)
    weights.set_defaults(run=_weights)
    maturity = commands.add_parser("maturity", help="how much of a log is in yet, by age and by cohort")
    _add_log(maturity)
    add_json(maturity)
    maturity.set_defaults(run=_maturity)
    register_stored(
        commands, "delay", "log", also=", with the rows prepared from them", tell=_tell_logs,
        delete=lambda digest, settings: delete_log(digest, settings=settings),
    )  # fmt: skip


def _register_compare(commands: Any) -> None:
    compare = commands.add_parser("compare", help="train arms at a date, and score them on the days that follow")
    source = compare.add_mutually_exclusive_group(required=True)
    source.add_argument("--preset", choices=PRESETS, help="a simulated world, scored against its truth")
    source.add_argument("--log", type=Path, metavar="FILE", help="a log, scored on its final labels")
    add = compare.add_argument
    add("--arms", default=",".join(DEFAULT_ARMS), metavar="A,…", help="such as drop_last(3) (default %(default)s)")
    add("--seeds", type=int, metavar="N", help=f"with --preset: worlds (default {SEEDS})")
    add("--cadence", type=int, default=1, metavar="D", help="days between two trainings (default %(default)s)")
    add("--rounds", type=int, default=1, metavar="N", help="trainings (default %(default)s)")
    _add_columns(compare)
    _add_size(compare)
    _add_options(compare)
    add_json(compare)
    compare.set_defaults(run=_compare)


def _add_log(command: argparse.ArgumentParser) -> None:
    command.add_argument("log", type=Path, metavar="LOG", help="CSV, csv.gz or Parquet")
    _add_columns(command)


def _add_columns(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--as-of", metavar="DATE", help="what is known at it, e.g. 2026-03-01 or 2026-03-01T12:00:00Z; UTC")
    add("--until", metavar="DATE", help="up to when the log was recorded (default: its latest time)")
    add("--window", type=float, default=WINDOW, metavar="D", help="attribution window, days (default %(default)g)")
    add("--time", metavar="C", help="column: time of the event (this and the following are guessed if not given)")
    add("--conversion", metavar="C", help="column: time of the conversion, blank where there is none")
    add("--signal", metavar="C", action="append", help="column: time of a signal; may be repeated")
    add("--feature", metavar="C", action="append", help="column of numbers known at the event; may be repeated")
    add("--word", metavar="C", action="append", help="column of words known at the event; may be repeated")
    add("--segment", metavar="C", help="column to split by")
    add("--id", metavar="C", help="column that tells events apart")


def _add_size(command: argparse.ArgumentParser) -> None:
    command.add_argument("--daily", type=int, metavar="N", help="impressions per simulated day (default: the preset's)")


def _add_options(command: argparse.ArgumentParser) -> None:
    usual = Options()
    for name, what in DAY_OPTIONS.items():
        usually = getattr(usual, name)
        command.add_argument(f"--{name}", type=float, default=usually, metavar="D", help=f"{what}, days ({usually:g})")
    command.add_argument("--ridge", type=float, default=usual.ridge, metavar="R", help=f"penalty ({usual.ridge:g})")
    command.add_argument("--cap", type=float, metavar="W", help="largest weight (default: none)")


def _simulate(arguments: argparse.Namespace) -> None:
    log = simulate_log(_world(arguments), rng=make_generator(arguments.seed))
    table = pa.Table.from_pandas(log_frame(log), preserve_index=False).replace_schema_metadata(None)
    write_whole(table, arguments.out)


def _compare(arguments: argparse.Namespace) -> None:
    arms = _split(arguments.arms)
    schedule = Schedule(cadence=arguments.cadence, rounds=arguments.rounds)
    if arguments.preset:
        write_json(_compare_worlds(arguments, arms, schedule).to_json(), arguments.json)
        return
    if arguments.seeds is not None or arguments.daily is not None:
        raise InputError("A log has no seeds and no size to choose.", fix="Leave out --seeds and --daily, or --log.")
    recorded, at = _open(arguments)
    job = compare_on_log(
        recorded.log, at=at, window=arguments.window * DAY, arms=arms, schedule=schedule, options=_options(arguments)
    )
    found = run_with_bar(job)
    write_json(_describe(recorded) | found.to_json(), arguments.json)


def _compare_worlds(arguments: argparse.Namespace, arms: list[str], schedule: Schedule) -> Comparison:
    if arguments.as_of or arguments.until:
        raise InputError("A simulated world has no dates to choose.", fix="Leave out --as-of and --until, or --preset.")
    seeds = range(SEEDS if arguments.seeds is None else arguments.seeds)
    job = compare_arms(_world(arguments), arms=arms, seeds=seeds, schedule=schedule, options=_options(arguments))
    return run_with_bar(job)


def _weights(arguments: argparse.Namespace) -> None:
    recorded, at = _open(arguments)
    plan = plan_arm(arguments.arm, options=_options(arguments))
    found = export_weights(recorded, plan, at=at, window=arguments.window * DAY, path=arguments.out)
    sys.stderr.write(f"{found.entries:,} entries of {found.rows:,} rows, {found.kind} weights\n")


def _maturity(arguments: argparse.Namespace) -> None:
    from core.delay.maturity import measure_cohorts, measure_maturity

    recorded, at = _open(arguments)
    snapshot = observe(recorded.log, at, window=arguments.window * DAY)
    found = measure_maturity(snapshot).to_json()
    cohorts = measure_cohorts(snapshot, unit="day").frame()
    cohorts["start"] = cohorts["start"].dt.strftime("%Y-%m-%d")
    lines = cohorts.astype(object).to_dict(orient="records")
    write_json(_describe(recorded) | found | {"cohorts": lines}, arguments.json)


def _tell_logs(settings: Settings) -> Iterator[tuple[str, str]]:
    for kept in list_logs(settings):
        yield kept.digest, "cannot be read" if kept.rows is None else f"{kept.rows:>12,} rows  {kept.name!r}"


def _open(arguments: argparse.Namespace) -> tuple[RecordedLog, float]:
    """The log, and the as-of date; remarks go to standard error."""
    if arguments.as_of is None:
        raise InputError("The as-of date is missing.", fix="Say --as-of, such as 2026-03-01.")
    at = read_date(arguments.as_of)
    until = read_date(arguments.until) if arguments.until else None
    check_files([arguments.log])
    settings = Settings.from_environment()
    roles = _roles(arguments, settings)
    recorded = run_with_bar(load_log([arguments.log], roles, name=arguments.log.name, settings=settings))
    if until is None:
        sys.stderr.write(f"note: the log is taken to end with its latest time, {show_time(recorded.log.until)}\n")
    else:
        recorded = end_log(recorded, until)
    for remark in recorded.cleaning.remarks():
        sys.stderr.write(f"note: {ascii(remark)[1:-1]}\n")
    later = count_later(recorded.log, at)
    sys.stderr.write(
        f"note: {later.rows:,} rows come at or after the as-of date; {later.conversions:,} conversions and "
        f"{later.signals:,} signals of earlier rows come after it and are hidden\n"
    )
    return recorded, at


def _roles(arguments: argparse.Namespace, settings: Settings) -> LogRoles:
    """The roles given, the rest guessed from the file; a column that is given plays no guessed role."""
    guess = guess_log_roles(inspect(arguments.log, settings=settings))
    lists = {"signals": arguments.signal, "numbers": arguments.feature, "words": arguments.word}
    singles = {name: getattr(arguments, name) for name in ("time", "conversion", "segment", "id")}
    given = {*filter(None, singles.values()), *(column for columns in lists.values() for column in columns or ())}
    changes: dict[str, Any] = {}
    for name, column in singles.items():
        guessed = getattr(guess, name)
        changes[name] = column or (None if guessed in given else guessed)
    for name, columns in lists.items():
        guessed = tuple(column for column in getattr(guess, name) if column not in given)
        changes[name] = guessed if columns is None else tuple(columns)
    return replace(guess, **changes).settle()


def read_date(text: str) -> float:
    """A typed date or moment as UTC seconds; without a zone it is UTC.

    Raises
    ------
    InputError
        It is neither.

    Examples
    --------
    >>> read_date("1970-01-02"), read_date("1970-01-01T01:00:00+01:00")
    (86400.0, 0.0)
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text[:40]!r} is no date.", fix="Write it as 2026-03-01 or 2026-03-01T12:00:00Z.") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _world(arguments: argparse.Namespace) -> World:
    world = PRESETS[arguments.preset].world
    return world if arguments.daily is None else replace(world, daily=arguments.daily)


def _options(arguments: argparse.Namespace) -> Options:
    given = {name: getattr(arguments, name) for name in (*DAY_OPTIONS, "ridge", "cap")}
    return Options(**given)


def _split(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _describe(recorded: RecordedLog) -> dict[str, Any]:
    return {"digest": recorded.digest, "cleaning": list(recorded.cleaning.remarks())}
