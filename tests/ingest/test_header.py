"""Formats and column names, told by what the first bytes say."""

import gzip
from pathlib import Path

import pytest

from core.ingest.header import Header, read_header


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
