"""Parse files in a limited child process, and tell how far it is."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from core.errors import InputError, TooLarge
from core.ingest.schema import Column, Parsed, Table
from core.jobs import Job, Progress, finish
from core.settings import Settings

_PROJECT = Path(__file__).resolve().parents[2]
_ERRORS = {error.__name__: error for error in (InputError, TooLarge)}
_COMMAND = (sys.executable, "-m", "core.ingest.child")
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "LANG")
# Address space is limited: no arenas and thread buffers that grow with the number of processors.
_SMALL = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
_SHORT_OF_MEMORY = ("MemoryError", "bad_alloc", "launch worker thread", "start new thread")


def inspect(path: Path, *, settings: Settings) -> Table:
    """Read the header and the first rows of a file.

    Raises
    ------
    InputError
        As :func:`core.ingest.header.read_header` and the parsing process say.
    """
    found = finish(_in_child({"task": "inspect", "paths": [str(path.absolute())]}, settings))
    return Table(tuple(found["columns"]), tuple(tuple(row) for row in found["preview"]))


def parse(
    paths: Sequence[Path],
    columns: Sequence[Column],
    *,
    target: Path,
    metadata: dict[str, Any],
    settings: Settings,
) -> Job[Parsed]:
    """Parse files into one Parquet file ``target`` with a stored column per role.

    Closing the job kills the parsing process.

    Raises
    ------
    InputError
        The first thing that is wrong, with column, row and mend. The half-written target stays with the caller.
    """
    request = {
        "task": "parse",
        "paths": [str(path.absolute()) for path in paths],
        "target": str(target.absolute()),
        "columns": [{"role": c.role, "names": c.names, "kind": c.kind} for c in columns],
        "metadata": metadata,
        "rows_cap": settings.rows,
        "categories_cap": settings.segment_values,
        "excluded_share": settings.excluded_share,
    }
    return Parsed.from_json((yield from _in_child(request, settings)))


def unpack_graphml(path: Path, *, edges: Path, nodes: Path, settings: Settings) -> Job[dict[str, Any]]:
    """Read a GraphML file into two Parquet files of text, and tell what they hold.

    Returns
    -------
    dict
        As :meth:`core.ingest.graphml.GraphmlReader.finish`.

    Raises
    ------
    InputError
        As :func:`core.ingest.graphml.read_graphml`.
    """
    request = {
        "task": "unpack",
        "paths": [str(path.absolute())],
        "edges": str(edges.absolute()),
        "nodes": str(nodes.absolute()),
        "rows_cap": settings.rows,
    }
    return (yield from _in_child(request, settings))


def _in_child(request: dict[str, Any], settings: Settings) -> Job[dict[str, Any]]:
    request |= {
        "memory": settings.parse_memory_bytes,
        "cpu": settings.parse_cpu_seconds,
        "bytes_cap": settings.file_bytes,
        "columns_cap": settings.columns,
    }
    with TemporaryFile() as errors, _start_child(errors) as child:
        try:
            return (yield from _listen(child, json.dumps(request), errors))
        finally:
            child.kill()


def _start_child(errors: IO[bytes]) -> "subprocess.Popen[str]":
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    try:
        return subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=_PROJECT,
            env=environment | _SMALL,
            text=True,
        )
    except OSError as error:
        raise InputError(
            f"The parsing process cannot be started ({error.strerror}).",
            fix="Try again in a moment; if it stays so, tell who runs RecScope.",
        ) from error


def _listen(
    child: "subprocess.Popen[str]", request: str, errors: IO[bytes]
) -> Generator[Progress, None, dict[str, Any]]:
    if child.stdin is None or child.stdout is None:  # both are pipes; this tells the type checker
        raise AssertionError
    with contextlib.suppress(BrokenPipeError):  # it died at once; its end is explained below
        child.stdin.write(request)
        child.stdin.close()
    for line in child.stdout:
        if not line.endswith("\n"):  # it was stopped in the middle of a word
            break
        message = json.loads(line)
        if "progress" in message:
            yield Progress(message["progress"], "Reading and checking rows")
        elif "error" in message:
            error = message["error"]
            raise _ERRORS[error["type"]](error["message"], fix=error["fix"])
        else:
            result: dict[str, Any] = message["result"]
            return result
    raise _explain_death(child.wait(), errors)


def _explain_death(status: int, errors: IO[bytes]) -> InputError:
    """Tell why the child ended without a reply, from its exit status (minus the signal) and its last words."""
    errors.seek(0)
    words = errors.read().decode(errors="replace").strip()
    by = signal.Signals(-status).name if status < 0 else ""
    if by == "SIGXCPU":
        return TooLarge(
            "Parsing the file took more processor time than allowed.",
            fix="Give fewer rows, write it as Parquet, or raise RECSCOPE_PARSE_CPU_S.",
        )
    if by == "SIGALRM":
        return InputError(
            "Reading the file stood still and was stopped.", fix="Check that the file's disk answers, and try again."
        )
    if by == "SIGKILL" or any(sign in words for sign in _SHORT_OF_MEMORY):
        return TooLarge(
            "Parsing the file took more memory or processor time than there is.",
            fix="Give fewer rows or columns, or raise RECSCOPE_PARSE_MEMORY_MB if the machine has more.",
        )
    reason = by or (words.splitlines() or [f"exit status {status}"])[-1][:200]
    return InputError(
        f"The file cannot be parsed ({reason}).", fix="Write the file again as plain CSV (UTF-8) or Parquet."
    )
