"""Gain over a baseline: joint counts by hand and from rows, coverage, and what pairing is worth."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from core.errors import InputError
from core.thresholds.certify import certify
from core.thresholds.gain import measure_gain
from core.thresholds.mist import trace_mist
from core.thresholds.single import trace_single
from tests.thresholds.population import make_cuts, posterior_network

# Positives from the top: level 1 has 10, 20, 5; level 2 has 8, 2, 5. 50 in all.
HALF = make_cuts([[50, 40, 20], [60, 30, 10]], [[5, 20, 10], [5, 2, 8]])


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_joint_counts_by_hand() -> None:
    """Rule (2, 1) finds 30 + 8, baseline (1, 2) finds 10 + 10; both find 10 + 8."""
    gain = measure_gain(HALF, (2, 1), (1, 2), rng=rng())
    assert (gain.both, gain.only_rule, gain.only_baseline, gain.positives) == (18, 20, 2, 50)
    assert gain.ratio == 38 / 20
    assert gain.difference == 18 / 50
    assert gain.ratio_lo < gain.ratio < gain.ratio_hi
    assert gain.difference_lo < gain.difference < gain.difference_hi
    assert gain.verdict.startswith("Gain of these two rules: recall is 1.9 times")
    assert "50 positives" in gain.verdict


def test_bootstrap_of_counts_equals_bootstrap_of_rows() -> None:
    """The slow obvious version: draw positives with replacement and look at each."""
    gain, rows = measure_gain(HALF, (2, 1), (1, 2), rng=rng(), draws=20_000), np.repeat(range(4), [18, 20, 2, 10])
    drawn = np.random.default_rng(1).choice(rows, size=(20_000, 50))
    rule, base = (np.isin(drawn, which).sum(axis=1) for which in ((0, 1), (0, 2)))
    np.testing.assert_allclose([gain.ratio_lo, gain.ratio_hi], np.quantile(rule / base, [0.05, 0.95]), rtol=0.02)
    np.testing.assert_allclose(
        [gain.difference_lo, gain.difference_hi], np.quantile((rule - base) / 50, [0.05, 0.95]), atol=0.02
    )


def test_same_rule_is_no_gain() -> None:
    gain = measure_gain(HALF, (2, 1), (2, 1), rng=rng())
    assert (gain.ratio, gain.ratio_lo, gain.ratio_hi, gain.difference) == (1, 1, 1, 0)
    assert gain.verdict.startswith("No gain: keep one threshold; recall is 1 times")


def test_loss_is_named() -> None:
    assert measure_gain(HALF, (1, 0), (2, 2), rng=rng()).verdict.startswith("Loss: keep one threshold")


def test_a_refused_side_accepts_nothing() -> None:
    refused_baseline = measure_gain(HALF, (1, 1), (0, 0), rng=rng())
    assert refused_baseline.ratio == refused_baseline.ratio_lo == np.inf
    assert refused_baseline.difference == 18 / 50
    assert "no ratio" in refused_baseline.verdict
    neither = measure_gain(HALF, (0, 0), (0, 0), rng=rng())
    assert np.isnan([neither.ratio, neither.ratio_lo, neither.ratio_hi]).all()
    assert "no ratio" in neither.verdict
    assert measure_gain(HALF, (0, 0), (1, 1), rng=rng()).verdict.startswith("Loss: keep one threshold")


def test_frame_and_seed() -> None:
    one, two = (measure_gain(HALF, (2, 1), (1, 2), rng=rng()) for _ in range(2))
    assert one == two
    table = one.frame()
    assert table["quantity"].tolist() == ["recall_ratio", "recall_difference"]
    assert table["value"].tolist() == [one.ratio, one.difference]
    assert (table["positives"] == 50).all()


def test_bad_input() -> None:
    with pytest.raises(InputError, match="1 and 2 cuts; there are 2 levels"):
        measure_gain(HALF, (1,), (1, 2), rng=rng())
    with pytest.raises(InputError, match="confidence"):
        measure_gain(HALF, (1, 1), (1, 2), rng=rng(), confidence=1.0)
    with pytest.raises(InputError, match="weighted"):
        measure_gain(replace(HALF, unit=0.1), (1, 1), (1, 2), rng=rng())


def test_coverage_and_what_pairing_is_worth() -> None:
    """Frozen rules: 90 % of the intervals hold the true ratio; independent recalls would be far too wide."""
    pop, draws, runs = posterior_network(3), np.random.default_rng(2), 600
    rule, baseline = (50, 45, 40), (45, 45, 45)
    at = np.arange(3)
    found = [int(pop.cuts.tp[at, cuts].sum()) for cuts in (rule, baseline)]
    held = unpaired = 0
    for _ in range(runs):
        half = pop.draw(10_000, draws)
        gain = measure_gain(half, rule, baseline, rng=draws, draws=500)
        held += gain.ratio_lo <= found[0] / found[1] <= gain.ratio_hi
        tp = [half.tp[at, cuts].sum() for cuts in (rule, baseline)]
        recalls = [draws.binomial(half.positives, t / half.positives, 500) for t in tp]
        lo, hi = np.quantile(recalls[0] / recalls[1], [0.05, 0.95])
        unpaired += lo <= found[0] / found[1] <= hi
    assert binomtest(held, runs, 0.9).pvalue > 1e-3
    assert binomtest(unpaired, runs, 0.9).pvalue < 1e-3


def test_certified_gain_in_the_posterior_network_world() -> None:
    """Levels gain there: evidence varies a lot and training was class-sampled."""
    pop, draws = posterior_network(3), np.random.default_rng(3)
    a, b = pop.draw(100_000, draws), pop.draw(100_000, draws)
    rules = [certify(trace(a), b, target=0.3, delta=0.1) for trace in (trace_mist, trace_single)]
    gain = measure_gain(b, rules[0].cuts, rules[1].cuts, rng=draws)
    assert gain.ratio_lo > 1.3
    assert gain.verdict.startswith("Gain")
