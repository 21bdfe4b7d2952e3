"""Grouped rows: the design effect, a bootstrap of groups, and a certificate that holds where the plain one fails."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from core.arrays import IntArray
from core.engine.duck import DuckEngine
from core.errors import InputError
from core.holdout.positivity import Binning
from core.ingest.parts import parts_of_groups
from core.ingest.schema import PARTS
from core.jobs import finish
from core.thresholds.binomial import lower_bound
from core.thresholds.certificate import Certificate
from core.thresholds.certify import Trial
from core.thresholds.clustered import Blocks, bound_clustered, measure_groups
from core.thresholds.halves import Split, count_halves, find_sides
from core.thresholds.mist import trace_mist
from core.thresholds.precision import BinomialTest
from core.thresholds.prove import spread_rules
from core.thresholds.rule import Rule
from tests.conftest import MakeHoldout
from tests.thresholds.population import make_cuts, most_recall


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def blocks_of(accepted: ArrayLike, tp: ArrayLike) -> Blocks:
    """Of one rule, (parts,), or of several, (rules, parts)."""
    accepted, tp = (np.atleast_2d(np.asarray(one, dtype=np.float64)) for one in (accepted, tp))
    return Blocks(accepted, tp, accepted, tp)


def grouped(groups: int, generator: np.random.Generator) -> Blocks:
    """Ten rows a group or so; the precision of a group is Beta(3.5, 1.5), 0.7 on average."""
    accepted = generator.poisson(10, groups)
    return blocks_of(accepted, generator.binomial(accepted, generator.beta(3.5, 1.5, groups)))


class TestDesignEffect:
    def test_by_hand(self) -> None:
        """Two groups of 10 all right, two all wrong: p = .5, e = ±5, 4/3 · 100/(40 · .25) = 13.33."""
        effects = blocks_of([[10, 10, 10, 10, 0], [1, 1, 0, 0, 0]], [[10, 10, 0, 0, 0], [1, 0, 0, 0, 0]]).design_effects
        assert effects == pytest.approx([40 / 3, 2])

    def test_by_hand_with_weights(self) -> None:
        """Two rows of weight 2 each alone, right and wrong: e = ±1, Σw²(y - p)² = 2 · 4 · 1/4, so 2 · 2/2."""
        sums = (np.array([one]) for one in ([2.0, 2.0], [2.0, 0.0], [4.0, 4.0], [4.0, 0.0]))
        assert Blocks(*sums).design_effects == pytest.approx([2.0])

    def test_of_one_row_a_group_is_one(self) -> None:
        effects = blocks_of(np.ones(1_000), np.arange(1_000) < 700).design_effects
        assert effects == pytest.approx([1_000 / 999])

    @pytest.mark.parametrize(
        ("accepted", "tp", "effect"),
        [
            ([5], [2], 5),
            ([5, 3], [0, 0], 34 / 8),
            ([5, 3], [5, 3], 34 / 8),
            ([1, 1, 1], [1, 1, 1], 1),
            ([0, 0], [0, 0], 1),
        ],
    )
    def test_is_that_of_wholly_alike_rows_where_it_cannot_be_told(
        self, accepted: list[int], tp: list[int], effect: float
    ) -> None:
        assert blocks_of(accepted, tp).design_effects == pytest.approx([effect])

    def test_effective_groups_by_hand(self) -> None:
        """(10 + 10 + 20)² / (100 + 100 + 400) = 1600 / 600."""
        found = blocks_of([[10, 10, 20], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]).effective_groups
        assert found == pytest.approx([8 / 3, 0])


class TestBootstrap:
    def test_of_one_row_a_group_is_close_to_the_exact_bound(self) -> None:
        bound = bound_clustered(blocks_of(np.ones(1_000), np.arange(1_000) < 700), delta=0.1, rng=rng())
        assert (bound.blocks, bound.precision) == (1_000, 0.7)
        assert bound.lower == pytest.approx(float(lower_bound(700, 1_000, 0.1)), abs=0.003)

    def test_order_of_groups_does_not_matter(self) -> None:
        blocks, order = grouped(300, rng()), rng(1).permutation(300)
        turned = blocks_of(blocks.accepted[:, order], blocks.tp[:, order])
        assert bound_clustered(blocks, delta=0.1, rng=rng()) == bound_clustered(turned, delta=0.1, rng=rng())

    def test_equals_the_slow_version(self) -> None:
        blocks, at = grouped(300, rng()), rng(1).integers(0, 300, (20_000, 300))
        slow = np.quantile(blocks.tp[0, at].sum(axis=1) / blocks.accepted[0, at].sum(axis=1), 0.1)
        fast = bound_clustered(blocks, delta=0.1, rng=rng(), draws=20_000).lower
        assert fast == pytest.approx(slow, abs=0.001)

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


Drawn = tuple[IntArray, IntArray]  # rows and positives, (groups, levels, bins), lowest score first


def draw_alike(generator: np.random.Generator) -> Drawn:
    """150 groups of about 60 rows, whose precision is 0.3 on average anywhere."""
    rows = generator.poisson(10, (150, 2, 3))
    rate = generator.beta(3, 7, 150)[:, None, None]
    return rows, generator.binomial(rows, rate)


def draw_hot(generator: np.random.Generator) -> Drawn:
    """1,000 groups of 20 rows; the highest scores are those of 40 groups, each all right (3 in 10) or all wrong."""
    rows = np.zeros((1_000, 1, 8), dtype=np.int64)
    rows[40:, 0, :4] = generator.multinomial(20, [0.25] * 4, 960)
    rows[:40, 0, 4:] = generator.multinomial(20, [0.25] * 4, 40)
    tp = generator.binomial(rows, 0.3)
    tp[:40] = rows[:40] * (generator.random(40) < 0.3)[:, None, None]
    return rows, tp


def draw_zipf(generator: np.random.Generator) -> Drawn:
    """300 groups, a few of them giants, whose precision is 0.3 on average anywhere."""
    size = np.minimum(10 * (1 - generator.random(300)) ** (-1 / 1.1), 20_000)
    rows = generator.poisson(np.repeat(size[:, None] / 4, 4, axis=1))[:, None, :]
    return rows, generator.binomial(rows, generator.beta(3, 7, 300)[:, None, None])


def blocks_of_rules(drawn: Drawn, rules: IntArray) -> Blocks:
    """What rules accept of each group."""
    levels = np.arange(rules.shape[1])
    above = (np.append(np.zeros((*one.shape[:2], 1)), np.cumsum(one[..., ::-1], axis=2), axis=2) for one in drawn)
    return blocks_of(*(one[:, levels, rules].sum(axis=2).T for one in above))


def is_certified(halves: tuple[Drawn, Drawn], generator: np.random.Generator, *, delta: float) -> tuple[bool, bool]:
    """By effective counts and a bootstrap of groups, as a proof does; and by independent rows."""
    a, b = (make_cuts(rows.sum(axis=0), tp.sum(axis=0)) for rows, tp in halves)
    frontier = trace_mist(a)
    plain = Trial.of(frontier, b, delta=delta, scope="overall", test=BinomialTest())
    rules = spread_rules(plain, most_recall(frontier, 0.3), target=0.3)
    effect = max(blocks_of_rules(half, rules).design_effects.max() for half in halves)
    found = replace(plain, test=BinomialTest(effect)).certify(0.3)
    passed = isinstance(found, Certificate)
    if passed:
        blocks = blocks_of_rules(halves[1], np.array([found.cuts]))
        passed = bound_clustered(blocks, delta=delta, rng=generator, draws=400).lower > 0.3
    return passed, isinstance(plain.certify(0.3), Certificate)


@pytest.mark.parametrize("delta", [0.1, 0.01])
@pytest.mark.parametrize("draw", [draw_alike, draw_hot, draw_zipf])
def test_certificate_holds_with_groups_and_the_plain_one_does_not(
    draw: Callable[[np.random.Generator], Drawn], delta: float
) -> None:
    """Every certificate above 0.3 is wrong."""
    generator, runs = rng(7), 300
    found = [is_certified((draw(generator), draw(generator)), generator, delta=delta) for _ in range(runs)]
    grouped, plain = np.sum(found, axis=0)
    assert binomtest(grouped, runs, delta, alternative="greater").pvalue > 1e-3
    assert binomtest(plain, runs, delta, alternative="greater").pvalue < 1e-3


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["std", "evidence"])
def test_measured_groups_are_those_of_the_rows(
    engine: DuckEngine, make_holdout: MakeHoldout, weighted: bool, kind: str
) -> None:
    """Rules on the rows of each half, by pandas; rows above the last typed edge are in no level."""
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
    rules = np.array([[4, 6], [0, 3], [10, 10], [0, 0]])
    measured = {
        scope: finish(measure_groups(holdout, engine, halves.tuned, rules, scope=scope, split=split))
        for scope in ("overall", "each level")
    }
    groups, found = measured["overall"]
    frame["part"] = parts_of_groups(pa.array(frame["user"]), name="user")
    weight = frame["weight"] if weighted else pd.Series(1.0, index=frame.index)
    sides, side = finish(find_sides(holdout, engine, split, ()))
    inside = (np.arange(PARTS) >= sides.edges[side]) & (np.arange(PARTS) < sides.edges[side + 1])
    effects, effective = [], []
    for i, rule in enumerate(rules):
        by_level = Rule(halves.tuned, tuple(rule)).thresholds
        low, high = by_level[::-1] if kind == "evidence" else by_level
        threshold = np.where(frame["uncertainty"] < 20, low, high)
        w = weight.where((frame["score"] >= threshold) & (frame["uncertainty"] <= 50), 0.0)
        sums = pd.DataFrame({"w": w, "wy": w * frame["label"], "w2": w**2, "w2y": w**2 * frame["label"]})
        by_part = sums.groupby(frame["part"]).sum().reindex(range(PARTS), fill_value=0.0).to_numpy().T
        confirmed = found.accepted[i] > 0
        whole = Blocks(*(column[None] for column in by_part))
        for name, column in zip(Blocks.__slots__, by_part, strict=True):
            assert getattr(found, name)[i, confirmed] == pytest.approx(column[confirmed])
        assert found.accepted[i].sum() == pytest.approx(
            Rule(halves.confirm, tuple(rule)).counts.accepted * halves.confirm.unit
        )
        tuned = Blocks(*(np.where(inside, getattr(whole, name), 0.0) for name in Blocks.__slots__))
        for half in (tuned, Blocks(*(getattr(found, name)[[i]] for name in Blocks.__slots__))):
            effects.append(half.design_effects[0])
            effective += [half.effective_groups[0]] if i == 0 else []
    assert groups.design_effect == pytest.approx(max(effects))
    assert groups.effective == pytest.approx(min(effective))
    assert measured["each level"][0].design_effect >= groups.design_effect
