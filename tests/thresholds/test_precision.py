"""Tests of a precision: exact, at effective counts, and under weights; by hand, and by what they let through."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from core.arrays import FloatArray
from core.errors import InputError
from core.thresholds.binomial import lower_bound, tail
from core.thresholds.certificate import Certificate
from core.thresholds.certify import certify
from core.thresholds.data import Cuts, WeightSums
from core.thresholds.mist import trace_mist
from core.thresholds.precision import BernsteinTest, BinomialTest, Tally, check_half
from tests.thresholds.population import make_cuts, two_levels

HUNDRED = Tally(*(np.array([float(count)]) for count in (100, 100, 80, 100, 80)))
BY_HAND = Tally(*(np.array([count]) for count in (10_000.0, 10_000.0, 8_000.0, 10_000.0, 8_000.0)))


def sums(w: FloatArray, y: FloatArray) -> Tally:
    values = (len(w), w.sum(), (w * y).sum(), (w * w).sum(), (w * w * y).sum())
    return Tally(*(np.array([float(value)]) for value in values))


class TestTally:
    def test_without_weights_every_row_weighs_one(self) -> None:
        tally = Tally.of_rules(two_levels(), [[2, 1], [0, 0]])
        assert tally.rows.tolist() == tally.w.tolist() == tally.w2.tolist() == [[80, 20], [0, 0]]
        assert tally.wy.tolist() == tally.w2y.tolist() == [[50, 8], [0, 0]]
        assert tally.total().wy.tolist() == [[58], [0]]
        assert np.isnan(tally.total().precision).tolist() == [[False], [True]]
        assert np.isnan(tally.total().interval()[0]).tolist() == [[False], [True]]

    def test_with_weights(self) -> None:
        tally = Tally.of_rules(two_levels(unit=0.5), [[2, 1]]).total()
        assert [getattr(tally, name).item() for name in Tally.__slots__] == [100, 50, 29, 25, 14.5]


class TestBinomial:
    def test_is_the_exact_tail(self) -> None:
        assert BinomialTest().p_values(HUNDRED, 0.7).item() == tail(80, 100, 0.7)
        assert BinomialTest().lower_bounds(HUNDRED, 0.1).item() == lower_bound(80, 100, 0.1)

    def test_a_design_effect_of_four_makes_of_a_hundred_rows_twenty_five(self) -> None:
        test = BinomialTest(4.0)
        assert test.p_values(HUNDRED, 0.7).item() == tail(20, 25, 0.7)
        assert test.lower_bounds(HUNDRED, 0.1).item() == lower_bound(20, 25, 0.1)
        needed = [one.rows_needed(HUNDRED, target=0.7, delta=0.01) for one in (BinomialTest(), test)]
        assert 3.5 < needed[1] / needed[0] < 4.5

    def test_less_than_one_effective_positive_proves_nothing(self) -> None:
        few = Tally(*(np.array([float(count)]) for count in (3, 3, 3, 3, 3)))
        assert BinomialTest(4.0).p_values(few, 1e-6).item() == 1.0
        assert BinomialTest(4.0).lower_bounds(few, 0.1).item() == 0.0

    @pytest.mark.parametrize("effect", [0.9, float("nan"), 1e10])
    def test_refuses_a_design_effect_that_cannot_be(self, effect: float) -> None:
        with pytest.raises(InputError, match="design effect"):
            BinomialTest(effect)


class TestBernstein:
    def test_by_hand(self) -> None:
        """w = 1, 8,000 positives of 10,000, target .7: mean .1, V = .16·n/(n-1), ln(2/.1) = 2.9957.

        Margin: √(2 · .160016 · 2.9957/10,000) + 7 · 2.9957/(3 · 9,999) = .009791 + .000699 = .010490; the bound is
        then .8 - .01049 = .78951, on the grid .789.
        """
        test = BernsteinTest(1.0)
        assert test.lower_bounds(BY_HAND, 0.1).item() == 0.789
        assert test.p_values(BY_HAND, 0.7895).item() < 0.1 < test.p_values(BY_HAND, 0.7896).item()

    def test_p_is_the_delta_at_which_the_margin_is_the_mean(self) -> None:
        p = BernsteinTest(1.0).p_values(BY_HAND, 0.79).item()
        L, V = np.log(2 / p), (0.8 * 0.2) * 10_000 / 9_999
        assert np.sqrt(2 * V * L / 10_000) + 7 * L / (3 * 9_999) == pytest.approx(0.01)

    def test_never_sharper_than_the_exact_test_of_equal_rows(self) -> None:
        assert 0.7 < BernsteinTest(1.0).lower_bounds(BY_HAND, 0.1).item() < lower_bound(8_000, 10_000, 0.1)
        targets = np.linspace(0.7, 0.8, 30)
        assert np.all(BernsteinTest(1.0).p_values(BY_HAND, targets) >= BinomialTest().p_values(BY_HAND, targets))

    def test_unit_of_weight_does_not_matter(self) -> None:
        rng = np.random.default_rng(0)
        w, y = rng.uniform(1, 3, 2_000), (rng.random(2_000) < 0.8).astype(float)
        one, ten = (BernsteinTest(3.0 * unit).p_values(sums(w * unit, y), 0.77).item() for unit in (1, 10))
        assert one == pytest.approx(ten)

    def test_a_design_effect_costs_as_many_rows(self) -> None:
        plain, grouped = (BernsteinTest(1.0, effect).rows_needed(BY_HAND, target=0.79, delta=0.1) for effect in (1, 4))
        assert grouped == pytest.approx(4 * plain, rel=0.01)
        assert BernsteinTest(1.0, 4.0).lower_bounds(BY_HAND, 0.1) < BernsteinTest(1.0).lower_bounds(BY_HAND, 0.1)

    def test_so_many_rows_do_pass(self) -> None:
        more = BernsteinTest(1.0).rows_needed(BY_HAND, target=0.7905, delta=0.1)
        assert more is not None
        assert more > 10_000
        grown = Tally(*(getattr(BY_HAND, name) * more / 10_000 for name in Tally.__slots__))
        assert BernsteinTest(1.0).p_values(grown, 0.7905).item() == pytest.approx(0.1, rel=0.01)
        assert BernsteinTest(1.0).rows_needed(BY_HAND, target=0.8, delta=0.1) is None

    @pytest.mark.parametrize("rows", [0, 1])
    def test_no_rows_prove_nothing(self, rows: int) -> None:
        tally = sums(np.ones(rows), np.ones(rows))
        assert BernsteinTest(1.0).p_values(tally, 0.5).item() == 1.0
        assert BernsteinTest(1.0).lower_bounds(tally, 0.1).item() == 0.0

    def test_holds_and_the_unweighted_one_does_not(self) -> None:
        """Weights 1 or 5; heavy rows are positive in 3 of 10, light in 9 of 10: precision (.9 + 5 · .3)/6 = .4."""
        rng, runs = np.random.default_rng(1), 400
        broken = plain = 0
        for _ in range(runs):
            heavy = rng.random(3_000) < 0.5
            y = (rng.random(3_000) < np.where(heavy, 0.3, 0.9)).astype(float)
            tally = sums(np.where(heavy, 5.0, 1.0), y)
            broken += BernsteinTest(5.0).lower_bounds(tally, 0.1).item() > 0.4
            plain += bool(lower_bound(y.sum(), 3_000, 0.1) > 0.4)
        assert binomtest(broken, runs, 0.1, alternative="greater").pvalue > 1e-3
        assert plain == runs


def weighted_half(levels: int, bins: int, rng: np.random.Generator) -> Cuts:
    """Every cell has a weighted precision of 0.3: as many rows of one unit, 0.6 of them right, as of four, 0.225.

    (1 · 0.6 + 4 · 0.225) / 5 = 0.3.
    """
    light, heavy = (rng.poisson(400, (levels, bins)) for _ in range(2))
    right, wrong = rng.binomial(light, 0.6), rng.binomial(heavy, 0.225)
    cuts = make_cuts(light + 4 * heavy, right + 4 * wrong)
    rows, squares = make_cuts(light + heavy, right + wrong), make_cuts(light + 16 * heavy, right + 16 * wrong)
    sums = WeightSums(rows.accepted, rows.tp, squares.accepted * 0.25, squares.tp * 0.25)
    return replace(cuts, unit=0.5, weights=sums)


def test_certificate_under_weights_holds_and_that_of_the_rows_does_not() -> None:
    """A unit is half a weight, so that rows, units and weight differ; every certificate above 0.3 is wrong."""
    rng, runs, weighted, plain = np.random.default_rng(3), 300, 0, 0
    for _ in range(runs):
        a, b = (weighted_half(2, 4, rng) for _ in range(2))
        found = certify(trace_mist(a), b, target=0.3, delta=0.1, test=BernsteinTest(2.0))
        weighted += isinstance(found, Certificate)
        rows = [
            replace(half, accepted=half.weights.rows, tp=half.weights.positives, unit=1.0, weights=None)
            for half in (a, b)
        ]
        plain += isinstance(certify(trace_mist(rows[0]), rows[1], target=0.3, delta=0.1), Certificate)
    assert binomtest(weighted, runs, 0.1, alternative="greater").pvalue > 1e-3
    assert binomtest(plain, runs, 0.1, alternative="greater").pvalue < 1e-3


def test_a_weighted_half_is_certified_where_there_is_room() -> None:
    rng = np.random.default_rng(4)
    a, b = (weighted_half(2, 4, rng) for _ in range(2))
    found = certify(trace_mist(a), b, target=0.2, delta=0.1, test=BernsteinTest(2.0))
    assert isinstance(found, Certificate)
    assert 0.2 <= found.precision_lower <= found.pointwise_lower < 0.3
    refused = certify(trace_mist(a), b, target=0.305, delta=0.1, test=BernsteinTest(2.0))
    assert "No rule accepts 30 rows or more" in refused.reason


def test_what_cannot_be_tested_like_this() -> None:
    half = two_levels(unit=0.5)
    check_half(half, BernsteinTest(0.5))
    check_half(two_levels(), BinomialTest())
    with pytest.raises(InputError, match="no exact binomial test"):
        check_half(half, BinomialTest())
    with pytest.raises(InputError, match=r"weigh more than 0\.4"):
        check_half(half, BernsteinTest(0.4))
