"""From files to a stored log: what is cleaned, what is refused, and what is found again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.delay.data import NoMatureCohort
from core.delay.laws import DAY
from core.delay.load import SAMPLE, load_log, load_sample
from core.delay.recorded import LogCleaning, RecordedLog, count_later, end_log
from core.delay.roles import LogRoles
from core.delay.simulate import write_sample
from core.delay.snapshot import mature_rows, observe
from core.delay.stored import log_store
from core.errors import InputError
from core.jobs import finish
from core.settings import Settings

HEAD = "t,c,cart,x,w,g,i\n"
ROLES = LogRoles("t", "c", ("cart",), ("x",), ("w",), "g", "i")
PLAIN = LogRoles("t", "c")
START = pd.Timestamp("2026-01-01").timestamp()

Load = Callable[..., RecordedLog]


@pytest.fixture
def settings(shared_settings: Settings, tmp_path: Path) -> Settings:
    return replace(shared_settings, home=tmp_path / "home")


@pytest.fixture
def load(settings: Settings, tmp_path: Path, serve_here: Callable[[], None]) -> Load:
    """Load text as a log, parsed in this process."""
    serve_here()

    def run(text: str, roles: LogRoles = ROLES, **limits: Any) -> RecordedLog:
        path = tmp_path / "log.csv"
        path.write_text(text)
        return finish(load_log([path], roles, name="log", settings=replace(settings, **limits)))

    return run


def test_a_log_is_read(load: Load) -> None:
    found = load(
        HEAD + "2026-01-02T00:00:00Z,2026-01-02T01:00:00Z,2026-01-02T00:30:00Z,1.5,a,north,one\n"
        "2026-01-01T00:00:00+01:00,,,,b,south,two\n"
        "2026-01-01T00:00:00Z,,2026-01-03T00:00:00Z,-1,a,,three\n"
    )
    log = found.log
    assert (log.time - START).tolist() == [-3600, 0, DAY]  # an offset is exact: 23:00 UTC of the day before
    assert np.array_equal(log.delay, [np.nan, np.nan, 3_600], equal_nan=True)
    assert np.array_equal(log.signal_delay[:, 0], [np.nan, 2 * DAY, 1_800], equal_nan=True)
    assert log.feature_names == ("x", "x is missing", "w = a", "w = b")
    assert log.features.tolist() == [[0, 1, 0, 1], [-1, 0, 1, 0], [1.5, 0, 1, 0]]
    assert [log.segment_names[code] for code in log.segment] == ["south", "(missing)", "north"]
    assert found.row.tolist() == [2, 3, 1]
    assert found.id is not None
    assert found.id.tolist() == ["two", "three", "one"]
    assert log.until == START + 2 * DAY  # the latest time of the file is that of a signal
    assert found.cleaning == LogCleaning(filled=1)


def test_rows_are_left_out_and_signals_dropped_each_counted(load: Load) -> None:
    found = load(
        HEAD + "2026-01-01 12:00,2026-01-01 11:59,,1,a,g,one\n"  # conversion before click
        "2026-01-01 13:00,2026-01-02,,1,a,g,two\n"
        "2026-01-01 14:00,,,1,a,g,two\n"  # again
        "2026-01-01 15:00,2026-01-02,2026-01-03,1,a,g,three\n"  # signal after conversion
        "2026-01-01 16:00,,2026-01-01,1,a,g,four\n"  # signal before event
        "2026-01-01 12:30,2026-01-02,,1,a,g,one\n"  # the first row with this id is out, so this one counts
         + "".join(f"2026-01-01 17:00,,,1,a,g,more{i}\n" for i in range(14)) + ",,,1,a,g,none\n"
    )
    assert len(found.log) == 18
    assert found.cleaning == LogCleaning(
        excluded=(
            ("t is missing", 1), ("the conversion comes before the event", 1), ("the id stands in an earlier row", 1),
        ),
        signals_early=1, signals_late=1, zoneless=True,
    )  # fmt: skip
    assert not np.isfinite(found.log.signal_delay).any()
    assert found.row[:3].tolist() == [6, 2, 4]
    assert found.cleaning.remarks()[0] == "1 rows left out: t is missing"
    assert found.cleaning.remarks()[-1] == "times name no zone and are read as UTC"


def test_swapped_columns_are_told(load: Load) -> None:
    with pytest.raises(InputError, match="2 of 3 conversions come before their events") as error:
        load("t,c\n2026-01-02,2026-01-01\n2026-01-02,2026-01-01\n2026-01-02,2026-01-03\n2026-01-02,\n", PLAIN)
    assert "Swap 't' and 'c'" in error.value.fix


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "2026-01-01T00:00:00Z,\n2026-01-01 00:00,\n",
            "'t' mixes times with a zone, without one, or as numbers; row 2",
        ),
        ("2026-01-01T00:00:00Z,2026-01-02T00:00\n", "'t' holds exact moments, 'c' times without a zone"),
        ("1767225600,2026-01-02T00:00\n", "'t' holds exact moments, 'c' times without a zone"),
        ("2026-01-01,2026-13-01\n", "'c' must be a time; row 1 has '2026-13-01'"),
        ("2026-01-01,\n2026-01-02,\n", "None of the 2 rows has a conversion"),
        ("2026-01-01,1\n", "'c' must be a time of 1973 to 2100"),
    ],
)
def test_times_that_cannot_be_compared_are_refused(load: Load, rows: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load("t,c\n" + rows, PLAIN)


def test_summer_time(load: Load) -> None:
    # Amsterdam 2026-10-25: 02:50 +02:00 is 00:50 UTC, 02:10 +01:00 is 01:10 UTC, twenty minutes later.
    exact = load("t,c\n2026-10-25T02:50:00+02:00,2026-10-25T02:10:00+01:00\n", PLAIN)
    assert exact.log.delay.tolist() == [1_200]
    assert not exact.cleaning.zoneless
    # As local times the same conversion seems to come first; 02:30 of 2026-03-29 is no local time, and is read as UTC.
    local = load(
        "t,c\n2026-10-25 02:50,2026-10-25 02:10\n2026-03-29 02:30,2026-03-29 03:30\n2026-03-29,2026-03-30\n", PLAIN
    )
    assert local.cleaning.excluded == (("the conversion comes before the event", 1),)
    assert local.cleaning.zoneless
    assert local.log.delay.tolist() == [DAY, 3_600]


def test_what_comes_after_the_as_of_date_is_counted_and_hidden(load: Load) -> None:
    found = load(
        "t,c,s\n2026-01-01,2026-01-02,2026-01-01T12:00\n2026-01-02,2026-01-09,2026-01-08\n2026-01-03,,\n2026-01-20,,\n",
        LogRoles("t", "c", ("s",)),
    )
    at = START + 5 * DAY
    later = count_later(found.log, at)
    assert (later.rows, later.conversions, later.signals) == (1, 1, 1)
    snapshot = observe(found.log, at, window=30 * DAY)
    assert snapshot.label.tolist() == [1, 0, 0]
    ended = end_log(found, at)
    assert (ended.cleaning.after_end, ended.cleaning.conversions_after_end, ended.cleaning.signals_after_end) == (
        1,
        1,
        1,
    )
    assert ended.log.until == at
    assert np.array_equal(ended.log.delay, [DAY, np.nan, np.nan], equal_nan=True)
    assert ended.row.tolist() == [1, 2, 3]
    assert end_log(found, START + 100 * DAY).log.until == START + 100 * DAY
    for day, message in ((-1, "No row comes before 2025-12-31"), (0.5, "Nothing converts before 2026-01-01 12:00")):
        with pytest.raises(InputError, match=message):
            end_log(found, START + day * DAY)


def test_dates_outside_the_log_and_no_mature_cohort_are_told(load: Load) -> None:
    found = load("t,c\n2026-01-01,2026-01-02\n2026-01-20,\n", PLAIN)
    for day in (0, 40):
        with pytest.raises(InputError, match=r"lies outside the log \(2026-01-01 00:00 UTC to 2026-01-20 00:00 UTC\)"):
            observe(found.log, START + day * DAY, window=30 * DAY)
    with pytest.raises(NoMatureCohort, match="older than the attribution window of 30 days") as error:
        mature_rows(observe(found.log, START + 10 * DAY, window=30 * DAY))
    assert error.value.first_at == START + 30 * DAY
    assert "2026-01-31" in error.value.fix


def test_rare_segments_are_pooled(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.delay.recorded.SEGMENTS_CAP", 2)
    rows = [f"2026-01-0{i + 1},2026-01-09,{g}" for i, g in enumerate("babacbd")]
    found = load("t,c,g\n" + "\n".join(rows), LogRoles("t", "c", segment="g"))
    assert found.log.segment_names == ("a", "b", "(other)")
    assert found.log.segment.tolist() == [1, 0, 1, 0, 2, 1, 2]
    assert found.cleaning.pooled == 2


def test_an_empty_feature_is_refused(load: Load) -> None:
    with pytest.raises(InputError, match="'x' holds no number"):
        load("t,c,x\n2026-01-01,2026-01-02,\n", LogRoles("t", "c", numbers=("x",)))


def test_a_log_is_found_again(load: Load, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + "2026-01-01,2026-01-02,,1,a,g,one\n2026-01-03,,2026-01-04,,b,h,two\n"
    first = load(text)
    assert log_store(settings).digests() == [first.digest]
    monkeypatch.setattr("core.ingest.load._start_child", lambda errors: pytest.fail("parsed twice"))
    again = load(text)
    assert again.cleaning == first.cleaning
    assert again.id is not None and first.id is not None
    assert again.id.tolist() == first.id.tolist()
    for name in ("time", "delay", "signal_delay", "features", "segment"):
        assert np.array_equal(getattr(again.log, name), getattr(first.log, name), equal_nan=True)
    for name in ("feature_names", "signal_names", "segment_names", "until"):
        assert getattr(again.log, name) == getattr(first.log, name)


def test_too_many_missing_times_are_refused(load: Load) -> None:
    with pytest.raises(InputError, match="1 of 2 rows would be left out, most because 't' is missing"):
        load("t,c\n2026-01-01,2026-01-02\n,\n", PLAIN)


def test_the_sample_is_what_its_generator_writes(tmp_path: Path) -> None:
    assert write_sample(tmp_path).read_bytes() == SAMPLE.read_bytes()


def test_the_sample_loads_in_the_limited_process(settings: Settings) -> None:
    found = finish(load_sample(settings))
    assert len(found.log) == 40_000
    assert found.cleaning == LogCleaning()
    assert found.log.segment_names == tuple(f"campaign {i}" for i in range(1, 7))
