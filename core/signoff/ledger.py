"""The ledger: an append-only list of records, each sealed with the hash of the one before it."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    Connection,
    ScalarSelect,
    Select,
    bindparam,
    cast,
    exists,
    func,
    insert,
    or_,
    select,
    type_coerce,
)

from core.errors import InputError, RecScopeError
from core.settings import Settings
from core.signoff import schema
from core.signoff.chain import BEFORE_GENESIS, RESTORE, Sealed, canonical, read_head, seal_genesis, write_moment
from core.signoff.data import TURNS, Entry, Kind, LedgerDamaged, LedgerUnavailable, Record, StaleRevision
from core.signoff.database import (
    PATIENCE_S,
    Conflict,
    Database,
    check_integrity,
    create_file,
    find_database,
    open_file,
)
from core.signoff.schema import IS_SUBMISSION, IS_TURN, RECORDS, is_turn

CLOCK_SLACK = timedelta(minutes=5)

_ATTEMPTS = 5
_BATCH = 500
_SEALED = (RECORDS.c.head, RECORDS.c.payload, RECORDS.c.hash)
_END: tuple[Kind, ...] = ("reject", "withdraw")
_NO_END = 2**63 - 1  # no record has a larger seq

# Statements are built once: building one takes as long as running it.
_MINE = RECORDS.c.policy == bindparam("mine")
_UP_TO = RECORDS.c.seq <= bindparam("until")
_BY_KEY = select(*_SEALED).where(RECORDS.c.key == bindparam("wanted"))
_LAST = select(*_SEALED).order_by(RECORDS.c.seq.desc()).limit(1)


def _largest(name: str) -> ScalarSelect[Any]:
    """The largest value of a column among the records of the policy."""
    mine = RECORDS.alias()
    chosen = select(mine.c[name]).where(mine.c.policy == bindparam("mine"), mine.c.seq <= bindparam("until"))
    return chosen.order_by(mine.c[name].desc()).limit(1).scalar_subquery()


_STATE = (
    select(RECORDS.c.seq, RECORDS.c.head, RECORDS.c.hash, _largest("revision"), _largest("version"))
    .where(_UP_TO)
    .order_by(RECORDS.c.seq.desc())
    .limit(1)
)
_OF_VERSION = select(*_SEALED).where(_MINE, RECORDS.c.version == bindparam("wanted"), _UP_TO).order_by(RECORDS.c.seq)
_ACTIVATIONS = select(*_SEALED).where(_MINE, IS_TURN, _UP_TO).order_by(RECORDS.c.seq.desc()).limit(bindparam("limit"))
_NEXT_TURN = (
    select(RECORDS.c.kind)
    .where(_MINE, IS_TURN, RECORDS.c.seq > bindparam("after"), _UP_TO)
    .order_by(RECORDS.c.seq)
    .limit(1)
)
_LAST_TURN = (
    select(RECORDS.c.seq).where(_MINE, IS_TURN, _UP_TO).order_by(RECORDS.c.seq.desc()).limit(1).scalar_subquery()
)
_ENDED = RECORDS.alias()
_OPEN = (
    select(RECORDS.c.version)
    .where(_MINE, IS_SUBMISSION, RECORDS.c.seq > func.coalesce(_LAST_TURN, 0), _UP_TO)
    .where(
        ~exists().where(
            _ENDED.c.policy == bindparam("mine"),
            _ENDED.c.version == RECORDS.c.version,
            _ENDED.c.kind.in_(_END),
            _ENDED.c.seq <= bindparam("until"),
        )
    )
    .order_by(RECORDS.c.seq)
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
    later
        The act that made a version of the policy active next: since this one was submitted, or became active itself.
    """

    policy: str
    version: int
    seq: int
    needs: int
    review_by: str
    lines: tuple[Line, ...]
    later: Kind | None


class Stream:
    """The records of one policy, as they stand within one transaction, or stood after an earlier record.

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

    def __init__(
        self, connection: Connection, policy: str, revision: int, versions: int, *, now: str, until: int
    ) -> None:
        self._connection = connection
        self._bounds: dict[str, str | int] = {"mine": policy, "until": until}
        self._versions: dict[int, list[Record]] = {}
        self._activations: dict[int, list[Record]] = {}
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
        if limit not in self._activations:
            self._activations[limit] = self._records(_ACTIVATIONS, limit=limit)
        return self._activations[limit]

    def next_turn(self, after: int) -> Kind | None:
        """The first act after a place in the ledger that made a version active."""
        return self._connection.execute(_NEXT_TURN, self._bounds | {"after": after}).scalar()

    def open_versions(self) -> list[int]:
        """Submissions since the last activation that were neither rejected nor withdrawn."""
        return list(self._connection.execute(_OPEN, self._bounds).scalars())

    def summaries(self, *, offset: int, limit: int) -> list[Summary]:
        """The submissions, newest first, without their payloads."""
        return _summarise(self._connection, "policy", **self._bounds, offset=offset, limit=limit)

    def watches(self, version: int) -> list[Record]:
        """The looks at newer rows of a version, in order."""
        return [record for record in self.of_version(version) if record.kind == "watch"]

    def _records(self, statement: Select[Any], **values: int) -> list[Record]:
        return [Sealed(*row).open() for row in self._connection.execute(statement, self._bounds | values)]


Choice = Literal["policy", "all"]


def _summarise(connection: Connection, choice: Choice, **values: str | int) -> list[Summary]:
    submissions, records = _list_statements(choice, connection.dialect.name == "postgresql")
    found = connection.execute(submissions, values).all()
    lines: dict[tuple[str, int], list[Line]] = {(name, version): [] for name, version, *_ in found}
    later: dict[tuple[str, int], Kind | None] = {}
    for policy, version, turn, *line in connection.execute(records, values):
        lines[policy, version].append(Line(*line))
        if lines[policy, version][-1].kind in ("submit", *TURNS):
            later[policy, version] = turn
    return [
        Summary(name, version, seq, needs, review_by, tuple(lines[name, version]), later[name, version])
        for name, version, seq, needs, review_by in found
    ]


@cache
def _list_statements(choice: Choice, on_server: bool) -> tuple[Select[Any], Select[Any]]:
    """What finds the submissions of a page, and all records of them with the turn that follows each.

    The page is chosen by an index first, so that of all payloads only its own are looked into.
    """
    c, turn = RECORDS.c, RECORDS.alias()
    page = _page(choice).subquery()
    facts = cast(c.payload, JSON) if on_server else type_coerce(c.payload, JSON)
    columns = c.policy, c.version, c.seq, facts["needs"].as_integer(), facts["review_by"].as_string()
    submissions = select(*columns).where(c.seq.in_(select(page.c.seq))).order_by(c.seq.desc())
    follows = (
        select(turn.c.kind)
        .where(turn.c.policy == c.policy, is_turn(turn), turn.c.seq > c.seq, turn.c.seq <= bindparam("until"))
        .order_by(turn.c.seq)
        .limit(1)
        .scalar_subquery()
    )
    records = (
        select(c.policy, c.version, follows, c.seq, c.kind, c.signer, c.at)
        .join_from(page, RECORDS, (c.policy == page.c.policy) & (c.version == page.c.version))
        .where(_UP_TO)
        .order_by(c.seq)
    )
    return submissions, records


def _page(choice: Choice) -> Select[Any]:
    c = RECORDS.c
    chosen = select(c.seq, c.policy, c.version).where(IS_SUBMISSION, _UP_TO).order_by(c.seq.desc())
    mine = chosen if choice == "all" else chosen.where(_MINE)
    return mine.limit(bindparam("limit")).offset(bindparam("offset"))


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
        make: bool = True,
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
        make
            Whether to make it; who only reads does not.

        Raises
        ------
        InputError
            The URL is neither that of an SQLite file nor of a PostgreSQL server, or there is no ledger to read.
        LedgerDamaged
            What is there is no ledger, or one of another version, or without its triggers.
        LedgerUnavailable
            It cannot be reached or made.

        Notes
        -----
        O(1). The pages of a file are looked at by :meth:`check`, the chain by :func:`core.signoff.verify.verify`.
        """

        def fill(connection: Connection) -> None:
            if not schema.is_there(connection):
                schema.create(connection, seal_genesis(new_id(), write_moment(clock())))

        found = _find(url or settings.ledger_url, patience_s, fill if make else None)
        try:
            return cls(found, _read_id(found), clock)
        except RecScopeError:
            found.close()
            raise

    def check(self) -> None:
        """Have SQLite look at every page and index of its file: O(bytes). A server looks after its own.

        Raises
        ------
        LedgerDamaged
            Something is amiss.
        """
        check_integrity(self.database)

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
            stream, seq, prev = self._look(connection, entry.policy, until=_NO_END, strict=True)
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
    def stream(self, policy: str, *, until: int = _NO_END) -> Iterator[Stream]:
        """The records of a policy in one reading transaction; keep it short: in a file it holds writers up.

        Parameters
        ----------
        until
            Seq of the last record to be seen: what is read in several transactions is then of one state.
        """
        with self.database.transaction(write=False) as connection:
            yield self._look(connection, policy, until=until, strict=False)[0]

    def last(self) -> Record:
        """The last record of all."""
        with self.database.transaction(write=False) as connection:
            return Sealed(*connection.execute(_LAST).one()).open()

    def now(self) -> str:
        """Time of the ledger; never before that of its last record."""
        with self.stream("") as stream:
            return stream.now

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
        statement = select(RECORDS.c.policy).where(IS_SUBMISSION).distinct().order_by(RECORDS.c.policy)
        with self.database.transaction(write=False) as connection:
            return list(connection.execute(statement).scalars())

    def count_submissions(self, policy: str | None) -> int:
        """Number of submissions of a policy, or of all."""
        statement = select(func.count()).select_from(RECORDS).where(IS_SUBMISSION)
        with self.database.transaction(write=False) as connection:
            return connection.execute(
                statement if policy is None else statement.where(RECORDS.c.policy == policy)
            ).scalar_one()

    def submissions(self, policy: str | None, *, offset: int, limit: int) -> list[Summary]:
        """Submissions of a policy, or of all, newest first, without their payloads."""
        choice: Choice = "all" if policy is None else "policy"
        with self.database.transaction(write=False) as connection:
            return _summarise(connection, choice, mine=policy or "", until=_NO_END, offset=offset, limit=limit)

    def find_mentions(self, texts: Sequence[str], *, limit: int) -> list[tuple[str, int]]:
        """Policy and version of the newest submissions whose payload holds one of these texts, newest first."""
        c = RECORDS.c
        holds = or_(*(c.payload.contains(text, autoescape=True) for text in texts))
        statement = select(c.policy, c.version).where(c.kind == "submit", holds).order_by(c.seq.desc()).limit(limit)
        with self.database.transaction(write=False) as connection:
            return [(name, version) for name, version in connection.execute(statement)]

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

    def _look(self, connection: Connection, policy: str, *, until: int, strict: bool) -> tuple[Stream, int, str]:
        """The stream of a policy, and seq and hash of the last record of all."""
        seq, head, sealed, revision, versions = connection.execute(_STATE, {"mine": policy, "until": until}).one()
        last = read_head(head, sealed)
        if (last["seq"], last["ledger"]) != (seq, self.id):
            raise LedgerDamaged("the last record is out of its place.", fix=RESTORE)
        now = self._now(last["at"], strict=strict)
        return Stream(connection, policy, revision or 0, versions or 0, now=now, until=until), seq, sealed

    def _now(self, last_at: str, *, strict: bool) -> str:
        """Time of the clock, or of the last record where that is later."""
        now = self._clock()
        if strict and now + CLOCK_SLACK < datetime.fromisoformat(last_at):
            raise LedgerUnavailable(
                f"The clock says {write_moment(now)}, but the last record of {self.database.place} is of {last_at}.",
                fix="Set the clock of this machine right, then try again.",
            )
        return max(write_moment(now), last_at)


def _find(url: str, patience_s: float, fill: Callable[[Connection], None] | None) -> Database:
    """The database of a URL; where there is none, one that is filled, or an error."""
    found = find_database(url, patience_s=patience_s)
    if isinstance(found, Path):
        if fill is None:
            raise _nothing(str(found))
        create_file(found, fill=fill)
        return open_file(found, patience_s=patience_s)
    try:
        if found.file is None and not _has_records(found):
            if fill is None:
                raise _nothing(found.place)
            with found.transaction(write=True) as connection:
                fill(connection)
    except RecScopeError:
        found.close()
        raise
    return found


def _nothing(place: str) -> InputError:
    return InputError(
        f"There is no ledger {place}.",
        fix="Give the file or the address of a ledger; the first act on a page makes it.",
    )


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
