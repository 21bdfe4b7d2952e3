"""Every row of a file gets a decision, in file order."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InputError
from core.jobs import finish
from core.settings import Settings
from core.thresholds import read_rows
from core.thresholds.policy import Columns
from core.thresholds.read_rows import decide_on_files
from tests.thresholds.policies import make_policy


@pytest.fixture
def settings(shared_settings: Settings, tmp_path: Path, serve_here: Callable[[], None]) -> Settings:
    serve_here()
    return replace(shared_settings, home=tmp_path / "home")


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


POLICY = make_policy()


def file_of(tmp_path: Path, lines: list[str], name: str = "rows.csv") -> Path:
    header = ",".join(POLICY.columns.names)
    return write(tmp_path / name, "\n".join([header, *lines]) + "\n")


def test_in_file_order_and_no_row_left_out(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lo, hi = POLICY.level_edges[0], POLICY.level_edges[-1]
    lines = [f"1,{lo}", f",{lo}", "1,", f"0,{lo}", f"inf,{lo}", f"1,{hi * 2 + 1}", f"1,{hi}"]
    monkeypatch.setattr(read_rows, "BATCH_ROWS", 2)
    found = finish(decide_on_files(POLICY, [file_of(tmp_path, lines)], settings=settings))
    expected = POLICY.decide([1, None, 1, 0, float("inf"), 1, 1], [lo, lo, None, lo, lo, hi * 2 + 1, hi])
    assert found.decision.tolist() == expected.tolist()
    assert len(found.decision) == 7
    assert sum(rows for _, rows in found.remarks) == 4
    assert not any((settings.home / "scratch").iterdir())


def test_several_files_follow_each_other(settings: Settings, tmp_path: Path) -> None:
    lo = POLICY.level_edges[0]
    files = [file_of(tmp_path, [f"{score},{lo}"], f"{score}.csv") for score in (1, 0, 1)]
    decision = finish(decide_on_files(POLICY, files, settings=settings)).decision
    assert decision.tolist() == [True, False, True]


def test_a_file_without_the_columns(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "other.csv", "a,b\n1,2\n")
    with pytest.raises(InputError, match="has no column"):
        finish(decide_on_files(POLICY, [path], settings=settings))


def test_what_is_no_number(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="row 1 has 'high'"):
        finish(decide_on_files(POLICY, [file_of(tmp_path, ["high,1"])], settings=settings))


def test_low_and_high(settings: Settings, tmp_path: Path) -> None:
    policy = replace(POLICY, columns=Columns("s", ("low", "high"), "interval"))
    lo = policy.level_edges[0]
    path = write(tmp_path / "ends.csv", f"high,s,low\n{lo + 1},1,1\n1,1,{lo + 1}\n")
    found = finish(decide_on_files(policy, [path], settings=settings)).decision
    assert found.tolist() == policy.decide([1, 1], [lo, -lo]).tolist()
