"""Find or install PostgreSQL, and run a private server; ``python -m tests.postgres`` prints where its programs are."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.debian import install_package, succeeds

PACKAGE = "postgresql"
OWNER = "recscope"

# Nothing here needs to outlive a loss of power, and nobody but this machine's socket may reach it.
_SETTINGS = {
    "listen_addresses": "", "fsync": "off", "max_connections": "60", "shared_buffers": "16MB",
}  # fmt: skip


def find() -> Path | None:
    """Return the newest folder in which initdb and postgres run: of PATH, or of Debian's versions."""
    onpath = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    folders = [*([Path(onpath).resolve().parent] if onpath else []), *reversed(debian)]
    return next((folder for folder in folders if all(map(succeeds, _asks(folder)))), None)


def _asks(folder: Path) -> list[list[str]]:
    return [[str(folder / name), "--version"] for name in ("initdb", "postgres")]


def find_or_install() -> Path | None:
    """Return the programs' folder, installing Debian's where there is none, or None where that fails as well."""
    return find() or (find() if install_package(PACKAGE) else None)


@contextmanager
def serve(programs: Path) -> Iterator[str]:
    """Run a fresh server on a socket in a temporary folder and yield the URL of its database; both go at the end."""
    folder = Path(tempfile.mkdtemp(prefix="recscope-pg-"))  # short: a socket's path has at most 107 bytes
    user = _somebody_else()
    if user:
        os.chown(folder, user, -1)
    try:
        data = folder / "data"
        made = [programs / "initdb", "-D", data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(made, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        options = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(
                [programs / "postgres", "-D", data, "-k", folder, *options], user=user, cwd=folder, stderr=log
            ) as server,
        ):
            socket = folder / ".s.PGSQL.5432"
            try:
                _wait_for(socket, server)
                yield f"postgresql+pg8000://{OWNER}@/postgres?unix_sock={socket}"
            finally:
                server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
                with suppress(subprocess.TimeoutExpired):
                    server.wait(20)
                server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _somebody_else() -> int | None:
    """A user without rights where this one is root, whom initdb refuses."""
    if os.geteuid():
        return None
    names = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return next(names[name] for name in ("postgres", "nobody") if name in names)


def _wait_for(socket: Path, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended at once: {(socket.parent / 'log').read_text()}")
        if (socket.parent / "data" / "postmaster.pid").is_file() and _is_ready(socket):
            return
        time.sleep(0.05)
    raise RuntimeError("PostgreSQL did not begin within 30 s")


def _is_ready(socket: Path) -> bool:
    status = (socket.parent / "data" / "postmaster.pid").read_text().splitlines()
    return len(status) > 7 and status[7].strip() == "ready"


if __name__ == "__main__":
    programs = find_or_install()
    missing = f"No PostgreSQL was found and none could be installed: install the package {PACKAGE!r} by hand."
    sys.stdout.write(f"{programs or f'{missing} Tests that need it are skipped, or fail where CI is set.'}\n")
