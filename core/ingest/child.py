"""The limited process that parses what came from outside: ``python -m core.ingest.child < request.json``.

It reads one JSON request on standard input and writes JSON lines on standard output: any number of
``{"progress": share}``, then one ``{"result": …}`` or ``{"error": {type, message, fix}}``.
"""

import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import pyarrow as pa

from core.errors import InputError, TooLarge
from core.ingest.columns import shorten
from core.ingest.graphml import GraphmlReader, read_graphml
from core.ingest.header import Header, read_header
from core.ingest.rows import RowWriter, source_names
from core.ingest.schema import Column
from core.ingest.source import read_batches
from core.ingest.streams import Meter

PREVIEW_ROWS = 5
PREVIEW_LENGTH = 40
OPEN_FILES = 64
STILL_SECONDS = 60


def main() -> int:
    """Serve the request on standard input, within its limits."""
    sys.meta_path.insert(0, _NoPandas())
    request = json.load(sys.stdin)
    limit_process(memory=request["memory"], cpu=request["cpu"])
    _restart_alarm()
    _say(serve(request, beat=_restart_alarm))
    return 0


class _NoPandas(MetaPathFinder):
    """Keeps pandas out: pyarrow would load it, for a quarter of a second, to ask whether a value is one of its own."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002 - the protocol
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)


def limit_process(*, memory: int, cpu: int) -> None:
    """Cap address space, CPU seconds, open files and core dumps, where the system can (POSIX)."""
    pa.set_cpu_count(1)
    try:
        import resource
    except ImportError:  # pragma: no cover - Windows has no such limits; the size caps stay
        return
    wanted = (
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_CPU, cpu, cpu + 1),
        (resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES),
        (resource.RLIMIT_CORE, 0, 0),
    )
    for kind, soft, hard in wanted:
        with contextlib.suppress(ValueError, OSError):  # a stricter limit is set already, or the system has none
            resource.setrlimit(kind, (soft, hard))


def _restart_alarm() -> None:
    """End the process if nothing is read for a minute: processor time does not run out while threads wait."""
    if hasattr(signal, "alarm"):
        signal.alarm(STILL_SECONDS)


def serve(request: dict[str, Any], *, beat: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Do one task; the reply is ``{"result": …}``, or ``{"error": …}`` for whatever is wrong with the input.

    Parameters
    ----------
    request
        What :mod:`core.ingest.load` sends.
    beat
        Called whenever something has been read.
    """
    try:
        return {"result": _TASKS[request["task"]](request, Meter(request["bytes_cap"], beat=beat))}
    except InputError as error:
        return _as_reply(error)
    except MemoryError:
        return _as_reply(
            TooLarge(
                f"The file needs more than {request['memory'] // 2**20:,} MiB of memory to parse.",
                fix="Give fewer rows or columns, or raise RECSCOPE_PARSE_MEMORY_MB.",
            )
        )


def _as_reply(error: InputError) -> dict[str, Any]:
    return {"error": {"type": type(error).__name__, "message": str(error), "fix": error.fix}}


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _inspect(request: dict[str, Any], meter: Meter) -> dict[str, Any]:
    path = Path(request["paths"][0])
    with _naming(path, among=1):
        header = read_header(path, columns_cap=request["columns_cap"])
        batches = read_batches(path, header, header.names, meter=meter, batch_rows=PREVIEW_ROWS)
        _, batch = next(batches, (1.0, None))
    if batch is None or batch.num_rows == 0:
        raise InputError("The file has a header but no rows.", fix="Upload a file with at least one row.")
    rows = zip(*(column[:PREVIEW_ROWS].to_pylist() for column in batch.columns), strict=True)
    return {"columns": list(header.names), "preview": [[_preview(value) for value in row] for row in rows]}


def _preview(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= PREVIEW_LENGTH else text[: PREVIEW_LENGTH - 1] + "…"


def _parse(request: dict[str, Any], meter: Meter) -> dict[str, Any]:
    columns = [Column(c["role"], tuple(c["names"]), c["kind"]) for c in request["columns"]]
    limits = {name: request[name] for name in ("rows_cap", "categories_cap", "excluded_share")}
    try:
        with contextlib.closing(RowWriter(Path(request["target"]), columns, **limits)) as writer:
            for share in _read_all(request, source_names(columns), meter, writer):
                _say({"progress": round(share, 4)})
            return writer.finish(request["metadata"])
    except OSError as error:
        raise InputError(
            f"The parsed rows cannot be written ({error.strerror or error}).",
            fix="Free some space in the folder of RECSCOPE_HOME, or choose another.",
        ) from error


def _unpack(request: dict[str, Any], meter: Meter) -> dict[str, Any]:
    reader = GraphmlReader(Path(request["edges"]), Path(request["nodes"]), rows_cap=request["rows_cap"])
    path = Path(request["paths"][0])
    with contextlib.closing(reader), _naming(path, among=1):
        for share in read_graphml(path, reader, meter=meter):
            _say({"progress": round(share, 4)})
        return reader.finish()


_TASKS = {"inspect": _inspect, "parse": _parse, "unpack": _unpack}


def _read_all(request: dict[str, Any], names: tuple[str, ...], meter: Meter, writer: RowWriter) -> Iterator[float]:
    """Pass all files through the writer, yielding the share that is done."""
    paths = [Path(path) for path in request["paths"]]
    for index, path in enumerate(paths):
        with _naming(path, among=len(paths)):
            header = read_header(path, columns_cap=request["columns_cap"])
            _check_present(names, header)
            writer.start_file(rows=header.rows)
            for share, batch in read_batches(path, header, names, meter=meter):
                writer.write(batch)
                yield (index + share) / len(paths)


@contextlib.contextmanager
def _naming(path: Path, *, among: int) -> Iterator[None]:
    """Put the file's name before a message where there are several files; explain a file that can't be read."""
    try:
        yield
    except InputError as error:
        if among > 1:
            raise type(error)(f"{path.name}: {error}", fix=error.fix) from error
        raise
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise InputError(
            f"{path.name} cannot be read ({error.strerror}).", fix="Check that the file is there and may be read."
        ) from error


def _check_present(names: tuple[str, ...], header: Header) -> None:
    for name in names:
        if name not in header.names:
            there = ", ".join(map(shorten, header.names[:20])) + (" …" if len(header.names) > 20 else "")
            raise InputError(f"There is no column {shorten(name)}; the file has {there}.", fix="Choose one of these.")


if __name__ == "__main__":
    sys.exit(main())
