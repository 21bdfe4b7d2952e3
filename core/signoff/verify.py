"""Verify a ledger: that each record fits its hash, the one before it, its copies, and the receipts that signers hold.

The chain alone shows a record that was changed, inserted or removed while those behind it were left. It cannot show
that its end was cut off, or that all from some record on was written anew: that takes a receipt, kept outside of the
ledger, of a record that was cut off or rewritten. Whether the rules allowed what was recorded is for
:mod:`core.signoff.audit`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import LargeBinary, Text, cast, func, select

from core.errors import InputError
from core.jobs import Job, Progress
from core.signoff import schema
from core.signoff.chain import BEFORE_GENESIS, canonical, hash_head, hash_payload, read_json
from core.signoff.data import LedgerDamaged, Receipt
from core.signoff.database import PATIENCE_S, Database, check_integrity, find_database
from core.signoff.ledger import Ledger
from core.signoff.schema import RECORDS

if TYPE_CHECKING:
    import pandas as pd

Flaw = Literal["gap", "link", "hash", "payload", "copy", "receipt", "genesis", "schema", "rule"]

FINDINGS_CAP = 100

_BATCH = 2_000
_COLUMNS = ("seq", "kind", "policy", "revision", "version", "at", "signer", "key", "hash", "head", "payload")
_WHOLE = {"seq", "revision", "version"}

_STRING = rb'"([^"\\\x00-\x1f]*)"'
_ANY_STRING = rb'"[^"\\\x00-\x1f]*(?:\\["\\][^"\\\x00-\x1f]*)*"'
# A head as it usually is; one that does not match is parsed.
_HEAD = re.compile(
    rb'\{"at":%(s)s,"key":%(s)s,"kind":%(s)s,"ledger":%(s)s,"meaning":%(any)s,"payload":%(s)s,"policy":%(s)s,'
    rb'"prev":%(s)s,"revision":(\d+),"seq":(\d+),"signer":\{"auth_time":(?:null|\d+),"identity":"[a-z-]+",'
    rb'"issuer":%(any)s,"name":%(s)s,"roles":\[[a-z",]*\],"subject":%(any)s\},"version":(\d+)\}'
    % {b"s": _STRING, b"any": _ANY_STRING}
)


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
    O(bytes) time, and memory for one batch. Nothing is written; writers are not held up. The pages of a file are looked
    at where it is given by its URL: a :class:`Ledger` is one that is in use, and was looked at when the server started.
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
    walk = _Walk(receipts)
    findings += [Finding(None, "schema", f"{database.place}: {fault}.") for fault in faults]
    for rows in _read(database) if count else ():
        for row in rows:
            if not walk.fits(row) and len(findings) < FINDINGS_CAP:
                findings += walk.explain(row)
            walk.step(row)
        yield Progress(min(walk.records / count, 1.0), f"{walk.records:,} records verified")
    findings += walk.finish(count)
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


def _read(database: Database) -> Iterator[Sequence[Line]]:
    """Rows by seq, in short transactions; text as bytes, for a changed file may hold what is no text."""
    in_file = database.file is not None
    columns = [RECORDS.c[name] for name in _COLUMNS]
    shown = [cast(c, LargeBinary) if in_file and isinstance(c.type, Text) else c for c in columns]
    after = None
    while True:
        statement = select(*shown).order_by(RECORDS.c.seq).limit(_BATCH)
        if after is not None:
            statement = statement.where(RECORDS.c.seq > after)
        with database.transaction(write=False) as connection:
            rows: Sequence[Line] = [tuple(row) for row in connection.execute(statement).all()]
        if not in_file:
            rows = [tuple(v.encode() if isinstance(v, str) else v for v in row) for row in rows]
        if rows:
            yield rows
        if len(rows) < _BATCH:
            return
        after = rows[-1][0]


class _Walk:
    """Goes over the records in order, and knows what the next one must be.

    Invariant: the attributes are those of the records so far, whether or not these were right, so that each flaw is
    told once.
    """

    def __init__(self, receipts: Sequence[Receipt]) -> None:
        self.records = 0
        self.ledger_id = ""
        self.prev = BEFORE_GENESIS
        self._seq = -1
        self._at = b""
        self._counts: dict[bytes, tuple[int, int]] = {}
        self._receipts: dict[int, list[Receipt]] = {}
        for receipt in receipts:
            self._receipts.setdefault(receipt.seq, []).append(receipt)

    def fits(self, row: Line) -> bool:
        """Whether a row is plainly right; where not, :meth:`explain` may still find nothing wrong."""
        if not (self.records and _is_plain(row)):
            return False
        seq, kind, policy, revision, version, at, signer, key, sealed, head, payload = row
        match = _HEAD.fullmatch(head)
        found = (
            at, key, kind, self.ledger_id.encode(), hash_payload(payload).encode(), policy, self.prev.encode(),
            b"%d" % revision, b"%d" % seq, signer, b"%d" % version,
        )  # fmt: skip
        revisions, versions = self._counts.get(policy, (0, 0))
        numbers = seq == self._seq + 1 and revision == revisions + 1
        submissions = version == versions + 1 if kind == b"submit" else 0 < version <= versions
        sound = match is not None and match.groups() == found and hash_head(head).encode() == sealed
        return sound and numbers and submissions and head.isascii() and at >= self._at and seq not in self._receipts

    def step(self, row: Line) -> None:
        """Make a row the last one."""
        seq, _, policy, revision, version, at, _, _, sealed, head, _ = row
        self._seq = seq if isinstance(seq, int) else self._seq + 1
        if _is_plain(row):
            if not self.records:
                self.ledger_id = str(_parse(head).get("ledger", ""))
            self.prev, self._at = sealed.decode(errors="replace"), at
            self._counts[policy] = revision, max(version, self._counts.get(policy, (0, 0))[1])
        self.records += 1

    def explain(self, row: Line) -> list[Finding]:
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

    def finish(self, count: int) -> list[Finding]:
        """What can be told at the end only: records that no batch held, and receipts of records that are missing."""
        found = []
        if not self.records:
            found.append(Finding(None, "genesis", "The ledger has no records."))
        if self.records < count:
            found.append(Finding(None, "gap", f"{count - self.records} records have no place in the order."))
        late = [one for seq, some in self._receipts.items() if seq > self._seq for one in some]
        return found + [
            Finding(one.seq, "receipt", f"Record {one.seq}, of which {one.signer} holds a receipt, is missing.")
            for one in late
        ]

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
    seq, kind, policy, revision, version, *texts = row
    return type(seq) is type(revision) is type(version) is int and {bytes}.issuperset(map(type, (kind, policy, *texts)))


def _parse(head: bytes) -> dict[str, Any]:
    """The values of a head; none where it is no such text."""
    try:
        return read_json(head.decode())
    except (ValueError, RecursionError):
        return {}
