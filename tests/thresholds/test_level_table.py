"""The table per level: by hand, and all bounds at once."""

import numpy as np
import pytest
from scipy.stats import binomtest

from core.errors import InputError
from core.thresholds.binomial import lower_bound, tail
from core.thresholds.level_table import tabulate_levels
from tests.thresholds.population import make_cuts, posterior_network

# Level 1: 100 rows from the top hold 60; level 2: 20 hold 15; level 3 accepts none.
HALF = make_cuts([[200, 100], [180, 20], [50, 50]], [[10, 60], [5, 15], [1, 2]])


def test_by_hand() -> None:
    table = tabulate_levels(HALF, (1, 1, 0), target=0.5, delta=0.1, candidates=1)
    shown = table.frame()
    assert list(shown.columns) == [
        "level", "rows", "positives", "threshold", "accepted", "tp", "fp", "precision", "precision_lower", "certified",
        "fewer_than_30",
    ]  # fmt: skip
    assert shown["rows"].tolist() == [300, 200, 100]
    assert shown["positives"].tolist() == [70, 20, 3]
    assert shown["threshold"].tolist() == [0.5, 0.5, np.inf]
    assert shown["fp"].tolist() == [40, 5, 0]
    assert shown["fewer_than_30"].tolist() == [False, True, False]
    assert np.isnan(shown["precision"][2])
    assert np.isnan(shown["precision_lower"][2])
    assert table.level == pytest.approx(0.1 / 3)
    assert shown["precision_lower"][0] == pytest.approx(float(lower_bound(60, 100, 0.1 / 3)))


def test_certified_levels_pay_for_being_many() -> None:
    """60 of 100 has p = .0284: below .1/3, but not below .1/(3 · 2)."""
    assert tail(60, 100, 0.5) == pytest.approx(0.0284, abs=1e-4)
    one, two = (tabulate_levels(HALF, (1, 0, 0), target=0.5, delta=0.1, candidates=m) for m in (1, 2))
    assert one.certified.tolist() == [True, False, False]
    assert two.certified.tolist() == [False, False, False]


def test_bad_input() -> None:
    with pytest.raises(InputError, match="candidates"):
        tabulate_levels(HALF, (1, 1, 0), target=0.5, delta=0.1, candidates=0)
    with pytest.raises(InputError, match="The target"):
        tabulate_levels(HALF, (1, 1, 0), target=2.0, delta=0.1, candidates=1)


def test_all_bounds_hold_together_and_uncorrected_ones_do_not() -> None:
    pop, rng, runs = posterior_network(5), np.random.default_rng(0), 1_000
    cuts = np.full(5, 60)
    true = pop.cuts.tp[np.arange(5), cuts] / pop.cuts.accepted[np.arange(5), cuts]
    broken = naive = 0
    for _ in range(runs):
        table = tabulate_levels(pop.draw(10_000, rng), tuple(cuts.tolist()), target=0.3, delta=0.1, candidates=1)
        broken += bool((table.lower > true).any())
        naive += bool((lower_bound(table.tp, table.accepted, 0.1) > true).any())
    assert binomtest(broken, runs, 0.1, alternative="greater").pvalue > 1e-3
    assert binomtest(naive, runs, 0.1, alternative="greater").pvalue < 1e-3
