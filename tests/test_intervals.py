"""Intervals against published values, their coverage, and a naive one that fails the same test."""

import numpy as np
import pytest
from scipy.stats import binom

from core.intervals import newcombe, normal, wilson

# Newcombe (1998), Statistics in Medicine 17, 857-872, Table I, method 3 (score without continuity correction).
PUBLISHED = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]

# The same author's second paper of that year, 873-890, Table II, method 10: 56/70 - 48/80 and so on.
DIFFERENCES = [
    ((56, 70), (48, 80), 0.0524, 0.3339),
    ((9, 10), (3, 10), 0.1705, 0.8090),
    ((6, 7), (2, 7), 0.0582, 0.8062),
    ((5, 56), (0, 29), -0.0381, 0.1926),
    ((0, 10), (0, 20), -0.1611, 0.2775),
    ((0, 10), (0, 10), -0.2775, 0.2775),
    ((10, 10), (0, 20), 0.6791, 1.0000),
    ((10, 10), (0, 10), 0.6075, 1.0000),
]


@pytest.mark.parametrize(("k", "n", "lo", "hi"), PUBLISHED)
def test_wilson_is_the_published_interval(k, n, lo, hi):
    assert np.round(wilson(k, n), 4).tolist() == [lo, hi]


def test_wilson_by_hand():
    # 1 of 4 at z = 1 (confidence .6826895): p = .25, centre .25 + 1/8 = .375, half √(.1875/4 + 1/64) = √.0625 = .25,
    # both over 1 + 1/4: [.125/1.25, .625/1.25] = [.1, .5].
    lo, hi = wilson(1, 4, confidence=0.6826894921370859)
    assert [float(lo), float(hi)] == pytest.approx([0.1, 0.5])


def test_wilson_at_the_ends():
    k, n = np.array([0, 0, 7, 0.0, 2.5]), np.array([0, 9, 7, 1e-9, 2.5])
    lo, hi = wilson(k, n)
    assert (lo[0], hi[0]) == (0, 1)  # nothing is known
    assert lo[1] == 0
    assert 0 < hi[1] < 1
    assert hi[2] == hi[4] == 1
    assert 0 < lo[2] < 1
    assert 0 <= lo[3] <= hi[3] <= 1
    assert np.all(np.isfinite([lo, hi]))


def test_wilson_mirrors_narrows_and_holds_the_rate():
    n = np.arange(1, 200)[:, None]
    k = np.minimum(np.arange(200)[None, :], n)
    lo, hi = wilson(k, n)
    other_lo, other_hi = wilson(n - k, n)
    assert lo == pytest.approx(1 - other_hi, abs=1e-12)
    assert hi == pytest.approx(1 - other_lo, abs=1e-12)
    assert np.all((lo <= k / n) & (k / n <= hi))
    assert np.all(np.diff(np.squeeze(np.subtract(*wilson(np.arange(1, 50) * 3, np.arange(1, 50) * 10)[::-1]))) < 0)
    wider = wilson(k, n, confidence=0.99)
    assert np.all((wider[0] <= lo) & (hi <= wider[1]))


def coverage(interval, n, rates):
    """Exact probability that the interval from n rows holds the rate."""
    k = np.arange(n + 1)
    lo, hi = interval(k, n)
    return np.array([binom.pmf(k, n, p)[(lo <= p) & (p <= hi)].sum() for p in rates])


def wald(k, n):
    rate = k / n
    return normal(rate, np.sqrt(rate * (1 - rate) / n))


def test_wilson_covers_what_it_states_and_the_textbook_interval_does_not():
    # Brown, Cai and DasGupta (2001): mean coverage of the score interval is near 95 %; of the Wald interval it is not.
    for n in (10, 40, 200):
        rates = np.linspace(0.01, 0.99, 197)
        found, naive = coverage(wilson, n, rates), coverage(wald, n, rates)
        assert 0.945 < found.mean() < 0.965
        assert found.min() > 0.83  # right beside 0 and 1, known from the paper
        assert naive.min() < 0.81
        assert naive.mean() < 0.945


def test_normal():
    lo, hi = normal(np.array([1.0, -2.0]), np.array([2.0, 0.0]), confidence=0.95)
    assert [*lo, *hi] == pytest.approx([1 - 2 * 1.959964, -2, 1 + 2 * 1.959964, -2], abs=1e-5)


@pytest.mark.parametrize(("one", "other", "lo", "hi"), DIFFERENCES)
def test_newcombe_is_the_published_interval(one, other, lo, hi):
    (k1, n1), (k2, n2) = one, other
    rates, ends = np.array([k2 / n2, k1 / n1]), wilson([k2, k1], [n2, n1])
    assert newcombe(rates, *ends) == pytest.approx((lo, hi), abs=5.1e-5)
    assert newcombe(rates[::-1], ends[0][::-1], ends[1][::-1]) == pytest.approx((-hi, -lo), abs=5.1e-5)
