"""Files by path or glob: nothing outside the data root is ever named, whatever the text."""

import os
from pathlib import Path

import pytest

from core.errors import InputError, TooLarge
from core.ingest import places
from core.ingest.places import find_files


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with some files, and a secret beside it."""
    folder = tmp_path / "data"
    for name in (
        "b.csv",
        "a.csv",
        "c.parquet",
        "x[1].csv",
        ".hidden.csv",
        "2026/01/d.csv",
        "2026/02/e.csv",
        "café.csv",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"score\n")
    (tmp_path / "secret.csv").write_bytes(b"score\n")
    (tmp_path / "data2").mkdir()
    (tmp_path / "data2" / "secret.csv").write_bytes(b"score\n")
    return folder


FOUND = {
    "a.csv": ["a.csv"],
    "?.csv": ["a.csv", "b.csv"],
    "[ab].csv": ["a.csv", "b.csv"],
    "2026/*/*.csv": ["2026/01/d.csv", "2026/02/e.csv"],
    "2026/**/*.csv": ["2026/01/d.csv", "2026/02/e.csv"],
    "**/d.csv": ["2026/01/d.csv"],
    "x[1].csv": ["x[1].csv"],
    "./a.csv": ["a.csv"],
    "2026//01/d.csv": ["2026/01/d.csv"],
    "café.csv": ["café.csv"],
    ".hidden.csv": [".hidden.csv"],
    "*.parquet": ["c.parquet"],
}


@pytest.mark.parametrize("pattern", FOUND)
def test_finds_sorted_files(root: Path, pattern: str) -> None:
    assert find_files(pattern, root=root) == tuple(root / name for name in FOUND[pattern])


@pytest.mark.parametrize(
    "pattern",
    [
        "", "   ", "/etc/passwd", "../secret.csv", "2026/../../secret.csv", "..", "a.csv\x00", "*/../../secret.csv",
        "../data2/*",
    ],
)  # fmt: skip
def test_refuses_what_could_lead_out(root: Path, pattern: str) -> None:
    with pytest.raises(InputError, match="is not a path below the data root") as caught:
        find_files(pattern, root=root)
    assert caught.value.fix.endswith("without '..'.")


@pytest.mark.parametrize("pattern", ["nothing.csv", "*.tsv", "2026", "2026/01", "a.csv/b", "~/a.csv", "$HOME/a.csv"])
def test_tells_when_nothing_matches(root: Path, pattern: str) -> None:
    with pytest.raises(InputError, match="No file below the data root matches"):
        find_files(pattern, root=root)


@pytest.mark.parametrize("pattern", ["a**b.csv", ".", "./", "x" * 5_000, "**x/*"])
def test_malformed_patterns_are_input_errors(root: Path, pattern: str) -> None:
    with pytest.raises(InputError) as caught:
        find_files(pattern, root=root)
    assert len(str(caught.value)) < 200


def test_needs_a_root() -> None:
    with pytest.raises(InputError, match="No data root") as caught:
        find_files("a.csv", root=None)
    assert "RECSCOPE_DATA_ROOT" in caught.value.fix


def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No file below the data root"):
        find_files("*.csv", root=tmp_path / "no")


def test_links_that_lead_out_are_not_followed(root: Path, tmp_path: Path) -> None:
    (root / "link.csv").symlink_to(tmp_path / "secret.csv")
    (root / "folder").symlink_to(tmp_path / "data2")
    (root / "up").symlink_to(root.parent)
    for pattern in ("link.csv", "folder/secret.csv", "folder/*.csv", "up/secret.csv", "up/data2/*", "l*.csv"):
        with pytest.raises(InputError, match="No file below the data root"):
            find_files(pattern, root=root)
    assert tmp_path / "secret.csv" not in find_files("**/*", root=root)


def test_a_sibling_whose_name_begins_alike_is_outside(root: Path, tmp_path: Path) -> None:
    (root / "link.csv").symlink_to(tmp_path / "data2" / "secret.csv")
    with pytest.raises(InputError, match="No file below the data root"):
        find_files("link.csv", root=root)


def test_links_inside_are_followed_and_a_file_counts_once(root: Path) -> None:
    (root / "again.csv").symlink_to(root / "a.csv")
    (root / "folder").symlink_to(root / "2026")
    assert find_files("again.csv", root=root) == (root / "a.csv",)
    assert find_files("a*.csv", root=root) == (root / "a.csv",)
    assert find_files("folder/01/*.csv", root=root) == (root / "2026/01/d.csv",)


def test_broken_and_circular_links_are_passed_over(root: Path) -> None:
    (root / "broken.csv").symlink_to(root / "gone.csv")
    (root / "loop.csv").symlink_to(root / "loop.csv")
    with pytest.raises(InputError):
        find_files("loop.csv", root=root)
    with pytest.raises(InputError):
        find_files("broken.csv", root=root)
    assert root / "a.csv" in find_files("*.csv", root=root)


def test_a_root_behind_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    assert find_files("a.csv", root=tmp_path / "alias") == (root / "a.csv",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_only_files(root: Path) -> None:
    os.mkfifo(root / "pipe.csv")
    with pytest.raises(InputError, match="No file"):
        find_files("pipe.csv", root=root)


def test_too_many_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "FILES_CAP", 3)
    with pytest.raises(TooLarge, match=r"^More than 3 files match\.$"):
        find_files("**/*.csv", root=root)


def test_too_many_entries_that_are_no_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``2026/**`` names the folders 2026, 01 and 02, and no file."""
    monkeypatch.setattr(places, "ENTRIES_CAP", 3)
    with pytest.raises(InputError, match="No file below the data root matches"):
        find_files("2026/**", root=root)
    monkeypatch.setattr(places, "ENTRIES_CAP", 2)
    with pytest.raises(TooLarge, match=r"^More than 2 files and folders match\.$") as caught:
        find_files("2026/**", root=root)
    assert caught.value.fix == "Choose a narrower pattern."
