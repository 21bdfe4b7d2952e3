"""Writers are killed, the disk fills, calls fail, files are damaged: what was acknowledged stands, nothing by halves.

Writers run in processes forked from one that has imported everything, so that a trial costs milliseconds.
"""

import multiprocessing
import os
import random
import resource
import shutil
import sqlite3
import stat
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pg8000.exceptions import InterfaceError
from sqlalchemy import event, insert

from core.errors import RecScopeError
from core.jobs import finish
from core.settings import Settings
from core.signoff.chain import canonical
from core.signoff.data import LedgerDamaged, LedgerUnavailable, Receipt, StaleRevision
from core.signoff.ledger import Ledger, Stream, now_utc
from core.signoff.schema import SCHEMAS
from core.signoff.verify import verify
from tests.signoff.conftest import OpenLedger, allow, make_database, make_entry, sign

NOBODY = 65_534
LONGEST_KILL_S = 0.03


@pytest.fixture(scope="module")
def forks() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def start(forks: ForkServerContext, work: Callable[..., None], *arguments: Any) -> tuple[ForkServerProcess, Connection]:
    """Run work(connection, *arguments) in a process; what it sends can be received here.

    A process begins by running the file of ``__main__``, and a test of a page may have left its script there.
    """
    here, there = forks.Pipe(duplex=False)
    process = forks.Process(target=work, args=(there, *arguments), daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        process.start()
    there.close()
    return process, here


def received(connection: Connection) -> Iterator[Any]:
    """Everything that was sent whole, up to the end of the process."""
    try:
        while True:
            yield connection.recv()
    except EOFError:
        connection.close()


def add(ledger: Ledger, revision: int, **more: Any) -> Receipt:
    entry = make_entry(key=str(uuid.uuid4()), **more)
    return Receipt.of(ledger.append(entry, expected=revision, check=allow), ledger_id=ledger.id)


def present(ledger: Ledger) -> int:
    with ledger.stream("ctr") as stream:
        return stream.revision


def is_sound(ledger: Ledger | str, receipts: list[Receipt]) -> bool:
    return finish(verify(ledger, receipts)).ok


# --- the writer is killed ---


def write_for_ever(connection: Connection, url: str, settings: Settings) -> None:
    ledger = Ledger.open(url, settings)
    revision = present(ledger)
    while True:
        receipt = add(ledger, revision)
        revision = receipt.revision
        connection.send(receipt)


def kill_writers(forks: ForkServerContext, url: str, settings: Settings, *, trials: int, seed: int) -> int:
    """Kill so many writers of one ledger, each at a random time; return how many left an unfinished transaction."""
    rng, receipts, unfinished = random.Random(seed), list[Receipt](), 0
    journal = Path(f"{url.removeprefix('sqlite:///')}-journal")
    for trial in range(trials):
        process, connection = start(forks, write_for_ever, url, settings)
        if trial % 4:
            connection.poll(20)  # three of four are killed after their first record, the others wherever they are
        time.sleep(rng.uniform(0, LONGEST_KILL_S))
        process.kill()
        process.join()
        unfinished += journal.exists()
        known = len(receipts)
        receipts += received(connection)
        assert trial % 4 == 0 or len(receipts) > known
        if receipts:
            found = finish(verify(url, receipts))
            assert found.ok, found.findings
            assert found.records - 1 - len(receipts) <= trial + 1, "more than one record per writer without receipt"
    return unfinished


@pytest.mark.parametrize("part", range(8))
def test_nothing_acknowledged_is_lost_when_a_writer_is_killed(
    part: int, forks: ForkServerContext, settings: Settings, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    assert (
        kill_writers(forks, url, settings, trials=25, seed=part) > 0
    )  # the test has power: some died while they wrote


def test_nor_when_the_ledger_is_on_a_server(forks: ForkServerContext, settings: Settings, server: str) -> None:
    kill_writers(forks, make_database(server), settings, trials=25, seed=0)


# --- many processes ---


def sign_from_stale_reads(connection: Connection, url: str, settings: Settings, seed: int) -> None:
    ledger, rng = Ledger.open(url, settings), random.Random(seed)
    for _ in range(25):
        revision = present(ledger)
        time.sleep(rng.uniform(0, 0.01))
        try:
            connection.send(add(ledger, revision))
        except StaleRevision as stale:
            connection.send(stale.revision)


def test_eight_processes_that_sign_one_policy_leave_no_gap(
    forks: ForkServerContext, settings: Settings, url: str, ledger: Ledger
) -> None:
    started = [start(forks, sign_from_stale_reads, url, settings, seed) for seed in range(8)]
    told = [answer for _, connection in started for answer in received(connection)]
    for process, _ in started:
        process.join()
    won = [answer for answer in told if isinstance(answer, Receipt)]
    assert len(told) == 8 * 25
    assert sorted(receipt.revision for receipt in won) == list(range(1, len(won) + 1))
    assert 25 <= len(won) < len(told)
    assert is_sound(url, won)


# --- the n-th call of the database fails ---


class Faults:
    """Lets the n-th call of a database fail: before it does anything, or after it did all."""

    def __init__(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        self._left = 0
        self._late = False
        self._in_file = ledger.database.file is not None
        dialect = ledger.database.engine.dialect
        for name in ("do_execute", "do_execute_no_params", "do_commit", "do_begin"):
            monkeypatch.setattr(dialect, name, self._counted(getattr(dialect, name)))

    def arm(self, n: int, *, late: bool) -> None:
        self._left, self._late = n, late

    @property
    def armed(self) -> bool:
        return self._left > 0

    def _counted(self, call: Callable[..., None]) -> Callable[..., None]:
        def counted(*arguments: Any, **named: Any) -> None:
            due = self._left == 1
            self._left = max(self._left - 1, 0)
            if due and not self._late:
                raise self._error()
            call(*arguments, **named)
            if due:
                raise self._error()

        return counted

    def _error(self) -> Exception:
        if not self._in_file:
            return InterfaceError("network error")
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = "SQLITE_IOERR_WRITE"
        return error


def read_a_version(stream: Stream) -> None:
    """A check that asks the database."""
    assert stream.of_version(1)


@pytest.mark.parametrize("late", [False, True])
def test_whichever_call_fails_the_act_is_recorded_once_or_not_at_all(
    late: bool, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = Faults(ledger, monkeypatch)
    sign(ledger, make_entry())
    outcomes = []
    for n in range(1, 50):
        entry, revision = make_entry("watch", 1), present(ledger)
        faults.arm(n, late=late)
        try:
            ledger.append(entry, expected=revision, check=read_a_version)
        except LedgerUnavailable as error:
            assert ledger.database.place in str(error)
        finished = faults.armed
        faults.arm(0, late=late)
        found = ledger.find(entry.key)
        outcomes.append(found is not None)
        assert present(ledger) == revision + outcomes[-1]
        again = ledger.append(entry, expected=revision, check=allow)
        assert found is None or again.hash == found.hash
        assert present(ledger) == revision + 1
        assert is_sound(ledger, [Receipt.of(again, ledger_id=ledger.id)])
        if finished:
            break
    *failed, succeeded = outcomes
    assert succeeded
    assert len(failed) >= 6
    assert failed[-1] == late  # the last call is the commit: where it fails late, the record stands without being told
    assert not any(failed[:-1])


# --- the disk is full ---


def test_a_full_disk_loses_nothing(tmp_path: Path, open_ledger: OpenLedger) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    pages = (tmp_path / "ledger.db").stat().st_size // 4096 + 12

    @event.listens_for(ledger.database.engine, "checkout")
    def limit(connection: Any, *_: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    receipts: list[Receipt] = []
    with pytest.raises(LedgerUnavailable, match="the disk is full") as told:
        for revision in range(500):
            receipts.append(add(ledger, revision))
    assert str(tmp_path / "ledger.db") in str(told.value)
    assert len(receipts) > 5
    assert present(ledger) == len(receipts)
    assert is_sound(ledger, receipts)
    pages += 100
    assert is_sound(ledger, [*receipts, add(ledger, len(receipts))])


def write_up_to_a_size(connection: Connection, url: str, settings: Settings, size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    ledger = Ledger.open(url, settings)
    try:
        for revision in range(500):
            connection.send(add(ledger, revision))
    except LedgerUnavailable as error:
        connection.send(str(error))


def test_a_file_that_the_system_lets_grow_no_more_loses_nothing(
    forks: ForkServerContext, settings: Settings, tmp_path: Path, open_ledger: OpenLedger
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = open_ledger(url, clock=now_utc)
    process, connection = start(
        forks, write_up_to_a_size, url, settings, (tmp_path / "ledger.db").stat().st_size + 50_000
    )
    *receipts, told = received(connection)
    process.join()
    assert str(tmp_path / "ledger.db") in told
    assert len(receipts) > 5
    assert is_sound(url, receipts)
    assert is_sound(url, [*receipts, add(ledger, len(receipts))])


# --- the file is damaged ---


@pytest.fixture
def path(tmp_path: Path, open_ledger: OpenLedger) -> Path:
    """A file with twenty records that nobody has open."""
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    for revision in range(20):
        add(ledger, revision, text="x" * 200)
    ledger.close()
    return tmp_path / "ledger.db"


def put_in_place(path: Path, content: bytes) -> None:
    """Another file of that content."""
    path.unlink()
    path.write_bytes(content)


def assert_refused(path: Path, open_ledger: OpenLedger) -> None:
    """Nobody can sign, and the message names the file."""
    with pytest.raises((LedgerDamaged, LedgerUnavailable)) as told:
        add(open_ledger(f"sqlite:///{path}"), 20)
    assert str(path) in str(told.value)
    assert told.value.fix


def test_a_truncated_file_is_refused(path: Path, open_ledger: OpenLedger) -> None:
    whole = path.read_bytes()
    for size in range(0, len(whole), 512):
        put_in_place(path, whole[:size])
        assert_refused(path, open_ledger)
    put_in_place(path, whole)
    add(open_ledger(f"sqlite:///{path}"), 20)


def test_a_file_that_is_truncated_while_it_is_open_is_refused(path: Path, open_ledger: OpenLedger) -> None:
    whole = path.read_bytes()
    for size in range(0, len(whole), 2_048 - 512):
        put_in_place(path, whole)
        ledger = open_ledger(f"sqlite:///{path}")
        add(ledger, 20)
        os.truncate(path, size)
        with pytest.raises((LedgerDamaged, LedgerUnavailable)) as told:
            add(ledger, 21)
        assert str(path) in str(told.value)


@pytest.mark.parametrize("content", [b"score,label\n1,0\n" * 2_000, bytes(40_960), random.Random(0).randbytes(40_960)])
def test_garbage_is_refused(content: bytes, path: Path, open_ledger: OpenLedger) -> None:
    ledger = open_ledger(f"sqlite:///{path}")
    path.write_bytes(content)  # into the open file
    with pytest.raises(LedgerDamaged) as told:
        add(ledger, 20)
    assert str(path) in str(told.value)
    put_in_place(path, content)
    assert_refused(path, open_ledger)


def test_a_ledger_in_the_place_of_the_one_that_is_open_is_refused(path: Path, open_ledger: OpenLedger) -> None:
    ledger = open_ledger(f"sqlite:///{path}")
    other = open_ledger(f"sqlite:///{path.with_name('other.db')}", new_id=lambda: "f" * 32)
    other.close()
    path.with_name("other.db").rename(path)
    with pytest.raises(LedgerDamaged, match="it was replaced while RecScope ran"):
        add(ledger, 20)
    path.unlink()
    with pytest.raises(LedgerDamaged, match="it cannot be found"):
        add(ledger, 20)


def test_a_flipped_byte_is_found_or_changes_no_record(path: Path, open_ledger: OpenLedger) -> None:
    whole, rng, found = path.read_bytes(), random.Random(0), 0
    url = f"sqlite:///{path}"
    before = [(record.hash, record.payload) for record in open_ledger(url).read()]
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        put_in_place(path, bytes(damaged))
        try:
            sound = is_sound(url, [])
            ledger = open_ledger(url)
        except RecScopeError as error:
            found += 1
            assert "ledger" in str(error)
            continue
        found += not sound
        assert not sound or [(record.hash, record.payload) for record in ledger.read()] == before
        ledger.close()
    assert found > 50


def test_a_damaged_index_is_found_by_who_looks_at_all_pages(path: Path, open_ledger: OpenLedger) -> None:
    with sqlite3.connect(path) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'records_by_version'").fetchone()[0]
    connection.close()
    content = bytearray(path.read_bytes())
    cells = (root - 1) * 4096 + 3
    content[cells : cells + 2] = (int.from_bytes(content[cells : cells + 2], "big") - 1).to_bytes(2, "big")
    put_in_place(path, bytes(content))
    url = f"sqlite:///{path}"
    ledger = open_ledger(url)
    with pytest.raises(LedgerDamaged, match=f"is damaged: (?s:.*) on page {root}"):
        ledger.check()
    (finding,) = finish(verify(url, [])).findings
    assert (finding.seq, finding.kind) == (None, "schema")
    assert f"on page {root}" in finding.text


def test_a_sound_ledger_is_found_sound(ledger: Ledger) -> None:
    sign(ledger, make_entry())
    ledger.check()


def test_a_folder_is_no_ledger(tmp_path: Path, open_ledger: OpenLedger) -> None:
    (tmp_path / "ledger.db").mkdir()
    assert_refused(tmp_path / "ledger.db", open_ledger)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, open_ledger: OpenLedger) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerUnavailable, match=r"ledger\.db cannot be"):
        open_ledger(f"sqlite:///{tmp_path / 'file' / 'ledger.db'}")


def test_another_version_of_the_tables_is_refused(url: str, ledger: Ledger, open_ledger: OpenLedger) -> None:
    with ledger.database.transaction(write=True) as connection:
        connection.execute(insert(SCHEMAS).values(version=2))
    with pytest.raises(LedgerDamaged, match="of version 2; this RecScope knows version 1") as told:
        open_ledger(url)
    assert ledger.database.place in str(told.value)


@pytest.mark.parametrize(
    "trigger", ["records_no_update", "records_no_delete", "records_no_replace", "ledger_schema_no_update"]
)
def test_a_missing_trigger_is_refused(trigger: str, path: Path, open_ledger: OpenLedger) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.close()
    with pytest.raises(LedgerDamaged, match=f"trigger {trigger} is missing"):
        open_ledger(f"sqlite:///{path}")
    assert_refused(path, open_ledger)


def test_a_disabled_trigger_of_a_server_is_refused(server: str, open_ledger: OpenLedger) -> None:
    url = make_database(server)
    ledger = open_ledger(url)
    with ledger.database.transaction(write=True) as connection:
        connection.exec_driver_sql("ALTER TABLE records DISABLE TRIGGER records_stay")
    with pytest.raises(LedgerDamaged, match="trigger records_stay is missing or disabled"):
        open_ledger(url)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE OR REPLACE TRIGGER records_stay BEFORE DELETE OR UPDATE OR TRUNCATE ON records "
        "FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION ledger_refuse()",
        "CREATE OR REPLACE TRIGGER records_stay BEFORE DELETE OR UPDATE ON records "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()",
        "CREATE OR REPLACE TRIGGER records_stay BEFORE DELETE OR UPDATE OF version OR TRUNCATE ON records "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()",
        "CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    ],
    ids=["when", "events", "columns", "function"],
)
def test_a_changed_trigger_of_a_server_is_refused(change: str, server: str, open_ledger: OpenLedger) -> None:
    url = make_database(server)
    ledger = open_ledger(url)
    with ledger.database.transaction(write=True) as connection:
        connection.exec_driver_sql(change)
    with pytest.raises(LedgerDamaged, match="trigger records_stay was changed"):
        open_ledger(url)


def write_as_nobody(connection: Connection, url: str, settings: Settings) -> None:
    canonical({"all": "codecs"})  # are loaded while this user may still read the interpreter's files
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    try:
        ledger = Ledger.open(url, settings)
        connection.send(present(ledger))
        add(ledger, 0)
    except RecScopeError as error:
        connection.send((str(error), error.fix))


def test_a_file_that_may_only_be_read_is_read_and_not_signed(
    forks: ForkServerContext, settings: Settings, open_ledger: OpenLedger
) -> None:
    folder = Path(tempfile.mkdtemp())  # of pytest's own folders only their user sees anything
    try:
        url = f"sqlite:///{folder / 'ledger.db'}"
        open_ledger(url).close()
        (folder / "ledger.db").chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
        folder.chmod(0o555)
        process, connection = start(forks, write_as_nobody, url, settings)
        revision, (told, fix) = received(connection)
        process.join()
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
    assert revision == 0
    assert told == f"The ledger {folder / 'ledger.db'} may only be read."
    assert "right to write" in fix
