"""Runs of score bins, and means taken off inside them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.holdout.strata import Strata, equal_runs, narrow_runs

ROWS = st.lists(st.integers(0, 60), min_size=1, max_size=40)


def test_equal_runs_by_hand() -> None:
    """12 rows in 3 runs of 4: 4 | 1 + 3 | 2 + 2."""
    assert equal_runs(np.array([4, 1, 3, 2, 2]), 3).tolist() == [0, 1, 3]
    assert equal_runs(np.array([7]), 5).tolist() == [0]
    assert equal_runs(np.array([0, 9, 0]), 2).tolist() == [0, 2]


@given(ROWS, st.integers(1, 50))
def test_equal_runs_are_starts(rows: list[int], count: int) -> None:
    starts = equal_runs(np.array(rows), count)
    assert starts[0] == 0
    assert len(starts) <= count
    assert np.all(np.diff(starts) > 0)
    assert starts[-1] < len(rows)


def test_narrow_runs_by_hand() -> None:
    """30 ≥ 25 but neither 60 rows nor 2 wide: + 5 makes it 2 wide. 30 + 10 is 2 wide. 40 is alone at the end."""
    rows = np.array([30.0, 5, 30, 10, 40])
    assert narrow_runs(rows, np.ones(5), least=25, most=60, widest=2).tolist() == [0, 2, 4]
    assert narrow_runs(rows, np.ones(5), least=25, most=25, widest=9).tolist() == [0, 1, 3]  # 30 | 5 + 30 | 10 + 40
    assert narrow_runs(np.array([3.0]), np.ones(1), least=25, most=60, widest=2).tolist() == [0]


@given(ROWS, st.integers(1, 50))
def test_no_narrow_run_is_too_small(rows: list[int], least: int) -> None:
    starts = narrow_runs(np.array(rows, float), np.ones(len(rows)), least=least, most=2 * least, widest=3)
    held = np.add.reduceat(rows, starts)
    assert starts[0] == 0
    assert len(held) == 1 or held.min() >= least


def test_means_are_taken_off_inside_strata() -> None:
    """Strata {1, 3} with weights 1, 3: mean (1 + 9)/4 = 2.5; {7} alone: 7."""
    strata = Strata(np.array([0, 2]), np.array([1.0, 3.0, 5.0]))
    values = np.array([[1.0], [3.0], [7.0]])
    assert strata.sum(values)[:, 0] == pytest.approx([10.0, 35.0])
    assert strata.centred(values)[:, 0] == pytest.approx([-1.5, 0.5, 0.0])
    assert strata.spread(np.array([[4.0], [6.0]]))[:, 0].tolist() == [4, 4, 6]


def test_a_stratum_without_weight_keeps_its_values() -> None:
    strata = Strata(np.array([0, 1]), np.array([0.0, 1.0]))
    assert np.isfinite(strata.centred(np.array([[2.0], [3.0]]))).all()
