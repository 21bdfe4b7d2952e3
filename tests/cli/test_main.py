"""The command line as a whole."""

import re
from pathlib import Path

import pytest

from core.cli.main import main
from core.version import VERSION

CHANGELOG = Path(__file__).resolve().parents[2] / "docs" / "changelog.md"


def test_its_version_is_the_newest_of_the_changelog(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() == VERSION
    assert re.findall(r"^## (\S+)", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)[0] == VERSION
