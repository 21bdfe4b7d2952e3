"""Time-uniform bounds: supermartingales step by step, a year of weekly looks, and the naive bounds that fail there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy.integrate import quad
from scipy.stats import binomtest

from core.arrays import FloatArray
from core.errors import InputError
from core.holdout.cells import count_binomial_rows
from core.signoff.sequence import STAKES, BernsteinSequence, BinomialSequence, PrecisionSequence
from core.thresholds.binomial import lower_bound, upper_bound
from core.thresholds.precision import Tally

ALPHA, WEEKS, TARGET = 0.05, 52, 0.9
BINOMIAL = BinomialSequence()


def counts(accepted: ArrayLike, tp: ArrayLike) -> Tally:
    n, t = np.asarray(accepted, dtype=np.float64), np.asarray(tp, dtype=np.float64)
    return Tally(n, n, t, n, t)


def weighted(weight: FloatArray, label: FloatArray) -> Tally:
    """Sums along the last axis."""
    one = np.ones_like(weight)
    sums = one, weight, weight * label, weight**2, weight**2 * label
    return Tally(*(values.sum(axis=-1) for values in sums))


def so_far(tally: Tally) -> Tally:
    return Tally(*(getattr(tally, name).cumsum(axis=-1) for name in Tally.__slots__))


def over(tally: Tally, effect: float) -> Tally:
    return Tally(*(getattr(tally, name) / effect for name in Tally.__slots__))


def alarms(log_evidence: FloatArray) -> int:
    """Runs, along the first axis, in which some look refutes."""
    return int((log_evidence >= -np.log(ALPHA)).any(axis=1).sum())


def rare(times: int, runs: int) -> bool:
    """Whether so many alarms are in line with a rate of at most alpha."""
    return bool(binomtest(times, runs, ALPHA, alternative="greater").pvalue > 1e-3)


class TestBinomial:
    @pytest.mark.parametrize(("n", "t", "sigma"), [(5, 2, 0.7), (12, 12, 0.3), (7, 0, 0.95), (3.5, 1.25, 0.6)])
    def test_is_the_mean_of_likelihood_ratios(self, n: float, t: float, sigma: float) -> None:
        def ratio(q: float) -> float:
            return float((q / sigma) ** t * ((1 - q) / (1 - sigma)) ** (n - t))

        mean = quad(ratio, 0, sigma)[0] / sigma
        assert np.exp(BINOMIAL.against_at_least(counts([n], [t]), sigma)) == pytest.approx([mean])

    def test_mirrors(self) -> None:
        one = BINOMIAL.against_at_least(counts([9], [3]), 0.8)
        assert BINOMIAL.against_at_most(counts([9], [6]), 0.2) == pytest.approx(one)

    @settings(deadline=None)
    @given(n=st.integers(0, 400), share=st.floats(0, 1), sigma=st.floats(0.01, 0.99), excess=st.floats(0, 1))
    def test_one_more_row_never_adds_evidence_on_average_under_the_hypothesis(
        self, n: int, share: float, sigma: float, excess: float
    ) -> None:
        t, p = round(share * n), sigma + excess * (1 - sigma)
        now, positive, negative = np.exp(
            BINOMIAL.against_at_least(counts([n, n + 1, n + 1], [t, t + 1, t]), sigma).clip(max=600)
        )
        mean = p * positive + (1 - p) * negative
        assert mean <= now * (1 + 1e-6)
        if excess == 0:
            assert mean == pytest.approx(now, rel=1e-6)

    @pytest.mark.parametrize(("n", "share", "sigma"), [(1e7, 0.9, 0.8), (1e7, 0.99, 0.98), (2_000, 1.0, 0.3)])
    def test_far_below_the_share_nothing_is_lost(self, n: float, share: float, sigma: float) -> None:
        """There the incomplete beta function has no float; in x = (sigma - q) · slope the integrand is near exp(-x)."""
        t, found = share * n, BINOMIAL.against_at_least(counts([n], [share * n]), sigma)
        slope = t / sigma - (n - t) / (1 - sigma)

        def ratio(x: float) -> float:
            step = x / slope
            return float(np.exp(t * np.log1p(-step / sigma) + (n - t) * np.log1p(step / (1 - sigma))))

        assert found == pytest.approx([np.log(quad(ratio, 0, 60)[0] / (slope * sigma))], rel=1e-6)

    @settings(deadline=None)
    @given(n=st.integers(1, 10**7), share=st.floats(0, 1))
    def test_never_falls_in_the_target(self, n: int, share: float) -> None:
        targets = np.linspace(1e-4, 1 - 1e-4, 400)
        found = BINOMIAL.against_at_least(counts(np.full(400, n), np.full(400, round(share * n))), targets)
        assert np.isfinite(found).all()
        assert np.all(np.diff(found) >= -1e-8 * np.maximum(np.abs(found[1:]), 1))

    def test_starts_at_one_and_knows_the_ends(self) -> None:
        assert BINOMIAL.against_at_least(counts([0], [0]), 0.4) == pytest.approx([0])
        assert BINOMIAL.against_at_least(counts([3, 3], [2, 3]), 1.0).tolist() == [np.inf, pytest.approx(-np.log(4))]
        assert BINOMIAL.against_at_most(counts([3, 3], [1, 0]), 0.0).tolist() == [np.inf, pytest.approx(-np.log(4))]
        assert BINOMIAL.against_at_least(counts([3], [1]), 0.0) == pytest.approx([0])

    def test_bounds_are_where_the_evidence_reaches_one_over_alpha(self) -> None:
        tally = counts([40, 40, 900.5, 10**8], [31, 0, 820.25, 9 * 10**7])
        upper, lower = BINOMIAL.upper_bounds(tally, ALPHA), BINOMIAL.lower_bounds(tally, ALPHA)
        assert BINOMIAL.against_at_least(tally, upper) == pytest.approx([-np.log(ALPHA)] * 4, abs=1e-4)
        assert BINOMIAL.against_at_most(tally, lower)[[0, 2, 3]] == pytest.approx([-np.log(ALPHA)] * 3, abs=1e-4)
        assert lower[1] == pytest.approx(0, abs=1e-12)
        assert np.all(lower[[0, 2, 3]] < (tally.wy / tally.w)[[0, 2, 3]])
        assert np.all((tally.wy / tally.w) < upper)

    def test_nothing_is_known_without_rows(self) -> None:
        assert (
            BINOMIAL.lower_bounds(counts([0], [0]), ALPHA)[0],
            BINOMIAL.upper_bounds(counts([0], [0]), ALPHA)[0],
        ) == (
            0,
            1,
        )

    @settings(deadline=None)
    @given(n=st.integers(1, 300), share=st.floats(0, 1))
    def test_what_is_refuted_reaches_up_to_one(self, n: int, share: float) -> None:
        evidence = BINOMIAL.against_at_least(counts(n, round(share * n)), np.linspace(0.01, 1, 100))
        with np.errstate(invalid="ignore"):  # inf - inf at the end
            steps = np.diff(evidence.clip(min=-2))  # far below, the integral is smaller than any float
        assert np.all((steps >= -1e-9) | np.isnan(steps))

    def test_wider_than_the_bounds_of_a_single_look(self) -> None:
        tally = counts([200], [180])
        assert BINOMIAL.lower_bounds(tally, ALPHA) < lower_bound(180, 200, ALPHA)
        assert BINOMIAL.upper_bounds(tally, ALPHA) > upper_bound(180, 200, ALPHA)

    def test_refuses_an_alpha(self) -> None:
        with pytest.raises(InputError, match=r"Alpha is 0\.5"):
            BINOMIAL.upper_bounds(counts([1], [1]), 0.5)


class TestBernstein:
    def test_by_hand(self) -> None:
        """Weights 1 and 2, labels 0 and 1, W 2, sigma 1/2: x = 1/2, -1; the sums are -1/2 and 5/4."""
        tally = weighted(np.array([[1.0, 2.0]]), np.array([[0.0, 1.0]]))
        mean = np.mean(np.exp(-STAKES / 2 - 1.25 * (-np.log(1 - STAKES) - STAKES)))
        assert BernsteinSequence(2).against_at_least(tally, 0.5) == pytest.approx([np.log(mean)])

    def test_each_factor_stays_below_its_line(self) -> None:
        x, stake = np.linspace(-1, 50, 5_101), STAKES[:, None]
        assert np.all(np.exp(stake * x - (-np.log1p(-stake) - stake) * x**2) <= 1 + stake * x + 1e-12)

    @settings(deadline=None)
    @given(
        sigma=st.floats(0.01, 0.99),
        weights=st.lists(st.floats(0, 5), min_size=1, max_size=4),
        excess=st.floats(0, 1),
        before=st.integers(0, 200),
    )
    def test_one_more_row_never_adds_evidence_on_average_under_the_hypothesis(
        self, sigma: float, weights: list[float], excess: float, before: int
    ) -> None:
        """Any weights, drawn alike; precision sigma or more by weight."""
        sequence, p = BernsteinSequence(5), sigma + excess * (1 - sigma)
        past = weighted(np.full((1, before), 2.0), np.arange(before)[None] % 3 > 0)
        now = np.exp(sequence.against_at_least(past, sigma))
        mean = 0.0
        for w in weights:
            for label, chance in ((1.0, p), (0.0, 1 - p)):
                row = weighted(np.array([[w]]), np.array([[label]]))
                after = Tally(*(getattr(past, name) + getattr(row, name) for name in Tally.__slots__))
                mean += chance / len(weights) * float(np.exp(sequence.against_at_least(after, sigma))[0])
        assert mean <= now[0] * (1 + 1e-9)

    def test_the_ends(self) -> None:
        sequence, tally = BernsteinSequence(2), weighted(np.ones((2, 3)), np.array([[1, 1, 1], [1, 0, 1]]))
        assert sequence.against_at_least(tally, 1.0).tolist() == [0, np.inf]
        assert sequence.upper_bounds(tally, ALPHA).tolist() == [1, 1]
        empty = weighted(np.ones((1, 0)), np.ones((1, 0)))
        assert (sequence.lower_bounds(empty, ALPHA)[0], sequence.upper_bounds(empty, ALPHA)[0]) == (0, 1)

    def test_bounds_hold_the_precision_and_close_in(self) -> None:
        generator = np.random.default_rng(0)
        weight = np.where(generator.random((2, 20_000)) < 0.5, 1.0, 10.0)
        label = (generator.random((2, 20_000)) < TARGET).astype(np.float64)
        weight[0, 1_000:] = 0
        tally, sequence = weighted(weight, label), BernsteinSequence(10)
        lower, upper = sequence.lower_bounds(tally, ALPHA), sequence.upper_bounds(tally, ALPHA)
        assert np.all((lower < TARGET) & (upper > TARGET))
        assert upper[1] - lower[1] < 0.03 < upper[0] - lower[0]
        for bound, against in ((upper, sequence.against_at_least), (lower, sequence.against_at_most)):
            assert np.all(against(tally, bound) >= -np.log(ALPHA))
            step = 0.001 if against == sequence.against_at_most else -0.001
            assert np.all(against(tally, bound + step) < -np.log(ALPHA))

    def test_refuses_a_largest_weight(self) -> None:
        with pytest.raises(InputError, match="largest weight"):
            BernsteinSequence(0)


class TestAYearOfWeeklyLooks:
    """Precision exactly at the target: every alarm is false."""

    @pytest.mark.parametrize("rows", [20, 200])
    def test_binomial(self, rows: int) -> None:
        generator, runs = np.random.default_rng(rows), 2_000
        n = generator.poisson(rows, (runs, WEEKS))
        tally = so_far(counts(n, generator.binomial(n, TARGET)))
        naive_broken = (upper_bound(tally.wy, tally.w, ALPHA) < TARGET).any(axis=1).sum()
        naive_holds = (lower_bound(tally.wy, tally.w, ALPHA) > TARGET).any(axis=1).sum()
        assert rare(alarms(BINOMIAL.against_at_least(tally, TARGET)), runs)
        assert rare(alarms(BINOMIAL.against_at_most(tally, TARGET)), runs)
        assert not rare(int(naive_broken), runs)
        assert not rare(int(naive_holds), runs)

    def test_bounds_hold_the_precision_at_all_looks_at_once(self) -> None:
        generator, runs = np.random.default_rng(5), 500
        tally = so_far(counts(np.full((runs, WEEKS), 50), generator.binomial(50, TARGET, (runs, WEEKS))))
        missed_above = (BINOMIAL.upper_bounds(tally, ALPHA) < TARGET).any(axis=1).sum()
        missed_below = (BINOMIAL.lower_bounds(tally, ALPHA) > TARGET).any(axis=1).sum()
        assert rare(int(missed_above), runs)
        assert rare(int(missed_below), runs)

    def test_drifting_precision_whose_mean_stays_at_the_target(self) -> None:
        """Weeks of 0.95 and 0.85 by turns: a good week first, so that the mean so far is never below the target."""
        generator, runs = np.random.default_rng(6), 2_000
        p = np.where(np.arange(WEEKS) % 2, TARGET - 0.05, TARGET + 0.05)
        tally = so_far(counts(np.full((runs, WEEKS), 100), generator.binomial(100, p, (runs, WEEKS))))
        assert rare(alarms(BINOMIAL.against_at_least(tally, TARGET)), runs)

    @pytest.mark.parametrize(("precision", "weeks"), [(0.85, 10), (0.8, 3)])
    def test_power(self, precision: float, weeks: int) -> None:
        """A fall to 0.85 is found within ten weeks of 100 rows in most runs, one to 0.8 within three."""
        generator, runs = np.random.default_rng(7), 1_000
        tally = so_far(counts(np.full((runs, weeks), 100), generator.binomial(100, precision, (runs, weeks))))
        assert alarms(BINOMIAL.against_at_least(tally, TARGET)) / runs > 0.8

    def test_a_better_precision_is_shown(self) -> None:
        generator, runs = np.random.default_rng(8), 500
        tally = so_far(counts(np.full((runs, 13), 100), generator.binomial(100, 0.94, (runs, 13))))
        assert alarms(BINOMIAL.against_at_most(tally, TARGET)) / runs > 0.9

    def test_weights(self) -> None:
        """Half of the rows weigh ten times as much, and Wilson-like bounds at effective rows are no help."""
        generator, runs, rows = np.random.default_rng(9), 1_000, 100
        weight = np.where(generator.random((runs, WEEKS, rows)) < 0.5, 1.0, 10.0)
        sequence: PrecisionSequence = BernsteinSequence(10)
        tally = so_far(weighted(weight, (generator.random(weight.shape) < TARGET).astype(np.float64)))
        effective = count_binomial_rows(tally.w, tally.wy, tally.w2, tally.w2y)
        naive = (upper_bound(tally.precision * effective, effective, ALPHA) < TARGET).any(axis=1).sum()
        assert rare(alarms(sequence.against_at_least(tally, TARGET)), runs)
        assert rare(alarms(sequence.against_at_most(tally, TARGET)), runs)
        assert not rare(int(naive), runs)
        worse = so_far(weighted(weight[:200], (generator.random((200, WEEKS, rows)) < 0.82).astype(np.float64)))
        assert alarms(sequence.against_at_least(worse, TARGET)) == 200

    def test_weights_that_go_with_the_label(self) -> None:
        """Negatives drawn at a tenth and weighing ten: 0.9 by weight are 90 of 91 rows."""
        generator, runs, rows = np.random.default_rng(10), 1_000, 200
        label = (generator.random((runs, WEEKS, rows)) < 90 / 91).astype(np.float64)
        tally = so_far(weighted(np.where(label > 0, 1.0, 10.0), label))
        sequence = BernsteinSequence(10)
        assert rare(alarms(sequence.against_at_least(tally, TARGET)), runs)
        assert rare(alarms(sequence.against_at_most(tally, TARGET)), runs)
        assert not rare(alarms(BINOMIAL.against_at_most(tally, TARGET)), runs)  # rows counted without their weights

    def test_groups_at_their_design_effect(self) -> None:
        """Groups of 8 rows, precision Beta(0.9, 0.1): correlation 1/2 within, so f = 1 + 7/2. Plain counts fail."""
        generator, runs, groups = np.random.default_rng(11), 2_000, 30
        tp = generator.binomial(8, generator.beta(TARGET, 1 - TARGET, (runs, WEEKS, groups))).sum(axis=-1)
        tally = so_far(counts(np.full((runs, WEEKS), 8 * groups), tp))
        for effect in (4.5, 8.0):  # as estimated, and the group size, with which it is exact
            assert rare(alarms(BINOMIAL.against_at_least(over(tally, effect), TARGET)), runs)
            assert rare(alarms(BINOMIAL.against_at_most(over(tally, effect), TARGET)), runs)
        assert not rare(alarms(BINOMIAL.against_at_least(tally, TARGET)), runs)
