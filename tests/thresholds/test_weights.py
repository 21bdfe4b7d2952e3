"""Uneven sampling: the transformed target by hand, and the bound for general weights."""

from typing import Literal

import numpy as np
import pytest
from scipy.stats import binomtest

from core.arrays import FloatArray
from core.errors import InputError
from core.thresholds.binomial import lower_bound
from core.thresholds.weights import WeightedCounts, bound_weighted, population_precision, transformed_target


def sums(w: FloatArray, y: FloatArray, *, largest: float) -> WeightedCounts:
    values = (w.sum(), (w * y).sum(), (w * w).sum(), (w * w * y).sum())
    return WeightedCounts(len(w), *(float(value) for value in values), largest)


def test_transformed_target_by_hand() -> None:
    """100 accepted, 60 positive: precision .6. Kept 60 and 40 · .1 = 4: sampled precision 60/64."""
    assert transformed_target(0.6, keep_positive=1.0, keep_negative=0.1) == pytest.approx(60 / 64)
    assert population_precision(60 / 64, keep_positive=1.0, keep_negative=0.1) == pytest.approx(0.6)


@pytest.mark.parametrize("target", [0.01, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("rates", [(1.0, 0.1), (0.2, 1.0), (0.5, 0.5)])
def test_transformation_moves_the_odds_and_back(target: float, rates: tuple[float, float]) -> None:
    kept = dict(zip(("keep_positive", "keep_negative"), rates, strict=True))
    sampled = transformed_target(target, **kept)
    assert population_precision(sampled, **kept) == pytest.approx(target)
    if target < 1:
        assert sampled / (1 - sampled) == pytest.approx(target / (1 - target) * rates[0] / rates[1])


def test_even_sampling_changes_nothing() -> None:
    assert transformed_target(0.37, keep_positive=0.2, keep_negative=0.2) == pytest.approx(0.37)


@pytest.mark.parametrize("rates", [(0.0, 1.0), (1.0, 1.1), (float("nan"), 1.0)])
def test_bad_rates(rates: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="rate of kept"):
        transformed_target(0.5, keep_positive=rates[0], keep_negative=rates[1])


def test_bernstein_by_hand() -> None:
    """w = 1, 8,000 positives of 10,000, target .7: mean .1, V = .16·n/(n-1), ln(2/.1) = 2.9957.

    Margin: √(2 · .160016 · 2.9957/10,000) + 7 · 2.9957/(3 · 9,999) = .009791 + .000699 = .010490; the bound is then
    .8 - .01049 = .78951, on the grid .789.
    """
    counts = WeightedCounts(10_000, 10_000.0, 8_000.0, 10_000.0, 8_000.0, 1.0)
    bound = bound_weighted(counts, target=0.7, delta=0.1)
    assert (bound.certified, bound.precision, bound.lower) == (True, 0.8, 0.789)
    assert bound_weighted(counts, target=0.7895, delta=0.1).certified
    assert not bound_weighted(counts, target=0.7896, delta=0.1).certified


def test_hoeffding_by_hand() -> None:
    """Margin √(ln 10/20,000) = .01073: .8 - .01073 = .78927, on the grid .789."""
    counts = WeightedCounts(10_000, 10_000.0, 8_000.0, 10_000.0, 8_000.0, 1.0)
    assert bound_weighted(counts, target=0.7892, delta=0.1, method="hoeffding").certified
    assert not bound_weighted(counts, target=0.7893, delta=0.1, method="hoeffding").certified


def test_never_sharper_than_the_exact_bound_without_weights() -> None:
    y = (np.arange(500) < 400).astype(float)
    bound = bound_weighted(sums(np.ones(500), y, largest=1.0), target=0.5, delta=0.1)
    assert 0.7 < bound.lower < lower_bound(400, 500, 0.1)


def test_unit_of_weight_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    w, y = rng.uniform(1, 3, 2_000), (rng.random(2_000) < 0.8).astype(float)
    one, ten = (bound_weighted(sums(w * u, y, largest=3 * u), target=0.5, delta=0.1) for u in (1, 10))
    assert one.lower == ten.lower
    assert one.precision == pytest.approx(ten.precision)


@pytest.mark.parametrize("rows", [0, 1])
def test_no_rows_prove_nothing(rows: int) -> None:
    bound = bound_weighted(sums(np.ones(rows), np.ones(rows), largest=1.0), target=0.5, delta=0.1)
    assert (bound.lower, bound.certified) == (0.0, False)


@pytest.mark.parametrize("bad", [(10, 20.0, 5.0, 10.0, 5.0, 1.0), (10, 5.0, 6.0, 5.0, 5.0, 1.0)])
def test_impossible_sums(bad: tuple[int, float, float, float, float, float]) -> None:
    with pytest.raises(InputError, match="cannot sum like this"):
        WeightedCounts(*bad)


@pytest.mark.parametrize("method", ["bernstein", "hoeffding"])
def test_bound_holds_and_the_unweighted_one_does_not(method: Literal["bernstein", "hoeffding"]) -> None:
    """Weights 1 or 5; heavy rows are positive in 3 of 10, light ones in 9 of 10: precision (.9 + 5 · .3)/6 = .4."""
    rng, runs = np.random.default_rng(1), 400
    broken = plain = 0
    for _ in range(runs):
        heavy = rng.random(3_000) < 0.5
        y = (rng.random(3_000) < np.where(heavy, 0.3, 0.9)).astype(float)
        counts = sums(np.where(heavy, 5.0, 1.0), y, largest=5.0)
        bound = bound_weighted(counts, target=0.3, delta=0.1, method=method)
        assert bound.certified
        broken += bound.lower > 0.4
        plain += bool(lower_bound(y.sum(), 3_000, 0.1) > 0.4)
    assert binomtest(broken, runs, 0.1, alternative="greater").pvalue > 1e-3
    assert plain == runs
