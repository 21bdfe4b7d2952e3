"""The command line in this process: a data folder of its own, and files parsed without a child process."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.cli.main import main
from core.ingest import child


class ParsedHere:
    """Stands in for the parsing process: the same request, code and reply, without the half second of a start."""

    def __init__(self, _: Any) -> None:
        self.stdin = self
        self.stdout: list[str] = []
        self._request = ""

    def __enter__(self) -> "ParsedHere":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def write(self, request: str) -> None:
        self._request = request

    def close(self) -> None:
        reports = ['{"progress": 0.25}\n', '{"progress": 1.0}\n']
        self.stdout = [*reports, json.dumps(child.serve(json.loads(self._request))) + "\n"]

    def kill(self) -> None:
        return None


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, named in the environment."""
    monkeypatch.setenv("RECSCOPE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON proper (no NaN)."""
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


Call = Callable[..., Outcome]


@pytest.fixture
def call(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command of the holdout word."""
    monkeypatch.setattr("core.ingest.load._start_child", ParsedHere)
    monkeypatch.setattr(child, "_say", lambda message: None)

    def run(*arguments: object) -> Outcome:
        try:
            status = main(["holdout", *map(str, arguments)])
        except SystemExit as stop:  # how argparse ends
            status = int(stop.code or 0)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run
