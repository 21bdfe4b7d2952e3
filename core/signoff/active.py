"""The policy that is in force: as JSON, SQL or Python, and as a file that a reader never sees half written."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import InputError, RecScopeError
from core.signoff.data import Record, check_policy_name
from core.signoff.database import sync_folder
from core.signoff.ledger import Ledger, Stream
from core.thresholds.export_python import to_python
from core.thresholds.export_sql import Dialect, to_sql
from core.thresholds.policy import Policy
from core.thresholds.policy_file import read_policy, write_policy

SCHEMA = "recscope-active/1"
Form = Literal["json", "sql", "python"]


class NoActivePolicy(RecScopeError):
    """No version of the policy is active, or the active one is past its review date."""


@dataclass(frozen=True, slots=True, eq=False)
class Active:
    """The version that was made active last.

    Attributes
    ----------
    submission
        The record that submitted it.
    activation
        The record that made it active: an activation, or a roll-back.
    expired
        Whether its review date has passed.
    """

    submission: Record
    activation: Record
    expired: bool

    @property
    def policy(self) -> Policy:
        """The thresholds."""
        return read_policy(json.dumps(self.submission.payload["policy"]))

    @property
    def review_by(self) -> str:
        """The last day on which it is active."""
        return str(self.submission.payload["review_by"])

    def document(self) -> dict[str, Any]:
        """What is published: the policy, which version it is, since when, until when, and the record that says so."""
        return {
            "schema": SCHEMA,
            "name": self.submission.policy,
            "version": self.submission.version,
            "active_since": self.activation.at,
            "review_by": self.review_by,
            "guarantee": self.submission.payload["guarantee"],
            "record": {"seq": self.activation.seq, "hash": self.activation.hash},
            "policy": self.submission.payload["policy"],
        }


def is_past(review_by: str, *, now: str) -> bool:
    """Whether a day has ended in UTC.

    Examples
    --------
    >>> [is_past("2026-11-21", now=now) for now in ("2026-11-21T23:59:59.999999Z", "2026-11-22T00:00:00.000000Z")]
    [False, True]
    """
    return now[:10] > review_by


def find_latest(stream: Stream) -> Active | None:
    """The version that was made active last, expired or not; None where none ever was."""
    latest = stream.activations(limit=1)
    if not latest:
        return None
    submission = stream.of_version(latest[0].version)[0]
    return Active(submission, latest[0], is_past(str(submission.payload["review_by"]), now=stream.now))


def find_active(ledger: Ledger, name: str) -> Active:
    """The active version of a policy.

    Raises
    ------
    NoActivePolicy
        There is none, or it is past its review date.
    InputError
        It is no name of a policy.
    """
    check_policy_name(name)
    with ledger.stream(name) as stream:
        latest = find_latest(stream)
    if latest is None:
        raise NoActivePolicy(f"No version of {name} is active.", fix="Have a submission approved, and activate it.")
    if latest.expired:
        raise NoActivePolicy(
            f"Version {latest.submission.version} of {name} was to be reviewed by {latest.review_by} and has expired.",
            fix="Prove it on fresh rows, submit it with a later review date, and have it approved and activated.",
        )
    return latest


def write_active(active: Active, form: Form, *, dialect: Dialect = "duckdb") -> str:
    """The policy as a text that decides as it does: the policy file, an SQL expression, or a Python module.

    Raises
    ------
    InputError
        No such form or dialect, or a column name that SQL cannot carry safely.
    """
    if form not in get_args(Form):
        raise InputError(f"There is no form {str(form)[:40]!r}.", fix=f"Choose one of {', '.join(get_args(Form))}.")
    if form == "sql":
        return to_sql(active.policy, dialect)
    return write_policy(active.policy) if form == "json" else to_python(active.policy)


def publish(ledger: Ledger, name: str, *, folder: Path) -> Path:
    """Write the active version to ``<folder>/<name>.json``; a reader sees the old file or the new one, whole.

    Raises
    ------
    NoActivePolicy
        As in :func:`find_active`; the file that is there stays.
    InputError
        The folder cannot be written.

    Notes
    -----
    Two writers may meet, and the older version be written last. So every writer looks again after it wrote, and the
    last one leaves what is active.
    """
    active = find_active(ledger, name)
    while True:
        path = _replace_file(folder, f"{name}.json", json.dumps(active.document(), indent=2, allow_nan=False) + "\n")
        written, active = active, find_active(ledger, name)
        if active.activation.hash == written.activation.hash:
            return path


def _replace_file(folder: Path, name: str, text: str) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), 0o644)  # what serves reads it as somebody else
                os.fsync(file.fileno())
            Path(temporary).replace(folder / name)
        finally:
            Path(temporary).unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        raise InputError(
            f"{str(folder / name)!r} cannot be written: {error.strerror}.",
            fix="Give a folder that this process may write to.",
        ) from error
    return folder / name
