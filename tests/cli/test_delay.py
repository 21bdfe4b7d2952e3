"""``python -m core delay``: the contract that pipelines rely on."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from core.cli.main import main
from core.delay.simulate import PRESETS
from tests.cli.conftest import Outcome

SMALL = ("--daily", 60)
AS_OF = ("--as-of", "2026-03-05")  # day 59 of 61
END = ("--until", "2026-04-10")


@pytest.fixture
def call(home: Path, serve_here: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command of the delay word."""
    serve_here()

    def run(*arguments: object) -> Outcome:
        try:
            status = main(["delay", *map(str, arguments)])
        except SystemExit as stop:
            status = int(stop.code or 0)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run


@pytest.fixture
def log(call: Callable[..., Outcome], tmp_path: Path) -> Path:
    path = tmp_path / "log.parquet"
    assert call("simulate", "--preset", "gradual", "--seed", 1, *SMALL, "--out", path).status == 0
    return path


@pytest.fixture
def renamed(log: Path, tmp_path: Path) -> Path:
    """The same log as CSV, with names that tell nothing."""
    path = tmp_path / "odd.csv"
    names = {"event_time": "a", "conversion_time": "b", "cart_time": "c", "x0": "d", "campaign": "e"}
    frame = pd.read_parquet(log).rename(columns=names)[list(names.values())]
    frame.assign(f=np.arange(len(frame))).to_csv(path, index=False)
    return path


class TestSimulate:
    def test_a_seed_makes_the_same_bytes(self, call, log, tmp_path) -> None:
        again, other = tmp_path / "again.parquet", tmp_path / "other.parquet"
        call("simulate", "--preset", "gradual", "--seed", 1, *SMALL, "--out", again)
        call("simulate", "--preset", "gradual", "--seed", 2, *SMALL, "--out", other)
        assert again.read_bytes() == log.read_bytes() != other.read_bytes()
        table = pq.read_table(log)
        assert len(table) == 61 * 60
        assert table.column_names[:3] == ["event_time", "conversion_time", "cart_time"]

    @pytest.mark.parametrize("preset", PRESETS)
    def test_every_preset(self, call, tmp_path, preset) -> None:
        path = tmp_path / "log.parquet"
        assert call("simulate", "--preset", preset, "--daily", 2, "--out", path).status == 0
        assert len(pq.read_table(path)) == 122

    def test_a_folder_that_is_not_there(self, call, tmp_path) -> None:
        outcome = call("simulate", "--preset", "gradual", "--daily", 2, "--out", tmp_path / "no" / "log.parquet")
        assert outcome.status == 2
        assert "error: log.parquet cannot be written" in outcome.err


class TestCompare:
    def test_on_simulated_worlds(self, call, tmp_path) -> None:
        path = tmp_path / "out.json"
        arms = "oracle,naive,is_snapshot,is_signal"
        outcome = call("compare", "--preset", "jump_up", "--arms", arms, "--seeds", 3, *SMALL, "--json", path)
        assert (outcome.status, outcome.out) == (0, "")
        found = json.loads(path.read_text())
        assert list(found["arms"]) == arms.split(",")
        for arm in found["arms"].values():
            assert set(arm) == {"regret", "pcoc", "log_loss", "ece", "auc", "ess"}
            assert all(set(value) == {"value", "se"} for value in arm.values())
        assert found["arms"]["naive"]["regret"]["value"] > found["arms"]["oracle"]["regret"]["value"]
        pairs = {(pair["arm"], pair["against"]) for pair in found["paired"]}
        assert ("is_signal", "is_snapshot") in pairs
        assert all("t" in pair for pair in found["paired"])
        assert len(found["runs"]) == 3

    def test_on_the_log_that_simulate_wrote(self, call, log) -> None:
        outcome = call("compare", "--log", log, *AS_OF, *END, "--arms", "oracle,naive,drop_last(3)", "--cadence", 2)
        found = outcome.json
        assert list(found["arms"]) == ["oracle", "naive", "drop_last(3)"]
        assert found["arms"]["naive"]["regret"]["value"] is None
        assert found["arms"]["naive"]["log_loss"]["value"] > 0
        assert found["cleaning"] == []
        assert len(found["digest"]) == 64
        # ends at the latest conversion without --until: the rows of a day and more are final by then
        early = call("compare", "--log", log, "--as-of", "2026-03-01", "--arms", "naive")
        assert early.status == 0
        assert "rows come at or after the as-of date" in early.err
        assert "note: the log is taken to end with its latest time, 2026-0" in early.err
        assert "latest time" not in outcome.err

    def test_several_trainings_are_runs(self, call, log) -> None:
        found = call(
            "compare", "--log", log, "--as-of", "2026-03-01", *END, "--arms", "oracle,naive", "--rounds", 3
        ).json
        assert found["runs"] == [f"2026-03-0{day} 00:00 UTC" for day in (1, 2, 3)]
        assert found["arms"]["naive"]["log_loss"]["se"] > 0

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--as-of", "2026-13-01"), "'2026-13-01' is no date"),
            (("--as-of", "2025-01-01"), "2025-01-01 00:00 UTC lies outside the log (2026-01-05"),
            (("--as-of", "2027-01-01"), "2027-01-01 00:00 UTC lies outside the log"),
            ((), "The as-of date is missing"),
            ((*AS_OF, "--seeds", 3), "A log has no seeds"),
            ((*AS_OF, "--arms", "best"), "There is no arm 'best'"),
            ((*AS_OF, "--until", "2026-03-06"), "has a final label by 2026-03-06"),
            (
                ("--as-of", "2026-01-20", "--arms", "is_signal"),
                "No row is older than the attribution window of 30 days",
            ),
        ],
    )
    def test_what_cannot_be_compared_is_told(self, call, log, options, message) -> None:
        outcome = call("compare", "--log", log, *options)
        assert outcome.status == 2
        assert message in outcome.err
        assert "mend: " in outcome.err

    def test_worlds_have_no_dates(self, call) -> None:
        outcome = call("compare", "--preset", "gradual", *AS_OF)
        assert outcome.status == 2
        assert "A simulated world has no dates" in outcome.err

    def test_one_of_world_and_log(self, call, log) -> None:
        assert call("compare").status == 2
        assert call("compare", "--preset", "gradual", "--log", log).status == 2


class TestWeights:
    def test_weights_of_an_arm(self, call, log, tmp_path) -> None:
        path = tmp_path / "weighted.parquet"
        outcome = call("weights", log, *AS_OF, "--arm", "is_signal", "--out", path)
        assert outcome.status == 0
        assert outcome.err.endswith("1,800 entries of 1,800 rows, snapshot weights\n")  # 30 days of 60
        table = pq.read_table(path)
        assert table.column_names == ["row", "label", "weight"]
        source = pd.read_parquet(log).iloc[table["row"].to_numpy() - 1]
        seen = (source["conversion_time"] < pd.Timestamp("2026-03-05", tz="UTC")).to_numpy()
        assert np.array_equal(seen, table["label"].to_numpy() == 1)
        weight = table["weight"].to_numpy()
        assert (weight[seen] >= 1).all()
        assert (weight[~seen] <= 1).all()

    def test_columns_are_named(self, call, renamed, tmp_path) -> None:
        path = tmp_path / "weighted.parquet"
        columns = ("--time", "a", "--conversion", "b", "--signal", "c", "--feature", "d", "--segment", "e", "--id", "f")
        assert call("weights", renamed, *columns, *AS_OF, "--out", path).status == 0
        table = pq.read_table(path)
        assert table["id"][0].as_py() == str(table["row"][0].as_py() - 1)

    def test_a_signal_as_feature_is_refused_with_its_reason(self, call, log, tmp_path) -> None:
        out = tmp_path / "w.parquet"
        outcome = call("weights", log, *AS_OF, "--signal", "cart_time", "--feature", "cart_time", "--out", out)
        assert outcome.status == 2
        assert "'cart_time' is mapped as feature and as signal: a signal comes after the impression" in outcome.err
        assert not out.exists()

    def test_columns_that_cannot_be_guessed(self, call, renamed, tmp_path) -> None:
        outcome = call("weights", renamed, *AS_OF, "--out", tmp_path / "w.parquet")
        assert outcome.status == 2
        assert "No column looks like the time of the event" in outcome.err


class TestMaturity:
    def test_by_age_and_by_cohort(self, call, log) -> None:
        found = call("maturity", log, *AS_OF).json
        assert found["rows"] == sum(line["rows"] for line in found["ages"]) == 59 * 60
        assert len(found["cohorts"]) == 59
        assert found["cohorts"][0]["start"] == "2026-01-05"
        assert found["open_rows"] == 30 * 60
        assert "cuts off delays" in found["warning"]

    def test_the_first_date_with_a_mature_cohort_is_told(self, call, log) -> None:
        outcome = call("maturity", log, "--as-of", "2026-01-15")
        assert outcome.status == 2
        assert "mend: Choose an as-of date from 2026-02-04 " in outcome.err

    def test_what_was_set_right_is_told(self, call, tmp_path) -> None:
        path = tmp_path / "log.csv"
        rows = [f"2026-01-{1 + i // 4:02} 0{i % 4}:00,2026-01-{3 + i // 4:02}\n" for i in range(40)]
        path.write_text("time,conversion_time\n2026-01-02,2026-01-01\n" + "".join(rows))
        outcome = call("maturity", path, "--as-of", "2026-01-10", "--window", 3)
        assert outcome.json["cleaning"] == [
            "1 rows left out: the conversion comes before the event", "times name no zone and are read as UTC",
        ]  # fmt: skip
        assert "note: 1 rows left out: the conversion comes before the event\n" in outcome.err


class TestListAndDelete:
    def test_lists_what_is_stored_and_deletes_it(self, call, log, home) -> None:
        call("maturity", log, *AS_OF, *END)
        digest, about = call("list").out.rstrip().split("  ", 1)
        assert about.strip() == f"{len(pd.read_parquet(log)):,} rows  'log.parquet'"
        assert call("delete", digest).out == f"deleted {digest}\n"
        assert (call("list").out, list((home / "delay").glob("*.parquet"))) == ("", [])
        assert call("delete", "--all").out == ""

    def test_what_is_not_there_or_no_digest_is_told(self, call) -> None:
        assert "There is no stored log 000000000000" in call("delete", "0" * 64).err
        assert "not a data digest" in call("delete", "../x").err
