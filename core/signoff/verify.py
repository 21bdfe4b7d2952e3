"""Verify a ledger: that each record fits its hash, the one before it, its copies, and the receipts that signers hold.

The chain alone shows a record that was changed, inserted or removed while those behind it were left. It cannot show
that its end was cut off, or that all from some record on was written anew: that takes a receipt, kept outside of the
ledger, of a record that was cut off or rewritten. Whether the rules allowed what was recorded is for
:mod:`core.signoff.audit`.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import LargeBinary, Select, Text, bindparam, cast, func, select

from core.errors import InputError
from core.jobs import Job, Progress
from core.signoff import schema
from core.signoff.chain import (
    BEFORE_GENESIS,
    HEAD_PREFIX,
    PAYLOAD_PREFIX,
    Sealed,
    canonical,
    hash_head,
    hash_payload,
    read_json,
)
from core.signoff.data import LedgerDamaged, Receipt, Record
from core.signoff.database import PATIENCE_S, Database, check_integrity, find_database
from core.signoff.ledger import Ledger
from core.signoff.schema import RECORDS

if TYPE_CHECKING:
    import pandas as pd

Flaw = Literal["gap", "link", "hash", "payload", "copy", "receipt", "genesis", "schema", "rule"]

FINDINGS_CAP = 100

_BATCH = 1_000
_COLUMNS = ("seq", "kind", "policy", "revision", "version", "at", "signer", "key", "hash", "head", "payload")
_WHOLE = {"seq", "revision", "version"}
_TYPES = [int if name in _WHOLE else bytes for name in _COLUMNS]

# A head as the ledger writes it, where no column needs an escape. Meaning, time of sign-in and signer are in no column.
_HEAD = (
    b'{"at":"%b","key":"%b","kind":"%b","ledger":"%b","meaning":%b,"payload":"%b","policy":"%b","prev":"%b",'
    b'"revision":%d,"seq":%d,"signer":{"auth_time":%b,%b,"version":%d}'
)
_PERSON = {"identity", "issuer", "name", "roles", "subject"}
_PLAIN = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.:-"
_TIME = re.compile(rb"null|0|[1-9][0-9]{0,14}")  # whole numbers of 15 digits are exact in JSON
_TEXTS_KEPT = 4_096

_HASH_HEAD, _HASH_PAYLOAD = hashlib.sha256(HEAD_PREFIX), hashlib.sha256(PAYLOAD_PREFIX)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong.

    Attributes
    ----------
    seq
        Of the record, or None where it is about the ledger as a whole.
    kind
        ``gap``: a record, or a revision of its policy, is missing. ``link``: a record does not name the one before it,
        or is older. ``hash``: it does not fit its hash. ``payload``: the payload does not, or is not as the ledger
        writes it. ``copy``: a column by which it is found says other than the record. ``receipt``: a receipt says other
        than the ledger. ``genesis``: the beginning is missing, or is that of another ledger. ``schema``: the file,
        tables or triggers are damaged. ``rule``: an act that the rules did not allow.
    text
        The same as a sentence.
    """

    seq: int | None
    kind: Flaw
    text: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found in a ledger.

    Attributes
    ----------
    ledger_id
        Name of the ledger, as its first record says; empty where there is none.
    records
        Number of records.
    ok
        Whether nothing is wrong.
    findings
        What is wrong: of the ledger as a whole, then by record, then receipts of records that are missing; at most 100.
    head
        Hash of the last record. Kept elsewhere, it shows later that nothing up to here was changed.
    """

    ledger_id: str
    records: int
    ok: bool
    findings: tuple[Finding, ...]
    head: str

    def frame(self) -> "pd.DataFrame":
        """One line per finding: seq (missing for the ledger as a whole), kind, text."""
        import pandas as pd

        found = pd.DataFrame([(f.seq, f.kind, f.text) for f in self.findings], columns=["seq", "kind", "text"])
        return found.astype({"seq": "Int64"})


def verify(ledger: Ledger | str, receipts: Sequence[Receipt]) -> Job[Verification]:
    """Verify a ledger, or that of a URL, and hold receipts against it.

    Raises
    ------
    InputError
        The URL names no ledger.
    LedgerDamaged, LedgerUnavailable
        It cannot be read at all.

    Notes
    -----
    O(bytes) time, and memory for one batch and a few words per policy and signer. Nothing is written; writers are not
    held up. The pages of a file are looked at where it is given by its URL: a :class:`Ledger` is one that is in use,
    and was looked at when the server started.
    """
    if isinstance(ledger, Ledger):
        return (yield from _verify(ledger.database, receipts, []))
    database = open_database(ledger)
    try:
        return (yield from _verify(database, receipts, _look_at_pages(database)))
    finally:
        database.close()


def _verify(database: Database, receipts: Sequence[Receipt], findings: list[Finding]) -> Job[Verification]:
    faults, count = _look_at_schema(database)
    findings += [Finding(None, "schema", f"{database.place}: {fault}.") for fault in faults]
    walk = Walk(receipts, findings)
    for rows in _read(database) if count else ():
        walk.go(rows)
        yield Progress(min(walk.records / count, 1.0), f"{walk.records:,} records verified")
    walk.finish(count)
    return Verification(walk.ledger_id, walk.records, not findings, tuple(findings[:FINDINGS_CAP]), walk.prev)


def open_database(url: str) -> Database:
    """The database of a ledger that is there.

    Raises
    ------
    InputError
        The URL names no ledger.
    LedgerDamaged, LedgerUnavailable
        It cannot be read at all.
    """
    found = find_database(url, patience_s=PATIENCE_S)
    if isinstance(found, Path):
        raise InputError(f"There is no ledger {found}.", fix="Give the file or the address of a ledger.")
    return found


def _look_at_pages(database: Database) -> list[Finding]:
    """What SQLite finds wrong with its file; the records that can be read are looked at all the same."""
    try:
        check_integrity(database)
    except LedgerDamaged as error:
        return [Finding(None, "schema", str(error))]
    return []


def _look_at_schema(database: Database) -> tuple[list[str], int]:
    with database.transaction(write=False) as connection:
        faults = list(schema.find_faults(connection))
        there = schema.is_there(connection)
        return faults, connection.execute(select(func.count()).select_from(RECORDS)).scalar_one() if there else 0


Line = tuple[Any, ...]
_Said = tuple[bytes, bytes, bytes]


def _read(database: Database) -> Iterator[Sequence[Line]]:
    """Rows by seq, in short transactions; text as bytes, for a changed file may hold what is no text."""
    in_file = database.file is not None
    statement, following = _statements(in_file)
    values: dict[str, Any] = {"most": _BATCH}
    while True:
        with database.transaction(write=False) as connection:
            rows: Sequence[Line] = connection.execute(statement, values).cursor.fetchall()
        if not in_file:
            rows = [_in_bytes(row) for row in rows]
        if rows:
            yield rows
        if len(rows) < _BATCH:
            return
        statement, values["after"] = following, rows[-1][0]


def line_of(record: Record, sealed: Sealed) -> Line:
    """The row that the ledger keeps of a record, as :class:`Walk` takes it."""
    return _in_bytes(schema.row_of(record, sealed).values())


def _in_bytes(row: Iterable[Any]) -> Line:
    return tuple(v.encode() if isinstance(v, str) else v for v in row)


@cache
def _statements(in_file: bool) -> tuple[Select[Any], Select[Any]]:
    """What reads the first rows, whatever stands in the place of their seq, and those behind a seq."""
    columns = [RECORDS.c[name] for name in _COLUMNS]
    shown = [cast(c, LargeBinary) if in_file and isinstance(c.type, Text) else c for c in columns]
    first = select(*shown).order_by(RECORDS.c.seq).limit(bindparam("most"))
    return first, first.where(RECORDS.c.seq > bindparam("after"))


class Walk:
    """Goes over the records in order, and knows what the next one must be.

    Invariant: the attributes are those of the records so far, whether or not these were right, so that each flaw is
    told once.
    """

    def __init__(self, receipts: Sequence[Receipt], findings: list[Finding]) -> None:
        self.records = 0
        self.ledger_id = ""
        self._findings = findings
        self._ledger = b""
        self._prev = BEFORE_GENESIS.encode()
        self._seq = -1
        self._at = b""
        self._counts: dict[bytes, tuple[int, int]] = {}
        self._said: dict[tuple[bytes, bytes], _Said | None] = {}
        self._receipts: dict[int, list[Receipt]] = {}
        for receipt in receipts:
            self._receipts.setdefault(receipt.seq, []).append(receipt)

    @property
    def prev(self) -> str:
        """Hash of the last row, as it says."""
        return self._prev.decode(errors="replace")

    def go(self, rows: Sequence[Line]) -> None:
        """Go over rows, and add what is wrong with them to the findings, unless these are many."""
        plain = list(map(type, chain.from_iterable(rows))) == _TYPES * len(rows)
        for row in rows:
            if not (plain and self.records and self._take(row)):
                if len(self._findings) < FINDINGS_CAP:
                    self._findings += self._explain(row)
                self._step(row)

    def finish(self, count: int) -> None:
        """Add what is told at the end: records that no batch held, and receipts of records that are missing."""
        if not self.records:
            self._findings.append(Finding(None, "genesis", "The ledger has no records."))
        if self.records < count:
            told = f"{count - self.records} records have no place in the order."
            self._findings.append(Finding(None, "gap", told))
        self._findings += [
            Finding(one.seq, "receipt", f"Record {one.seq}, of which {one.signer} holds a receipt, is missing.")
            for seq, some in self._receipts.items()
            if seq > self._seq
            for one in some
        ]

    def _take(self, row: Line) -> bool:
        """Make a row the last one if it is plainly right; where not, :meth:`_explain` may still find nothing wrong."""
        seq, kind, policy, revision, version, at, _, _, sealed, head, _ = row
        revisions, versions = self._counts.get(policy, (0, 0))
        if seq != self._seq + 1 or revision != revisions + 1 or at < self._at or seq in self._receipts:
            return False
        if not (version == versions + 1 if kind == b"submit" else 0 < version <= versions):
            return False
        if not self._is_usual(row) or _hash(_HASH_HEAD, head) != sealed:
            return False
        self._seq, self._at, self._prev = seq, at, sealed
        self._counts[policy] = revision, max(version, versions)
        self.records += 1
        return True

    def _is_usual(self, row: Line) -> bool:
        """Whether a head is, byte for byte, what the ledger writes for its columns and payload behind the last row."""
        seq, kind, policy, revision, version, at, signer, key, _, head, payload = row
        before = at, key, kind, self._ledger
        between = _hash(_HASH_PAYLOAD, payload), policy, self._prev, revision, seq
        said = self._said.get((kind, signer))
        if said is None or head != _HEAD % (*before, said[0], *between, said[1], said[2], version):
            said = self._said[kind, signer] = _find_said(head, signer)
            if said is None or head != _HEAD % (*before, said[0], *between, said[1], said[2], version):
                return False
        return not b"".join((*before, policy)).translate(None, _PLAIN)

    def _step(self, row: Line) -> None:
        """Make a row the last one."""
        seq, _, policy, revision, version, at, _, _, sealed, head, _ = row
        self._seq = seq if isinstance(seq, int) else self._seq + 1
        if _is_plain(row):
            if not self.records:
                self.ledger_id = str(_parse(head).get("ledger", ""))
                self._ledger = self.ledger_id.encode(errors="replace")
            self._prev, self._at = sealed, at
            self._counts[policy] = revision, max(version, self._counts.get(policy, (0, 0))[1])
        self.records += 1

    def _explain(self, row: Line) -> list[Finding]:
        """What is wrong with a row."""
        if not _is_plain(row):
            return [Finding(self._seq + 1, "copy", f"Record {self._seq + 1} has an empty or odd column.")]
        line = {
            name: v if name in _WHOLE else v.decode(errors="replace") for name, v in zip(_COLUMNS, row, strict=True)
        }
        head = _parse(row[9])
        flaws = _broken(row, head), self._misplaced(line, head), self._miscounted(line), _miscopied(line, head)
        found = chain(*flaws, self._disowned(line))
        return [Finding(line["seq"], flaw, f"Record {line['seq']} {text}.") for flaw, text in found]

    def _misplaced(self, line: dict[str, Any], head: dict[str, Any]) -> Iterator[tuple[Flaw, str]]:
        if line["seq"] != self._seq + 1:
            yield "gap", f"follows record {self._seq}"
        if not self.records and (line["kind"], line["seq"], line["policy"]) != ("genesis", 0, ""):
            yield "genesis", "is the first, and does not begin a ledger"
        if self.records and head.get("ledger") != self.ledger_id:
            yield "genesis", "is of another ledger"
        if head.get("prev") != self.prev:
            yield "link", "does not name the hash of the record before it"
        if line["at"].encode() < self._at:
            yield "link", "is older than the record before it"

    def _miscounted(self, line: dict[str, Any]) -> Iterator[tuple[Flaw, str]]:
        if not self.records:
            return
        revisions, versions = self._counts.get(line["policy"].encode(), (0, 0))
        if line["revision"] != revisions + 1:
            yield "gap", f"is revision {line['revision']} of its policy, after {revisions}"
        if line["version"] != versions + 1 if line["kind"] == "submit" else not 0 < line["version"] <= versions:
            yield "gap", f"is about version {line['version']} of its policy, after {versions}"

    def _disowned(self, line: dict[str, Any]) -> Iterator[tuple[Flaw, str]]:
        missing = [seq for seq in self._receipts if self._seq < seq < line["seq"]]
        for one in chain(self._receipts.get(line["seq"], []), *map(self._receipts.__getitem__, missing)):
            differs = [name for name, value in one.to_json().items() if name in line and line[name] != value]
            if one.ledger_id != self.ledger_id:
                differs.append("ledger")
            if differs:
                yield "receipt", f"differs from the receipt of {one.signer} in {', '.join(differs)}"


def _broken(row: Line, head: dict[str, Any]) -> Iterator[tuple[Flaw, str]]:
    """A record that does not fit its own hashes, or is not text as the ledger writes it."""
    *_, sealed, text, payload = row
    if hash_head(text).encode() != sealed:
        yield "hash", "does not fit its hash"
    if not _is_canonical(text, head):
        yield "hash", "is not as the ledger writes it"
    if hash_payload(payload) != head.get("payload"):
        yield "payload", "has a payload that does not fit its hash"


def _is_canonical(text: bytes, head: dict[str, Any]) -> bool:
    try:
        return canonical(head).encode() == text
    except InputError:
        return False


def _miscopied(line: dict[str, Any], head: dict[str, Any]) -> Iterator[tuple[Flaw, str]]:
    signer = head.get("signer")
    values = head | {"signer": signer.get("name") if isinstance(signer, dict) else None}
    differs = [name for name in _COLUMNS[:8] if values.get(name) != line[name]]
    if differs:
        yield "copy", f"is listed with another {', '.join(differs)} than it has"


def _is_plain(row: Line) -> bool:
    """Whether every column is of its type."""
    return list(map(type, row)) == _TYPES


def _hash(begun: "hashlib._Hash", text: bytes) -> bytes:
    made = begun.copy()
    made.update(text)
    return made.hexdigest().encode()


def _find_said(head: bytes, signer: bytes) -> _Said | None:
    """Meaning, time of sign-in and the rest of the signer in a head; None where they are not as the ledger writes them.

    Where a head is none that the ledger writes, they may be any texts of it.
    """
    begin = head.find(b'"meaning":') + len(b'"meaning":')
    start = head.rfind(b'"auth_time":') + len(b'"auth_time":')
    comma = head.find(b",", start)
    meaning, time = head[begin : head.find(b',"payload":', begin)], head[start:comma]
    rest = head[comma + 1 : head.rfind(b',"version":')]
    sound = _is_text(meaning) and _TIME.fullmatch(time) and _name_in(rest) == signer
    return (meaning, time, rest) if sound else None


@lru_cache(_TEXTS_KEPT)
def _is_text(text: bytes) -> bool:
    """Whether bytes are one string of canonical JSON."""
    whole = b'{"":%b}' % text
    found = _parse(whole)
    return list(found) == [""] and isinstance(found[""], str) and _is_canonical(whole, found)


@lru_cache(_TEXTS_KEPT)
def _name_in(rest: bytes) -> bytes | None:
    """The name in canonical JSON of a signer without its brace and its time; None where it is no such JSON."""
    whole = b"{" + rest
    found = _parse(whole)
    sound = set(found) == _PERSON and isinstance(found["name"], str) and _is_canonical(whole, found)
    return found["name"].encode() if sound else None


def _parse(head: bytes) -> dict[str, Any]:
    """The values of a head; none where it is no such text."""
    try:
        return read_json(head.decode())
    except (ValueError, RecursionError):
        return {}
