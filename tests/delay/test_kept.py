"""What the data folder lists, and that deleting leaves nothing of a log."""

from pathlib import Path

import numpy as np
import pytest

from core.delay.arms import plan_arm
from core.delay.data import Options
from core.delay.export import export_weights
from core.delay.kept import Kept, delete_log, list_logs
from core.delay.laws import DAY
from core.delay.recorded import LogCleaning, RecordedLog
from core.delay.simulate import PRESETS, START, simulate_log
from core.delay.stored import find_log, log_store, store_log
from core.errors import InputError
from core.settings import Settings
from tests.conftest import make_settings

HERE, THERE = "a" * 64, "b" * 64


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path / "home")


def make_recorded(digest: str) -> RecordedLog:
    log = simulate_log(PRESETS["stationary"].world, rng=np.random.default_rng(0))
    return RecordedLog(digest, "shop.csv", log, np.arange(1, len(log) + 1), None, LogCleaning())


def test_an_empty_folder_lists_nothing(settings: Settings) -> None:
    assert list_logs(settings) == ()
    assert not delete_log(HERE, settings=settings)
    with pytest.raises(InputError, match="not a data digest"):
        delete_log("../../x", settings=settings)


def test_a_log_goes_with_what_was_prepared_from_it_and_others_stay(settings: Settings) -> None:
    folder = settings.home / "delay" / "exports"
    folder.mkdir(parents=True)
    for digest in (HERE, THERE):
        recorded = make_recorded(digest)
        store_log(recorded, settings=settings)
        plan = plan_arm("is_snapshot", options=Options())
        export_weights(recorded, plan, at=START + 60 * DAY, window=20 * DAY, path=folder / f"{digest[:4]}.parquet")
    (folder / "half.parquet").write_bytes(b"x")
    log_store(settings).path("c" * 64).write_bytes(b"x")
    rows = len(recorded.log)
    expected = (Kept(HERE, "shop.csv", rows), Kept(THERE, "shop.csv", rows), Kept("c" * 64, "", None))
    assert list_logs(settings) == expected
    assert delete_log(HERE, settings=settings)
    assert find_log(HERE, settings=settings) is None
    assert sorted(path.name for path in folder.iterdir()) == ["bbbb.parquet", "half.parquet"]
    assert [kept.digest for kept in list_logs(settings)] == [THERE, "c" * 64]
