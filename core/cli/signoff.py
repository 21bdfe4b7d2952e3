"""``python -m core signoff …``."""

import argparse
import json
import sys
import uuid
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, get_args

from core.cli.bar import run_with_bar
from core.cli.inputs import check_files, load_files
from core.engine.duck import DuckEngine
from core.errors import InputError
from core.holdout.data import ColumnRoles
from core.rng import make_generator
from core.settings import Settings
from core.signoff.active import Active, Form, NoActivePolicy, find_active, publish, write_active
from core.signoff.data import RECEIPT_BYTES, Receipt
from core.signoff.history import build_report, write_lines
from core.signoff.identity import declare_signer
from core.signoff.ledger import Ledger
from core.signoff.verify import verify
from core.signoff.watch import Watch, watch
from core.signoff.workflow import Signing, list_standings, record_watch
from core.thresholds.export_sql import Dialect

FOUND = 1  # the command ran, and its answer is bad: tampered, broken, or nothing active
PAGE = 50


def register(words: Any) -> None:
    """Add the commands of this word."""
    commands = words.add_parser("signoff", help="who approved which thresholds, and what is active").add_subparsers(
        dest="command", required=True, metavar="COMMAND"
    )
    check = commands.add_parser("verify", help="check every hash of a ledger; exit 0 sound, 1 tampered, 2 unreadable")
    check.add_argument("database", metavar="DATABASE", help="SQLite file, or URL of the database")
    check.add_argument("--receipt", type=Path, action="append", default=[], metavar="FILE", help="may be repeated")
    check.set_defaults(run=_verify)
    active = _add(commands, "active", "write the active policy; exit 1 where there is none, or it has expired", _active)
    active.add_argument("--to", choices=get_args(Form), required=True, help="what to write")
    active.add_argument("--dialect", choices=get_args(Dialect), default="duckdb", help="of SQL (default %(default)s)")
    published = _add(commands, "publish", "replace the file of the active policy in one step", _publish)
    published.add_argument("--folder", type=Path, metavar="DIR", help="default: RECSCOPE_ACTIVE_FOLDER")
    export = _add(commands, "export", "the history, as JSON lines or as a report", _export, policy=False)
    export.add_argument("--policy", metavar="NAME", help="report on this policy only")
    forms = export.add_mutually_exclusive_group(required=True)
    forms.add_argument("--json", type=Path, metavar="OUT", help="every record as a line")
    forms.add_argument("--html", type=Path, metavar="OUT", help="self-contained report")
    listed = _add(commands, "list", "submissions with their states, newest first", _list, policy=False)
    listed.add_argument("--policy", metavar="NAME", help="of this policy only")
    listed.add_argument("--offset", type=int, default=0, metavar="N", help="leave out the newest N")
    listed.add_argument("--limit", type=int, default=PAGE, metavar="N", help="at most (default %(default)s)")
    _add_watch(commands)
    grant = _add(commands, "grant", "let a role of PostgreSQL read and append, and nothing else", _grant, policy=False)
    grant.add_argument("role", metavar="ROLE", help="role of the database")


def _add(commands: Any, name: str, text: str, run: Any, *, policy: bool = True) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text)
    command.add_argument("--ledger", metavar="DATABASE", help="default: RECSCOPE_LEDGER")
    if policy:
        command.add_argument("--policy", metavar="NAME", required=True, help="name of the policy")
    command.set_defaults(run=partial(_run, run))
    return command


def _run(act: Callable[[argparse.Namespace, Ledger], int | None], arguments: argparse.Namespace) -> int | None:
    place = arguments.ledger and _url(arguments.ledger)
    with closing(Ledger.open(place, Settings.from_environment())) as ledger:
        return act(arguments, ledger)


def _url(place: str) -> str:
    """A file as the URL of its database."""
    return place if "://" in place else f"sqlite:///{Path(place).absolute()}"


def _add_watch(commands: Any) -> None:
    look = _add(commands, "watch", "does the active policy hold on newer rows? exit 1 where it is broken", _watch)
    add = look.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="labelled rows: CSV, csv.gz or Parquet")
    add("--label", metavar="C", required=True, help="label column")
    add("--weight", metavar="C", help="weight column")
    add("--group", metavar="C", help="column whose rows belong together, e.g. the user")
    add("--signer", metavar="NAME", help="record the look in the ledger, under this name")
    add("--seed", type=int, default=0, metavar="S", help="of what chance alone would do (default %(default)s)")
    add("--json", type=Path, metavar="OUT", help="write it here instead of to standard output")


def _verify(arguments: argparse.Namespace) -> int:
    receipts = [read_receipt(path) for path in arguments.receipt]
    found = run_with_bar(verify(_url(arguments.database), receipts))
    for finding in found.findings:
        sys.stdout.write(f"{finding.kind}: {finding.text}\n")
    told = "sound" if found.ok else "tampered"
    sys.stdout.write(f"{told}: {found.records:,} records, last hash {found.head}\n")
    return 0 if found.ok else FOUND


def read_receipt(path: Path) -> Receipt:
    """The receipt of a file.

    Raises
    ------
    InputError
        The file cannot be read, or is no receipt as RecScope wrote it.
    """
    try:
        with path.open("rb") as file:
            return Receipt.read(file.read(RECEIPT_BYTES), name=str(path))
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}.", fix="Check the path.") from error


def _active(arguments: argparse.Namespace, ledger: Ledger) -> int:
    try:
        active = find_active(ledger, arguments.policy)
    except NoActivePolicy as error:
        return _tell(error)
    text = write_active(active, arguments.to, dialect=arguments.dialect)
    sys.stdout.write(text.rstrip("\n") + "\n")
    return 0


def _publish(arguments: argparse.Namespace, ledger: Ledger) -> int:
    folder = arguments.folder or Settings.from_environment().active_folder
    if folder is None:
        raise InputError("There is no folder to publish to.", fix="Give --folder, or set RECSCOPE_ACTIVE_FOLDER.")
    try:
        path = publish(ledger, arguments.policy, folder=folder)
    except NoActivePolicy as error:
        return _tell(error)
    sys.stdout.write(f"{path}\n")
    return 0


def _tell(error: NoActivePolicy) -> int:
    sys.stderr.write(f"error: {error}\n  mend: {error.fix}\n")
    return FOUND


def _export(arguments: argparse.Namespace, ledger: Ledger) -> None:
    if arguments.html:
        arguments.html.write_text(build_report(ledger, policy=arguments.policy), encoding="utf-8")
        return
    with arguments.json.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(write_lines(ledger))


def _list(arguments: argparse.Namespace, ledger: Ledger) -> None:
    listed = list_standings(ledger, arguments.policy, offset=arguments.offset, limit=arguments.limit)
    for line in listed:
        signers = ", ".join(f"{step.kind} {ascii(step.signer)[1:-1]}" for step in line.summary.lines)
        sys.stdout.write(f"{line.summary.policy}\t{line.summary.version}\t{line.state}\t{signers}\n")


def _watch(arguments: argparse.Namespace, ledger: Ledger) -> int:
    settings = Settings.from_environment()
    try:
        active = find_active(ledger, arguments.policy)
    except NoActivePolicy as error:
        return _tell(error)
    check_files(arguments.files)
    holdout = load_files(arguments.files, _roles_of(active, arguments), settings)
    with ledger.stream(arguments.policy) as stream:
        looks, revision = stream.watches(active.activation.version), stream.revision
    earlier = [record.payload for record in looks if record.seq > active.activation.seq]
    rng = make_generator(arguments.seed)
    found: Watch = run_with_bar(watch(active.submission.payload, holdout, DuckEngine(settings), earlier, rng=rng))
    document = found.to_json()
    if arguments.signer:
        signer = declare_signer(arguments.signer)
        signing = Signing(ledger, arguments.policy, signer, expected=revision, key=str(uuid.uuid4()))
        record = record_watch(signing, active.activation.version, document)
        document |= {"receipt": Receipt.of(record, ledger_id=ledger.id).to_json()}
    _write(document, arguments.json)
    return FOUND if found.verdict == "broken" else 0


def _roles_of(active: Active, arguments: argparse.Namespace) -> ColumnRoles:
    policy = active.policy
    return ColumnRoles(
        score=policy.columns.score,
        uncertainty=policy.columns.uncertainty,
        uncertainty_kind=policy.columns.uncertainty_kind,
        label=arguments.label,
        weight=arguments.weight,
        group=arguments.group,
        segments=tuple(column for column, _ in policy.only),
    )


def _grant(arguments: argparse.Namespace, ledger: Ledger) -> None:
    ledger.grant(arguments.role)


def _write(document: dict[str, Any], path: Path | None) -> None:
    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    if path:
        path.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
