"""Histograms kept while rows are written: exact counts whatever the values, and ranges of about equal rows."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.ingest import histogram
from core.ingest.histogram import OCTAVES_CAP, RANGES, HistogramCounter

finite = st.floats(allow_nan=False, allow_infinity=False)


def count(*batches):
    counter = HistogramCounter()
    for batch in batches:
        counter.add(np.array(batch, dtype=np.float64))
    return counter.finish()


def test_by_hand():
    # Every distinct leading 12 bits start a range: 1 + 2^-13 shares those of 1. Below 0 a range is (lo, hi], so that
    # of -2 starts at the first float above -2 - 2^-11.
    below = np.nextafter(-2 - 2.0**-11, 0)
    assert count([1.0, 1 + 2.0**-13], [-2.0, 0.0]) == ([below, 0.0, 1.0], [1, 1, 2])


def test_minus_zero_is_zero():
    assert count([-0.0, 0.0]) == ([0.0], [2])


@settings(max_examples=200, deadline=None)
@given(batches=st.lists(st.lists(finite, min_size=1, max_size=30), min_size=1, max_size=4))
@example(batches=[[5e-324, -5e-324, 1.7e308, -1.7e308]])
def test_counts_every_row_where_it_lies(batches):
    starts, rows = count(*batches)
    values = np.concatenate(batches)
    assert all(lo < hi for lo, hi in pairwise(starts))
    assert starts[0] <= values.min()
    at = np.searchsorted(starts, values, side="right") - 1
    assert np.bincount(at, minlength=len(starts)).tolist() == rows
    assert min(rows) > 0


def test_many_rows_fill_ranges_about_evenly():
    values = np.random.default_rng(0).lognormal(3, 1.6, 200_000)
    starts, rows = count(*np.split(values, 10))
    assert RANGES / 2 < len(starts) <= RANGES
    assert max(rows) < 10 * len(values) / RANGES
    assert sum(rows) == len(values)


def test_values_over_too_many_factors_of_two_have_none(monkeypatch):
    assert count(2.0 ** np.arange(OCTAVES_CAP)) is not None
    assert count(2.0 ** np.arange(OCTAVES_CAP + 1)) is None
    assert count(2.0 ** np.arange(OCTAVES_CAP + 1), [1.0]) is None


@pytest.mark.parametrize("ranges", [1, 2, 3])
def test_few_ranges_hold_all_rows(monkeypatch, ranges):
    monkeypatch.setattr(histogram, "RANGES", ranges)
    starts, rows = count(np.arange(1.0, 101.0))
    assert len(starts) == ranges
    assert sum(rows) == 100
