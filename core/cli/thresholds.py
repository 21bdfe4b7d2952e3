"""``python -m core thresholds …``."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from core.cli.bar import run_with_bar
from core.cli.inputs import add_input, check_files, load_files, load_input, read_binning, read_filter
from core.cli.output import write_json
from core.engine.duck import DuckEngine
from core.errors import InputError
from core.holdout.data import ColumnRoles, Holdout
from core.holdout.positivity import Binning
from core.holdout.segments import filter_rows
from core.ingest.load import inspect
from core.intervals import wilson
from core.rng import make_generator
from core.settings import Settings
from core.thresholds.apply import check_columns, count_stored, total
from core.thresholds.evidence import Evidence, find_cautions, tune_all
from core.thresholds.export_python import to_python
from core.thresholds.export_sql import Dialect, to_sql
from core.thresholds.halves import BINS, LEVELS, Split, count_cuts, count_halves
from core.thresholds.objective import Objective
from core.thresholds.policy import LevelCounts, Policy, SplitMethod
from core.thresholds.policy_file import TEXT_CAP, read_policy, write_policy
from core.thresholds.prove import prove
from core.thresholds.read_rows import decide_on_files
from core.thresholds.sampling import Sampling
from core.thresholds.tuning import Method

DELTA = 0.1
METHODS: dict[str, Method] = {method.replace("_", "-"): method for method in get_args(Method)}


def register(words: Any) -> None:
    """Add the commands of this word."""
    commands = words.add_parser("thresholds", help="one threshold per uncertainty level").add_subparsers(
        dest="command", required=True, metavar="COMMAND"
    )
    tune = commands.add_parser("tune", help="find thresholds, and prove them on rows they were not tuned on")
    add_input(tune, levels=LEVELS)
    _add_tuning(tune)
    tune.set_defaults(run=_tune)
    apply = commands.add_parser("apply", help="decide on the rows of a file, in file order")
    apply.add_argument("policy", type=Path, metavar="POLICY", help="policy file")
    apply.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CSV, csv.gz or Parquet")
    apply.add_argument("--out", type=Path, metavar="OUT", required=True, help="Parquet with a column decision")
    apply.set_defaults(run=_apply)
    evaluate = commands.add_parser("evaluate", help="precision and recall of a policy on labelled rows")
    evaluate.add_argument("policy", type=Path, metavar="POLICY", help="policy file")
    evaluate.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CSV, csv.gz or Parquet")
    evaluate.add_argument("--label", metavar="C", required=True, help="label column")
    evaluate.add_argument("--json", type=Path, metavar="OUT", help="write it here instead of to standard output")
    evaluate.set_defaults(run=_evaluate)
    export = commands.add_parser("export", help="a policy as JSON, SQL or Python")
    export.add_argument("policy", type=Path, metavar="POLICY", help="policy file")
    export.add_argument("--to", choices=("json", "sql", "python"), required=True, help="what to write")
    export.add_argument("--dialect", choices=get_args(Dialect), default="duckdb", help="of SQL (default %(default)s)")
    export.set_defaults(run=_export)


def _add_tuning(tune: argparse.ArgumentParser) -> None:
    goal = tune.add_mutually_exclusive_group(required=True)
    goal.add_argument("--precision", type=float, metavar="P", help="most recall at this precision")
    goal.add_argument("--recall", type=float, metavar="R", help="highest precision at this recall")
    goal.add_argument("--capacity", type=float, metavar="N", help="most recall with at most N accepted rows")
    goal.add_argument("--cost", type=float, metavar="C", help="least cost, a false positive costing C false negatives")
    add = tune.add_argument
    add("--bins", type=int, default=BINS, metavar="L", help="score bins per level (default %(default)s)")
    add("--method", choices=METHODS, default="exact", help="solver (default %(default)s)")
    add(
        "--keep-positives",
        type=float,
        default=1.0,
        metavar="R",
        help="share of positives that the rows hold (default 1)",
    )
    add(
        "--keep-negatives",
        type=float,
        default=1.0,
        metavar="R",
        help="share of negatives that the rows hold (default 1)",
    )
    add("--certify", action="store_true", help="tune on one half of the rows, prove the precision on the other")
    add("--delta", type=float, default=DELTA, metavar="D", help="allowed probability of error (default %(default)s)")
    add("--each-level", action="store_true", help="prove the precision of every level, not of all accepted rows only")
    add("--largest-weight", type=float, metavar="W", help="that a row can have by design (default: the largest seen)")
    add("--split", choices=get_args(SplitMethod), default="random", help="how to halve (default %(default)s)")
    add("--seed", type=int, default=0, metavar="S", help="of the halves and of the bootstrap (default %(default)s)")
    add("--json", type=Path, metavar="OUT", help="write the result here instead of to standard output")
    add("--policy", type=Path, metavar="OUT", help="write the policy here; not written where the proof is refused")


def _tune(arguments: argparse.Namespace) -> None:
    settings = Settings.from_environment()
    objective = _objective(arguments)
    split = Split(arguments.split, arguments.seed)
    sampling = Sampling(arguments.keep_positives, arguments.keep_negatives)
    levels = read_binning(arguments.level_edges, arguments.level_method, arguments.levels, name="level edges")
    holdout = load_input(arguments, settings)
    evidence = _find_evidence(arguments, settings, holdout, objective, levels, split, sampling)
    where = read_filter(holdout, arguments.where)
    policy = evidence.policy(holdout, where=where) if evidence.cuts is not None else None
    if arguments.policy and policy is not None:
        arguments.policy.write_text(write_policy(policy), encoding="utf-8")
    elif arguments.policy:
        sys.stderr.write("no policy written: the proof was refused\n")
    document = {"policy": json.loads(write_policy(policy)) if policy else None, "digest": holdout.digest}
    write_json({**document, **evidence.to_json(), "cautions": find_cautions(evidence, holdout)}, arguments.json)


def _find_evidence(
    arguments: argparse.Namespace,
    settings: Settings,
    holdout: Holdout,
    objective: Objective,
    levels: Binning,
    split: Split,
    sampling: Sampling,
) -> Evidence:
    engine, method = DuckEngine(settings), METHODS[arguments.method]
    where = read_filter(holdout, arguments.where)
    if not arguments.certify:
        cuts = run_with_bar(count_cuts(holdout, engine, levels=levels, bins=arguments.bins, where=where))
        return tune_all(cuts, objective, method=method, sampling=sampling)
    halves = run_with_bar(count_halves(holdout, engine, levels=levels, bins=arguments.bins, split=split, where=where))
    job = prove(
        holdout,
        engine,
        halves,
        objective,
        method=method,
        split=split,
        delta=arguments.delta,
        rng=make_generator(arguments.seed),
        sampling=sampling,
        scope="each level" if arguments.each_level else "overall",
        largest_weight=arguments.largest_weight,
        where=where,
    )
    return run_with_bar(job)


def _objective(arguments: argparse.Namespace) -> Objective:
    given = {kind: getattr(arguments, kind) for kind in ("precision", "recall", "capacity", "cost")}
    return next(Objective(kind, target) for kind, target in given.items() if target is not None)  # type: ignore[arg-type]


def _apply(arguments: argparse.Namespace) -> None:
    policy = load_policy(arguments.policy)
    check_files(arguments.files)
    applied = run_with_bar(decide_on_files(policy, arguments.files, settings=Settings.from_environment()))
    pq.write_table(pa.table({"decision": applied.decision}), arguments.out)
    for what, rows in applied.remarks:
        sys.stderr.write(f"{rows:,} rows {what}\n")
    for column, values in policy.only:
        shown = ", ".join(ascii(value)[:40] for value in values[:5])
        sys.stderr.write(f"note: the policy was tuned on rows with {ascii(column)[:80]} {shown} only\n")


def _evaluate(arguments: argparse.Namespace) -> None:
    policy, settings = load_policy(arguments.policy), Settings.from_environment()
    check_files(arguments.files)
    check_columns(policy, inspect(arguments.files[0], settings=settings).columns)
    holdout = load_files(arguments.files, _roles_of(policy, arguments.label), settings)
    engine, where = DuckEngine(settings), [filter_rows(holdout, column, values) for column, values in policy.only]
    counts = run_with_bar(count_stored(policy, holdout.rows, engine=engine, where=where))
    every = run_with_bar(engine.count(holdout.rows, [], ("rows", "positives"), where=where)).sums
    write_json(_describe(total(counts), int(every["rows"]), int(every["positives"])), arguments.json)


def _roles_of(policy: Policy, label: str) -> ColumnRoles:
    columns = policy.columns
    segments = tuple(column for column, _ in policy.only)
    return ColumnRoles(columns.score, columns.uncertainty, columns.uncertainty_kind, label, segments=segments)


def _describe(counts: LevelCounts, rows: int, positives: int) -> dict[str, Any]:
    """Precision and recall with Wilson intervals at 95 %; recall is of all positives, those in no level included."""
    found: dict[str, Any] = {
        "n": rows, "positives": positives, "accepted": counts.accepted, "tp": counts.true_positives,
        "outside": rows - counts.rows,
    }  # fmt: skip
    for name, base in (("precision", counts.accepted), ("recall", positives)):
        lo, hi = wilson(counts.true_positives, base)
        known = base > 0
        found[name] = counts.true_positives / base if known else None
        found[f"{name}_lo"], found[f"{name}_hi"] = (float(lo), float(hi)) if known else (None, None)
    return found


def _export(arguments: argparse.Namespace) -> None:
    policy = load_policy(arguments.policy)
    if arguments.to == "json":
        text = write_policy(policy)
    elif arguments.to == "sql":
        text = to_sql(policy, arguments.dialect)
    else:
        text = to_python(policy)
    sys.stdout.write(text.rstrip("\n") + "\n")


def load_policy(path: Path) -> Policy:
    """The policy of a file.

    Raises
    ------
    InputError
        The file cannot be read, or is no policy as RecScope wrote it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(4 * TEXT_CAP + 1)
        return read_policy(data.decode("utf-8"))
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}.", fix="Check the path.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{str(path)!r} is not UTF-8 text.", fix="Give a policy file that RecScope wrote.") from error
