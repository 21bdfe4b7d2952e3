"""Audit a ledger: verify its chain, then go through its records and ask whether the rules allowed each.

Who may write to the database past RecScope can append a sound record of an act that no rule allows. The chain does not
show that; the rules, asked again, do.
"""

import json
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from operator import attrgetter
from typing import Any

from sqlalchemy import select

from core.errors import InputError, RecScopeError
from core.jobs import Job, Progress
from core.signoff.chain import Sealed, canonical
from core.signoff.data import TURNS, Kind, Receipt, Record
from core.signoff.database import Database
from core.signoff.ledger import Ledger, Stream
from core.signoff.schema import RECORDS
from core.signoff.submission import check_payload
from core.signoff.verify import FINDINGS_CAP, Finding, Verification, open_database, verify
from core.signoff.workflow import check_act

_BATCH = 500
# What the rules read of a submission; the rest is let go.
_READ: dict[str, Any] = {"needs": 1, "needs_why": "", "review_by": "", "base": None, "guarantee": ""}
_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False).encode
_ODD = re.compile(r"[:,\[]-?[0-9.]+(?:[eE]|\.0[,\]}])")  # a number that the encoder may write otherwise


def audit(ledger: Ledger | str, receipts: Sequence[Receipt]) -> Job[Verification]:
    """Verify a ledger as :func:`core.signoff.verify.verify` does; where it is sound, ask the rules of every act again.

    Raises
    ------
    InputError
        The URL names no ledger.
    LedgerDamaged, LedgerUnavailable
        It cannot be read at all.

    Notes
    -----
    Also told: a payload that is not as the ledger writes it (a key twice, a number spelled otherwise). Not asked again,
    for nothing in the ledger tells: how many approvals the settings of that day called for, and whether the counts of a
    submission are those of its rows. O(bytes) time, and memory for a short line per record.
    """
    found = yield from verify(ledger, receipts)
    if not found.ok:
        return found
    if isinstance(ledger, Ledger):
        findings = yield from _replay(ledger.database, found.records)
    else:
        with closing(open_database(ledger)) as database:
            findings = yield from _replay(database, found.records)
    return replace(found, ok=not findings, findings=tuple(findings[:FINDINGS_CAP]))


def _replay(database: Database, count: int) -> Job[list[Finding]]:
    findings, done, rules = list[Finding](), 0, Rules()
    for batch in _read(database):
        for sealed in batch:
            findings += _look(sealed, rules)
        done += len(batch)
        yield Progress(min(done / count, 1.0), f"{done:,} acts held against the rules")
    return findings


def _read(database: Database) -> Iterator[list[Sealed]]:
    """Records in order, in short transactions."""
    c, after = RECORDS.c, -1
    while True:
        statement = select(c.seq, c.head, c.payload, c.hash).where(c.seq > after).order_by(c.seq).limit(_BATCH)
        with database.transaction(write=False) as connection:
            rows = connection.execute(statement).all()
        if not rows:
            return
        yield [Sealed(*row[1:]) for row in rows]
        after = rows[-1][0]


def _look(sealed: Sealed, rules: "Rules") -> Iterator[Finding]:
    record = sealed.open()
    if not _is_canonical(sealed.payload, record.payload):
        yield Finding(record.seq, "payload", f"Record {record.seq} has a payload that is not as the ledger writes it.")
    yield from rules.ask(record)


class Rules:
    """The rules, asked of one record after the other whether they allowed it as things stood."""

    def __init__(self) -> None:
        self._pasts: defaultdict[str, _Past] = defaultdict(_Past)

    def ask(self, record: Record) -> Iterator[Finding]:
        """What the rules have against the record that follows those asked about before."""
        if record.kind == "genesis":
            return
        past = self._pasts[record.policy]
        past.policy, past.now = record.policy, record.at
        refused = _ask(past, record)
        if refused is not None:
            told = f"Record {record.seq}, {record.kind} by {record.signer.name}, is against the rules: {refused}"
            yield Finding(record.seq, "rule", told)
        past.add(record)


def _ask(past: "_Past", record: Record) -> str | None:
    """Why the rules did not allow an act; None where they did."""
    submitted = record.kind == "submit"
    try:
        if submitted:
            check_payload(record.payload)
        version = None if submitted else record.version
        check_act(past, record.kind, version, signer=record.signer, payload=record.payload)
    except RecScopeError as error:
        return str(error)
    except (KeyError, TypeError, ValueError, AttributeError):
        return "its payload is none that RecScope writes."
    return None


def _is_canonical(text: str, values: dict[str, Any]) -> bool:
    if _ENCODE(values) == text and text.isascii() and not _ODD.search(text):
        return True
    try:
        return canonical(values) == text
    except InputError:
        return False


class _Past(Stream):
    """The records of one policy so far, in memory: what a :class:`Stream` gave when the next one was signed."""

    def __init__(self) -> None:
        self.policy = self.now = ""
        self._of: defaultdict[int, list[Record]] = defaultdict(list)
        self._turned: list[Record] = []

    def add(self, record: Record) -> None:
        """Make a record the last one; a look changes nothing for those that follow."""
        if record.kind == "watch":
            return
        kept = {name: record.payload.get(name, usual) for name, usual in _READ.items()}
        policy = record.payload.get("policy")
        kept["policy"] = {"hash": policy.get("hash") if isinstance(policy, dict) else None}
        slim = replace(record, payload=kept if record.kind == "submit" else {})
        self._of[record.version].append(slim)
        if record.kind in TURNS:
            self._turned.append(slim)

    def of_version(self, version: int) -> list[Record]:
        return self._of[version]

    def activations(self, limit: int = 1) -> list[Record]:
        return self._turned[: -limit - 1 : -1]

    def next_turn(self, after: int) -> Kind | None:
        place = bisect_right(self._turned, after, key=attrgetter("seq"))
        return self._turned[place].kind if place < len(self._turned) else None
