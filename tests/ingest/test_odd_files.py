"""Good files that look odd load to exactly the values they hold, in order; what is left out is counted exactly."""

import gzip
import io
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from core.errors import InputError
from core.holdout.data import ColumnRoles, Holdout
from core.ingest.load import inspect
from core.ingest.schema import MISSING_CATEGORY

BASE = ColumnRoles("score", ("variance",), "variance", "label")
SEGMENTED = ColumnRoles("score", ("variance",), "variance", "label", segments=("city",))
TIMED = ColumnRoles("score", ("variance",), "variance", "label", time="time")
WEIGHTED = ColumnRoles("score", ("variance",), "variance", "label", weight="weight")

HEADER = "score,variance,label,city"
ROWS = ("0.25,0.01,0,Bern", "0.5,0.02,1,Oslo", "0.125,0.04,0,Rome", "0.75,0.03,1,Bern")
PLAIN = "\n".join([HEADER, *ROWS, ""])
SCORES, VARIANCES, LABELS, CITIES = [0.25, 0.5, 0.125, 0.75], [0.01, 0.02, 0.04, 0.03], [0, 1, 0, 1], [0, 1, 2, 0]


@pytest.fixture(autouse=True)
def here(request: pytest.FixtureRequest, serve_here: Any) -> None:
    """Parse in the test's process, except where a test asks for the real one."""
    if "real" not in request.fixturenames:
        serve_here()


@pytest.fixture
def real() -> None:
    """Take the real parsing process."""


def stored(holdout: Holdout, column: str) -> npt.NDArray[Any]:
    """Values of a stored column, in stored order."""
    return pq.read_table(holdout.rows.path).column(column).to_numpy()


def cities(holdout: Holdout) -> list[str]:
    """Segment values row by row."""
    return [holdout.segments[0].values[code] for code in stored(holdout, "segment0")]


def assert_plain(holdout: Holdout) -> None:
    """The holdout has the rows of PLAIN, in order."""
    assert stored(holdout, "score").tolist() == SCORES
    assert stored(holdout, "uncertainty").tolist() == VARIANCES
    assert stored(holdout, "label").tolist() == LABELS
    assert stored(holdout, "segment0").tolist() == CITIES
    assert holdout.segments[0].values == ("Bern", "Oslo", "Rome")
    assert (holdout.rows.count, holdout.positives, holdout.excluded) == (4, 2, ())
    assert holdout.rows.ranges["score"] == (0.125, 0.75)


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def columns(**changed: Any) -> dict[str, Any]:
    """Typed columns of PLAIN but for some."""
    cities = ["Bern", "Oslo", "Rome", "Bern"]
    return {"score": SCORES, "variance": VARIANCES, "label": LABELS, "city": cities} | changed


LAYOUTS = {
    "plain": PLAIN.encode(),
    "byte_order_mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "crlf": PLAIN.replace("\n", "\r\n").encode(),
    "lone_carriage_returns": PLAIN.replace("\n", "\r").encode(),
    "mixed_line_ends": f"{HEADER}\r\n{ROWS[0]}\n{ROWS[1]}\r{ROWS[2]}\r\n{ROWS[3]}".encode(),
    "no_line_end_at_the_end": PLAIN.rstrip().encode(),
    "blank_lines": f"\n\r\n{HEADER}\n\n{ROWS[0]}\n{ROWS[1]}\n\n\n{ROWS[2]}\n{ROWS[3]}\n\n".encode(),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "quoted": "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in [HEADER, *ROWS]).encode(),
    "semicolons_under_quoted_commas": PLAIN.replace(",", ";").replace("city", '"city";"a,b,c,d,e,f"').replace(
        "Bern", "Bern;x").replace("Oslo", "Oslo;x").replace("Rome", "Rome;x").encode(),
    "blanks_around_values": "\n".join([HEADER, *(row.replace(",", " ,\t") for row in ROWS)]).encode(),
    "other_column_order": "\n".join(
        ",".join(line.split(",")[i] for i in (3, 1, 0, 2)) for line in [HEADER, *ROWS]).encode(),
    "unmapped_columns": "\n".join(["id," + HEADER + ",note", *(f"7,{row},\xe4" for row in ROWS)]).encode(),
    "unmapped_bytes_not_utf8": "\n".join([HEADER + ",note", *(f"{row},\xe4" for row in ROWS)]).encode("latin-1"),
    "unmapped_bytes_not_utf8_in_quotes": "\n".join(
        [HEADER + ",note", *(f'{row},"\xe4\n"' for row in ROWS)]).encode("latin-1"),
    "gzip": gzip.compress(PLAIN.encode()),
    "gzip_in_two_members": gzip.compress(PLAIN[:30].encode()) + gzip.compress(PLAIN[30:].encode()),
    "gzip_with_mark": gzip.compress(b"\xef\xbb\xbf" + PLAIN.encode()),
    "parquet": parquet(**columns()),
    "header_broken_over_lines": PLAIN.replace("city\n", 'city,"a note\nof two lines"\n').replace(
        "Bern", "Bern,x").replace("Oslo", "Oslo,x").replace("Rome", "Rome,x").encode(),
    "inch_mark_in_unmapped_text": "\n".join([HEADER + ",size", *(f'{row},5" x' for row in ROWS)]).encode()[:-4] + b"1",
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_same_rows_in_any_layout(layout: str, load: Any) -> None:
    assert_plain(load(LAYOUTS[layout], SEGMENTED))


@pytest.mark.parametrize("layout", ["byte_order_mark", "lone_carriage_returns", "gzip", "parquet"])
def test_same_rows_through_the_real_process(layout: str, load: Any, real: None) -> None:
    assert_plain(load(LAYOUTS[layout], SEGMENTED))


NUMBERS = {
    "0.5": 0.5, "+0.5": 0.5, ".5": 0.5, "0.50": 0.5, "5e-1": 0.5, "5E-1": 0.5, "1e-3": 0.001, "1.": 1.0, "1": 1.0,
    "1e-400": 0.0, "5e-324": 5e-324, "0.30000000000000004": 0.1 + 0.2, "0" * 300 + ".5": 0.5, "  0.5\t": 0.5,
    "\u00a00.5": 0.5, "-0.0": 0.0, "0." + "3" * 400: 1 / 3,
}  # fmt: skip


@pytest.mark.parametrize("text", NUMBERS, ids=lambda text: repr(text[:12]))
@pytest.mark.parametrize("neighbour", ["0.5", "", "inf"])
def test_numbers_as_written(text: str, neighbour: str, load: Any) -> None:
    lines = ["score,variance,label", f"{text},1,0", f"{neighbour},2,1", "0.5,3,1"]
    holdout = load("\n".join(lines).encode(), BASE, excluded_share=0.5)
    value = stored(holdout, "score")[0]
    assert value == NUMBERS[text]
    assert not np.signbit(value)
    assert value == pytest.approx(float(pd.read_csv(io.StringIO("\n".join(lines)))["score"].iloc[0]), abs=0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("True", 1),
        ("FALSE", 0),
        ("true", 1),
        (" False ", 0),
        ("1.0", 1),
        ("0.0", 0),
        ("1e0", 1),
        ("+1", 1),
        ("-0", 0),
        ("01", 1),
    ],
)
def test_labels_as_written(text: str, value: int, load: Any) -> None:
    holdout = load(f"score,variance,label\n0.5,1,{text}\n0.5,2,{1 - value}\n".encode(), BASE)
    assert stored(holdout, "label").tolist() == [value, 1 - value]
    assert holdout.positives == 1


def test_what_is_left_out_is_counted_by_its_first_reason(load: Any) -> None:
    missing = ["", "NA", "n/a", "nan", "NaN", "NULL", "None", "nil", "-", "#N/A", "   "]
    infinite = ["inf", "-inf", "Infinity", "1e400", "-1e400"]
    good = [f"0.5,{i + 1},{i % 2}" for i in range(40)]
    rows = [
        *good[:20],
        *(f"{text},1,1" for text in missing),  # 11: score is missing
        *(f"0.5,{text},0" for text in infinite),  # 5: variance is infinite
        "0.5,,NA",  # variance is missing, before the label is
        ",inf,",  # score is missing, before all else
        "0.5,1,NA",  # label is missing
        "inf,,1",  # score is infinite
        *good[20:],
    ]
    holdout = load("\n".join(["score,variance,label", *rows]).encode(), BASE, excluded_share=0.5)
    assert holdout.excluded == (
        ("score is missing", 12), ("score is infinite", 1), ("variance is missing", 1), ("variance is infinite", 5),
        ("label is missing", 1),
    )  # fmt: skip
    assert holdout.rows.count == 40
    assert stored(holdout, "uncertainty").tolist() == [float(i + 1) for i in range(40)]
    assert holdout.rows.ranges["uncertainty"] == (1.0, 40.0)


def test_as_many_as_may_be_left_out_are(load: Any) -> None:
    rows = ["score,variance,label", ",1,1", *(f"0.5,{i},{i % 2}" for i in range(9))]
    assert load("\n".join(rows).encode(), BASE, excluded_share=0.1).excluded == (("score is missing", 1),)


def test_interval_is_stored_as_its_width(load: Any) -> None:
    rows = "p,lo,hi,y\n0.5,0.25,0.75,1\n0.5,0.5,0.5,0\n0.5,,0.5,0\n0.5,0.5,inf,0\n0.5,-2,4,0\n"
    holdout = load(rows.encode(), ColumnRoles("p", ("lo", "hi"), "interval", "y"), excluded_share=0.5)
    assert stored(holdout, "uncertainty").tolist() == [0.5, 0.0, 6.0]
    assert holdout.excluded == (("lo is missing", 1), ("hi is infinite", 1))


def test_weights_and_negative_entropy(load: Any) -> None:
    rows = b"score,h,label,weight\n0.5,-1.5,1,0\n0.5,2.25,0,2.5\n0.5,0,0,1e50\n"
    holdout = load(rows, ColumnRoles("score", ("h",), "entropy", "label", weight="weight"))
    assert stored(holdout, "uncertainty").tolist() == [-1.5, 2.25, 0.0]
    assert stored(holdout, "weight").tolist() == [0.0, 2.5, 1e50]
    assert holdout.rows.weighted


SEGMENTS = {
    "delimiters_in_quotes": ('"Bern, CH"', "Bern, CH"),
    "quotes_in_quotes": ('"the ""old"" town"', 'the "old" town'),
    "line_break_in_quotes": ('"two\nlines"', "two\nlines"),
    "carriage_return_in_quotes": ('"two\r\nlines"', "two\r\nlines"),
    "many_line_breaks": ('"' + "a\n" * 400 + 'b"', "a\n" * 400 + "b"),
    "outer_blanks": ("  Bern  ", "Bern"),
    "empty": ("", MISSING_CATEGORY),
    "blank": ("   ", MISSING_CATEGORY),
    "quoted_empty": ('""', MISSING_CATEGORY),
    "namibia": ("NA", "NA"),
    "null_word": ("null", "null"),
    "number": ("007", "007"),
    "emoji": ("🦊", "🦊"),
    "formula": ("=cmd|'/c calc'!A0", "=cmd|'/c calc'!A0"),
    "markup": ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    "sql": ("'; DROP TABLE rows; --", "'; DROP TABLE rows; --"),
    "bidi": ("\u202egnp.exe", "\u202egnp.exe"),
    "nul": ("a\x00b", "a\x00b"),
    "thousand_characters": ("é" * 1_000, "é" * 1_000),
    "last_code_point": ("\U0010ffff", "\U0010ffff"),
}


@pytest.mark.parametrize("name", SEGMENTS)
def test_segment_values_are_kept_as_written(name: str, load: Any) -> None:
    written, value = SEGMENTS[name]
    rows = [HEADER, ROWS[0], f"0.5,0.02,1,{written}", *ROWS[2:]]
    holdout = load("\n".join(rows).encode(), SEGMENTED)
    assert cities(holdout) == ["Bern", value, "Rome", "Bern"]
    assert stored(holdout, "score").tolist() == SCORES


def test_line_breaks_in_quotes_across_blocks(load: Any) -> None:
    cell = '"' + "line\n" * 150 + '"'  # 750 bytes per row: 12,000 rows are 9 MB, more than two blocks of 4 MiB
    rows = "".join(f"0.{i:05d},{i % 9},{i % 2},{cell}\n" for i in range(1, 12_001))
    holdout = load(f"{HEADER}\n{rows}".encode(), SEGMENTED)
    assert holdout.rows.count == 12_000
    assert stored(holdout, "score").tolist() == [i / 1e5 for i in range(1, 12_001)]
    assert holdout.segments[0].values == (("line\n" * 150).strip(),)


def test_row_number_after_line_breaks_across_blocks(load: Any) -> None:
    cell = '"' + "line\n" * 150 + '"'
    rows = "".join(f"{2 if i == 11_000 else 0.5},{i % 9},{i % 2},{cell}\n" for i in range(1, 12_001))
    with pytest.raises(InputError, match=r"row 11,000 has 2\.0"):
        load(f"{HEADER}\n{rows}".encode(), SEGMENTED)


NAMES = [
    "🦊", "a'b", 'a"b', '"a"b";c"', "=cmd|'/c calc'!A0", "<script>alert(1)</script>", "\u202egnp", "a;b", "$\\href{x}$",
    "a.b", " s ", "a\nb", "c0", "score", "x" * 200, "%s{0}", "名前",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name[:12]))
@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_any_column_name(name: str, format_: str, load: Any, settings: Any, tmp_path: Any) -> None:
    frame = pd.DataFrame({"variance": VARIANCES, name: SCORES, "label": LABELS, "city": [1, 2, 3, 1]})
    content = frame.to_csv(index=False).encode() if format_ == "csv" else frame.to_parquet()
    holdout = load(content, ColumnRoles(name, ("variance",), "variance", "label", segments=("city", name)))
    assert stored(holdout, "score").tolist() == SCORES
    assert [segment.name for segment in holdout.segments] == ["city", name]
    assert holdout.segments[0].values == ("1", "2", "3")
    assert pq.read_schema(holdout.rows.path).names == ["score", "uncertainty", "label", "segment0", "segment1", "part"]
    assert inspect(tmp_path / "part0.bin", settings=settings).columns == tuple(frame.columns)


TYPES = {
    "float32": pa.array(SCORES, pa.float32()),
    "float16": pa.array(np.array(SCORES, dtype=np.float16)),
    "decimal": pa.array(SCORES).cast(pa.decimal128(10, 4)),
    "decimal256": pa.array(SCORES).cast(pa.decimal256(50, 4)),
    "text": pa.array(["0.25", " 0.5", ".125", "75e-2"]),
    "large_text": pa.array(["0.25", " 0.5", ".125", "75e-2"], pa.large_string()),
    "text_view": pa.array(["0.25", " 0.5", ".125", "75e-2"], pa.string_view()),
    "text_dictionary": pa.array(["0.25", "0.5", "0.125", "0.75"]).dictionary_encode(),
    "number_dictionary": pa.array(SCORES).dictionary_encode(),
}


@pytest.mark.parametrize("kind", TYPES)
def test_scores_of_any_numeric_type(kind: str, load: Any) -> None:
    assert_plain(load(parquet(**columns(score=TYPES[kind])), SEGMENTED))


LABEL_TYPES = {
    "bool": pa.array([False, True, False, True]),
    "uint8": pa.array(LABELS, pa.uint8()),
    "int64": pa.array(LABELS, pa.int64()),
    "float32": pa.array(LABELS, pa.float32()),
    "decimal": pa.array([Decimal(label) for label in LABELS]),
    "text": pa.array(["False", "True", "false", "TRUE"]),
    "text_dictionary": pa.array(["0", "1", "0", "1"]).dictionary_encode(),
    "bool_dictionary": pa.array(LABELS, pa.int8()).dictionary_encode(),
}


@pytest.mark.parametrize("kind", LABEL_TYPES)
def test_labels_of_any_type(kind: str, load: Any) -> None:
    assert_plain(load(parquet(**columns(label=LABEL_TYPES[kind])), SEGMENTED))


SEGMENT_TYPES = {
    "int": (pa.array([3, 1, 2, 3]), ["3", "1", "2", "3"]),
    "bool": (pa.array([True, False, True, None]), ["true", "false", "true", MISSING_CATEGORY]),
    "float": (pa.array([1.0, 2.5, float("nan"), None]), ["1", "2.5", MISSING_CATEGORY, MISSING_CATEGORY]),
    "decimal": (
        pa.array([Decimal(text) for text in ("1.00", "2.00", "3.00", "1.00")]),
        ["1.00", "2.00", "3.00", "1.00"],
    ),
    "date": (pa.array([0, 1, 2, 0], pa.date32()), ["1970-01-01", "1970-01-02", "1970-01-03", "1970-01-01"]),
    "null": (pa.nulls(4), [MISSING_CATEGORY] * 4),
    "text_with_null": (pa.array(["b", None, "a", ""]), ["b", MISSING_CATEGORY, "a", MISSING_CATEGORY]),
    "large_text": (pa.array(["b", "a", "b", "c"], pa.large_string()), ["b", "a", "b", "c"]),
    "dictionary": (pa.array(["b", None, "a", "b"]).dictionary_encode(), ["b", MISSING_CATEGORY, "a", "b"]),
    "dictionary_of_numbers": (pa.array([7, 5, 7, 7]).dictionary_encode(), ["7", "5", "7", "7"]),
    "dictionary_with_unused_entries": (
        pa.DictionaryArray.from_arrays(pa.array([2, 1, 2, 1]), pa.array(["never", "b", "a", "nor this"])),
        ["a", "b", "a", "b"],
    ),
}


@pytest.mark.parametrize("kind", SEGMENT_TYPES)
def test_segments_of_any_type(kind: str, load: Any) -> None:
    values, expected = SEGMENT_TYPES[kind]
    holdout = load(parquet(**columns(city=values)), SEGMENTED)
    assert cities(holdout) == expected
    assert set(holdout.segments[0].values) == set(expected)  # no value without a row


def test_a_segment_value_of_left_out_rows_only_is_no_segment_value(load: Any) -> None:
    rows = [HEADER, ",1,1,Paris", *ROWS]
    assert load("\n".join(rows).encode(), SEGMENTED, excluded_share=0.5).segments[0].values == ("Bern", "Oslo", "Rome")


SECONDS = [1_769_851_800, 1_769_938_200, 1_770_024_600, 1_767_225_599]
STAMPS = pd.to_datetime(SECONDS, unit="s", utc=True)
TIMES = {
    "ns": pa.array(STAMPS.tz_localize(None) + pd.Timedelta(999_999_999, "ns"), pa.timestamp("ns")),
    "us": pa.array(SECONDS).cast(pa.timestamp("s")).cast(pa.timestamp("us")),
    "ms_zoned": pa.array(SECONDS).cast(pa.timestamp("s", "UTC")).cast(pa.timestamp("ms", "UTC")),
    "ns_other_zone": pa.array(STAMPS.tz_convert("Asia/Kolkata"), pa.timestamp("ns", "Asia/Kolkata")),
    "epoch_seconds": pa.array(SECONDS),
    "epoch_milliseconds": pa.array([second * 1_000 + 999 for second in SECONDS]),
    "epoch_microseconds": pa.array([second * 1_000_000 + 999_999 for second in SECONDS]),
    "epoch_nanoseconds": pa.array([second * 1_000_000_000 + 999_999_999 for second in SECONDS]),
    "epoch_nanoseconds_as_text": pa.array([f"{second}999999999" for second in SECONDS]),
    "epoch_seconds_with_fraction": pa.array([second + 0.75 for second in SECONDS]),
    "epoch_seconds_as_text": pa.array([f" {second} " for second in SECONDS]),
    "epoch_seconds_uint32": pa.array(SECONDS, pa.uint32()),
    "epoch_seconds_decimal": pa.array([Decimal(second) for second in SECONDS]),
    "iso_zoned": pa.array([stamp.strftime("%Y-%m-%dT%H:%M:%SZ") for stamp in STAMPS]),
    "iso_offset": pa.array([stamp.isoformat() for stamp in STAMPS.tz_convert("America/St_Johns")]),
    "iso_zoneless": pa.array([stamp.strftime("%Y-%m-%d %H:%M:%S") for stamp in STAMPS]),
    "iso_nanoseconds": pa.array([stamp.strftime("%Y-%m-%d %H:%M:%S.999999999") for stamp in STAMPS]),
    "iso_dictionary": pa.array([stamp.isoformat() for stamp in STAMPS]).dictionary_encode(),
}


@pytest.mark.parametrize("kind", TIMES)
def test_times_of_any_kind(kind: str, load: Any) -> None:
    holdout = load(parquet(**columns(time=TIMES[kind])), TIMED)
    assert stored(holdout, "time").tolist() == SECONDS
    assert holdout.rows.ranges["time"] == (min(SECONDS), max(SECONDS))


def test_dates_begin_at_midnight(load: Any) -> None:
    for times in (
        pa.array([20_484] * 4, pa.date32()),
        pa.array(["2026-01-31"] * 4),
        pa.array([20_484 * 86_400_000] * 4, pa.date64()),
    ):
        assert stored(load(parquet(**columns(time=times)), TIMED), "time").tolist() == [20_484 * 86_400] * 4


def test_missing_times_are_left_out_and_counted(load: Any) -> None:
    times = ["", "2026-01-31T09:30:00Z", "NaT", "null"]
    with pytest.raises(InputError, match="row 3 has 'NaT'"):
        load(parquet(**columns(time=times)), TIMED, excluded_share=0.6)
    holdout = load(parquet(**columns(time=["", *[times[1]] * 2, None])), TIMED, excluded_share=0.6)
    assert holdout.excluded == (("time is missing", 2),)
    assert stored(holdout, "time").tolist() == [SECONDS[0]] * 2


def test_files_with_the_same_columns_are_one_holdout(load: Any) -> None:
    first = "\n".join([HEADER, *ROWS[:2]]).encode()
    second = b"label;city;score;variance\n0;Rome;0.125;0.04\n"
    third = parquet(score=[0.75], variance=[0.03], label=[True], city=["Bern"], more=[1])
    holdout = load([gzip.compress(first), second, third], SEGMENTED)
    assert_plain(holdout)


def test_row_order_is_kept_over_many_batches(load: Any) -> None:
    n = 300_000
    rng = np.random.default_rng(5)
    scores, codes = rng.random(n), rng.integers(0, 500, n)
    table = {
        "score": scores,
        "variance": rng.random(n),
        "label": rng.integers(0, 2, n),
        "city": pc.cast(codes, pa.string()),
    }
    for content in (
        parquet(**table),
        pd.DataFrame({k: np.asarray(v) for k, v in table.items()}).to_csv(index=False).encode(),
    ):
        holdout = load(content, SEGMENTED)
        assert np.array_equal(stored(holdout, "score"), scores)
        assert cities(holdout) == [str(code) for code in codes]
        assert pq.read_metadata(holdout.rows.path).num_row_groups > 1


def test_nested_and_binary_columns_that_are_not_mapped_do_no_harm(load: Any, settings: Any, tmp_path: Any) -> None:
    content = parquet(
        **columns(note=[[1], [2, 3], [], None], raw=[b"\xff", b"", b"a", None], deep=[{"score": 1.0}] * 4)
    )
    assert_plain(load(content, SEGMENTED))
    table = inspect(tmp_path / "part0.bin", settings=settings)
    assert table.columns == ("score", "variance", "label", "city", "note", "raw", "deep")
    assert table.preview[0] == ("0.25", "0.01", "0", "Bern", "[1]", "b'\\xff'", "{'score': 1.0}")


def test_a_path_in_a_nested_column_is_not_taken_for_a_column(load: Any) -> None:
    content = parquet(**columns(deep=[{"score": 0.5}] * 4) | {"deep.score": [0.1, 0.2, 0.3, 0.4]})
    holdout = load(content, ColumnRoles("deep.score", ("variance",), "variance", "label"))
    assert stored(holdout, "score").tolist() == [0.1, 0.2, 0.3, 0.4]


def test_preview_shows_cells_as_written_and_cuts_long_ones(settings: Any, tmp_path: Any) -> None:
    path = tmp_path / "x"
    path.write_bytes(f"a,b\n'quoted',{'y' * 90}\n1,\n".encode())
    table = inspect(path, settings=settings)
    assert table.preview == (("'quoted'", "y" * 39 + "…"), ("1", ""))


def test_preview_has_at_most_five_rows(settings: Any, tmp_path: Any) -> None:
    path = tmp_path / "x"
    for content in ("\n".join(["a,b", *["1,2"] * 50]).encode(), parquet(a=[1] * 50, b=[2] * 50)):
        path.write_bytes(content)
        assert inspect(path, settings=settings).preview == (("1", "2"),) * 5
