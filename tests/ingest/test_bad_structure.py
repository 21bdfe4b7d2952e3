"""Files without header, rows or columns, with ragged rows or open quotes: the message names the row."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pytest

from core.errors import TooLarge
from tests.ingest.bad_files import (
    RAGGED,
    ROWS,
    SEGMENTED,
    THERE,
    Case,
    arrays,
    columns,
    good_csv,
    lines,
    put,
    write_csv,
    write_parquet,
)


def cases() -> Iterable[Case]:
    yield Case("empty", lambda: b"", r"The file is empty\.")
    yield Case("blank_lines_only", lambda: b"\n\r\n\n", r"The file holds only blank lines\.")
    yield Case("mark_only", lambda: b"\xef\xbb\xbf", r"The file has no header line that can be read\.")
    yield Case("blanks_only", lambda: b"   \n  \n", r"Column 1 has no name\.")
    no_rows = r"The file has a header but no rows\."
    yield Case("header_only", lines("score,variance,label"), no_rows)
    yield Case("header_without_line_end", lambda: b"score,variance,label", no_rows)
    yield Case("header_and_blank_lines", lines("score,variance,label", "", ""), no_rows)
    yield Case("parquet_without_rows", lambda: write_parquet(pa.table(arrays()).slice(0, 0)), no_rows)
    yield Case("ragged_short", put(7, b",Bern", b""), RAGGED.format(7, 7))
    yield Case("ragged_long", put(7, b",Bern", b",Bern,x"), RAGGED.format(7, 9))
    yield Case("one_field", put(7, good_csv().splitlines()[7], b"0.5"), r"Row 7 has 1 field; the header has 8\.")
    yield Case("line_of_blanks", put(7, good_csv().splitlines()[7], b"  "), r"Row 7 has 1 field; the header has 8\.")
    yield Case(
        "ragged_after_blank_lines", put(7, b",Bern", b",Bern\n\n\n0.5"), r"Row 8 has 1 field; the header has 8\."
    )
    yield Case(
        "ragged_after_quoted_line_breaks",
        put(7, b",Bern", b',"a\nb\nc"\n0.5'),
        r"Row 8 has 1 field; the header has 8\.",
    )
    yield Case(
        "delimiter_at_line_ends",
        lambda: good_csv().replace(b"\n", b",\n").replace(b"city,", b"city", 1),
        RAGGED.format(1, 9),
    )
    yield Case("lone_carriage_return_in_value", put(7, b"Bern", b"Be\rrn"), r"Row 8 has 1 field; the header has 8\.")
    yield Case("cut_in_the_last_row", lambda: good_csv()[:-30], r"Row 20 has [1-7] fields?; the header has 8\.")
    yield Case(
        "comma_rows_under_semicolons",
        lambda: good_csv().replace(b",", b";", 7),
        r"Row 1 has 1 field; the header has 8\.",
    )
    yield Case("space_delimited", lambda: good_csv().replace(b",", b" "), rf"There is no column 'score'; {THERE}")
    yield Case("pipe_delimited", lambda: good_csv().replace(b",", b"|"), rf"There is no column 'score'; {THERE}")
    yield Case(
        "values_instead_of_a_header",
        lambda: good_csv().replace(b"0.04,0.001,0,0,", b"0.04,0.001,0,9,").partition(b"\n")[2],
        rf"There is no column 'score'; {THERE}",
    )
    yield Case(
        "numbers_instead_of_a_header",
        lines("0.5,0.1,1", "0.6,0.1,0"),
        r"The first line holds values, not column names\.",
    )
    never = r"Row 7 opens a quote that is never closed\."
    yield Case("open_quote_in_last_column", put(7, b"Bern", b'"Bern'), never)
    yield Case("open_quote_in_mapped_segment", put(7, b"Bern", b'"Bern'), never, SEGMENTED)
    yield Case("open_quote_in_number", put(7, b"0.28", b'"0.28'), r"Row 7 has 1 field; the header has 8\.")
    yield Case(
        "open_quote_in_last_row",
        lambda: good_csv()[:-5] + b'"Oslo',
        r"Row 20 opens a quote that is never closed\.",
    )
    ids = [f"a{i + 1}" for i in range(ROWS)]
    yield Case(
        "open_quote_that_would_swallow_a_row",  # the reader takes the two lines for one good record
        lambda: write_csv({"id": [*ids[:6], '"a7', '"a8', *ids[8:]]} | columns()),
        r"Row 7 has text after a closing quote\.",
    )
    yield Case(
        "text_after_a_closing_quote",
        put(7, b"Bern", b'"a\nb"x'),
        r"Row 7 has text after a closing quote\.",
    )
    yield Case("open_quote_in_header", put(0, b"city", b'"city'), r"The file has no header line that can be read\.")
    long_header = r"The header line is longer than 65,536 bytes\."
    yield Case("header_of_a_megabyte", lambda: b"score," + b"x" * 2**20 + good_csv(), long_header)
    yield Case("header_of_a_megabyte_of_two_byte_characters", lambda: b"score," + "é".encode() * 2**19, long_header)
    yield Case("one_line_without_end", lambda: b"score" * 2**18, long_header)
    yield Case("a_hundred_thousand_columns", lambda: write_csv({f"c{i}": ["0"] for i in range(100_000)}), long_header)
    yield Case(
        "ten_thousand_columns", lambda: write_csv({f"c{i}": ["0"] for i in range(10_000)}),
        r"The file has 10,000 columns; the limit is 200\.", error=TooLarge,
    )  # fmt: skip
    yield Case(
        "ten_thousand_columns_in_parquet",
        lambda: write_parquet(pa.table({f"c{i}": [0] for i in range(10_000)}), use_dictionary=False),
        r"The file has 10,000 columns; the limit is 200\.", error=TooLarge,
    )  # fmt: skip
    yield Case("parquet_without_columns", lambda: write_parquet(pa.table({})), r"The file has no columns\.")
    yield Case("row_of_ten_megabytes", put(7, b"Bern", b"x" * 10 * 2**20), r"Row 7 is longer than 4,194,304 bytes\.")


CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_file_is_refused(case: Case, refuse: Any) -> None:
    refuse(case, CASES)
