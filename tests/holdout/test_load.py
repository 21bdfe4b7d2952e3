"""Files and roles → a stored holdout: parsed once, published whole or not at all, named by content and mapping."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from core.errors import InputError
from core.holdout import load as loading
from core.holdout.data import ColumnRoles, Holdout
from core.holdout.load import SAMPLE, find_holdout, holdout_store, load_holdout, load_sample
from core.ingest import load as parsing
from core.jobs import Progress, finish
from core.settings import Settings

ROLES = ColumnRoles("score", ("variance",), "variance", "label", segments=("city",))
CONTENT = b"score,variance,label,city,std\n0.25,0.5,1,Bern,0.1\n0.75,0.25,0,Oslo,0.2\n0.5,0.125,1,Bern,0.3\n"


@pytest.fixture
def settings(shared_settings: Settings, tmp_path: Path) -> Settings:
    """Usual limits, with a home of its own."""
    return replace(shared_settings, home=tmp_path / "home")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "scores.csv"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def load(settings: Settings, file: Path) -> Callable[..., Holdout]:
    def run(*files: Path, roles: ColumnRoles = ROLES, name: str = "scores.csv") -> Holdout:
        return finish(load_holdout(files or [file], roles, name=name, settings=settings))

    return run


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each start of the parsing process."""
    counted: list[int] = []
    real = parsing._start_child

    def start(errors: Any) -> Any:
        counted.append(1)
        return real(errors)

    monkeypatch.setattr(parsing, "_start_child", start)
    return counted


def files_below(settings: Settings) -> list[Path]:
    return sorted(path.relative_to(settings.home) for path in settings.home.rglob("*") if path.is_file())


def test_a_loaded_holdout_is_found_again_by_its_digest(load: Any, settings: Settings) -> None:
    loaded = load()
    found = find_holdout(loaded.digest, settings=settings)
    assert found is not None
    for name in ("digest", "name", "roles", "positives", "excluded", "segments", "files"):
        assert getattr(found, name) == getattr(loaded, name)
    assert (found.rows.path, found.rows.count, found.rows.ranges) == (
        loaded.rows.path, loaded.rows.count, loaded.rows.ranges,
    )  # fmt: skip
    assert loaded.rows.path == settings.home / "holdout" / f"{loaded.digest}.parquet"
    assert pq.read_table(loaded.rows.path).column("score").to_pylist() == [0.25, 0.75, 0.5]
    assert loaded.positives == 2
    assert files_below(settings) == [Path("holdout") / f"{loaded.digest}.parquet"]


def test_what_is_not_stored_is_not_found(settings: Settings) -> None:
    assert find_holdout("0" * 64, settings=settings) is None
    with pytest.raises(InputError, match="not a data digest"):
        find_holdout("../../etc/passwd", settings=settings)


def test_the_files_are_the_same_whatever_the_roles(load: Any, file: Path) -> None:
    first, second = load(), load(roles=replace(ROLES, segments=()))
    assert first.digest != second.digest
    assert first.files == second.files == (hashlib.sha256(file.read_bytes()).hexdigest(),)


def test_same_content_is_parsed_once(load: Any, file: Path, tmp_path: Path, starts: list[int]) -> None:
    first = load()
    copy = tmp_path / "copy.txt"
    copy.write_bytes(file.read_bytes())
    second = load(copy, name="copy.txt")
    assert second.digest == first.digest
    assert len(starts) == 1
    assert (first.name, second.name) == ("scores.csv", "copy.txt")


def test_digest_differs_by_mapping_content_and_order(load: Any, file: Path, tmp_path: Path, starts: list[int]) -> None:
    other = tmp_path / "other.csv"
    other.write_bytes(CONTENT.replace(b"0.25,0.5,1", b"0.26,0.5,1"))
    holdouts = [
        load(),
        load(roles=replace(ROLES, uncertainty_kind="evidence")),
        load(roles=replace(ROLES, uncertainty=("std",))),
        load(roles=replace(ROLES, segments=())),
        load(roles=replace(ROLES, weight="std")),
        load(other),
        load(file, other),
        load(other, file),
    ]
    assert len({holdout.digest for holdout in holdouts}) == len(holdouts) == len(starts)


def test_digest_does_not_depend_on_name_place_or_home(
    load: Any, settings: Settings, tmp_path: Path, file: Path
) -> None:
    first = load(name="a")
    moved = tmp_path / "elsewhere" / "b.csv"
    moved.parent.mkdir()
    file.rename(moved)
    elsewhere = replace(settings, home=tmp_path / "other home")
    second = finish(load_holdout([moved], ROLES, name="b", settings=elsewhere))
    assert first.digest == second.digest


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "..\\..\\evil.exe",
        "a/b.csv",
        "",
        "\u202egpj.csv",
        "x" * 5_000,
        "\ud800",
        "<b>",
    ],
)
def test_a_name_is_for_display_and_reaches_no_path(name: str, load: Any, settings: Settings, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    holdout = load(name=name)
    assert holdout.name == name
    assert files_below(settings) == [Path("holdout") / f"{holdout.digest}.parquet"]
    outside = {path for path in tmp_path.rglob("*") if not path.is_relative_to(settings.home)}
    assert outside == before
    found = find_holdout(holdout.digest, settings=settings)
    assert found is not None
    assert found.name == name


def test_closing_after_the_first_report_leaves_nothing(file: Path, settings: Settings) -> None:
    job = load_holdout([file], ROLES, name="x", settings=settings)
    assert isinstance(next(job), Progress)
    assert [path.suffix for path in files_below(settings)] == [".parquet"]  # being written, in the scratch folder
    job.close()
    assert files_below(settings) == []
    assert list((settings.home / "scratch").iterdir()) == []
    assert finish(load_holdout([file], ROLES, name="x", settings=settings)).rows.count == 3


def test_a_job_that_never_began_does_nothing(file: Path, settings: Settings) -> None:
    load_holdout([file], ROLES, name="x", settings=settings).close()
    assert not settings.home.exists()


def test_an_error_stores_nothing(file: Path, load: Any, settings: Settings) -> None:
    file.write_bytes(CONTENT.replace(b"0.75", b"7.5"))
    with pytest.raises(InputError, match=r"row 2 has 7\.5"):
        load()
    assert files_below(settings) == []


@pytest.mark.parametrize("change", ["grow", "replace", "same_size_and_time", "remove"])
def test_a_file_that_changes_while_it_is_read(
    change: str, file: Path, load: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = loading.parse

    def parse(*arguments: Any, **options: Any) -> Any:
        parsed = yield from real(*arguments, **options)
        kept = file.stat()
        if change == "grow":
            with file.open("ab") as stream:
                stream.write(b"0.1,0.1,0,Rome,0.1\n")
        elif change == "remove":
            file.unlink()
        else:
            target = file if change == "same_size_and_time" else file.with_suffix(".new")
            target.write_bytes(CONTENT.replace(b"0.75", b"0.76"))
            os.utime(target, ns=(kept.st_atime_ns, kept.st_mtime_ns))
            target.replace(file)
        return parsed

    monkeypatch.setattr(loading, "parse", parse)
    with pytest.raises(InputError, match=r"changed while it was read|cannot be read"):
        load()
    assert files_below(settings) == []


def test_files_that_are_not_there(load: Any, tmp_path: Path, file: Path, settings: Settings, starts: list[int]) -> None:
    with pytest.raises(InputError, match=r"^gone\.csv cannot be read \(No such file or directory\)\.$"):
        load(file, tmp_path / "gone.csv")
    with pytest.raises(InputError, match=r"is not a file\.$"):
        load(tmp_path)
    with pytest.raises(InputError, match=r"^No file is given\.$"):
        finish(load_holdout([], ROLES, name="x", settings=settings))
    assert not starts
    assert not settings.home.exists()


def test_the_same_rows_are_not_counted_twice(load: Any, file: Path, tmp_path: Path, starts: list[int]) -> None:
    copy = tmp_path / "scores (1).csv"
    copy.write_bytes(CONTENT)
    with pytest.raises(InputError, match=r"^scores\.csv and scores \(1\)\.csv hold the same bytes; their rows would"):
        load(file, copy)
    with pytest.raises(InputError, match=r"^scores\.csv and scores\.csv hold the same bytes"):
        load(file, Path(str(file)))
    assert not starts


def test_a_stored_file_that_is_damaged_is_parsed_again(load: Any, starts: list[int], settings: Settings) -> None:
    holdout = load()
    whole = holdout.rows.path.read_bytes()
    holdout.rows.path.write_bytes(whole[: len(whole) // 2])
    assert find_holdout(holdout.digest, settings=settings) is None
    assert load().rows.count == 3
    assert holdout.rows.path.read_bytes() == whole
    assert len(starts) == 2


def test_a_deleted_holdout_is_parsed_again(load: Any, starts: list[int], settings: Settings) -> None:
    holdout = load()
    assert holdout_store(settings).delete(holdout.digest)
    assert load().digest == holdout.digest
    assert len(starts) == 2


def test_two_jobs_on_the_same_content_agree(file: Path, settings: Settings) -> None:
    jobs = [load_holdout([file], ROLES, name=name, settings=settings) for name in "ab"]
    for job in jobs:
        next(job)
    first, second = (finish(job) for job in jobs)
    assert first.digest == second.digest
    assert files_below(settings) == [Path("holdout") / f"{first.digest}.parquet"]


def test_messages_name_the_file_where_there_are_several(load: Any, file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_bytes(CONTENT.replace(b"0.75", b"7.5"))
    with pytest.raises(
        InputError, match=r"^bad\.csv: 'score' must be a probability between 0 and 1; row 2 has 7\.5\.$"
    ):
        load(file, bad)
    with pytest.raises(InputError, match=r"^'score' must be"):
        load(bad)


def test_stored_metadata_tell_all_that_the_handle_needs(load: Any) -> None:
    holdout = load()
    stored = json.loads(pq.read_metadata(holdout.rows.path).metadata[b"recscope"])
    assert stored["name"] == "scores.csv"
    assert ColumnRoles.from_json(stored["roles"]) == ROLES
    assert stored["parsed"]["categories"] == {"segment0": ["Bern", "Oslo"]}
    assert b"Bern" not in pq.read_schema(holdout.rows.path).names


def test_load_sample(settings: Settings) -> None:
    holdout = finish(load_sample(settings))
    assert holdout.name == SAMPLE.name
    assert holdout.more_is_certain
    assert holdout.rows.count == pq.read_metadata(SAMPLE).num_rows
    assert [segment.name for segment in holdout.segments] == ["device", "country"]
    assert "time" in holdout.rows.ranges


def test_rows_of_a_group_have_one_part(settings: Settings, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"score": rng.random(400), "std": rng.random(400), "label": rng.integers(0, 2, 400)})
    frame["user"] = rng.integers(0, 40, 400)
    path = tmp_path / "rows.csv"
    frame.to_csv(path, index=False)
    parts = {}
    for group in (None, "user"):
        roles = ColumnRoles("score", ("std",), "std", "label", group=group)
        holdout = finish(load_holdout([path], roles, name="rows.csv", settings=settings))
        parts[group] = pd.read_parquet(holdout.rows.path)["part"]
    assert parts[None].nunique() > 350
    assert (parts["user"].groupby(frame["user"]).nunique() == 1).all()
