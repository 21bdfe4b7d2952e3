"""Exact tails and bounds against scipy's own test, and the number of rows that a proof needs."""

import numpy as np
import pytest
from scipy.stats import binomtest

from core.thresholds.binomial import lower_bound, rows_to_certify, tail, upper_bound

GRID = [(tp, n) for n in (1, 2, 7, 30, 211) for tp in sorted({0, 1, n // 3, n // 2, n - 1, n})]


@pytest.mark.parametrize("target", [0.01, 0.3, 0.5, 0.9, 1.0])
def test_tail_equals_scipy(target: float) -> None:
    tp, n = np.array(GRID).T
    expected = [binomtest(t, m, target, alternative="greater").pvalue for t, m in GRID]
    np.testing.assert_allclose(tail(tp, n, target), expected, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("delta", [0.01, 0.1, 0.4])
def test_bounds_equal_scipy(delta: float) -> None:
    tp, n = np.array(GRID).T
    tests = [binomtest(t, m, 0.5, alternative=side) for side in ("greater", "less") for t, m in GRID]
    intervals = [test.proportion_ci(confidence_level=1 - delta, method="exact") for test in tests]
    lower, upper = intervals[: len(GRID)], intervals[len(GRID) :]
    np.testing.assert_allclose(lower_bound(tp, n, delta), [ci.low for ci in lower], atol=1e-9)
    np.testing.assert_allclose(upper_bound(tp, n, delta), [ci.high for ci in upper], atol=1e-9)


def test_nothing_accepted_proves_nothing() -> None:
    assert tail(0, 0, 0.3) == 1
    assert lower_bound(0, 0, 0.1) == 0
    assert upper_bound(0, 0, 0.1) == 1


def test_bound_and_tail_agree() -> None:
    """The bound is the target at which the tail is delta."""
    tp, n = np.array([1, 5, 200]), np.array([3, 9, 600])
    np.testing.assert_allclose(tail(tp, n, lower_bound(tp, n, 0.05)), 0.05, rtol=1e-6)


@pytest.mark.parametrize("tp, accepted, target", [(3, 4, 0.5), (11, 30, 0.3), (51, 100, 0.5), (76, 100, 0.7)])
@pytest.mark.parametrize("delta", [0.05, 0.1])
def test_rows_to_certify_is_the_first_that_passes(tp: int, accepted: int, target: float, delta: float) -> None:
    found = rows_to_certify(tp, accepted, target=target, delta=delta)
    n = np.arange(accepted, 20_000)
    passes = tail(tp * n // accepted, n, target) <= delta
    assert found == n[np.argmax(passes)]


def test_rows_to_certify_is_near_the_published_order_of_size() -> None:
    """0.51 against 0.5 at delta 0.05; by the normal distribution: (1.645 · 0.5 / 0.01)² = 6,765."""
    found = rows_to_certify(51, 100, target=0.5, delta=0.05)
    assert found is not None
    assert 6_765 < found < 7_021


@pytest.mark.parametrize("tp, accepted", [(0, 0), (0, 5), (3, 10), (2, 10)])
def test_no_rows_prove_what_is_not_seen(tp: int, accepted: int) -> None:
    assert rows_to_certify(tp, accepted, target=0.3, delta=0.1) is None
