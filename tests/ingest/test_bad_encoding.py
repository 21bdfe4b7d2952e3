"""Text in another encoding than UTF-8, and bytes that are no text, are told from what is wrong with them."""

import gzip
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pytest

from tests.ingest.bad_files import NUMBER, PROBABILITY, RAGGED, ROWS, SEGMENTED, THERE, Case, good_csv, parquet, put


def bad_text_in_parquet() -> bytes:
    raw = pa.array([b"Bern", b"K\xf6ln"] * (ROWS // 2))
    return parquet(city=pa.StringArray.from_buffers(ROWS, *raw.buffers()[1:]))


def cases() -> Iterable[Case]:
    text = good_csv().decode()
    broken = r"The file is UTF-16 text\."
    yield Case("utf16_le_with_mark", lambda: b"\xff\xfe" + text.encode("utf-16-le"), broken)
    yield Case("utf16_be_with_mark", lambda: b"\xfe\xff" + text.encode("utf-16-be"), broken)
    yield Case("utf32_with_mark", lambda: text.encode("utf-32"), broken)
    broken = r"The file is UTF-16 or UTF-32 text, or binary\."
    yield Case("utf16_le_without_mark", lambda: text.encode("utf-16-le"), broken)
    yield Case("utf16_be_without_mark", lambda: text.encode("utf-16-be"), broken)
    yield Case("utf32_without_mark", lambda: text.encode("utf-32-le"), broken)
    broken = r"Row 9 is not UTF-8, in column 'city'\."
    yield Case("latin1_value", put(9, b"Rome", b"K\xf6ln"), broken, SEGMENTED)
    yield Case("shift_jis_value", put(9, b"Rome", "東京".encode("shift-jis")), broken, SEGMENTED)
    yield Case("surrogate_value", put(9, b"Rome", b"\xed\xa0\x80"), broken, SEGMENTED)
    yield Case("overlong_utf8_value", put(9, b"Rome", b"\xc0\xaf"), broken, SEGMENTED)
    yield Case("mark_then_latin1", lambda: b"\xef\xbb\xbf" + put(9, b"Rome", b"\xff")(), broken, SEGMENTED)
    yield Case("latin1_after_quoted_line_break", put(9, b"Rome", b'"a\nb\xff"'), broken, SEGMENTED)
    yield Case("latin1_number", put(4, b"0.16", b"0.16\xa0"), r"Row 4 is not UTF-8, in column 'score'\.")
    yield Case("latin1_in_gzip", lambda: gzip.compress(put(9, b"Rome", b"\xff")()), broken, SEGMENTED)
    yield Case(
        "cut_inside_a_character", lambda: good_csv()[:-5] + b"\xc3", r"Row 20 is not UTF-8, in column 'city'\.",
        SEGMENTED,
    )  # fmt: skip
    yield Case("latin1_header", put(0, b"city", b"citt\xe0"), r"The header is not UTF-8 \(byte 47\)\.")
    yield Case("mark_then_ragged", lambda: b"\xef\xbb\xbf" + put(3, b",", b",,")(), RAGGED.format(3, 9))
    yield Case("two_marks", lambda: b"\xef\xbb\xbf" * 2 + good_csv(), rf"There is no column 'score'; {THERE}")
    yield Case("nul_in_header", put(0, b"city", b"ci\x00ty"), r"The file is not text\.")
    yield Case("nul_in_number", put(5, b"0.2,", b"0.2\x00,"), NUMBER.format("score", PROBABILITY, 5, r"'0\.2\\x00'"))
    yield Case("nul_everywhere", lambda: good_csv().replace(b",", b"\x00"), r"The file is not text\.")
    yield Case("control_characters", lambda: b"score,a\n" + bytes(range(1, 9)) * 40, r"The file is not text\.")
    yield Case(
        "parquet_text_not_utf8", bad_text_in_parquet,
        r"Column 'city' is damaged, from row 1 on: Invalid UTF8 sequence at string index 1\.", SEGMENTED,
    )  # fmt: skip


CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_file_is_refused(case: Case, refuse: Any) -> None:
    refuse(case, CASES)
