"""A data folder per test, and files in and out of it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from core.errors import InputError
from core.holdout.data import ColumnRoles, Holdout
from core.holdout.load import load_holdout
from core.jobs import finish
from core.settings import Settings
from tests.ingest.bad_files import BASE, ROWS, Case, good_csv

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


@pytest.fixture
def leftovers(settings: Settings) -> Callable[[], list[Path]]:
    """Every file below home, the scratch folder's folders included."""
    return lambda: [path for path in settings.home.rglob("*") if path.is_file() or path.parent.name == "scratch"]


@pytest.fixture
def refuse(load: Load, serve_here: Callable[[], None], leftovers: Callable[[], list[Path]]) -> Callable[..., None]:
    """Check that a bad file is refused with its message and a mend, and that nothing is stored.

    Hostile bytes all go through the real parsing process; of cases wrong only in a value one in ``real_every`` does.
    After the first of the cases a good file must load.
    """

    def run(case: Case, cases: Sequence[Case], *, real_every: int = 1) -> None:
        place = cases.index(case)
        if place % real_every:
            serve_here()
        content = case.make()
        with pytest.raises(InputError) as caught:
            load(content, case.roles, **case.limits)
        error = caught.value
        assert type(error) is case.error
        assert re.fullmatch(case.message, str(error)), str(error)
        assert re.fullmatch(r"[A-Z].{14,200}\.", error.fix), error.fix
        assert leftovers() == []
        if place == 0:
            assert load(good_csv(), BASE).rows.count == ROWS

    return run
