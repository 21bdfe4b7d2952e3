"""CSV on its way to a spreadsheet: no text may become a formula, and numbers stay numbers."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from core.export import safe_csv

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "  \t +1", "\x00=1", "＝1", "＋1", "－1",
            "＠a", "\u00a0=1", "\u3000=1", "\ufeff=1", "\u200b=1", "=cmd|' /C calc'!A0", "\ttab", "\nline",
            '="x"', "-", "=", "=1,2", '=HYPERLINK("a","b")']  # fmt: skip
PLAIN = ["", "web", "a=b", "a-b", "1+1", "'=1", "é", "a,b", 'say "x"', "two\nlines", "5", "x@y.z", "|", "_-"]


def read(data):
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_gets_an_apostrophe_in_cells_and_headers(text):
    header, row = read(safe_csv(pd.DataFrame({text: [text], "b": [1]})))
    safe = "'" + text.replace("\r", "\n")
    assert header == [safe, "b"]
    assert row == [safe, "1"]


@pytest.mark.parametrize("text", ["x\r=1", "x\r\n=1", "x\n=1"])
def test_no_cell_begins_a_new_line_of_its_own(text):
    # A bare carriage return outside quotes ends the line for many readers: what follows would be a cell of its own.
    data = safe_csv(pd.DataFrame({text: [text]}))
    assert data == b'"x\n=1"\n"x\n=1"\n'


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_stays(text):
    _, row = read(safe_csv(pd.DataFrame({"a": [text], "b": [1]})))
    assert row == [text, "1"]


def test_numbers_stay_numbers():
    frame = pd.DataFrame({"a": [-0.25, 1e-300, np.nan], "b": [-1, 2, 3], "c": [True, False, True]})
    assert safe_csv(frame) == b"a,b,c\n-0.25,-1,True\n1e-300,2,False\n,3,True\n"
    back = pd.read_csv(io.BytesIO(safe_csv(frame)))
    pd.testing.assert_frame_equal(back, frame)


def test_every_kind_of_text_column():
    frame = pd.DataFrame(
        {
            "object": pd.Series(["=1", None, -1], dtype=object),
            "category": pd.Series(["=1", "=1", "a"], dtype="category"),
            "time": pd.to_datetime(["2026-01-01"] * 3),
        }
    )
    assert read(safe_csv(frame))[1:] == [
        ["'=1", "'=1", "2026-01-01"],
        ["", "'=1", "2026-01-01"],
        ["-1", "a", "2026-01-01"],
    ]


def test_a_missing_value_of_any_kind_is_empty():
    missing = {"float": [np.nan], "whole": pd.array([None], dtype="Int64"), "flag": pd.array([None], dtype="boolean"),
               "text": [None], "time": pd.to_datetime([None], utc=True)}  # fmt: skip
    assert safe_csv(pd.DataFrame(missing)) == b"float,whole,flag,text,time\n,,,,\n"


def test_twin_names_and_the_frame_itself():
    frame = pd.DataFrame([["=1", "=2"]], columns=["=a", "=a"])
    assert safe_csv(frame) == b"'=a,'=a\n'=1,'=2\n"
    assert frame.iloc[0].tolist() == ["=1", "=2"]
    assert list(frame.columns) == ["=a", "=a"]


def test_an_empty_table_keeps_its_header():
    assert safe_csv(pd.DataFrame({"a": [], "=b": []})) == b"a,'=b\n"
