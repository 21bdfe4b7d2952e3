"""Bytes in: counting lines, meters, readers."""

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import TooLarge
from core.ingest.streams import BLOCK_BYTES, LineCount, Meter, MeteredReader

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
    raw = io.BytesIO(b"x" * (BLOCK_BYTES + 1))
    reader = MeteredReader(raw, raw, meter=Meter())
    assert len(reader.read()) == BLOCK_BYTES
    assert reader.read(5) == b"x"
    assert reader.read(5) == b""
    reader.close()
    assert raw.closed
