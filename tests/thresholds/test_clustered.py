"""Grouped rows: the design effect by hand, and a bound that holds where the binomial one does not."""

import numpy as np
import pytest
from scipy.stats import binomtest

from core.arrays import IntArray
from core.errors import InputError
from core.thresholds.binomial import lower_bound
from core.thresholds.clustered import bound_clustered


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def grouped(groups: int, generator: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Ten rows a group or so; the precision of a group is Beta(3.5, 1.5), 0.7 on average."""
    accepted = generator.poisson(10, groups)
    return accepted, generator.binomial(accepted, generator.beta(3.5, 1.5, groups))


def test_design_effect_by_hand() -> None:
    """Two groups of 10 all right, two all wrong: p = .5, e = ±5, 4/3 · 100/(40 · .25) = 13.33."""
    bound = bound_clustered(np.array([10, 10, 10, 10, 0]), np.array([10, 10, 0, 0, 0]), delta=0.1, rng=rng())
    assert bound.design_effect == pytest.approx(40 / 3)
    assert (bound.blocks, bound.accepted, bound.tp, bound.precision) == (4, 40, 20, 0.5)
    assert bound.effective_lower == pytest.approx(float(lower_bound(1.5, 3.0, 0.1)))
    assert bound.few


def test_one_row_a_group_is_independent() -> None:
    """Then the design effect is n/(n - 1), and the bound close to the exact one."""
    tp = (np.arange(1_000) < 700).astype(np.int64)
    bound = bound_clustered(np.ones(1_000, dtype=np.int64), tp, delta=0.1, rng=rng())
    assert bound.design_effect == pytest.approx(1_000 / 999)
    assert bound.lower == pytest.approx(float(lower_bound(700, 1_000, 0.1)), abs=0.003)
    assert not bound.few


def test_order_of_groups_does_not_matter() -> None:
    accepted, tp = grouped(300, rng())
    order = rng(1).permutation(300)
    assert bound_clustered(accepted, tp, delta=0.1, rng=rng()) == bound_clustered(
        accepted[order], tp[order], delta=0.1, rng=rng()
    )


def test_bootstrap_equals_the_slow_version() -> None:
    accepted, tp = grouped(300, rng())
    at = rng(1).integers(0, 300, (20_000, 300))
    slow = np.quantile(tp[at].sum(axis=1) / accepted[at].sum(axis=1), 0.1)
    fast = bound_clustered(accepted, tp, delta=0.1, rng=rng(), draws=20_000).bootstrap_lower
    assert fast == pytest.approx(slow, abs=0.001)


@pytest.mark.parametrize("tp, precision", [(0, 0.0), (5, 1.0)])
def test_one_group_and_one_label(tp: int, precision: float) -> None:
    bound = bound_clustered(np.array([5]), np.array([tp]), delta=0.1, rng=rng())
    assert (bound.precision, bound.design_effect) == (precision, 1.0)
    assert bound.lower <= lower_bound(tp, 5, 0.1)


@pytest.mark.parametrize("accepted, tp", [([1, 2], [1]), ([1, 2], [1, 3]), ([1], [-1])])
def test_counts_must_match(accepted: list[int], tp: list[int]) -> None:
    with pytest.raises(InputError, match="do not match"):
        bound_clustered(np.array(accepted), np.array(tp), delta=0.1, rng=rng())


def test_nothing_accepted() -> None:
    with pytest.raises(InputError, match="accepts no row"):
        bound_clustered(np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64), delta=0.1, rng=rng())


@pytest.mark.parametrize("groups", [60, 300])
def test_bound_holds_and_the_binomial_one_does_not(groups: int) -> None:
    generator, runs = rng(groups), 500
    broken = plain = 0
    for _ in range(runs):
        accepted, tp = grouped(groups, generator)
        broken += bound_clustered(accepted, tp, delta=0.1, rng=generator, draws=500).lower > 0.7
        plain += bool(lower_bound(tp.sum(), accepted.sum(), 0.1) > 0.7)
    assert binomtest(broken, runs, 0.1, alternative="greater").pvalue > 1e-3
    assert binomtest(plain, runs, 0.1, alternative="greater").pvalue < 1e-3
