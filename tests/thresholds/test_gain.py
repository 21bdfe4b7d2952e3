"""Gain over one threshold: by hand, against a bootstrap of rows, and what it means that certification is repeated."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from core.errors import InputError
from core.thresholds.certify import Trial
from core.thresholds.data import Cuts, WeightSums
from core.thresholds.frontier import Frontier
from core.thresholds.gain import Gain, measure_gain
from core.thresholds.mist import trace_mist
from core.thresholds.objective import Objective
from core.thresholds.precision import BINOMIAL, BernsteinTest, BinomialTest, PrecisionTest
from core.thresholds.single import trace_single
from core.thresholds.tuning import tune
from tests.thresholds.population import Population, make_cuts, posterior_network

# Positives from the top: level 1 has 10, 20, 5; level 2 has 8, 2, 5. 50 in all.
HALF = make_cuts([[50, 40, 20], [60, 30, 10]], [[5, 20, 10], [5, 2, 8]])
ALWAYS = 0.01  # a target that every rule passes in every draw


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def trial(*rules: tuple[int, ...], half: Cuts = HALF, test: PrecisionTest = BINOMIAL) -> Trial:
    frontier = Frontier.of_cuts("by hand", half, np.array(rules, dtype=np.int64).reshape(-1, half.levels))
    return Trial.of(frontier, half, delta=0.1, scope="overall", test=test)


def compare(rule: tuple[int, ...], baseline: tuple[int, ...], *, target: float = ALWAYS, draws: int = 400) -> Gain:
    return measure_gain(trial(rule), trial(baseline), target=target, rng=rng(), draws=draws)


def test_by_hand() -> None:
    """Rule (2, 2) finds 30 + 10 of 50, baseline (1, 3) finds 10 + 15."""
    gain = compare((2, 2), (1, 3))
    assert (gain.recall, gain.recall_baseline, gain.positives) == (40 / 50, 25 / 50, 50)
    assert gain.ratio == 1.6
    assert gain.difference == pytest.approx(0.3)
    assert gain.ratio_lo < gain.ratio < gain.ratio_hi
    assert gain.difference_lo < gain.difference < gain.difference_hi
    assert gain.verdict.startswith("Gain: recall is 1.6 times")
    assert "(90 % interval " in gain.verdict
    assert "50 positives" in gain.verdict


def test_is_the_bootstrap_of_rows() -> None:
    """The slow obvious version: every positive gets an Exp(1) weight. 20 are found by both."""
    gain = compare((2, 2), (1, 3), draws=20_000)
    found = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], [20, 20, 5, 5], axis=0)
    weight = rng(1).exponential(size=(20_000, 50))
    recall, base = (weight @ found / weight.sum(axis=1, keepdims=True)).T
    ends = [0.05, 0.95]
    np.testing.assert_allclose([gain.ratio_lo, gain.ratio_hi], np.quantile(recall / base, ends), rtol=0.02)
    np.testing.assert_allclose([gain.difference_lo, gain.difference_hi], np.quantile(recall - base, ends), atol=0.01)


def test_same_rule_is_no_gain() -> None:
    gain = compare((2, 2), (2, 2))
    assert (gain.ratio, gain.ratio_lo, gain.ratio_hi, gain.difference) == (1, 1, 1, 0)
    assert gain.verdict.startswith("No gain: keep one threshold; recall is 1 times")


def test_loss_is_named() -> None:
    assert compare((1, 2), (2, 2)).verdict.startswith("Loss: keep one threshold")


def test_a_certificate_that_hangs_by_a_thread_is_no_gain() -> None:
    """Rule (2, 2) has 40 of 100: its tail at 0.33 is 0.086, so in many a draw it is refused, and finds nothing."""
    gain = compare((2, 2), (1, 1), target=0.33)
    assert gain.recall == 0.8
    assert gain.ratio > 1
    assert gain.ratio_lo == 0
    assert gain.verdict.startswith("No gain")


def test_a_refused_side_finds_nothing() -> None:
    gain = compare((2, 2), (3, 3), target=0.33)  # 40 of 100 and 50 of 210
    assert (gain.recall_baseline, gain.ratio) == (0, np.inf)
    assert "no ratio" in gain.verdict
    neither = compare((3, 3), (3, 3), target=0.9)
    assert np.isnan([neither.ratio, neither.ratio_lo, neither.ratio_hi]).all()
    assert "no ratio" in neither.verdict


def test_frame_and_seed() -> None:
    one, two = (compare((2, 2), (1, 3)) for _ in range(2))
    assert one == two
    table = one.frame()
    assert table["quantity"].tolist() == ["recall_ratio", "recall_difference"]
    assert table["value"].tolist() == [one.ratio, one.difference]
    assert (table["positives"] == 50).all()


def test_groups_widen_the_interval() -> None:
    """As if every row stood for four: half as many standard errors."""
    ends = []
    for test in (BINOMIAL, BinomialTest(4.0)):
        gain = measure_gain(trial((2, 2), test=test), trial((2, 3), test=test), target=ALWAYS, rng=rng(), draws=4_000)
        ends.append(gain.difference_hi - gain.difference_lo)
    assert ends[1] / ends[0] == pytest.approx(2, rel=0.1)


def test_weights_that_are_all_alike_change_nothing() -> None:
    plain = replace(HALF, accepted=100 * HALF.accepted, tp=100 * HALF.tp)
    sums = WeightSums(plain.accepted, plain.tp, 4.0 * plain.accepted, 4.0 * plain.tp)
    found = [
        measure_gain(*(trial(rule, half=half, test=test) for rule in ((2, 2), (1, 3))), target=ALWAYS, rng=rng())
        for half, test in ((plain, BINOMIAL), (replace(plain, unit=2.0, weights=sums), BernsteinTest(2.0)))
    ]
    assert [(gain.positives, gain.ratio) for gain in found] == [(5_000, 1.6)] * 2
    assert found[0].ratio_hi == pytest.approx(found[1].ratio_hi)


def test_bad_input() -> None:
    one = trial((2, 2))
    with pytest.raises(InputError, match="different halves"):
        measure_gain(one, trial((2, 2), half=make_cuts([[9, 9, 9]] * 2, [[1, 2, 3]] * 2)), target=ALWAYS, rng=rng())
    with pytest.raises(InputError, match="confidence"):
        measure_gain(one, one, target=ALWAYS, rng=rng(), confidence=1.0)
    for target in (0.0, 1.1, float("nan")):
        with pytest.raises(InputError, match="The target is"):
            measure_gain(one, one, target=target, rng=rng())
    with pytest.raises(InputError, match="draws"):
        measure_gain(one, one, target=ALWAYS, rng=rng(), draws=10)


def without_doubt() -> Population:
    """A world in which precision depends on the score alone, and never falls with it: levels can gain nothing."""
    known = posterior_network(3)
    bins = known.counts.sum(axis=0)
    rate = np.maximum.accumulate(bins[:, 1] / np.maximum(bins.sum(axis=1), 1))
    rows = known.counts.sum(axis=2)
    positives = np.rint(rows * rate).astype(np.int64)
    return Population(np.stack([rows - positives, positives], axis=2), edges=known.edges)


def frozen_interval(rule: Trial, baseline: Trial, target: float, draws: np.random.Generator) -> tuple[float, float]:
    """The naive way: certify once, then resample the positives that the two frozen rules find."""
    cuts = [np.asarray(one.certify(target).cuts) for one in (rule, baseline)]
    half, levels = rule.confirm, np.arange(rule.confirm.levels)
    both, one, other = (int(half.tp[levels, cut].sum()) for cut in (np.minimum(*cuts), *cuts))
    counts = np.array([both, one - both, other - both, half.positives - one - other + both])
    drawn = draws.multinomial(half.positives, counts / half.positives, size=200) / half.positives
    lo, hi = np.quantile(drawn[:, 1] - drawn[:, 2], [0.05, 0.95])
    return float(lo), float(hi)


def test_interval_holds_what_the_procedure_gives_and_that_of_frozen_rules_does_not() -> None:
    """Per tuning half: the mean difference over confirmation halves, without and with a gain to be had."""
    draws, held, frozen, false, null, runs = rng(11), 0, 0, 0, 0, 0
    for world, tuning_halves in ((without_doubt(), 4), (posterior_network(3), 2)):
        for _ in range(tuning_halves):
            a, found, naive = world.draw(20_000, draws), [], []
            frontiers = [tune_frontier(a), trace_single(a)]
            for _ in range(40):
                b = world.draw(20_000, draws)
                rule, single = (Trial.of(one, b, delta=0.1, scope="overall", test=BINOMIAL) for one in frontiers)
                found.append(measure_gain(rule, single, target=0.3, rng=draws, draws=100))
                naive.append(frozen_interval(rule, single, 0.3, draws))
            middle = np.mean([gain.difference for gain in found])
            held += sum(gain.difference_lo <= middle <= gain.difference_hi for gain in found)
            frozen += sum(lo <= middle <= hi for lo, hi in naive)
            runs += len(found)
            if world is not posterior_network(3):
                false += sum(gain.kind == "gain" for gain in found)
                null += len(found)
    assert binomtest(held, runs, 0.9, alternative="less").pvalue > 1e-3
    assert binomtest(frozen, runs, 0.9, alternative="less").pvalue < 1e-3
    assert binomtest(false, null, 0.05, alternative="greater").pvalue > 1e-3


def tune_frontier(a: Cuts) -> Frontier:
    return tune(a, Objective("precision", 0.3), method="mist").candidates


def test_certified_gain_in_the_posterior_network_world() -> None:
    """Levels gain there: evidence varies a lot and training was class-sampled."""
    pop, draws = posterior_network(3), rng(3)
    a, b = pop.draw(100_000, draws), pop.draw(100_000, draws)
    trials = (Trial.of(trace(a), b, delta=0.1, scope="overall", test=BINOMIAL) for trace in (trace_mist, trace_single))
    gain = measure_gain(*trials, target=0.3, rng=draws)
    assert gain.ratio_lo > 1.1
    assert gain.verdict.startswith("Gain")
