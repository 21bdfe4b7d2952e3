"""A file is replaced as a whole, or stays as it was."""

from pathlib import Path

import pytest

from core.errors import InputError
from core.publish import replacing


def test_a_file_becomes_the_new_one_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "kept"
    target.write_text("old")
    with replacing(target) as part:
        part.write_text("new")
        assert part.parent == tmp_path
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_after_an_error_the_old_one_stays(tmp_path: Path) -> None:
    target = tmp_path / "kept"
    target.write_text("old")
    with pytest.raises(KeyError), replacing(target) as part:
        part.write_text("half of the n")
        raise KeyError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_not_there_is_an_error_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="kept cannot be written: No such file"), replacing(tmp_path / "none" / "kept"):
        pass
