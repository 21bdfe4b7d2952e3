"""CSV rows are those that were written, or that a strict reader sees."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.ingest.delimited import find_fault, read_csv_batches
from core.ingest.header import read_header
from core.ingest.streams import Meter

TEXT = st.lists(st.sampled_from(["a", ",", '"', "\n", "\r", "\r\n", "é"]), max_size=40).map("".join)


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
        for _, batch in read_csv_batches(path, header, ("c", "a"), meter=Meter())
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    ]
    assert found == [(c, a) for a, _, c in rows]
    assert find_fault(path, header, header.names, Meter()) is None


@settings(max_examples=500)
@example(lines=['"a"a,a'])
@example(lines=['a,""a'])
@given(lines=st.lists(TEXT, min_size=1, max_size=6))
def test_what_is_read_is_what_a_strict_reader_reads(lines: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Either both take the file, and then the same rows, or ours refuses it; it never takes what is broken."""
    path = tmp_path_factory.getbasetemp() / "strict"
    path.write_bytes(("a,b\n" + "\n".join(lines)).encode())
    header = read_header(path, columns_cap=10)
    try:
        found = [
            [a, b]
            for _, batch in read_csv_batches(path, header, ("a", "b"), meter=Meter())
            for a, b in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        ]
    except InputError:
        return
    with path.open(newline="", encoding="utf-8") as file:
        strict = [row for row in csv.reader(file, strict=True) if row]
    assert [["a", "b"], *found] == strict


def test_text_after_a_closing_quote_is_refused(tmp_path: Path) -> None:
    """Even quotes and one line per row: the fast reader glues "0.5"7 to 0.57 without a word."""
    path = tmp_path / "glued.csv"
    path.write_bytes(b'score,label\n0.1,0\n"0.5"7,1\n')
    with pytest.raises(InputError, match=r"^Row 2 has text after a closing quote\.$"):
        list(read_csv_batches(path, read_header(path, columns_cap=10), ("score",), meter=Meter()))
