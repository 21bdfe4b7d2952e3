"""The command line in this process: a data folder of its own, and files parsed without a child process."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.cli.main import main


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
def call(home: Path, serve_here: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command of the holdout word."""
    serve_here()

    def run(*arguments: object) -> Outcome:
        try:
            status = main(["holdout", *map(str, arguments)])
        except SystemExit as stop:  # how argparse ends
            status = int(stop.code or 0)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run
