"""Times from a column: one reading for the whole input, in UTC seconds."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.ingest.times import TimeParser

MOMENTS = st.datetimes(dt.datetime(1974, 1, 1), dt.datetime(2099, 12, 31))
ZONES = st.sampled_from(["UTC", "Europe/Amsterdam", "America/St_Johns", "Asia/Kathmandu", "Pacific/Auckland"])


def parse(*batches: Any) -> list[float]:
    parser = TimeParser(name="t")
    found: list[float] = []
    for batch in batches:
        array = batch if isinstance(batch, pa.Array) else pa.array(batch)
        found += parser.parse(array, first_row=len(found) + 1).data.tolist()
    return found


@given(st.lists(MOMENTS, min_size=1, max_size=10), ZONES)
def test_zoned_text_is_read_as_pandas_reads_it(moments: list[dt.datetime], zone: str) -> None:
    stamps = [pd.Timestamp(moment, tz="UTC").tz_convert(zone) for moment in moments]
    assert parse([stamp.isoformat() for stamp in stamps]) == [stamp.value // 10**9 for stamp in stamps]


@given(st.lists(MOMENTS, min_size=1, max_size=10), st.sampled_from(["s", "ms", "us", "ns"]))
def test_epoch_numbers_tell_their_own_unit(moments: list[dt.datetime], unit: str) -> None:
    seconds = pd.DatetimeIndex(moments).as_unit("s")
    numbers = pd.DatetimeIndex(moments).as_unit(unit).astype("int64").to_numpy()
    expected = (numbers // {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]).tolist()
    assert expected == seconds.astype("int64").tolist()
    assert parse(pa.array(numbers)) == expected
    assert parse([str(number) for number in numbers]) == expected


@given(st.lists(MOMENTS, min_size=1, max_size=10), st.sampled_from(["s", "ms", "us", "ns"]))
def test_timestamps_of_any_unit(moments: list[dt.datetime], unit: str) -> None:
    index = pd.DatetimeIndex(moments).as_unit(unit)
    expected = pd.DatetimeIndex(moments).as_unit("s").astype("int64").tolist()
    assert parse(pa.array(index, pa.timestamp(unit))) == expected


def test_summer_time_has_no_gap_in_utc() -> None:
    # 2026-03-29 01:00 UTC: clocks in Amsterdam go from 02:00 to 03:00. 2026-10-25 01:00 UTC: from 03:00 back to 02:00.
    spring = parse(["2026-03-29T01:59:59+01:00", "2026-03-29T03:00:00+02:00"])
    autumn = parse(["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"])
    assert spring[1] - spring[0] == 1
    assert autumn[1] - autumn[0] == 3_600


def test_missing_and_infinite_times() -> None:
    values = TimeParser(name="t").parse(pa.array([1.7e9, None, float("nan"), float("inf"), -float("inf")]), first_row=1)
    assert values.missing.tolist() == [False, True, True, False, False]
    assert values.infinite.tolist() == [False, False, False, True, True]


def test_batches_without_a_time_decide_nothing() -> None:
    empty: list[Any] = [None, ""]
    assert parse(empty, ["2026-01-31"])[2:] == parse(["2026-01-31"])
    assert parse(pa.nulls(2), pa.array([], pa.string()), ["1769851800"], empty)[2] == 1_769_851_800
    assert np.isnan(parse(pa.array([None], pa.timestamp("s", "UTC")), ["2026-01-31"])[0])


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        (["2026-01-31"], ["2026-01-31", "2026-01-31T00:00:00Z"], "row 3 has '2026-01-31T00:00:00Z'"),
        (["2026-01-31T00:00:00Z"], ["2026-01-31T00:00:00+01:00", "2026-01-31"], "row 3 has '2026-01-31'"),
        (["1769851800"], ["1769851800", "2026-01-31"], "row 3 has '2026-01-31'"),
        (["2026-01-31"], ["", "1769851800"], "row 3 has '1769851800'"),
        (["2026-01-31"], pa.array([None, 1_769_851_800]), "row 3 has 1769851800"),
        (["2026-01-31"], pa.array([None, 0], pa.timestamp("s", "UTC")), "row 3 has 1970-01-01 00:00:00"),
        (pa.array([0], pa.date32()), pa.array([None, 0], pa.timestamp("s", "UTC")), "row 3 has 1970-01-01"),
    ],
)
def test_a_change_of_reading_between_batches_is_an_error(first: Any, second: Any, shown: str) -> None:
    with pytest.raises(InputError, match=f"^'t' mixes times with a zone, without one, or as numbers; {shown}"):
        parse(first, second)


@pytest.mark.parametrize("second", [1_769_851_800_000, 1_769_851_800_000_000, 17, -1, 4_102_444_800, 99_999_999])
def test_a_change_of_unit_between_batches_is_an_error(second: int) -> None:
    with pytest.raises(InputError, match="1973 to 2100, as a number in s, as the first one is; row 3 has"):
        parse(pa.array([1_769_851_800]), pa.array([1_769_851_800, second]))


@pytest.mark.parametrize(
    ("value", "second"),
    [("1970-01-01", 0), ("2099-12-31T23:59:59.999999Z", 4_102_444_799), ("1970-01-01T00:00:00.5Z", 0)],
)
def test_first_and_last_moment(value: str, second: int) -> None:
    assert parse([value]) == [second]


@pytest.mark.parametrize("value", ["2100-01-01", "1969-12-31", "0001-01-01", "9999-12-31T23:59:59Z"])
def test_beyond_the_first_and_last_moment(value: str) -> None:
    with pytest.raises(InputError, match=rf"^'t' must lie from 1970 to 2099; row 1 has {value[:10]}T"):
        parse([value])


@given(st.text(max_size=20))
def test_any_text_is_a_time_or_an_input_error(text: str) -> None:
    try:
        (second,) = parse([text])
    except InputError as error:
        assert "row 1 has" in str(error)
        assert len(str(error)) < 200
    else:
        assert np.isnan(second) or 0 <= second < 4_102_444_800
