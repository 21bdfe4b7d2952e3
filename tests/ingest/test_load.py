"""The parsing process: its limits, its end by force or by accident, and what of its world reaches it."""

import gzip
import os
import sys
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError, TooLarge
from core.ingest import load as loading
from core.ingest.load import inspect, parse
from core.ingest.schema import Column, Parsed, Table
from core.jobs import Job, finish
from core.settings import Settings

COLUMNS = (
    Column("score", ("score",), "probability"),
    Column("uncertainty", ("variance",), "nonnegative"),
    Column("label", ("label",), "label"),
)
SMALL = b"score,variance,label\n0.25,0.5,1\n0.75,0.125,0\n"
# Line breaks in quotes make the slow second look necessary: seconds of processor time for 50 MB.
SLOW = b"score,variance,label,note\n" + b'0.25,0.5,1,"a\nb"\n' * 3_000_000


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Any:
    """Begin to parse bytes; the job and its target."""

    def begin(content: bytes, **limits: Any) -> tuple[Job[Parsed], Path]:
        path, target = tmp_path / "upload", tmp_path / "part.parquet"
        path.write_bytes(content)
        job = parse([path], COLUMNS, target=target, metadata={}, settings=replace(settings, **limits))
        return job, target

    return begin


@pytest.fixture
def children() -> Any:
    """Process numbers of the children of this process that are still there."""

    def find() -> set[int]:
        found = set()
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                number, _, rest = status.read_text().partition(" (")
            except OSError:
                continue
            state, parent = rest.rpartition(") ")[2].split()[:2]
            if int(parent) == os.getpid() and state != "Z":
                found.add(int(number))
        return found

    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc")
    return find


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a Python program in the place of the parsing process."""
    return lambda program: monkeypatch.setattr(loading, "_COMMAND", (sys.executable, "-c", program))


def test_parse_reports_progress_and_what_it_found(start: Any) -> None:
    job, target = start(SMALL)
    shares = []
    try:
        while True:
            shares.append(next(job).share)
    except StopIteration as end:
        parsed = end.value
    assert shares == [1.0]
    assert parsed == Parsed(
        rows=2,
        excluded=(),
        ranges={"score": (0.25, 0.75), "uncertainty": (0.125, 0.5), "label": (0.0, 1.0)},
        totals={"score": 1.0, "uncertainty": 0.625, "label": 1.0},
        histograms={"score": ((0.25, 0.75), (1, 1)), "uncertainty": ((0.125, 0.5), (1, 1))},
    )
    assert target.is_file()


def test_progress_rises_to_one_over_blocks_and_files(settings: Settings, tmp_path: Path) -> None:
    big = b"score,variance,label\n" + b"0.25,0.50000000,1\n" * 600_000  # 11 MB: three blocks of 4 MiB
    contents = (big, gzip.compress(big + b"0.125,0.1,1\n"), SMALL)
    paths = [tmp_path / name for name in "abc"]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    job = parse(paths, COLUMNS, target=tmp_path / "part", metadata={}, settings=settings)
    shares = [report.share for report in job]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) == 7
    assert shares[:4] == pytest.approx([0.12, 0.25, 0.33, 0.33 + 0.12], abs=0.03)


def test_inspect_shows_names_and_first_rows(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(SMALL)
    assert inspect(path, settings=settings) == Table(
        ("score", "variance", "label"), (("0.25", "0.5", "1"), ("0.75", "0.125", "0"))
    )


@pytest.mark.parametrize("content", [b"", b"score,variance\n", b"PAR1", b"\x1f\x8b", b"%PDF-"])
def test_inspect_refuses_what_parse_refuses(content: bytes, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(InputError):
        inspect(path, settings=settings)


def test_relative_paths_are_meant_from_here(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.csv").write_bytes(SMALL)
    assert inspect(Path("x.csv"), settings=settings).columns == ("score", "variance", "label")
    job = parse([Path("x.csv")], COLUMNS, target=Path("part"), metadata={}, settings=settings)
    assert finish(job).rows == 2
    assert (tmp_path / "part").is_file()


def test_a_path_that_is_not_utf8_is_read(settings: Settings, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv"))
    try:
        path.write_bytes(SMALL)
    except OSError:
        pytest.skip("the file system wants UTF-8")
    assert len(inspect(path, settings=settings).columns) == 3


def test_closing_the_job_ends_the_process(start: Any, children: Any) -> None:
    before = children()
    job, _ = start(SLOW)
    with closing(job):
        next(job)
        assert len(children() - before) == 1
    assert children() == before


def test_a_process_ends_with_its_job_however_it_ends(start: Any, children: Any) -> None:
    before = children()
    for content in (SMALL, b"", SMALL.replace(b"0.25", b"2.5")):
        job, _ = start(content)
        with suppress(InputError):
            finish(job)
        assert children() == before


def test_processor_time_is_limited(start: Any) -> None:
    job, _ = start(SLOW, parse_cpu_seconds=1)
    with pytest.raises(TooLarge, match=r"^Parsing the file took more processor time than allowed\.$") as caught:
        finish(job)
    assert "RECSCOPE_PARSE_CPU_S" in caught.value.fix


@pytest.mark.parametrize("mebibytes", [1, 250])
def test_memory_is_limited(start: Any, mebibytes: int) -> None:
    job, _ = start(SMALL, parse_memory_bytes=mebibytes * 2**20)
    with pytest.raises(TooLarge, match="memory") as caught:
        finish(job)
    assert "RECSCOPE_PARSE_MEMORY_MB" in caught.value.fix


def test_reading_that_stands_still_is_stopped(settings: Settings, tmp_path: Path, command: Any) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("needs named pipes")
    os.mkfifo(tmp_path / "pipe")  # nobody ever writes to it
    command("from core.ingest import child; child.STILL_SECONDS = 1; child.main()")
    with pytest.raises(InputError, match=r"^Reading the file stood still and was stopped\.$"):
        inspect(tmp_path / "pipe", settings=settings)


CRASHES = {
    "segmentation_fault": ("import os; os.kill(os.getpid(), 11)", InputError, r"cannot be parsed \(SIGSEGV\)"),
    "abort": ("import os; os.abort()", InputError, r"cannot be parsed \(SIGABRT\)"),
    "killed": ("import os; os.kill(os.getpid(), 9)", TooLarge, "more memory or processor time than there is"),
    "cpp_out_of_memory": (
        "import os, sys; sys.stderr.write('terminate called: std::bad_alloc'); sys.stderr.flush(); os.abort()",
        TooLarge, "more memory",
    ),
    "no_thread": ("raise RuntimeError(\"can't start new thread\")", TooLarge, "more memory"),
    "exception": ("raise LookupError('nothing here')", InputError, r"cannot be parsed \(LookupError: nothing here\)"),
    "silence": ("pass", InputError, r"cannot be parsed \(exit status 0\)"),
    "exit_status": ("raise SystemExit(3)", InputError, r"cannot be parsed \(exit status 3\)"),
    "half_a_word": ("print('{\"result\": {\"ro', end='')", InputError, r"cannot be parsed \(exit status 0\)"),
    "closed_input": ("import os; os.close(0); os._exit(4)", InputError, r"cannot be parsed \(exit status 4\)"),
    "long_last_words": ("raise LookupError('x' * 5000)", InputError, r"cannot be parsed \(LookupError: x{187}\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", CRASHES)
def test_a_crash_is_told_as_an_input_error(name: str, start: Any, command: Any) -> None:
    program, error, message = CRASHES[name]
    command(program)
    job, _ = start(SMALL)
    with pytest.raises(InputError, match=message) as caught:
        finish(job)
    assert type(caught.value) is error
    assert caught.value.fix.endswith(".")


def test_a_request_larger_than_a_pipe_to_a_dead_process(settings: Settings, tmp_path: Path, command: Any) -> None:
    command("import os; os._exit(5)")
    job = parse([tmp_path] * 10_000, COLUMNS, target=tmp_path / "x", metadata={}, settings=settings)
    with pytest.raises(InputError, match="exit status 5"):
        finish(job)


def test_a_process_that_cannot_be_started(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_COMMAND", ("/no/such/program",))
    job, _ = start(SMALL)
    with pytest.raises(InputError, match=r"^The parsing process cannot be started \(No such file or directory\)\.$"):
        finish(job)


def test_a_file_that_is_gone(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^gone\.csv cannot be read \(No such file or directory\)\.$"):
        inspect(tmp_path / "gone.csv", settings=settings)
    job = parse([tmp_path / "gone.csv"], COLUMNS, target=tmp_path / "part", metadata={}, settings=settings)
    with pytest.raises(InputError, match=r"^gone\.csv cannot be read \(No such file or directory\)\.$"):
        finish(job)


def test_a_folder_is_no_file(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        inspect(tmp_path, settings=settings)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "secret.csv"
    path.write_bytes(SMALL)
    path.chmod(0)
    with pytest.raises(InputError, match=r"^secret\.csv cannot be read \(Permission denied\)\.$"):
        inspect(path, settings=settings)


def test_a_target_that_cannot_be_written(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(SMALL)
    job = parse([path], COLUMNS, target=tmp_path / "no" / "part", metadata={}, settings=settings)
    with pytest.raises(InputError, match=r"^The parsed rows cannot be written \(.+\)\.$") as caught:
        finish(job)
    assert "RECSCOPE_HOME" in caught.value.fix


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(SMALL)
    job = parse([path], COLUMNS, target=Path("/dev/full"), metadata={}, settings=settings)
    with pytest.raises(InputError, match=r"^The parsed rows cannot be written \(.*[Nn]o space left on device.*\)\.$"):
        finish(job)


def test_the_process_sees_few_variables_and_has_its_limits(
    settings: Settings, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    command(
        "import json, os, resource, sys\n"
        "from core.ingest import child\n"
        "request = json.load(sys.stdin)\n"
        "child.limit_process(memory=request['memory'], cpu=request['cpu'])\n"
        "kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)\n"
        "limits = [resource.getrlimit(kind)[0] for kind in kinds]\n"
        "child._say({'result': {'columns': [*os.environ], 'preview': [limits]}})\n"
    )
    table = inspect(tmp_path, settings=settings)
    assert not {"AWS_SECRET_ACCESS_KEY", "PYTHONPATH", "HOME"} & set(table.columns)
    assert {"MALLOC_ARENA_MAX", "OPENBLAS_NUM_THREADS"} <= set(table.columns)
    assert table.preview == ((settings.parse_memory_bytes, settings.parse_cpu_seconds, 64, 0),)
    assert resource.getrlimit(resource.RLIMIT_CORE) is not None


def test_pandas_stays_out_of_the_process(start: Any, command: Any) -> None:
    command(
        "import json, sys\n"
        "from core.ingest import child\n"
        "say = child._say\n"
        "def told(message):\n"
        "    if 'result' in message and 'pandas' in sys.modules:\n"
        "        message = {'error': {'type': 'InputError', 'message': 'pandas is there', 'fix': ''}}\n"
        "    say(message)\n"
        "child._say = told\n"
        "child.main()\n"
    )
    job, _ = start(SMALL)
    assert finish(job).rows == 2


def test_stricter_limits_of_the_machine_stay(settings: Settings, tmp_path: Path, command: Any) -> None:
    pytest.importorskip("resource")
    path = tmp_path / "x"
    path.write_bytes(SMALL)
    command(
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
        "from core.ingest import child\n"
        "child.main()\n"
    )
    assert len(inspect(path, settings=settings).preview) == 2
    if os.geteuid() != 0:
        command(
            "import resource\n"
            "resource.setrlimit(resource.RLIMIT_AS, (2 ** 28, 2 ** 28))\n"
            "from core.ingest import child\n"
            "child.main()\n"
        )
        with pytest.raises(TooLarge):
            inspect(path, settings=settings)


def test_what_the_process_says_beside_its_reply_is_not_shown(start: Any, command: Any) -> None:
    command("import sys\nfrom core.ingest import child\nsys.stderr.write('noise ' * 100_000)\nchild.main()\n")
    job, _ = start(SMALL)
    assert finish(job).rows == 2
