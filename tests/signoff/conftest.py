"""Ledgers in an SQLite file and on a PostgreSQL server, a clock that stands still, and acts to sign."""

import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, delete, insert, make_url, select

from core.settings import Settings
from core.signoff.data import Entry, Kind, Record, Role, Signer
from core.signoff.ledger import Ledger, Stream
from core.signoff.schema import RECORDS
from tests import postgres
from tests.conftest import make_settings

LEDGER_ID = "0123456789abcdef" * 2
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
_KEYS = itertools.count(1)


class Clock:
    """Goes on by a second whenever it is read."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


def make_signer(name: str = "Ada", *roles: Role) -> Signer:
    """A person of that name at an identity provider."""
    return Signer("https://login.example.org", name.lower(), name, "oidc", roles or ("author",), 1_795_000_000)


def make_entry(
    kind: Kind = "submit",
    version: int | None = None,
    *,
    policy: str = "ctr",
    signer: str = "Ada",
    key: str = "",
    **more: Any,
) -> Entry:
    """An act with a key of its own."""
    payload = {"needs": 1, "review_by": "2027-05-31", **more}
    key = key or str(uuid.UUID(int=next(_KEYS)))
    return Entry(kind, policy, version, payload, make_signer(signer), f"I {kind} this policy.", key)


def allow(stream: Stream) -> None:
    """A check that refuses nothing."""


def sign(ledger: Ledger, *entries: Entry) -> list[Record]:
    """Append entries, each as of the present revision of its policy."""
    records = []
    for entry in entries:
        with ledger.stream(entry.policy) as stream:
            expected = stream.revision
        records.append(ledger.append(entry, expected=expected, check=allow))
    return records


@contextmanager
def as_owner(ledger: Ledger) -> Iterator[Connection]:
    """A transaction of somebody who may do everything: triggers are away, and come back at the end."""
    with ledger.database.transaction(write=True) as connection:
        if ledger.database.file is None:
            connection.exec_driver_sql("ALTER TABLE records DISABLE TRIGGER USER")
            yield connection
            connection.exec_driver_sql("ALTER TABLE records ENABLE TRIGGER USER")
        else:
            triggers = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
            for name, _ in triggers:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            yield connection
            for _, text in triggers:
                connection.exec_driver_sql(text)


Lines = list[dict[str, Any]]


def read_lines(ledger: Ledger) -> Lines:
    """The rows of a ledger."""
    with ledger.database.transaction(write=False) as connection:
        return [dict(row) for row in connection.execute(select(RECORDS).order_by(RECORDS.c.seq)).mappings()]


def write_lines(ledger: Ledger, lines: Lines) -> None:
    """Put other rows in the place of all rows of a ledger."""
    with as_owner(ledger) as connection:
        connection.execute(delete(RECORDS))
        connection.execute(insert(RECORDS), lines)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with a home of their own."""
    return make_settings(tmp_path_factory.mktemp("signoff"))


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """URL of a private PostgreSQL server; without one its tests are skipped, but fail where CI is set."""
    programs = postgres.find()
    if programs is None:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("PostgreSQL is not here: python -m tests.postgres installs it")
    with postgres.serve(programs) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a place where no ledger is yet: a file, and a database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'signoff' / 'ledger.db'}"
    return make_database(request.getfixturevalue("server"))


def make_database(server: str) -> str:
    """Make an empty schema on a server, and return a URL that sees it alone; a database of its own takes 8 MB."""
    name = f"test{next(_KEYS)}"
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN SUPERUSER")
        connection.exec_driver_sql(f"CREATE SCHEMA {name} AUTHORIZATION {name}")
        connection.exec_driver_sql(f"ALTER ROLE {name} SET search_path = {name}")
    engine.dispose()
    return make_url(server).set(username=name).render_as_string(hide_password=False)


OpenLedger = Callable[..., Ledger]


@pytest.fixture
def open_ledger(settings: Settings) -> Iterator[OpenLedger]:
    """Open ledgers that are closed at the end of the test."""
    opened = []

    def open_one(url: str, **more: Any) -> Ledger:
        usual = {"clock": Clock(), "new_id": lambda: LEDGER_ID}
        opened.append(Ledger.open(url, settings, **(usual | more)))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(url: str, open_ledger: OpenLedger) -> Ledger:
    """A new ledger."""
    return open_ledger(url)
