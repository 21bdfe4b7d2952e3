"""Files of other formats, and damaged ones of the right format."""

import bz2
import gzip
import io
import json
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pytest

from tests.ingest.bad_files import Case, arrays, columns, good_csv, good_gzip, good_parquet

NOT_PARQUET = r"The Parquet file cannot be read: .+[^.]\."
DAMAGED_GZIP = r"The gzip file is damaged after [\d,]+ bytes of content \(.+\)\."


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def zip_file(**members: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, text in (members or {"scores.csv": good_csv().decode()}).items():
            archive.writestr(name, text)
    return sink.getvalue()


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\x00\x00")) + chunk(b"IEND", b"")


def sqlite_file() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE scores (score REAL)")
    return connection.serialize()


def feather_file() -> bytes:
    sink = io.BytesIO()
    feather.write_feather(pa.table(arrays()), sink)
    return sink.getvalue()


def npy_file() -> bytes:
    sink = io.BytesIO()
    np.save(sink, np.arange(5.0))
    return sink.getvalue()


def cases() -> Iterable[Case]:
    archive = r"The file is a zip archive or a spreadsheet\."
    yield Case("zip", zip_file, archive)
    yield Case(
        "xlsx",
        lambda: zip_file(**{"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<workbook/>"}),
        archive,
    )
    yield Case("xlsx_in_gzip", lambda: gzip.compress(zip_file()), archive)
    yield Case("empty_zip", lambda: b"PK\x05\x06" + bytes(18), r"The file is an empty zip archive\.")
    yield Case(
        "old_xls",
        lambda: bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504),
        r"The file is a spreadsheet of the old Excel format\.",
    )
    yield Case("png", png, r"The file is a PNG picture\.")
    yield Case("png_in_gzip", lambda: gzip.compress(png()), r"The file is a PNG picture\.")
    yield Case("parquet_in_gzip", lambda: gzip.compress(good_parquet()), r"The file is Parquet inside gzip\.")
    yield Case("gzip_in_gzip", lambda: gzip.compress(gzip.compress(good_csv())), r"The file is gzip inside gzip\.")
    yield Case("empty_in_gzip", lambda: gzip.compress(b""), r"The file holds only blank lines\.")
    yield Case("pdf", lambda: b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n", r"The file is a PDF\.")
    yield Case("sqlite", sqlite_file, r"The file is an SQLite database\.")
    yield Case("feather", feather_file, r"The file is an Arrow or Feather file\.")
    yield Case("npy", npy_file, r"The file is a NumPy array\.")
    yield Case("bzip2", lambda: bz2.compress(good_csv()), r"The file is bzip2\.")
    yield Case("zstd", lambda: pa.compress(good_csv(), "zstd", asbytes=True), r"The file is zstd\.")
    yield Case("html", lambda: b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", r"The file is an HTML page\.")
    yield Case("html_without_doctype", lambda: b"<html><body>Sign in</body></html>", r"The file is an HTML page\.")
    yield Case("xml", lambda: b'<?xml version="1.0"?>\n<rows/>', r"The file is XML\.")
    yield Case("json", lambda: json.dumps(columns()).encode(), r"The file is JSON\.")
    yield Case("json_records", lambda: b'[{"score": 0.5}]', r"The file is JSON\.")
    yield Case("pickle", lambda: b"\x80\x04\x95\x1e" + bytes(40), r"The file is UTF-16 or UTF-32 text, or binary\.")
    yield Case("random_bytes", lambda: np.random.default_rng(3).bytes(4_000), r"The file is not text\.")
    yield Case("zeros", lambda: bytes(4_000), r"The file is UTF-16 or UTF-32 text, or binary\.")
    parquet_size = len(good_parquet())
    for at in (
        4,
        5,
        8,
        12,
        100,
        parquet_size // 4,
        parquet_size // 2,
        parquet_size - 2_000,
        parquet_size - 9,
        parquet_size - 8,
        parquet_size - 4,
        parquet_size - 1,
    ):
        yield Case(f"parquet_cut_at_{at}", lambda at=at: good_parquet()[:at], NOT_PARQUET)
    yield Case("parquet_tail_doubled", lambda: good_parquet() + good_parquet()[-8:], NOT_PARQUET)
    yield Case("parquet_footer_length", lambda: good_parquet()[:-8] + b"\xff\xff\xff\x7fPAR1", NOT_PARQUET)
    yield Case("parquet_footer_zeroed", lambda: good_parquet()[:-300] + bytes(292) + good_parquet()[-8:], NOT_PARQUET)
    yield Case("parquet_pages_zeroed", lambda: b"PAR1" + bytes(1_000) + good_parquet()[1_004:], NOT_PARQUET)
    yield Case("csv_after_parquet_magic", lambda: b"PAR1" + good_csv(), NOT_PARQUET)
    gzip_size = len(good_gzip())
    for at in (2, 3, 9, 10, 11, 15, 1_000, gzip_size // 2, gzip_size - 9, gzip_size - 8, gzip_size - 4, gzip_size - 1):
        yield Case(f"gzip_cut_at_{at}", lambda at=at: good_gzip()[:at], DAMAGED_GZIP)
    yield Case("gzip_checksum", lambda: flip(good_gzip(), gzip_size - 6), DAMAGED_GZIP)
    yield Case("gzip_length", lambda: flip(good_gzip(), gzip_size - 2), DAMAGED_GZIP)
    yield Case("gzip_trailing_garbage", lambda: good_gzip() + b"garbage", DAMAGED_GZIP)
    yield Case("gzip_second_member_cut", lambda: good_gzip() + good_gzip()[:500], DAMAGED_GZIP)
    yield Case("gzip_method", lambda: flip(good_gzip(), 2), DAMAGED_GZIP)


CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_file_is_refused(case: Case, refuse: Any) -> None:
    refuse(case, CASES)
