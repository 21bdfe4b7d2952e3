"""The tables of the ledger, and the triggers that keep ordinary code from changing a line.

Whoever owns the file or the database can take the triggers away: they stop accidents. The chain shows the rest.
"""

from collections.abc import Iterator

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    case,
    column,
    exists,
    func,
    insert,
    inspect,
    literal,
    literal_column,
    or_,
    select,
    table,
)

from core.signoff.chain import Sealed
from core.signoff.data import TURNS, Record

VERSION = 1

_METADATA = MetaData()
_WHOLE = BigInteger().with_variant(Integer(), "sqlite")

# head and payload are the record, hash seals them; the other columns are copies, by which it is found.
RECORDS = Table(
    "records",
    _METADATA,
    Column("seq", _WHOLE, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("revision", _WHOLE, nullable=False),
    Column("version", _WHOLE, nullable=False),
    Column("at", Text, nullable=False),
    Column("signer", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("head", Text, nullable=False),
    Column("payload", Text, nullable=False),
    UniqueConstraint("policy", "revision"),
    Index("records_by_kind", "policy", "kind", "seq"),
    Index("records_by_version", "policy", "version"),
    sqlite_strict=True,
)
SCHEMAS = Table(
    "ledger_schema",
    _METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
    sqlite_strict=True,
)


def is_turn(records: FromClause) -> ColumnElement[bool]:
    """Whether a record made a version active."""
    return records.c.kind.in_([literal(kind, literal_execute=True) for kind in TURNS])


# A database takes an index of some lines for a query that says in the same words, not in parameters, which ones.
IS_SUBMISSION = RECORDS.c.kind == literal("submit", literal_execute=True)
IS_TURN = is_turn(RECORDS)
Index("records_submitted", RECORDS.c.seq, sqlite_where=IS_SUBMISSION, postgresql_where=IS_SUBMISSION)
Index("records_in_turn", RECORDS.c.policy, RECORDS.c.seq, sqlite_where=IS_TURN, postgresql_where=IS_TURN)

_REFUSE = "BEGIN RAISE EXCEPTION 'the ledger is append-only'; END"
_TABLES = (RECORDS.name, SCHEMAS.name)


def is_there(connection: Connection) -> bool:
    """Whether the database has the table of records."""
    return inspect(connection).has_table(RECORDS.name)


def create(connection: Connection, genesis: Sealed) -> None:
    """Make tables and triggers, and write the first record."""
    _METADATA.create_all(connection, checkfirst=False)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $${_REFUSE}$$")
    for statement in _triggers(connection).values():
        connection.exec_driver_sql(statement)
    connection.execute(insert(SCHEMAS).values(version=VERSION))
    connection.execute(insert(RECORDS), row_of(genesis.open(), genesis))


def row_of(record: Record, sealed: Sealed) -> dict[str, str | int]:
    """The columns of a record."""
    return {
        "seq": record.seq,
        "kind": record.kind,
        "policy": record.policy,
        "revision": record.revision,
        "version": record.version,
        "at": record.at,
        "signer": record.signer.name,
        "key": record.key,
        "hash": sealed.hash,
        "head": sealed.head,
        "payload": sealed.payload,
    }


def find_faults(connection: Connection) -> Iterator[str]:
    """What is not as :func:`create` made it: another version of the tables, a trigger away, changed or disabled."""
    for name in _TABLES:
        if not inspect(connection).has_table(name):
            yield f"it has no table {name}"
            return
    version = connection.execute(select(func.max(SCHEMAS.c.version))).scalar()
    if version != VERSION:
        yield f"its tables are of version {version}; this RecScope knows version {VERSION}"
    found = _find_triggers(connection)
    for name, wanted in _triggers(connection).items():
        if name not in found:
            yield f"its trigger {name} is missing or disabled"
        elif found[name] != wanted:
            yield f"its trigger {name} was changed"


def _triggers(connection: Connection) -> dict[str, str]:
    """The statements that make them, each as the database says it when it is asked."""
    if connection.dialect.name == "postgresql":
        return {
            f"{name}_stay": f"CREATE TRIGGER {name}_stay BEFORE DELETE OR UPDATE OR TRUNCATE ON {name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()"
            for name in _TABLES
        }
    refuse = "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    made = {
        f"{name}_no_{act}": f"CREATE TRIGGER {name}_no_{act} BEFORE {act.upper()} ON {name} {refuse}"
        for name in _TABLES
        for act in ("update", "delete")
    }
    # INSERT OR REPLACE takes the old line away without asking the trigger on DELETE.
    c = RECORDS.c
    unique = ((c.seq,), (c.key,), (c.hash,), (c.policy, c.revision))
    same = [[one == literal_column(f"NEW.{one.name}") for one in columns] for columns in unique]
    clash = exists().where(or_(*(one[0] if len(one) == 1 else one[0] & one[1] for one in same))).select_from(RECORDS)
    when = " ".join(str(clash.compile(dialect=connection.dialect)).split())
    made["records_no_replace"] = f"CREATE TRIGGER records_no_replace BEFORE INSERT ON records WHEN {when} {refuse}"
    return made


def _find_triggers(connection: Connection) -> dict[str, str]:
    """The statement of each trigger in force; in PostgreSQL only where its function is as it was made, too."""
    if connection.dialect.name == "postgresql":
        names = ("oid", "tgname", "tgrelid", "tgfoid", "tgenabled")
        trigger = table("pg_trigger", *map(column, names))
        body = table("pg_proc", column("oid"), column("prosrc"))
        relations = [func.to_regclass(name) for name in _TABLES]
        text = case((body.c.prosrc == _REFUSE, func.pg_get_triggerdef(trigger.c.oid, True)), else_="")
        rows = connection.execute(
            select(trigger.c.tgname, text)
            .join_from(trigger, body, trigger.c.tgfoid == body.c.oid)
            .where(trigger.c.tgrelid.in_(relations), trigger.c.tgenabled.cast(String).in_(["O", "A"]))
        )
    else:
        master = table("sqlite_master", column("type"), column("name"), column("sql"))
        rows = connection.execute(select(master.c.name, master.c.sql).where(master.c.type == "trigger"))
    return {name: text for name, text in rows}
