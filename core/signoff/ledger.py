"""The ledger: an append-only list of records, each sealed with the hash of the one before it."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    Connection,
    Select,
    bindparam,
    cast,
    except_,
    func,
    insert,
    select,
    tuple_,
    type_coerce,
)

from core.errors import InputError, RecScopeError
from core.settings import Settings
from core.signoff import schema
from core.signoff.chain import BEFORE_GENESIS, RESTORE, Sealed, canonical, read_head, seal_genesis, write_moment
from core.signoff.data import Entry, Kind, LedgerDamaged, LedgerUnavailable, Record, StaleRevision
from core.signoff.database import (
    PATIENCE_S,
    Conflict,
    Database,
    check_integrity,
    create_file,
    find_database,
    open_file,
)
from core.signoff.schema import RECORDS

CLOCK_SLACK = timedelta(minutes=5)

_ATTEMPTS = 5
_BATCH = 500
_SEALED = (RECORDS.c.head, RECORDS.c.payload, RECORDS.c.hash)
_ACTIVATE: tuple[Kind, ...] = ("activate", "roll_back")
_CLOSE: tuple[Kind, ...] = ("reject", "withdraw", "activate")

# Statements are built once: building one takes as long as running it.
_ALIAS = RECORDS.alias()
_MINE = RECORDS.c.policy == bindparam("mine")
_BY_KEY = select(*_SEALED).where(RECORDS.c.key == bindparam("wanted"))
_STATE = (
    select(
        RECORDS.c.seq,
        RECORDS.c.head,
        RECORDS.c.hash,
        select(func.max(_ALIAS.c.revision)).where(_ALIAS.c.policy == bindparam("mine")).scalar_subquery(),
        select(func.max(_ALIAS.c.version)).where(_ALIAS.c.policy == bindparam("mine")).scalar_subquery(),
    )
    .order_by(RECORDS.c.seq.desc())
    .limit(1)
)
_OF_VERSION = select(*_SEALED).where(_MINE, RECORDS.c.version == bindparam("wanted")).order_by(RECORDS.c.seq)
_WATCHES = _OF_VERSION.where(RECORDS.c.kind == "watch")
_ACTIVATIONS = (
    select(*_SEALED)
    .where(_MINE, RECORDS.c.kind.in_(_ACTIVATE))
    .order_by(RECORDS.c.revision.desc())
    .limit(bindparam("limit"))
)
_TURNS = (
    select(RECORDS.c.seq, RECORDS.c.kind, RECORDS.c.signer, RECORDS.c.at)
    .where(_MINE, RECORDS.c.kind.in_(_ACTIVATE), RECORDS.c.seq > bindparam("wanted"))
    .order_by(RECORDS.c.seq)
)
_LAST_TURN = (
    select(RECORDS.c.seq)
    .where(_MINE, RECORDS.c.kind.in_(_ACTIVATE))
    .order_by(RECORDS.c.revision.desc())
    .limit(1)
    .scalar_subquery()
)
_OPEN = except_(
    select(RECORDS.c.version).where(_MINE, RECORDS.c.kind == "submit", RECORDS.c.seq > func.coalesce(_LAST_TURN, 0)),
    select(RECORDS.c.version).where(_MINE, RECORDS.c.kind.in_(_CLOSE)),
)
_INSERT = insert(RECORDS)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Line:
    """A record in a list: all but its payload."""

    seq: int
    kind: Kind
    signer: str
    at: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A submission in a list.

    Attributes
    ----------
    policy, version, seq
        Of the record that submitted it.
    needs, review_by
        Of its payload.
    lines
        All records of that version, in order.
    """

    policy: str
    version: int
    seq: int
    needs: int
    review_by: str
    lines: tuple[Line, ...]


class Stream:
    """The records of one policy, as they stand within one transaction.

    Attributes
    ----------
    policy
        Its name.
    revision
        Number of its records.
    versions
        Number of its submissions.
    now
        Time of the ledger; never before that of its last record.
    """

    def __init__(self, connection: Connection, policy: str, revision: int, versions: int, now: str) -> None:
        self._connection = connection
        self._versions: dict[int, list[Record]] = {}
        self.policy = policy
        self.revision = revision
        self.versions = versions
        self.now = now

    def of_version(self, version: int) -> list[Record]:
        """All records of a version, in order."""
        if version not in self._versions:
            self._versions[version] = self._records(_OF_VERSION, wanted=version)
        return self._versions[version]

    def activations(self, limit: int = 1) -> list[Record]:
        """The latest records that made a version active, newest first."""
        return self._records(_ACTIVATIONS, limit=limit)

    def turns(self, after: int) -> list[Line]:
        """Records that made a version active and stand after a place in the ledger, oldest first."""
        return [Line(*row) for row in self._connection.execute(_TURNS, {"mine": self.policy, "wanted": after})]

    def open_versions(self) -> list[int]:
        """Submissions since the last activation that were neither rejected, nor withdrawn, nor activated."""
        return sorted(self._connection.execute(_OPEN, {"mine": self.policy}).scalars())

    def watches(self, version: int) -> list[Record]:
        """The looks at newer rows of a version, in order."""
        return self._records(_WATCHES, wanted=version)

    def _records(self, statement: Select[Any], **values: int) -> list[Record]:
        return [Sealed(*row).open() for row in self._connection.execute(statement, {"mine": self.policy, **values})]


Check = Callable[[Stream], None]


def now_utc() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def make_id() -> str:
    """A name that no other ledger has."""
    return uuid.uuid4().hex


class Ledger:
    """A ledger in its database.

    Attributes
    ----------
    id
        Its name: 32 hexadecimal digits, drawn when it was made.
    database
        Where it is.
    """

    def __init__(self, database: Database, ledger_id: str, clock: Clock) -> None:
        self.database = database
        self.id = ledger_id
        self._clock = clock

    @classmethod
    def open(
        cls,
        url: str | None,
        settings: Settings,
        *,
        clock: Clock = now_utc,
        new_id: Callable[[], str] = make_id,
        patience_s: float = PATIENCE_S,
    ) -> "Ledger":
        """Open the ledger of a URL, or that of the settings, and make it where there is none.

        Parameters
        ----------
        clock
            Gives the time, in UTC.
        new_id
            Names a ledger that is made.
        patience_s
            How long to wait for another writer.

        Raises
        ------
        InputError
            The URL is neither that of an SQLite file nor of a PostgreSQL server.
        LedgerDamaged
            What is there is no ledger, or one of another version, or without its triggers.
        LedgerUnavailable
            It cannot be reached or made.

        Notes
        -----
        SQLite looks at the whole file: O(bytes). The chain is checked by :func:`core.signoff.verify.verify` only.
        """

        def fill(connection: Connection) -> None:
            if not schema.is_there(connection):
                schema.create(connection, seal_genesis(new_id(), write_moment(clock())))

        found = find_database(url or settings.ledger_url, patience_s=patience_s)
        if isinstance(found, Path):
            create_file(found, fill=fill)
            found = open_file(found, patience_s=patience_s)
        try:
            check_integrity(found)
            if found.file is None and not _has_records(found):
                with found.transaction(write=True) as connection:
                    fill(connection)
            return cls(found, _read_id(found), clock)
        except RecScopeError:
            found.close()
            raise

    def close(self) -> None:
        """Close its connections; the ledger opens new ones where it is used again."""
        self.database.close()

    def append(self, entry: Entry, *, expected: int, check: Check) -> Record:
        """Write a record, durably, in one transaction in which no other writes.

        Parameters
        ----------
        entry
            What is signed.
        expected
            The revision of the policy that the signer saw.
        check
            Raises where the act is not allowed as things stand.

        Returns
        -------
        Record
            The record; that of the first time, where an entry of this key was written before.

        Raises
        ------
        InputError
            The key was used for another act, or the payload is not such that JSON carries it.
        StaleRevision
            Somebody signed in between.
        LedgerDamaged, LedgerUnavailable
            Nothing was written; or, where the connection broke at the very end, it is not known: :meth:`find` tells.
        """
        payload = canonical(entry.payload)
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._append_once(entry, payload, expected, check)
            except Conflict:
                continue
        return self._append_once(entry, payload, expected, check)

    def _append_once(self, entry: Entry, payload: str, expected: int, check: Check) -> Record:
        with self.database.transaction(write=True) as connection:
            earlier = connection.execute(_BY_KEY, {"wanted": entry.key}).one_or_none()
            if earlier is not None:
                return _same_act(Sealed(*earlier), entry, payload)
            stream, seq, prev = self._look(connection, entry.policy, strict=True)
            if stream.revision != expected:
                raise StaleRevision(
                    f"Somebody signed {entry.policy} in between: it is at revision {stream.revision}, not {expected}.",
                    fix="Look at what has changed, then sign again if you still agree.",
                    revision=stream.revision,
                )
            check(stream)
            sealed = Sealed.of(self.id, _head_of(entry, stream, seq + 1, prev), payload)
            record = sealed.open()
            connection.execute(_INSERT, schema.row_of(record, sealed))
            return record

    @contextmanager
    def stream(self, policy: str) -> Iterator[Stream]:
        """The records of a policy in one reading transaction; keep it short: in a file it holds writers up."""
        with self.database.transaction(write=False) as connection:
            yield self._look(connection, policy, strict=False)[0]

    def find(self, key: str) -> Record | None:
        """The record of a key: whether a signature that was cut off became one."""
        with self.database.transaction(write=False) as connection:
            found = connection.execute(_BY_KEY, {"wanted": key}).one_or_none()
            return None if found is None else Sealed(*found).open()

    def read(self, after: int = -1, limit: int | None = None) -> Iterator[Record]:
        """All records in order, or ``limit`` of those behind a seq; read in batches, so that no writer waits."""
        while limit is None or limit > 0:
            batch = _BATCH if limit is None else min(limit, _BATCH)
            statement = select(*_SEALED).where(RECORDS.c.seq > after).order_by(RECORDS.c.seq).limit(batch)
            with self.database.transaction(write=False) as connection:
                records = [Sealed(*row).open() for row in connection.execute(statement)]
            yield from records
            if len(records) < batch:
                return
            after, limit = records[-1].seq, None if limit is None else limit - batch

    def policies(self) -> list[str]:
        """Names of all policies that were ever submitted."""
        statement = select(RECORDS.c.policy).where(RECORDS.c.kind == "submit").distinct().order_by(RECORDS.c.policy)
        with self.database.transaction(write=False) as connection:
            return list(connection.execute(statement).scalars())

    def count_submissions(self, policy: str | None) -> int:
        """Number of submissions of a policy, or of all."""
        with self.database.transaction(write=False) as connection:
            return int(connection.execute(_submissions(policy, func.count())).scalar_one())

    def submissions(self, policy: str | None, *, offset: int, limit: int) -> list[Summary]:
        """Submissions of a policy, or of all, newest first, without their payloads."""
        c = RECORDS.c
        with self.database.transaction(write=False) as connection:
            facts = cast(c.payload, JSON) if self.database.file is None else type_coerce(c.payload, JSON)
            columns = c.policy, c.version, c.seq, facts["needs"].as_integer(), facts["review_by"].as_string()
            page = _submissions(policy, *columns).order_by(c.seq.desc()).offset(offset).limit(limit)
            found = connection.execute(page).all()
            shown: dict[tuple[str, int], list[Line]] = {(row[0], row[1]): [] for row in found}
            lines = select(c.policy, c.version, c.seq, c.kind, c.signer, c.at).order_by(c.seq)
            for row in connection.execute(lines.where(tuple_(c.policy, c.version).in_(list(shown)))):
                shown[row[0], row[1]].append(Line(*row[2:]))
        return [
            Summary(name, version, seq, needs, review_by, tuple(shown[name, version]))
            for name, version, seq, needs, review_by in found
        ]

    def grant(self, role: str) -> None:
        """Let a role of the server read the ledger and append to it, and nothing else.

        Raises
        ------
        InputError
            The ledger is a file, which has no roles, or there is no such role.
        """
        if self.database.file is not None:
            raise InputError(
                f"The ledger {self.database.place} is a file, which has no roles.",
                fix="Give the right to write the file by the means of the system that it lies on.",
            )
        if not role or "\0" in role:
            raise InputError("This is no name of a role.", fix="Give the name of a role of the server.")
        name = self.database.engine.dialect.identifier_preparer.quote_identifier(role)
        acts: tuple[tuple[Literal["REVOKE", "GRANT"], str], ...] = (
            ("REVOKE", f"ALL ON records, ledger_schema FROM {name}"),
            ("GRANT", f"INSERT, SELECT ON records TO {name}"),
            ("GRANT", f"SELECT ON ledger_schema TO {name}"),
        )
        with self.database.transaction(write=True) as connection:
            for act, what in acts:
                connection.exec_driver_sql(f"{act} {what}")

    def _look(self, connection: Connection, policy: str, *, strict: bool) -> tuple[Stream, int, str]:
        """The stream of a policy, and seq and hash of the last record of all."""
        seq, head, sealed, revision, versions = connection.execute(_STATE, {"mine": policy}).one()
        last = read_head(head, sealed)
        if (last["seq"], last["ledger"]) != (seq, self.id):
            raise LedgerDamaged("the last record is out of its place.", fix=RESTORE)
        now = self._now(last["at"], strict=strict)
        return Stream(connection, policy, revision or 0, versions or 0, now), seq, sealed

    def _now(self, last_at: str, *, strict: bool) -> str:
        """Time of the clock, or of the last record where that is later."""
        now = self._clock()
        if strict and now + CLOCK_SLACK < datetime.fromisoformat(last_at):
            raise LedgerUnavailable(
                f"The clock says {write_moment(now)}, but the last record of {self.database.place} is of {last_at}.",
                fix="Set the clock of this machine right, then try again.",
            )
        return max(write_moment(now), last_at)


def _has_records(database: Database) -> bool:
    with database.transaction(write=False) as connection:
        return schema.is_there(connection)


def _read_id(database: Database) -> str:
    with database.transaction(write=False) as connection:
        faults = list(schema.find_faults(connection))
        if faults:
            raise LedgerDamaged(f"{'; '.join(faults)}.", fix=RESTORE)
        genesis = connection.execute(select(*_SEALED, RECORDS.c.seq).order_by(RECORDS.c.seq).limit(1)).one_or_none()
        if genesis is None or genesis.seq or Sealed(*genesis[:3]).open().prev != BEFORE_GENESIS:
            raise LedgerDamaged("its beginning is lost.", fix=RESTORE)
        return str(read_head(genesis.head, genesis.hash)["ledger"])


def _head_of(entry: Entry, stream: Stream, seq: int, prev: str) -> dict[str, Any]:
    if entry.version is not None and entry.version > stream.versions:
        raise InputError(
            f"{entry.policy} has {stream.versions} submissions, none of version {entry.version}.",
            fix="Choose a version that was submitted.",
        )
    return {
        "seq": seq,
        "prev": prev,
        "kind": entry.kind,
        "policy": entry.policy,
        "revision": stream.revision + 1,
        "version": entry.version or stream.versions + 1,
        "at": stream.now,
        "key": entry.key,
        "signer": entry.signer.to_json(),
        "meaning": entry.meaning,
    }


def _same_act(sealed: Sealed, entry: Entry, payload: str) -> Record:
    record = sealed.open()
    same = (record.kind, record.policy, record.meaning) == (entry.kind, entry.policy, entry.meaning)
    same = same and entry.version in (None, record.version) and sealed.payload == payload
    if not (same and record.signer.same_person(entry.signer)):
        raise InputError(
            f"Key {entry.key} was used for another act, record {record.seq}.", fix="Give each act a key of its own."
        )
    return record


def _submissions(policy: str | None, *columns: Any) -> Select[Any]:
    chosen = select(*columns).select_from(RECORDS).where(RECORDS.c.kind == "submit")
    return chosen if policy is None else chosen.where(RECORDS.c.policy == policy)
