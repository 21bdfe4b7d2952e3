"""Grouped rows: the design effect, a bootstrap of groups, and a certificate that holds where the plain one fails."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import binomtest

from core.arrays import FloatArray
from core.engine.duck import DuckEngine
from core.errors import InputError
from core.holdout.positivity import Binning
from core.ingest.parts import parts_of_groups
from core.ingest.schema import PARTS
from core.jobs import finish
from core.thresholds.binomial import lower_bound
from core.thresholds.certificate import Certificate
from core.thresholds.certify import certify
from core.thresholds.clustered import Blocks, bound_clustered, count_blocks
from core.thresholds.halves import Split, count_halves
from core.thresholds.mist import trace_mist
from core.thresholds.precision_test import BinomialTest
from core.thresholds.rule import Rule
from tests.conftest import MakeHoldout
from tests.thresholds.population import make_cuts


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def blocks_of(accepted: FloatArray, tp: FloatArray) -> Blocks:
    accepted, tp = np.asarray(accepted, dtype=np.float64), np.asarray(tp, dtype=np.float64)
    return Blocks(accepted, tp, float(accepted.sum()), float(tp.sum()))


def grouped(groups: int, generator: np.random.Generator) -> Blocks:
    """Ten rows a group or so; the precision of a group is Beta(3.5, 1.5), 0.7 on average."""
    accepted = generator.poisson(10, groups)
    return blocks_of(accepted, generator.binomial(accepted, generator.beta(3.5, 1.5, groups)))


class TestDesignEffect:
    def test_by_hand(self) -> None:
        """Two groups of 10 all right, two all wrong: p = .5, e = ±5, 4/3 · 100/(40 · .25) = 13.33."""
        assert blocks_of([10, 10, 10, 10, 0], [10, 10, 0, 0, 0]).design_effect == pytest.approx(40 / 3)

    def test_by_hand_with_weights(self) -> None:
        """Two rows of weight 2 each alone, right and wrong: e = ±1, Σw²(y - p)² = 2 · 4 · 1/4, so 2 · 2/2."""
        blocks = Blocks(np.array([2.0, 2.0]), np.array([2.0, 0.0]), 8.0, 4.0)
        assert blocks.design_effect == pytest.approx(2.0)

    def test_of_one_row_a_group_is_one(self) -> None:
        effect = blocks_of(np.ones(1_000), np.arange(1_000) < 700).design_effect
        assert effect == pytest.approx(1_000 / 999)

    @pytest.mark.parametrize(("accepted", "tp"), [([5], [2]), ([5, 3], [0, 0]), ([5, 3], [5, 3]), ([0, 0], [0, 0])])
    def test_is_one_where_it_cannot_be_told(self, accepted: list[int], tp: list[int]) -> None:
        assert blocks_of(accepted, tp).design_effect == 1.0


class TestBootstrap:
    def test_of_one_row_a_group_is_close_to_the_exact_bound(self) -> None:
        bound = bound_clustered(blocks_of(np.ones(1_000), np.arange(1_000) < 700), delta=0.1, rng=rng())
        assert (bound.blocks, bound.precision, bound.few) == (1_000, 0.7, False)
        assert bound.lower == pytest.approx(float(lower_bound(700, 1_000, 0.1)), abs=0.003)

    def test_order_of_groups_does_not_matter(self) -> None:
        blocks, order = grouped(300, rng()), rng(1).permutation(300)
        turned = blocks_of(blocks.accepted[order], blocks.tp[order])
        assert bound_clustered(blocks, delta=0.1, rng=rng()) == bound_clustered(turned, delta=0.1, rng=rng())

    def test_equals_the_slow_version(self) -> None:
        blocks, at = grouped(300, rng()), rng(1).integers(0, 300, (20_000, 300))
        slow = np.quantile(blocks.tp[at].sum(axis=1) / blocks.accepted[at].sum(axis=1), 0.1)
        fast = bound_clustered(blocks, delta=0.1, rng=rng(), draws=20_000).lower
        assert fast == pytest.approx(slow, abs=0.001)

    def test_few_groups_are_told(self) -> None:
        assert bound_clustered(grouped(40, rng()), delta=0.1, rng=rng()).few

    def test_of_nothing(self) -> None:
        with pytest.raises(InputError, match="accepts no row"):
            bound_clustered(blocks_of(np.zeros(3), np.zeros(3)), delta=0.1, rng=rng())

    def test_holds_and_the_binomial_one_does_not(self) -> None:
        generator, runs = rng(300), 500
        broken = plain = 0
        for _ in range(runs):
            blocks = grouped(300, generator)
            broken += bound_clustered(blocks, delta=0.1, rng=generator, draws=500).lower > 0.7
            plain += bool(lower_bound(blocks.tp.sum(), blocks.accepted.sum(), 0.1) > 0.7)
        assert binomtest(broken, runs, 0.1, alternative="greater").pvalue > 1e-3
        assert binomtest(plain, runs, 0.1, alternative="greater").pvalue < 1e-3


def draw_groups(groups: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows and positives, (groups, levels, bins): about 60 rows a group, whose precision is 0.3 on average anywhere."""
    rows = generator.poisson(10, (groups, 2, 3))
    rate = generator.beta(3, 7, groups)[:, None, None]
    return rows, generator.binomial(rows, rate)


def test_certificate_holds_with_groups_and_the_plain_one_does_not() -> None:
    """Every certificate above 0.3 is wrong. The design effect comes from the widest rule of the tuning half."""
    generator, runs, effective, plain = rng(7), 400, 0, 0
    for _ in range(runs):
        (rows_a, tp_a), (rows_b, tp_b) = (draw_groups(150, generator) for _ in range(2))
        a, b = (make_cuts(rows.sum(axis=0), tp.sum(axis=0)) for rows, tp in ((rows_a, tp_a), (rows_b, tp_b)))
        effect = blocks_of(rows_a.sum(axis=(1, 2)), tp_a.sum(axis=(1, 2))).design_effect
        tests = BinomialTest(effect), BinomialTest()
        found = [certify(trace_mist(a), b, target=0.3, delta=0.1, test=test) for test in tests]
        effective += isinstance(found[0], Certificate)
        plain += isinstance(found[1], Certificate)
    assert binomtest(effective, runs, 0.1, alternative="greater").pvalue > 1e-3
    assert binomtest(plain, runs, 0.1, alternative="greater").pvalue < 1e-3


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["std", "evidence"])
def test_blocks_are_those_of_the_rows(engine: DuckEngine, make_holdout: MakeHoldout, weighted: bool, kind: str) -> None:
    """Each half's rule on its rows, by pandas; rows above the last typed edge are in no level."""
    generator, n = rng(9), 4_000
    frame = pd.DataFrame(
        {
            "score": generator.random(n).round(2),
            "uncertainty": generator.integers(1, 60, n).astype(float),
            "label": generator.integers(0, 2, n),
            "user": generator.integers(0, 300, n).astype(str),
        }
    )
    if weighted:
        frame["weight"] = generator.choice([1.0, 2.5], n)
    holdout = make_holdout(frame, kind=kind, group="user")
    split, levels = Split("group", 3), Binning("edges", 2, (0.0, 20.0, 50.0))
    halves = finish(count_halves(holdout, engine, levels=levels, bins=10, split=split))
    cuts = (4, 6)
    found = finish(count_blocks(holdout, engine, halves.tuned, cuts, split=split))
    by_level = Rule(halves.tuned, cuts).thresholds
    low, high = by_level[::-1] if kind == "evidence" else by_level
    frame["part"] = parts_of_groups(pa.array(frame["user"]), name="user")
    weight = frame["weight"] if weighted else pd.Series(1.0, index=frame.index)
    threshold = np.where(frame["uncertainty"] < 20, low, high)
    accepted = (frame["score"] >= threshold) & (frame["uncertainty"] <= 50)
    w = weight.where(accepted, 0.0)
    for one, half in zip(found, (halves.tuned, halves.confirm), strict=True):
        inside = one.accepted > 0
        expected = w.groupby(frame["part"]).sum().reindex(range(PARTS), fill_value=0.0).to_numpy()
        assert one.accepted[inside] == pytest.approx(expected[inside])
        assert one.accepted.sum() == pytest.approx(Rule(half, cuts).counts.accepted * half.unit)
        assert one.tp.sum() == pytest.approx(Rule(half, cuts).counts.tp * half.unit)
    assert sum(one.squares for one in found) == pytest.approx((w**2).sum())
    assert sum(one.squares_positives for one in found) == pytest.approx((w**2 * frame["label"]).sum())
    assert not np.any((found[0].accepted > 0) & (found[1].accepted > 0)), "no part stands on both sides"
