import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Executable, Table, create_engine, delete, event, insert, make_url, text, update
from sqlalchemy.exc import DBAPIError

from core.errors import InputError
from core.jobs import finish
from core.signoff import ledger as module
from core.signoff.data import LedgerDamaged, LedgerUnavailable, StaleRevision
from core.signoff.ledger import Ledger, Stream
from core.signoff.schema import RECORDS, SCHEMAS
from core.signoff.verify import verify
from tests.conftest import make_settings
from tests.signoff.conftest import (
    LEDGER_ID,
    NOON,
    Clock,
    OpenLedger,
    allow,
    make_database,
    make_entry,
    make_signer,
    read_lines,
    sign,
)


def is_sound(ledger: Ledger) -> bool:
    return finish(verify(ledger, [])).ok


def test_a_new_ledger_holds_its_genesis(ledger: Ledger) -> None:
    (genesis,) = ledger.read()
    assert (ledger.id, genesis.kind, genesis.seq, genesis.at) == (
        LEDGER_ID,
        "genesis",
        0,
        "2026-11-21T12:00:01.000000Z",
    )
    assert (ledger.policies(), ledger.count_submissions(None), ledger.submissions(None, offset=0, limit=9)) == (
        [],
        0,
        [],
    )
    with ledger.stream("ctr") as stream:
        assert (stream.revision, stream.versions, stream.activations(), stream.open_versions()) == (0, 0, [], [])


def test_a_ledger_is_made_once_and_then_opened(url: str, ledger: Ledger, open_ledger: OpenLedger) -> None:
    (record,) = sign(ledger, make_entry())
    again = open_ledger(url, new_id=lambda: "f" * 32)
    assert again.id == LEDGER_ID
    assert [one.hash for one in again.read(after=0)] == [record.hash]


def test_an_entry_becomes_a_record(ledger: Ledger) -> None:
    entry = make_entry(rates=(0.5, 1.0), text="é\n")
    (record,) = sign(ledger, entry)
    assert (record.seq, record.revision, record.version, record.prev) == (1, 1, 1, next(ledger.read()).hash)
    assert (record.kind, record.policy, record.key, record.meaning) == (
        entry.kind,
        entry.policy,
        entry.key,
        entry.meaning,
    )
    assert record.signer == entry.signer
    assert record.payload == entry.payload | {"rates": [0.5, 1]}
    found = ledger.find(entry.key)
    assert found is not None
    assert (found.hash, found.payload) == (record.hash, record.payload)
    assert ledger.find("0" * 36) is None
    assert is_sound(ledger)


def test_revisions_and_versions_count_within_their_policy(ledger: Ledger) -> None:
    acts = [make_entry(), make_entry(policy="cvr"), make_entry("approve", 1), make_entry(), make_entry("watch", 1)]
    records = sign(ledger, *acts)
    assert [(r.seq, r.policy, r.revision, r.version) for r in records] == [
        (1, "ctr", 1, 1), (2, "cvr", 1, 1), (3, "ctr", 2, 1), (4, "ctr", 3, 2), (5, "ctr", 4, 1),
    ]  # fmt: skip
    assert ledger.policies() == ["ctr", "cvr"]
    assert [record.at for record in records] == sorted(record.at for record in records)
    assert is_sound(ledger)


def test_a_version_must_have_been_submitted(ledger: Ledger) -> None:
    sign(ledger, make_entry())
    with pytest.raises(InputError, match="has 1 submissions, none of version 2"):
        sign(ledger, make_entry("approve", 2))


def test_an_act_is_recorded_once(ledger: Ledger) -> None:
    entry = make_entry()
    first = ledger.append(entry, expected=0, check=allow)
    sign(ledger, make_entry("approve", 1))
    second = ledger.append(make_entry(key=entry.key), expected=0, check=refuse)
    assert second.hash == first.hash
    assert len(list(ledger.read())) == 3


@pytest.mark.parametrize(
    "other",
    [
        lambda key: make_entry(key=key, policy="cvr"), lambda key: make_entry(key=key, needs=2),
        lambda key: make_entry(key=key, signer="Bob"), lambda key: make_entry("approve", 1, key=key),
    ],
)  # fmt: skip
def test_a_key_is_of_one_act(ledger: Ledger, other: object) -> None:
    entry = make_entry()
    sign(ledger, entry)
    with pytest.raises(InputError, match="was used for another act, record 1"):
        ledger.append(other(entry.key), expected=0, check=allow)  # type: ignore[operator]
    assert len(list(ledger.read())) == 2


def test_a_key_is_of_an_act_on_one_version(ledger: Ledger) -> None:
    sign(ledger, make_entry(), make_entry())
    entry = make_entry("approve", 1)
    (record,) = sign(ledger, entry)
    assert ledger.append(entry, expected=3, check=refuse).hash == record.hash
    with pytest.raises(InputError, match="was used for another act, record 3"):
        ledger.append(make_entry("approve", 2, key=entry.key), expected=3, check=allow)


class Refused(Exception):
    pass


def refuse(stream: Stream) -> None:
    raise Refused


def test_what_the_check_refuses_is_not_written(ledger: Ledger) -> None:
    with pytest.raises(Refused):
        ledger.append(make_entry(), expected=0, check=refuse)
    assert len(list(ledger.read())) == 1
    sign(ledger, make_entry())


def test_a_stale_signature_is_refused_with_the_present_revision(ledger: Ledger) -> None:
    sign(ledger, make_entry())
    with pytest.raises(StaleRevision, match="at revision 1, not 0") as told:
        ledger.append(make_entry(), expected=0, check=allow)
    assert told.value.revision == 1
    assert len(list(ledger.read())) == 2


def test_a_payload_that_json_does_not_carry_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        sign(ledger, make_entry(rate=float("nan")))


def test_a_check_sees_what_stands_in_the_ledger(ledger: Ledger) -> None:
    acts = [
        make_entry(), make_entry("approve", 1), make_entry(), make_entry("activate", 1), make_entry(),
        make_entry("withdraw", 2), make_entry("approve", 3), make_entry("activate", 3), make_entry("watch", 3, look=1),
        make_entry("watch", 1), make_entry("roll_back", 1), make_entry("watch", 3, look=2), make_entry(),
        make_entry(policy="cvr"),
    ]  # fmt: skip
    records = sign(ledger, *acts)
    seen: list[Stream] = []

    def check(stream: Stream) -> None:
        seen.append(stream)
        assert (stream.policy, stream.revision, stream.versions) == ("ctr", 13, 4)
        assert [record.kind for record in stream.of_version(1)] == [
            "submit",
            "approve",
            "activate",
            "watch",
            "roll_back",
        ]
        assert [record.hash for record in stream.of_version(3)] == [records[i].hash for i in (4, 6, 7, 8, 11)]
        assert [record.hash for record in stream.activations()] == [records[10].hash]
        assert [record.hash for record in stream.activations(9)] == [records[i].hash for i in (10, 7, 3)]
        assert stream.open_versions() == [4]
        assert [record.payload["look"] for record in stream.watches(3)] == [1, 2]
        assert stream.watches(2) == stream.of_version(5) == []
        assert stream.now > records[-1].at

    record = ledger.append(make_entry("reject", 4), expected=13, check=check)
    assert record.at == seen[0].now
    with ledger.stream("ctr") as stream:
        assert (stream.revision, stream.open_versions()) == (14, [])


def test_reading_goes_in_batches_and_misses_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    sign(ledger, *(make_entry() for _ in range(7)))
    for size in (1, 3, 4, 8, 500):
        monkeypatch.setattr(module, "_BATCH", size)
        assert [record.seq for record in ledger.read()] == list(range(8))
        assert [record.seq for record in ledger.read(after=2, limit=4)] == [3, 4, 5, 6]
        assert [record.seq for record in ledger.read(after=5, limit=4)] == [6, 7]
        assert list(ledger.read(limit=0)) == list(ledger.read(after=7)) == []


def test_a_reader_in_the_middle_does_not_hold_a_writer_up(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 1)
    reader = ledger.read()
    next(reader)
    sign(ledger, make_entry(), make_entry())
    assert [record.seq for record in reader] == [1, 2]


def test_submissions_are_listed_newest_first_without_payloads(ledger: Ledger) -> None:
    sign(
        ledger,
        make_entry(needs=2),
        make_entry(policy="cvr", review_by="2028-01-31"),
        make_entry("approve", 1, signer="Bob"),
    )
    sign(ledger, make_entry(), make_entry("reject", 2, signer="Cy"))
    found = ledger.submissions(None, offset=0, limit=9)
    assert [(s.policy, s.version, s.seq, s.needs, s.review_by) for s in found] == [
        ("ctr", 2, 4, 1, "2027-05-31"), ("cvr", 1, 2, 1, "2028-01-31"), ("ctr", 1, 1, 2, "2027-05-31"),
    ]  # fmt: skip
    assert [[(line.seq, line.kind, line.signer) for line in s.lines] for s in found] == [
        [(4, "submit", "Ada"), (5, "reject", "Cy")], [(2, "submit", "Ada")],
        [(1, "submit", "Ada"), (3, "approve", "Bob")],
    ]  # fmt: skip
    assert found[0].lines[1].at == [record.at for record in ledger.read()][5]
    assert [s.seq for s in ledger.submissions(None, offset=1, limit=1)] == [2]
    assert [s.seq for s in ledger.submissions("ctr", offset=0, limit=9)] == [4, 1]
    assert (ledger.count_submissions(None), ledger.count_submissions("ctr"), ledger.count_submissions("x")) == (3, 2, 0)


def test_a_list_goes_in_pages_and_tells_what_was_made_active_next(ledger: Ledger) -> None:
    acts = [
        make_entry(), make_entry("activate", 1), make_entry(policy="cvr"), make_entry(), make_entry(),
        make_entry("activate", 3), make_entry("roll_back", 1), make_entry("watch", 1), make_entry(),
        make_entry("activate", 1, policy="cvr"),
    ]  # fmt: skip
    sign(ledger, *acts)
    told = [("ctr", 4, None), ("ctr", 3, "roll_back"), ("ctr", 2, "activate"), ("cvr", 1, None), ("ctr", 1, None)]
    for policy in (None, "ctr"):
        mine = [one for one in told if policy in (None, one[0])]
        for size in (1, 2, 9):
            pages = [ledger.submissions(policy, offset=at, limit=size) for at in range(0, len(mine), size)]
            assert [(s.policy, s.version, s.later) for page in pages for s in page] == mine
    with ledger.stream("ctr") as stream:
        assert [s.version for s in stream.summaries(offset=1, limit=2)] == [3, 2]
        next_turns = [stream.next_turn(after) for after in (1, 2, 6, 7)]
    assert next_turns == ["activate", "activate", "roll_back", None]


def look(stream: Stream) -> tuple[object, ...]:
    """All that a stream tells."""
    return (
        stream.revision,
        stream.versions,
        [record.seq for record in stream.activations(9)],
        stream.open_versions(),
        [record.seq for record in stream.of_version(2)],
        [record.seq for record in stream.watches(2)],
        stream.next_turn(1),
        stream.summaries(offset=0, limit=9),
    )


def test_a_stream_that_ends_at_an_earlier_record_is_as_it_was_then(ledger: Ledger) -> None:
    acts = [
        make_entry(), make_entry(), make_entry("activate", 1), make_entry(), make_entry("watch", 1),
        make_entry("reject", 3), make_entry("activate", 2), make_entry("watch", 2), make_entry("roll_back", 1),
    ]  # fmt: skip
    then = []
    for act in acts:
        (record,) = sign(ledger, act)
        assert ledger.last().hash == record.hash
        with ledger.stream("ctr") as stream:
            then.append(look(stream))
    for until, seen in enumerate(then, start=1):
        with ledger.stream("ctr", until=until) as stream:
            assert look(stream) == seen
    assert [seen[3] for seen in then] == [[1], [1, 2], [], [3], [3], [], [], [], []]


def test_the_ledger_tells_the_time(ledger: Ledger) -> None:
    (record,) = sign(ledger, make_entry())
    assert ledger.now() > record.at


def test_nothing_goes_through_the_whole_table(tmp_path: Path, open_ledger: OpenLedger) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    sign(ledger, make_entry(), make_entry("activate", 1))
    asked: list[tuple[str, Any]] = []
    event.listen(ledger.database.engine, "before_cursor_execute", lambda *seen: asked.append((seen[2], seen[3])))
    for policy in ("ctr", None):
        ledger.submissions(policy, offset=0, limit=50)
        ledger.count_submissions(policy)
    with ledger.stream("ctr") as stream:
        look(stream)
    ledger.find("x")
    list(ledger.read(after=1))
    statements = dict(one for one in asked if one[0].startswith("SELECT"))
    assert len(statements) == 13
    with ledger.database.transaction(write=False) as connection:
        for statement, values in statements.items():
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            plan = [row[3] for row in rows]
            assert not [one for one in plan if one.startswith("SCAN records") and "records_submitted" not in one], plan
            sorts = any("TEMP B-TREE" in one for one in plan)
            assert not sorts or "signer" in statement, plan  # the records of a page are few


def test_both_databases_give_the_same_hashes(tmp_path: Path, server: str, open_ledger: OpenLedger) -> None:
    acts = [
        make_entry(text='é "\\ \u2028', rate=0.1),
        make_entry("approve", 1, signer='B "ob" \\'),
        make_entry(policy="cvr"),
    ]
    ledgers = [open_ledger(url) for url in (f"sqlite:///{tmp_path / 'a.db'}", make_database(server))]
    hashes = [[record.hash for record in sign(ledger, *acts)] for ledger in ledgers]
    assert hashes[0] == hashes[1]
    assert len(set(hashes[0])) == 3
    assert all(map(is_sound, ledgers))


# --- the clock ---


def test_a_clock_that_steps_back_a_little_never_dates_a_record_back(url: str, open_ledger: OpenLedger) -> None:
    clock = Clock()
    ledger = open_ledger(url, clock=clock)
    (first,) = sign(ledger, make_entry())
    clock.time -= timedelta(minutes=4)
    (second,) = sign(ledger, make_entry())
    assert second.at == first.at
    assert is_sound(ledger)


def test_a_clock_may_be_five_minutes_behind(url: str, open_ledger: OpenLedger) -> None:
    clock = Clock()
    ledger = open_ledger(url, clock=clock)
    (first,) = sign(ledger, make_entry())
    last = clock.time
    for late, signs in ((299, True), (300, True), (301, False)):
        clock.time = last - timedelta(seconds=late + 2)  # it is read once before the act, to see the revision
        if signs:
            assert sign(ledger, make_entry())[0].at == first.at
            continue
        with pytest.raises(LedgerUnavailable, match="The clock says"):
            sign(ledger, make_entry())


def test_a_clock_a_day_behind_signs_nothing(url: str, open_ledger: OpenLedger) -> None:
    clock = Clock()
    ledger = open_ledger(url, clock=clock)
    (record,) = sign(ledger, make_entry())
    clock.time = NOON - timedelta(days=1)
    with pytest.raises(LedgerUnavailable, match="The clock says 2026-11-20") as told:
        ledger.append(make_entry(), expected=1, check=allow)
    assert str(make_url(url).database) in str(told.value)
    with ledger.stream("ctr") as stream:
        assert stream.now == record.at
    clock.time = NOON + timedelta(days=1)
    sign(ledger, make_entry())


# --- many writers ---


def test_threads_that_sign_at_once_leave_no_gap(ledger: Ledger) -> None:
    won: list[int] = []

    def work(name: str) -> None:
        with ledger.stream("ctr") as stream:
            seen = stream.revision
        for _ in range(12):
            try:
                record = ledger.append(make_entry(signer=name), expected=seen, check=allow)
                won.append(record.revision)
                seen = record.revision
            except StaleRevision as stale:
                seen = stale.revision

    threads = [threading.Thread(target=work, args=(f"T{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(1, len(won) + 1))
    assert len(won) >= 12
    assert is_sound(ledger)


def test_a_ledger_that_many_make_at_once_is_one(url: str, open_ledger: OpenLedger) -> None:
    names = [f"{i:032x}" for i in range(8)]
    barrier, ids = threading.Barrier(len(names)), []

    def work(name: str) -> None:
        barrier.wait()
        ids.append(open_ledger(url, new_id=lambda: name).id)

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == len(names)
    assert len(set(ids)) == 1


@contextmanager
def another_writer(url: str) -> Iterator[None]:
    """Hold the ledger as a writer does that was interrupted."""
    engine = create_engine(url, **({} if "postgres" in url else {"connect_args": {"isolation_level": None}}))
    with engine.connect() as connection:
        on_server = engine.dialect.name == "postgresql"
        connection.exec_driver_sql("LOCK TABLE records IN EXCLUSIVE MODE" if on_server else "BEGIN IMMEDIATE")
        yield
        connection.rollback()
    engine.dispose()


def test_a_lock_that_lasts_is_told_after_the_wait_and_nothing_is_written(
    url: str, ledger: Ledger, open_ledger: OpenLedger
) -> None:
    patient = open_ledger(url, patience_s=0.5)
    entry = make_entry()
    with another_writer(url):
        begun = time.monotonic()
        with pytest.raises(LedgerUnavailable, match="is locked by another writer"):
            patient.append(entry, expected=0, check=allow)
        assert 0.4 < time.monotonic() - begun < 5
    assert patient.find(entry.key) is None
    assert patient.append(entry, expected=0, check=allow).seq == 1
    assert is_sound(ledger)


# --- what may be done to the tables ---


@pytest.mark.parametrize("table", [RECORDS, SCHEMAS], ids=lambda table: table.name)
def test_ordinary_code_cannot_change_a_line(url: str, ledger: Ledger, table: Table) -> None:
    sign(ledger, make_entry())
    statements: list[Executable] = [update(table).values(version=7), delete(table)]
    if ledger.database.file is None:
        statements.append(text(f"TRUNCATE {table}"))
    engine = create_engine(url)
    for statement in statements:
        with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
            connection.execute(statement)
    engine.dispose()
    assert is_sound(ledger)


@pytest.mark.parametrize("column", ["seq", "key", "hash", "revision"])
def test_a_line_cannot_be_replaced(tmp_path: Path, open_ledger: OpenLedger, column: str) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = open_ledger(url)
    sign(ledger, make_entry())
    old = read_lines(ledger)[1]
    line = {name: value + 7 if isinstance(value, int) else value + "x" for name, value in old.items()}
    line |= {"policy": "ctr", column: old[column]}
    with ledger.database.transaction(write=False) as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(insert(RECORDS).prefix_with("OR REPLACE"), line)
    assert is_sound(ledger)


def test_a_granted_role_reads_and_appends_and_nothing_else(server: str, open_ledger: OpenLedger) -> None:
    url = make_database(server)
    owner = open_ledger(url)
    role, quoted, schema = 'app "1"', '"app ""1"""', make_url(url).username
    with owner.database.transaction(write=True) as connection:
        connection.exec_driver_sql(f"CREATE ROLE {quoted} LOGIN")
        connection.exec_driver_sql(f"ALTER ROLE {quoted} SET search_path = {schema}")
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {quoted}")
    as_role = make_url(url).set(username=role).render_as_string(hide_password=False)
    with pytest.raises(LedgerUnavailable, match="refuses this role"):
        open_ledger(as_role)
    owner.grant(role)
    ledger = open_ledger(as_role)
    (record,) = sign(ledger, make_entry())
    assert [one.hash for one in owner.read(after=0)] == [record.hash]
    assert is_sound(ledger)
    for act in ("UPDATE records SET version = 2", "DELETE FROM records", "TRUNCATE records", "DROP TABLE records",
                 "ALTER TABLE records DISABLE TRIGGER ALL", "DELETE FROM ledger_schema",
                 "INSERT INTO ledger_schema VALUES (2)"):  # fmt: skip
        with (
            pytest.raises(LedgerUnavailable, match="refuses this role"),
            ledger.database.transaction(write=True) as connection,
        ):
            connection.exec_driver_sql(act)
    assert is_sound(owner)


def test_a_grant_is_for_a_server_and_a_role(tmp_path: Path, server: str, open_ledger: OpenLedger) -> None:
    with pytest.raises(InputError, match="is a file, which has no roles"):
        open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}").grant("app")
    with pytest.raises(InputError, match="no name of a role"):
        open_ledger(make_database(server)).grant("")


# --- where it is ---


def test_a_file_is_made_for_its_user_alone_and_nothing_else_is_left(tmp_path: Path, open_ledger: OpenLedger) -> None:
    open_ledger(f"sqlite:///{tmp_path / 'a' / 'ledger.db'}")
    folder = tmp_path / "a"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "ledger.db").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["ledger.db"]


def test_a_file_is_brought_to_the_disk_before_an_act_is_told(tmp_path: Path, open_ledger: OpenLedger) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    for write in (False, True):
        with ledger.database.transaction(write=write) as connection:
            found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "journal_mode")]
        assert found == [3, "delete"]  # 3 is EXTRA


def test_who_reads_makes_no_ledger(url: str, tmp_path: Path, open_ledger: OpenLedger) -> None:
    for _ in range(2):
        with pytest.raises(InputError, match="There is no ledger"):
            open_ledger(url, make=False)
    assert list(tmp_path.iterdir()) == []
    made = open_ledger(url)
    assert open_ledger(url, make=False).id == made.id


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://a@b/c",
        "sqlite:///a.db?mode=ro",
        "postgresql+psycopg://a@b/c",
    ],
)
def test_only_files_and_servers_of_two_kinds_are_ledgers(url: str, open_ledger: OpenLedger) -> None:
    with pytest.raises(InputError, match="names neither"):
        open_ledger(url or " ")


def test_a_server_that_is_away_is_told_without_its_password(tmp_path: Path, open_ledger: OpenLedger) -> None:
    with pytest.raises(LedgerUnavailable, match="cannot be reached") as told:
        open_ledger(f"postgresql://ada:secret@/x?unix_sock={tmp_path / 'none'}")
    assert "secret" not in str(told.value)


def test_a_database_that_is_not_there_is_told(server: str, open_ledger: OpenLedger) -> None:
    with pytest.raises(LedgerUnavailable, match="cannot be reached"):
        open_ledger(make_url(server).set(database="nowhere").render_as_string(hide_password=False))


def test_a_database_of_something_else_is_no_ledger(server: str, open_ledger: OpenLedger) -> None:
    url = make_database(server)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE records (x INT)")
    engine.dispose()
    with pytest.raises(LedgerDamaged, match="has no table ledger_schema"):
        open_ledger(url)


def test_the_settings_say_which_ledger(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, ledger_url=f"sqlite:///{tmp_path / 'mine.db'}")
    ledger = Ledger.open(None, settings)
    assert ledger.database.place == str(tmp_path / "mine.db")
    (record,) = sign(ledger, make_entry())
    assert record.signer == make_signer()
    ledger.close()
