"""Times that cannot be read, lie out of range, or mix zones and units."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pytest

from tests.ingest.bad_files import NUMBER, TIMED, Case, cell, columns, good_csv, good_parquet, typed, write_csv


def cases() -> Iterable[Case]:
    texts = {
        "no_time": "yesterday", "compact": "2026-0131", "german": "12.01.2026", "american": "01/12/2026",
        "february_30": "2026-02-30", "hour_25": "2026-01-12T25:00:00Z", "clock_only": "12:30", "month_only": "2026-01",
    }  # fmt: skip
    for name, text in texts.items():
        yield Case(name, cell("time", 12, text), NUMBER.format("time", "a time", 12, re.escape(repr(text))), TIMED)
    yield Case("first_is_no_time", cell("time", 1, "soon"), NUMBER.format("time", "a time", 1, "'soon'"), TIMED)
    out = r"'time' must lie from 1970 to 2099; row 12 has {}\."
    for year in ("1900", "1969", "2100", "9999"):
        yield Case(
            f"year_{year}",
            cell("time", 12, f"{year}-12-31T00:00:00Z"),
            out.format(rf"{year}-12-31T00:00:00"),
            TIMED,
        )
    mixed = r"'time' mixes times with a zone, without one, or as numbers; row 12 has {}\."
    yield Case(
        "one_without_zone", cell("time", 12, "2026-01-12T12:00:00"), mixed.format("'2026-01-12T12:00:00'"), TIMED
    )
    yield Case("one_date", cell("time", 12, "2026-01-12"), mixed.format("'2026-01-12'"), TIMED)
    yield Case("one_number", cell("time", 12, "1769851800"), mixed.format("'1769851800'"), TIMED)

    def epochs(first: str, odd: str) -> Callable[[], bytes]:
        return lambda: write_csv(columns() | {"time": [first] * 11 + [odd] + [first] * 8})

    unit = r"'time' must be a time of 1973 to 2100, as a number in {}; row {} has {}\."
    yield Case(
        "milliseconds_after_seconds",
        epochs("1769851800", "1769851800000"),
        unit.format("s, as the first one is", 12, r"1769851800000\.0"),
        TIMED,
    )
    yield Case(
        "seconds_after_milliseconds",
        epochs("1769851800000", "1769851800"),
        unit.format("ms, as the first one is", 12, r"1769851800\.0"),
        TIMED,
    )
    yield Case("text_after_seconds", epochs("1769851800", "2026-01-12"), mixed.format("'2026-01-12'"), TIMED)
    every = "s, ms, µs or ns"
    yield Case("compact_dates", epochs("20260131", "20260201"), unit.format(every, 1, r"20260131\.0"), TIMED)
    yield Case("day_numbers", epochs("17", "18"), unit.format(every, 1, r"17\.0"), TIMED)
    yield Case("negative_numbers", epochs("-5", "18"), unit.format(every, 1, r"-5\.0"), TIMED)
    yield Case("between_the_units", epochs("5e9", "5e9"), unit.format(every, 1, r"5000000000\.0"), TIMED)
    yield Case(
        "zone_in_the_second_file",
        lambda: [good_csv().replace(b"Z,", b","), good_csv()],
        r"part1\.bin: 'time' mixes times with a zone, without one, or as numbers; row 1 has '2026-01-01T12:00:00Z'\.",
        TIMED,
    )
    yield Case(
        "text_and_parquet_differ",
        lambda: [good_csv().replace(b"Z,", b","), good_parquet()],
        r"part1\.bin: 'time' mixes .+; row 1 has 2026-01-01 12:00:00\+00:00\.",
        TIMED,
    )
    not_times = r"'time' holds {}, not times\."
    yield Case("time_of_day_in_parquet", typed("time", [1], pa.time32("s")), not_times.format(r"time32\[ms\]"), TIMED)
    yield Case("duration_in_parquet", typed("time", [1], pa.duration("s")), not_times.format(r"duration\[s\]"), TIMED)
    yield Case("bool_in_parquet", typed("time", [True], pa.bool_()), not_times.format("bool"), TIMED)
    yield Case(
        "list_in_parquet",
        typed("time", [[1]], pa.list_(pa.int64())),
        not_times.format("list<element: int64>"),
        TIMED,
    )
    yield Case(
        "year_1900_in_parquet",
        typed("time", [1_700_000_000, -2_208_988_800], pa.timestamp("s")),
        r"'time' must lie from 1970 to 2099; row 2 has 1900-01-01T00:00:00\.",
        TIMED,
    )
    yield Case(
        "year_300000_in_parquet",
        typed("time", [9_400_000_000_000_000], pa.timestamp("ms")),
        r"'time' must lie from 1970 to 2099; row 1 has .+\.",
        TIMED,
    )
    yield Case("small_numbers_in_parquet", typed("time", [1, 2], pa.int32()), unit.format(every, 1, r"1\.0"), TIMED)


CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_file_is_refused(case: Case, refuse: Any) -> None:
    refuse(case, CASES, real_every=4)
