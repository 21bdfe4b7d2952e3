"""A training set for training elsewhere."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.delay.arms import plan_arm, train_arm
from core.delay.data import Options
from core.delay.export import export_weights, read_exported
from core.delay.laws import DAY
from core.delay.recorded import LogCleaning, RecordedLog
from core.delay.simulate import World, simulate_log
from core.delay.snapshot import observe
from core.errors import InputError
from core.rng import make_generator
from tests.delay.hand_logs import day


@pytest.fixture(scope="module")
def recorded() -> RecordedLog:
    log = simulate_log(World(daily=60, covariates=2, campaigns=2), rng=make_generator(0))
    ids = np.array([f"i{row}" for row in range(len(log))], dtype=object)
    return RecordedLog("d" * 64, "log", log, np.arange(len(log))[::-1] + 1, ids, LogCleaning())


@pytest.mark.parametrize(("arm", "kind"), [("is_signal", "snapshot"), ("ulc", "snapshot"), ("fnc", "stream")])
def test_the_file_is_the_training_set(recorded: RecordedLog, tmp_path: Path, arm: str, kind: str) -> None:
    path, plan = tmp_path / "out.parquet", plan_arm(arm, options=Options())
    found = export_weights(recorded, plan, at=day(60), window=30 * DAY, path=path)
    table = pq.read_table(path)
    training = train_arm(plan, observe(recorded.log, day(60), window=30 * DAY)).training
    assert table.column_names == ["row", "id", "label", "weight"]
    assert np.array_equal(table["row"].to_numpy(), recorded.row[training.rows])  # type: ignore[union-attr]
    assert table["id"][0].as_py() == f"i{len(recorded.log) - table['row'][0].as_py()}"
    assert np.array_equal(table["label"].to_numpy(), training.label)  # type: ignore[union-attr]
    assert np.array_equal(table["weight"].to_numpy(), training.weight)  # type: ignore[union-attr]
    assert (found.entries, found.kind) == (len(table), kind)
    assert found.rows == len(np.unique(table["row"].to_numpy()))
    assert (found.rows < found.entries) == (kind == "stream")
    assert read_exported(path) == found
    known = json.loads(table.schema.metadata[b"recscope"])
    assert (known["arm"], known["formula"], known["kind"]) == (arm, plan.arm.formula, kind)
    assert known["as_of"] == "2026-03-06 00:00 UTC"
    assert known["serve"] == ("b/(1 − b)" if arm == "fnc" else "b")
    assert [file.name for file in tmp_path.iterdir()] == ["out.parquet"]


def test_an_arm_without_weights_is_refused_and_nothing_is_written(recorded: RecordedLog, tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    path.write_text("before")
    with pytest.raises(InputError, match="dfm minimises a loss of its own"):
        export_weights(recorded, plan_arm("dfm", options=Options()), at=day(60), window=30 * DAY, path=path)
    assert path.read_text() == "before"


def test_what_fails_half_way_leaves_the_old_file(
    recorded: RecordedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.parquet"
    path.write_text("before")

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.delay.export.pq.write_table", fail)
    with pytest.raises(InputError, match=r"out.parquet cannot be written: No space left"):
        export_weights(recorded, plan_arm("naive", options=Options()), at=day(60), window=30 * DAY, path=path)
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_not_there(recorded: RecordedLog, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file"):
        export_weights(
            recorded,
            plan_arm("naive", options=Options()),
            at=day(60),
            window=30 * DAY,
            path=tmp_path / "no" / "o.parquet",
        )
