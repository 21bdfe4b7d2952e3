"""Where the ledger is kept: an SQLite file or a PostgreSQL server; how a transaction begins, what its errors mean."""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from core.errors import InputError, RecScopeError
from core.signoff.data import LedgerDamaged, LedgerUnavailable

PATIENCE_S = 10.0

_LOCK = 7_232_664_911  # of all advisory locks of the server's database, the ledger's
_SERVER_S = 60
_PAGE = 4_096
_SERVERS = {"postgresql", "postgresql+pg8000"}
_CONFLICTS = {"40001", "40P01", "23505"}
_DAMAGE = ("23", "42", "XX")  # constraints and tables that are not ours, and corrupted ones
_SET_RIGHT = "Restore the file from a backup, or move it away to begin a new ledger; what it held is then not signed."

# By the beginning of SQLite's name for an error, or PostgreSQL's code: what is said of the ledger, and the mend.
_MOMENTARY = {
    "SQLITE_BUSY": ("is locked by another writer", "Try again in a moment."),
    "SQLITE_FULL": ("cannot grow: the disk is full", "Make room on that disk, then try again."),
    "SQLITE_READONLY": ("may only be read", "Give this user the right to write the file and its folder."),
    "SQLITE_CANTOPEN": ("cannot be opened", "Check that the file is there and that this user may read and write it."),
    "SQLITE_IOERR": ("cannot be read or written: the disk refused", "Check the disk and its quota, then try again."),
    "SQLITE_PERM": ("cannot be opened", "Give this user the right to write the file and its folder."),
    "55P03": ("is locked by another writer", "Try again in a moment."),
    "42501": ("refuses this role", "Run python -m core signoff grant as the owner of the ledger."),
    "53100": ("cannot grow: the disk is full", "Make room on the server's disk, then try again."),
}


class Conflict(LedgerUnavailable):
    """Another writer came first, past the lock: what was tried is to be tried anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Database:
    """A ledger's database.

    Attributes
    ----------
    engine
        Its connections.
    place
        What messages call it: the file, or the address without its password.
    to_read, to_write
        Statements that begin a transaction: to read one state, and to write as the only writer.
    file
        The file and its inode, or None for a server.
    """

    engine: Engine
    place: str
    to_read: str
    to_write: str
    file: tuple[Path, int] | None = None

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[Connection]:
        """One transaction, committed at its end and rolled back where anything is raised.

        Raises
        ------
        LedgerDamaged, LedgerUnavailable
            The database refused; the message names its place.
        """
        try:
            with self.engine.connect() as connection, connection.begin():
                connection.exec_driver_sql(self.to_write if write else self.to_read)
                self._check_file(whole=write)
                yield connection
        except LedgerDamaged as error:
            raise LedgerDamaged(f"The ledger {self.place} is damaged: {error}", fix=error.fix) from error
        except DBAPIError as error:
            raise explain(error.orig, self.place) from error
        except self.engine.dialect.loaded_dbapi.Error as error:  # of rows taken from the driver's own cursor
            raise explain(error, self.place) from error
        except UnicodeDecodeError as error:  # SQLite's own message may quote the damage
            raise LedgerDamaged(f"The ledger {self.place} is damaged: {error}.", fix=_SET_RIGHT) from error
        except NoConnection as error:
            raise LedgerUnavailable(f"The ledger {self.place} is busy.", fix="Try again in a moment.") from error

    def close(self) -> None:
        """Close all connections that nobody uses."""
        self.engine.dispose()

    def _check_file(self, *, whole: bool) -> None:
        """What a connection does not see: the file was moved or replaced, so that nobody would find the record, or cut.

        The length may be asked for while no other process writes.
        """
        if self.file is None:
            return
        path, inode = self.file
        try:
            found = path.stat()
        except OSError as error:
            raise LedgerDamaged(f"it cannot be found: {error.strerror}.", fix=_SET_RIGHT) from None
        if found.st_ino != inode:
            raise LedgerDamaged(
                "it was replaced while RecScope ran.", fix="Verify the file with your receipts, then restart RecScope."
            )
        if whole and found.st_size % _PAGE:
            raise LedgerDamaged("it was cut short while RecScope ran.", fix=_SET_RIGHT)


def find_database(url: str, *, patience_s: float) -> Database | Path:
    """The database of a URL, or the path of an SQLite file that is not there yet.

    Raises
    ------
    InputError
        Not a URL of an SQLite file or of a PostgreSQL server.
    LedgerDamaged
        The file is empty, or is none.
    """
    address = read_url(url)
    if address.drivername in _SERVERS:
        return _open_server(address.set(drivername="postgresql+pg8000"), patience_s)
    path = Path(str(address.database)).expanduser().absolute()
    return open_file(path, patience_s=patience_s) if os.path.lexists(path) else path


def read_url(url: str) -> URL:
    """Parse a database URL.

    Raises
    ------
    InputError
        Not a URL of an SQLite file or of a PostgreSQL server.

    Examples
    --------
    >>> read_url("sqlite:////srv/ledger.db").database
    '/srv/ledger.db'
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise _no_address("what is given") from None
    on_file = address.drivername in ("sqlite", "sqlite+pysqlite") and not address.query
    if not (on_file and address.database not in (None, "", ":memory:")) and address.drivername not in _SERVERS:
        raise _no_address(f"{address.drivername[:40]!r}")
    return address


def _no_address(what: str) -> InputError:
    return InputError(
        f"The ledger is an SQLite file or a PostgreSQL server; {what} names neither.",
        fix="Set RECSCOPE_LEDGER to sqlite:////folder/ledger.db or postgresql+pg8000://user@host/database.",
    )


def open_file(path: Path, *, patience_s: float) -> Database:
    """Open an SQLite file that is there.

    Notes
    -----
    A rollback journal and ``synchronous=EXTRA``: the folder's entry of the deleted journal is synced as well, so that a
    record that was acknowledged outlives a loss of power. The file itself is never opened but by SQLite: closing it
    elsewhere in this process would drop SQLite's locks.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise LedgerUnavailable(f"The ledger {path} cannot be opened: {error.strerror}.", fix=_SET_RIGHT) from None
    if not path.is_file() or not found.st_size:
        raise LedgerDamaged(f"The ledger {path} is {'empty' if path.is_file() else 'no file'}.", fix=_SET_RIGHT)
    return _file_database(path, found.st_ino, patience_s)


def _file_database(path: Path, inode: int, patience_s: float) -> Database:
    def connect() -> sqlite3.Connection:
        made = sqlite3.connect(
            f"{path.as_uri()}?mode=rw", uri=True, timeout=patience_s, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in (
                f"page_size = {_PAGE}",
                "journal_mode = DELETE",
                "synchronous = EXTRA",
                "cell_size_check = ON",
            ):
                made.execute(f"PRAGMA {pragma}").fetchall()
        except (sqlite3.Error, UnicodeDecodeError):
            made.close()
            raise
        return made

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)
    return Database(engine, str(path), "BEGIN", "BEGIN IMMEDIATE", (path, inode))


def create_file(path: Path, *, fill: Callable[[Connection], None]) -> None:
    """Make an SQLite file in one step: other processes see it whole or not at all, and the first one wins."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-ledger-", dir=path.parent) as folder:
            made = Path(folder, path.name)
            made.touch(mode=0o600)
            database = _file_database(made, made.stat().st_ino, PATIENCE_S)
            with database.transaction(write=True) as connection:
                fill(connection)
            database.close()
            with suppress(FileExistsError):
                os.link(made, path)
        sync_folder(path.parent)
    except OSError as error:
        raise LedgerUnavailable(
            f"The ledger {path} cannot be made: {error.strerror}.",
            fix="Give this user the right to write that folder, or set RECSCOPE_LEDGER to another place.",
        ) from None


def sync_folder(folder: Path) -> None:
    """Bring the entries of a folder to the disk, so that a file that was made there outlives a loss of power."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_integrity(database: Database) -> None:
    """Have SQLite look at every page and index of its file: O(bytes). A server looks after its own.

    Raises
    ------
    LedgerDamaged
        Something is amiss.
    """
    if database.file is None:
        return
    with database.transaction(write=False) as connection:
        found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
    if found != "ok":
        raise LedgerDamaged(f"The ledger {database.place} is damaged: {found[:120]}.", fix=_SET_RIGHT)


def _open_server(address: URL, patience_s: float) -> Database:
    settings = {"lock_timeout": f"{patience_s * 1000:.0f}", "synchronous_commit": "on"}
    engine = create_engine(address, pool_pre_ping=True, connect_args={"timeout": _SERVER_S, "startup_params": settings})
    return Database(
        engine,
        address.render_as_string(hide_password=True),
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        f"SELECT pg_advisory_xact_lock({_LOCK})",
    )


def explain(error: Any, place: str) -> RecScopeError:
    """What an error of a database driver means for the ledger."""
    code = _code(error)
    if code in _CONFLICTS:
        return Conflict(f"Other writers of the ledger {place} came first.", fix="Try again in a moment.")
    for beginning, (what, fix) in _MOMENTARY.items():
        if code.startswith(beginning):
            return LedgerUnavailable(f"The ledger {place} {what}.", fix=fix)
    if isinstance(error, sqlite3.Error) or code.startswith(_DAMAGE):
        return LedgerDamaged(f"The ledger {place} is damaged: {_words(error)[:120]}.", fix=_SET_RIGHT)
    return LedgerUnavailable(
        f"The ledger {place} cannot be reached: {_words(error)[:120]}.",
        fix="Check that the server runs and its address is right, then try again.",
    )


def _code(error: Any) -> str:
    if isinstance(error, sqlite3.Error):
        return str(getattr(error, "sqlite_errorname", ""))
    found = error.args[0] if error.args else None
    return str(found.get("C", "")) if isinstance(found, dict) else ""


def _words(error: Any) -> str:
    found = error.args[0] if error.args else ""
    return str(found.get("M", "")) if isinstance(found, dict) else str(found)
