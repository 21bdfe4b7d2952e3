"""Bytes in, header and batches out: counting lines, meters, formats."""

import csv
import gzip
import io
import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, TooLarge
from core.ingest import source
from core.ingest.source import Header, LineCount, Meter, MeteredReader, find_fault, read_batches, read_header

TEXT = st.lists(st.sampled_from(["a", ",", '"', "\n", "\r", "\r\n", "é"]), max_size=40).map("".join)


@given(TEXT, st.lists(st.integers(0, 60), max_size=5))
def test_lines_are_counted_however_the_bytes_are_cut(text: str, cuts: list[int]) -> None:
    data = text.encode()
    count = LineCount()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(places):
        count.add(data[start:end])
    assert count.lines == len(data.splitlines())
    assert count.quotes == data.count(b'"')


def test_meter_counts_over_readers_and_stops() -> None:
    beats: list[int] = []
    meter = Meter(10, beat=lambda: beats.append(1))
    for _ in range(2):
        raw = io.BytesIO(b"12345")
        assert MeteredReader(raw, raw, meter=meter).read() == b"12345"
    with pytest.raises(TooLarge, match=r"^The content is larger than 10 bytes\.$"):
        meter.add(1)
    assert len(beats) == 3
    meter.uncapped().add(10**18)
    assert len(beats) == 4


def test_reader_gives_a_block_at_most_and_closes_what_is_below() -> None:
    raw = io.BytesIO(b"x" * (source.BLOCK_BYTES + 1))
    reader = MeteredReader(raw, raw, meter=Meter())
    assert len(reader.read()) == source.BLOCK_BYTES
    assert reader.read(5) == b"x"
    assert reader.read(5) == b""
    reader.close()
    assert raw.closed


def test_format_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    path.write_bytes(b"a,b\n1,2\n")
    assert read_header(path, columns_cap=10) == Header("csv", ("a", "b"), ",", 4)
    path.write_bytes(gzip.compress(b"a;b\n1;2\n"))
    assert read_header(path, columns_cap=10) == Header("csv.gz", ("a", "b"), ";", 4)


@pytest.mark.parametrize(
    ("head", "names", "delimiter", "start"),
    [
        (b"a,b\n", ("a", "b"), ",", 4),
        (b"a,b\r\n", ("a", "b"), ",", 5),
        (b"a,b\r", ("a", "b"), ",", 4),
        (b"\xef\xbb\xbfa,b\n", ("a", "b"), ",", 7),
        (b"\n\r\n\ra,b\n", ("a", "b"), ",", 8),
        (b'"a\nb",c\n', ("a\nb", "c"), ",", 8),
        (b'"a,b,c";d\n', ("a,b,c", "d"), ";", 10),
        (b"a\tb,c\td\n", ("a", "b,c", "d"), "\t", 8),
        (b'"say ""x""",b\n', ('say "x"', "b"), ",", 14),
        ("é,ü\n".encode(), ("é", "ü"), ",", 6),
        (b"a\n", ("a",), ",", 2),
        (b"a,b", ("a", "b"), ",", 3),
    ],
)
def test_headers(head: bytes, names: tuple[str, ...], delimiter: str, start: int, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(head)
    assert read_header(path, columns_cap=10) == Header("csv", names, delimiter, start)


def test_the_longest_header_that_may_be(tmp_path: Path) -> None:
    path = tmp_path / "x"
    names = [f"{i:0199d}x" for i in range(326)]
    path.write_bytes(",".join(names).encode() + b"\n")
    assert path.stat().st_size == 65_526
    assert read_header(path, columns_cap=1_000).names == tuple(names)


def write_csv(rows: list[list[str]], delimiter: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode()


CELL = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from('\n\r\t",;'), max_size=6)


@given(rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8), delimiter=st.sampled_from(",;\t"))
def test_any_text_written_with_quotes_is_read_back(
    rows: list[tuple[str, str, str]], delimiter: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "read_back"
    path.write_bytes(write_csv([["a", "b", "c"], *map(list, rows)], delimiter))
    header = read_header(path, columns_cap=10)
    found = [
        row
        for _, batch in read_batches(path, header, ("c", "a"), meter=Meter())
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    ]
    assert found == [(c, a) for a, _, c in rows]
    assert find_fault(path, header, header.names, Meter()) is None


@settings(max_examples=500)
@given(lines=st.lists(TEXT, min_size=1, max_size=6))
def test_what_is_read_is_what_a_strict_reader_reads(lines: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Either both take the file, and then the same rows, or ours refuses it; it never takes what is broken."""
    path = tmp_path_factory.getbasetemp() / "strict"
    path.write_bytes(("a,b\n" + "\n".join(lines)).encode())
    header = read_header(path, columns_cap=10)
    try:
        found = [
            [a, b]
            for _, batch in read_batches(path, header, ("a", "b"), meter=Meter())
            for a, b in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        ]
    except InputError:
        return
    with path.open(newline="", encoding="utf-8") as file:
        strict = [row for row in csv.reader(file, strict=True) if row]
    assert [["a", "b"], *found] == strict
