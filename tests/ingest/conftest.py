"""A data folder per test, and files in and out of it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from core.holdout.data import ColumnRoles, Holdout
from core.holdout.load import load_holdout
from core.ingest import child
from core.jobs import finish
from core.settings import Settings

# A slow machine is no failure, and a run finds what the run before it found.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")

Load = Callable[..., Holdout]


@pytest.fixture
def settings(shared_settings: Settings, tmp_path: Path) -> Settings:
    """Usual limits, with a home of its own."""
    return replace(shared_settings, home=tmp_path / "home")


@pytest.fixture
def load(settings: Settings, tmp_path: Path) -> Load:
    """Load contents as one holdout, through the real child process."""

    def run(contents: bytes | Sequence[bytes], roles: ColumnRoles, **limits: Any) -> Holdout:
        files = []
        for index, content in enumerate([contents] if isinstance(contents, bytes) else contents):
            files.append(tmp_path / f"part{index}.bin")
            files[-1].write_bytes(content)
        return finish(load_holdout(files, roles, name="upload", settings=replace(settings, **limits)))

    return run


class ServedHere:
    """Stands in for the parsing process: the same request, code and reply, without the half second of a start."""

    def __init__(self, _: Any) -> None:
        self.stdin = self
        self.stdout: list[str] = []
        self._request = ""

    def __enter__(self) -> "ServedHere":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def write(self, request: str) -> None:
        self._request = request

    def close(self) -> None:
        self.stdout = [json.dumps(child.serve(json.loads(self._request))) + "\n"]

    def kill(self) -> None:
        return None


@pytest.fixture
def serve_here(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Parse in this process from now on."""
    return lambda: monkeypatch.setattr("core.ingest.load._start_child", ServedHere)


@pytest.fixture
def leftovers(settings: Settings) -> Callable[[], list[Path]]:
    """Every file below home, the scratch folder's folders included."""
    return lambda: [path for path in settings.home.rglob("*") if path.is_file() or path.parent.name == "scratch"]
