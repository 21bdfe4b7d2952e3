"""``python -m core signoff …``."""

import argparse
import sys
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, get_args

from core.cli.bar import run_with_bar
from core.cli.inputs import check_files, load_files
from core.cli.output import write_json
from core.engine.duck import DuckEngine
from core.errors import InputError
from core.holdout.data import ColumnRoles
from core.rng import make_generator
from core.settings import Settings
from core.signoff.active import Active, Form, NoActivePolicy, find_active, find_latest, publish, write_active
from core.signoff.audit import audit
from core.signoff.data import RECEIPT_BYTES, Receipt, check_policy_name
from core.signoff.history import build_report, check_known, verify_lines, write_lines
from core.signoff.identity import declare_signer
from core.signoff.ledger import Ledger
from core.signoff.verify import Verification
from core.signoff.watch import Watch, watch
from core.signoff.workflow import Signing, list_standings, record_watch
from core.thresholds.export_sql import Dialect
from core.thresholds.sampling import Sampling

LINES = ".jsonl"  # how the name of an exported history ends
FOUND = 1  # the command ran, and its answer is bad: tampered, broken, or nothing active
PAGE = 50


def register(words: Any) -> None:
    """Add the commands of this word."""
    commands = words.add_parser("signoff", help="who approved which thresholds, and what is active").add_subparsers(
        dest="command", required=True, metavar="COMMAND"
    )
    told = "check every hash and act of a ledger; exit 0 sound, 1 tampered, 2 unreadable"
    check = commands.add_parser("verify", help=told)
    check.add_argument(
        "database", metavar="DATABASE", help=f"SQLite file, URL of the database, or an exported history (*{LINES})"
    )
    check.add_argument("--receipt", type=Path, action="append", default=[], metavar="FILE", help="may be repeated")
    check.set_defaults(run=_verify)
    active = _add(commands, "active", "write the active policy; exit 1 where there is none, or it has expired", _active)
    active.add_argument("--to", choices=get_args(Form), required=True, help="what to write")
    active.add_argument("--dialect", choices=get_args(Dialect), default="duckdb", help="of SQL (default %(default)s)")
    published = _add(commands, "publish", "replace the file of the active policy in one step", _publish)
    published.add_argument("--folder", type=Path, metavar="DIR", help="default: RECSCOPE_ACTIVE_FOLDER")
    export = _add(commands, "export", "the history, as JSON lines or as a report", _export, policy=False)
    export.add_argument("--policy", metavar="NAME", help="report on this policy only (--html)")
    forms = export.add_mutually_exclusive_group(required=True)
    forms.add_argument("--json", type=Path, metavar="OUT", help="every record as a line")
    forms.add_argument("--html", type=Path, metavar="OUT", help="self-contained report")
    listed = _add(commands, "list", "submissions with their states, newest first", _list, policy=False)
    listed.add_argument("--policy", metavar="NAME", help="of this policy only")
    listed.add_argument("--offset", type=int, default=0, metavar="N", help="leave out the newest N")
    listed.add_argument("--limit", type=int, default=PAGE, metavar="N", help="at most (default %(default)s)")
    _add_watch(commands)
    told = "let a role of PostgreSQL read and append, and nothing else; makes the ledger where there is none"
    grant = _add(commands, "grant", told, _grant, policy=False, make=True)
    grant.add_argument("role", metavar="ROLE", help="role of the database")


def _add(
    commands: Any, name: str, text: str, run: Any, *, policy: bool = True, make: bool = False
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text)
    command.add_argument("--ledger", metavar="DATABASE", help="default: RECSCOPE_LEDGER")
    if policy:
        command.add_argument("--policy", metavar="NAME", required=True, help="name of the policy")
    command.set_defaults(run=partial(_run, run, make))
    return command


def _run(
    act: Callable[[argparse.Namespace, Ledger], int | None], make: bool, arguments: argparse.Namespace
) -> int | None:
    place = arguments.ledger and _url(arguments.ledger)
    with closing(Ledger.open(place, Settings.from_environment(), make=make)) as ledger:
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
    for name in ("positives", "negatives"):
        add(f"--keep-{name}", type=float, metavar="R", help=f"share of {name} that the rows hold (default: as signed)")
    add("--signer", metavar="NAME", help="record the look in the ledger, under this name")
    add("--seed", type=int, default=0, metavar="S", help="of what chance alone would do (default %(default)s)")
    add("--json", type=Path, metavar="OUT", help="write it here instead of to standard output")


def _verify(arguments: argparse.Namespace) -> int:
    receipts = [read_receipt(path) for path in arguments.receipt]
    exported = arguments.database.endswith(LINES)
    found = (
        _verify_lines(Path(arguments.database), receipts)
        if exported
        else run_with_bar(audit(_url(arguments.database), receipts))
    )
    for finding in found.findings:
        sys.stdout.write(f"{finding.kind}: {finding.text}\n")
    told = "sound" if found.ok else "tampered"
    sys.stdout.write(f"{told}: {found.records:,} records, last hash {found.head}\n")
    return 0 if found.ok else FOUND


def _verify_lines(path: Path, receipts: Sequence[Receipt]) -> Verification:
    try:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            return verify_lines(file, receipts)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{str(path)!r} cannot be read: {error.strerror}.", fix="Check the path.")


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
        raise _unreadable(path, error) from error


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
    if arguments.policy is not None:
        raise InputError(
            "The lines hold the whole ledger: those of one policy alone are no chain that can be checked.",
            fix="Leave out --policy, or write a report with --html.",
        )
    with arguments.json.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(write_lines(ledger))


def _list(arguments: argparse.Namespace, ledger: Ledger) -> None:
    if arguments.policy is not None:
        check_known(arguments.policy, ledger.policies())
    listed = list_standings(ledger, arguments.policy, offset=arguments.offset, limit=arguments.limit)
    for line in listed:
        signers = ", ".join(f"{step.kind} {ascii(step.signer)[1:-1]}" for step in line.summary.lines)
        sys.stdout.write(f"{line.summary.policy}\t{line.summary.version}\t{line.state}\t{signers}\n")


def _watch(arguments: argparse.Namespace, ledger: Ledger) -> int:
    settings = Settings.from_environment()
    check_policy_name(arguments.policy)
    with ledger.stream(arguments.policy) as stream:
        active, revision = find_latest(stream), stream.revision
        looks = stream.watches(active.activation.version) if active else []
    if active is None:
        return _tell(NoActivePolicy(f"No version of {arguments.policy} is active.", fix="Activate an approved one."))
    if active.expired:
        sys.stderr.write(
            f"note: version {active.activation.version} was to be reviewed by {active.review_by}; it has expired\n"
        )
    check_files(arguments.files)
    holdout = load_files(arguments.files, _roles_of(active, arguments), settings)
    earlier = [record.payload for record in looks]
    job = watch(
        active.submission.payload, holdout, DuckEngine(settings), earlier, rng=make_generator(arguments.seed),
        sampling=_sampling_of(active, arguments),
    )  # fmt: skip
    found: Watch = run_with_bar(job)
    document = found.to_json()
    if arguments.signer:
        signer = declare_signer(arguments.signer)
        signing = Signing(ledger, arguments.policy, signer, expected=revision, key=str(uuid.uuid4()))
        record = record_watch(signing, active.activation.version, document)
        document |= {"receipt": Receipt.of(record, ledger_id=ledger.id).to_json()}
    write_json(document | {"recorded": bool(arguments.signer)}, arguments.json)
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


def _sampling_of(active: Active, arguments: argparse.Namespace) -> Sampling:
    """The signed rates where no others are given."""
    signed, kept = active.policy.sampling, (arguments.keep_positives, arguments.keep_negatives)
    positives, negatives = (
        one if given is None else given
        for one, given in zip((signed.keep_positives, signed.keep_negatives), kept, strict=True)
    )
    return Sampling(positives, negatives)


def _grant(arguments: argparse.Namespace, ledger: Ledger) -> None:
    ledger.grant(arguments.role)
