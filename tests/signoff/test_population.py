"""Counts of a population by hand, and a stability index that does not cry wolf."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike
from scipy.stats import binom, binomtest, kstest

from core.engine.duck import DuckEngine
from core.errors import InputError
from core.jobs import finish
from core.signoff.population import Population, Shift, count_population, measure_shift, rows_of_policy
from core.thresholds.policy import Columns
from tests.conftest import MakeHoldout
from tests.thresholds.policies import bare_policy

EDGES = np.array([0.0, 0.5, 1.0])


def population(
    rows: ArrayLike, *, effective: float | None = None, outside: int = 0, weight: ArrayLike | None = None
) -> Population:
    """Counts of (levels, bins)."""
    counts = np.atleast_2d(np.asarray(rows, dtype=np.int64))
    levels, bins = counts.shape
    return Population(
        np.arange(levels + 1.0),
        np.linspace(0, 1, bins + 1),
        counts,
        np.zeros_like(counts),
        None if weight is None else np.atleast_2d(np.asarray(weight, dtype=np.float64)),
        outside,
        float(outside),
        float(counts.sum()) if effective is None else effective,
    )


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def frame(n: int, seed: int, **columns: ArrayLike) -> pd.DataFrame:
    generator = rng(seed)
    score = np.round(generator.random(n), 3)
    made = {"score": score, "uncertainty": generator.random(n), "label": (generator.random(n) < score).astype(int)}
    return pd.DataFrame(made | columns)


def policy(**changes: object) -> object:
    return bare_policy([0.0, 0.25, 0.75], [0.5, 0.75], columns=Columns("score", ("uncertainty",), "std"), **changes)


class TestOutside:
    @pytest.mark.parametrize("looks", [1, 10, 200])
    @pytest.mark.parametrize("rows", [50, 500, 2_000])
    def test_errs_at_most_at_its_level(self, rows: int, looks: int) -> None:
        """None of 20,000 signed rows outside, one in a hundred now: not more than is told, exactly summed."""
        level = 0.01 * 6 / (np.pi * looks) ** 2
        signed, outside = population([[20_000]]), np.arange(rows + 1)
        left = [
            Shift(signed, population([[rows - int(k)]], outside=int(k)), 0.0, 0.0, 0.0, 1.0, level).left
            for k in outside
        ]
        assert binom.pmf(outside[left], rows, 0.01).sum() <= level
        assert any(left)


class TestCounts:
    def test_by_hand(self, engine: DuckEngine, make_holdout: MakeHoldout) -> None:
        rows = pd.DataFrame(
            {
                "score": [0.1, 0.4, 0.6, 1.0, 0.2, 0.9],
                "uncertainty": [0.1, 0.25, 0.75, 0.2, 0.8, 0.9],
                "label": [0, 1, 1, 1, 0, 1],
            }
        )
        found = finish(count_population(policy(), make_holdout(rows), engine, score_edges=EDGES))
        assert found.rows.tolist() == [[1, 1], [1, 1]]
        assert found.positives.tolist() == [[0, 1], [1, 1]]
        assert (found.outside, found.outside_weight, found.weight, found.effective_rows) == (2, 2, None, 4)
        assert (found.outside_share, found.all_effective_rows) == (pytest.approx(1 / 3), pytest.approx(6))

    def test_a_positive_that_counts_for_three(self, engine: DuckEngine, make_holdout: MakeHoldout) -> None:
        """As where it is there three times, in a group of its own where it is."""
        rows = frame(400, 11)
        rows["uncertainty"] *= 0.8
        thrice = pd.concat([rows, *[rows[rows["label"] == 1]] * 2], ignore_index=True)
        found = finish(count_population(policy(), make_holdout(rows), engine, score_edges=EDGES, worth=3.0))
        other = finish(count_population(policy(), make_holdout(thrice), engine, score_edges=EDGES))
        assert found.mass.tolist() == other.mass.tolist()
        assert found.outside_weight == other.outside_weight > found.outside
        users = make_holdout(rows.assign(user=np.arange(400)), group="user")
        of_groups = finish(count_population(policy(), users, engine, score_edges=EDGES, worth=3.0))
        assert of_groups.effective_rows == pytest.approx(found.effective_rows, rel=0.05)
        assert found.effective_rows < found.rows.sum()

    def test_twenty_bins_of_as_many_rows(self, engine: DuckEngine, make_holdout: MakeHoldout) -> None:
        found = finish(count_population(policy(), make_holdout(frame(5_000, 1)), engine))
        assert found.rows.shape == (2, 20)
        assert (found.score_edges[0], found.score_edges[-1]) == (0, 1)
        assert found.rows.sum(axis=0) == pytest.approx(np.full(20, found.rows.sum() / 20), rel=0.15)

    def test_comes_back_from_json(self, engine: DuckEngine, make_holdout: MakeHoldout) -> None:
        rows = frame(300, 2, weight=rng(3).choice([1.0, 2.5], 300))
        found = finish(count_population(policy(), make_holdout(rows), engine))
        again = Population.from_json(json.loads(json.dumps(found.to_json())))
        assert again.to_json() == found.to_json()
        assert found.weight.sum() + found.outside_weight == pytest.approx(rows["weight"].sum())
        assert found.effective_rows < 300 > found.rows.sum()

    def test_of_the_filter_of_the_policy(self, engine: DuckEngine, make_holdout: MakeHoldout) -> None:
        rows = frame(400, 4, device=rng(5).choice(["web", "ios"], 400))
        wanted = policy(only=(("device", ("ios", "tv")),))
        found = finish(count_population(wanted, make_holdout(rows), engine, score_edges=EDGES))
        kept = rows[rows["device"] == "ios"].drop(columns="device")
        alone = finish(count_population(policy(), make_holdout(kept), engine, score_edges=EDGES))
        assert found.to_json() == alone.to_json()

    def test_of_rows_that_all_lie_outside(self, engine: DuckEngine, make_holdout: MakeHoldout) -> None:
        rows = frame(50, 6)
        rows["uncertainty"] += 5
        found = finish(count_population(policy(), make_holdout(rows), engine, score_edges=EDGES))
        assert (found.rows.sum(), found.outside, found.outside_share, found.all_effective_rows) == (0, 50, 1, 50)

    def test_groups_of_alike_rows_tell_as_much_as_one_row_each(
        self, engine: DuckEngine, make_holdout: MakeHoldout
    ) -> None:
        """500 users with five identical rows; two groups that share a part hardly matter."""
        rows = frame(500, 7)
        rows["uncertainty"] *= 0.75
        rows["user"] = np.arange(500)
        five = pd.concat([rows] * 5, ignore_index=True)
        alone = finish(count_population(policy(), make_holdout(five.drop(columns="user")), engine, score_edges=EDGES))
        found = finish(count_population(policy(), make_holdout(five, group="user"), engine, score_edges=EDGES))
        assert alone.effective_rows == pytest.approx(2_500)
        assert found.effective_rows == pytest.approx(500, rel=0.03)

    def test_two_groups_in_a_cell_each_tell_as_much_as_one_row(
        self, engine: DuckEngine, make_holdout: MakeHoldout
    ) -> None:
        """e = ±5 in both cells: (4 · 25 / 0.5) / 20² · 2/1 = 1, and (2 cells - 1) / 1 = 1."""
        score = np.repeat([0.25, 0.75], 10)
        rows = pd.DataFrame({"score": score, "uncertainty": 0.1, "label": 1, "user": score})
        found = finish(count_population(policy(), make_holdout(rows, group="user"), engine, score_edges=EDGES))
        assert found.effective_rows == pytest.approx(1)

    def test_weights_that_all_are_two_tell_nothing_new(self, engine: DuckEngine, make_holdout: MakeHoldout) -> None:
        rows = frame(500, 8, weight=np.full(500, 2.0))
        found = finish(count_population(policy(), make_holdout(rows), engine, score_edges=EDGES))
        assert found.effective_rows == pytest.approx(found.rows.sum())

    def test_refuses(self, make_holdout: MakeHoldout) -> None:
        with pytest.raises(InputError, match="kind std; this holdout has variance"):
            rows_of_policy(policy(), make_holdout(frame(50, 9), kind="variance"))
        with pytest.raises(InputError, match="not a mapped segment"):
            rows_of_policy(policy(only=(("device", ("web",)),)), make_holdout(frame(50, 9)))
        with pytest.raises(InputError, match="this holdout has none"):
            rows_of_policy(policy(only=(("d", ("tv",)),)), make_holdout(frame(50, 9, d=["a"] * 50)))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"rows": [[1, 2]]}, "for each cell, as rows"),
            ({"rows": [[1, 2.5], [1, 1]]}, "whole numbers as rows"),
            ({"positives": [[9, 9], [9, 9]]}, "counts of rows"),
            ({"level_edges": [1, 0, 2]}, "edges that increase"),
            ({"score_edges": ["a", "b", "c"]}, "numbers as score_edges"),
            ({"outside": -1}, "as outside"),
            ({"effective_rows": float("nan")}, "finite numbers as effective_rows"),
            ({"more": 1}, "parts"),
        ],
    )
    def test_refuses_damage(self, change: dict[str, object], message: str) -> None:
        with pytest.raises(InputError, match=message):
            Population.from_json(population([[1, 2], [3, 4]]).to_json() | change)


class TestShift:
    def test_by_hand(self) -> None:
        """Shares 3.5/11, 7.5/11 against 7.5/11, 3.5/11: twice (4/11)·ln(7.5/3.5)."""
        found = measure_shift(population([[3, 7]]), population([[7, 3]]), level=0.05, rng=rng())
        assert found.index == pytest.approx(2 * 4 / 11 * np.log(7.5 / 3.5))
        lines = found.frame()
        assert lines["contribution"].sum() == pytest.approx(found.index)
        assert lines["signed_share"].tolist() == [0.3, 0.7]
        assert not found.moved

    def test_cells_that_both_lack_do_not_count(self) -> None:
        one = measure_shift(population([[30, 70]]), population([[70, 30]]), level=0.05, rng=rng())
        more = measure_shift(population([[30, 70, 0]]), population([[70, 30, 0]]), level=0.05, rng=rng())
        assert (more.index, more.expected) == (one.index, one.expected)

    def test_of_the_same_counts_is_nothing(self) -> None:
        found = measure_shift(population([[30, 70]]), population([[30, 70]]), level=0.05, rng=rng())
        assert (found.index, found.moved, found.left) == (0, False, False)
        assert found.p_value > 0.9

    def test_of_one_cell_and_of_none(self) -> None:
        one = measure_shift(population([[30]]), population([[70]]), level=0.05, rng=rng())
        assert (one.index, one.p_value, one.moved) == (0, 1, False)
        none = measure_shift(population([[30, 1]]), population([[0, 0]], outside=9), level=0.05, rng=rng())
        assert np.isnan(none.index)
        assert (none.moved, none.left) == (False, True)
        assert none.to_json()["index"] is None
        nothing = measure_shift(population([[30, 1]]), population([[0, 0]]), level=0.05, rng=rng())
        assert nothing.outside_difference[1:] == (-1, 1)

    def test_finds_a_real_shift_and_its_cell(self) -> None:
        signed, now = np.full((5, 20), 100), np.full((5, 20), 20)
        now[3, 7] = 400
        found = measure_shift(population(signed), population(now), level=1e-4, rng=rng())
        assert found.moved
        assert (found.largest().iloc[0]["level"], found.largest().iloc[0]["score_lo"]) == (4, pytest.approx(0.35))
        assert json.loads(json.dumps(found.to_json(), allow_nan=False))["cells"][0]["level"] == 4

    def test_a_shift_too_small_to_matter_is_no_alarm(self) -> None:
        found = measure_shift(population([[500_000, 500_000]]), population([[520_000, 480_000]]), level=0.05, rng=rng())
        assert found.p_value < 1e-6
        assert not found.moved

    def test_rows_beyond_what_can_be_dealt(self) -> None:
        found = measure_shift(population([[10**9, 10**9]]), population([[10**9, 3 * 10**9]]), level=0.05, rng=rng())
        assert found.moved
        assert found.expected < 1e-6

    @pytest.mark.parametrize(("then", "now"), [(200, 60), (60, 60), (5_000, 100)])
    def test_chance_is_about_right_where_rows_are_few(self, then: int, now: int) -> None:
        """40 uneven cells. The mean that is told is the mean; p is even; the usual alarms go off all the time."""
        generator, runs = rng(then + now), 200
        shares = generator.dirichlet(np.full(40, 0.7))
        found = [
            measure_shift(
                population(generator.multinomial(then, shares).reshape(2, 20)),
                population(generator.multinomial(now, shares).reshape(2, 20)),
                level=0.05,
                rng=generator,
            )
            for _ in range(runs)
        ]
        index, expected = np.array([(one.index, one.expected) for one in found]).T
        assert abs(index.mean() - expected.mean()) < 4 * index.std() / np.sqrt(runs)
        assert kstest([one.p_value for one in found], "uniform").pvalue > 1e-3
        alarms = sum(one.moved for one in found)
        assert binomtest(alarms, runs, 0.05, alternative="greater").pvalue > 1e-3
        assert np.mean([one.index > one.usual for one in found]) < 0.12
        assert np.mean(index > 0.1) > 0.9  # the rule of thumb
        closed_form = 39 * (1 / then + 1 / now)
        assert abs(index.mean() - closed_form) > 4 * index.std() / np.sqrt(runs)

    def test_a_year_of_weekly_looks_raises_few_alarms(self) -> None:
        """Level alpha·6/(π²k²) at look k. At 5 % a week, most years would see an alarm."""
        generator, years = rng(12), 40
        shares = generator.dirichlet(np.full(10, 1.0))
        spent = naive = 0
        for _ in range(years):
            signed, p = population(generator.multinomial(300, shares)), []
            for k in range(1, 27):
                now = population(generator.multinomial(40, shares))
                p.append(measure_shift(signed, now, level=0.05 * 6 / (np.pi * k) ** 2, rng=generator))
            spent += any(one.moved for one in p)
            naive += any(one.p_value < 0.05 for one in p)
        assert binomtest(spent, years, 0.05, alternative="greater").pvalue > 1e-3
        assert binomtest(naive, years, 0.05, alternative="greater").pvalue < 1e-3

    def test_groups_do_not_cry_wolf(self) -> None:
        """Five alike rows a group: at the effective number of rows p is even, at that of rows it is not."""
        generator, runs, shares = rng(13), 150, np.full(8, 1 / 8)
        told, naive = [], []
        for _ in range(runs):
            sides = [5 * generator.multinomial(size, shares) for size in (400, 120)]
            halves = [population(side, effective=side.sum() / 5) for side in sides]
            told.append(measure_shift(*halves, level=0.05, rng=generator).p_value)
            naive.append(measure_shift(*map(population, sides), level=0.05, rng=generator).p_value)
        assert kstest(told, "uniform").pvalue > 1e-3
        assert np.mean(np.array(naive) < 0.05) > 0.5

    def test_weights_count(self) -> None:
        """Rows moved, weight did not."""
        signed, now = population([[50, 50]]), population([[80, 20]], weight=[[50.0, 50.0]], effective=60)
        assert measure_shift(signed, now, level=0.05, rng=rng()).index == pytest.approx(0)

    def test_outside_by_hand(self) -> None:
        signed, now = population([[90, 0]], outside=10), population([[60, 0]], outside=40)
        found = measure_shift(signed, now, level=0.025, rng=rng())
        difference, lo, hi = found.outside_difference
        assert difference == pytest.approx(0.3)
        then, today = (binomtest(k, 100).proportion_ci(1 - 0.025, method="exact") for k in (10, 40))
        assert (lo, hi) == pytest.approx((today.low - then.high, today.high - then.low))
        assert found.left
        few = measure_shift(population([[9]], outside=1), population([[3]], outside=2), level=0.025, rng=rng())
        assert not few.left
        none = measure_shift(replace(signed, outside=0, outside_weight=0.0), signed, level=0.025, rng=rng())
        assert none.outside_interval[0] < 0.1 < none.outside_interval[1]

    def test_refuses(self) -> None:
        with pytest.raises(InputError, match="different cells"):
            measure_shift(population([[1, 2]]), population([[1, 2, 3]]), level=0.05, rng=rng())
        with pytest.raises(InputError, match="level must be between"):
            measure_shift(population([[1, 2]]), population([[1, 2]]), level=0.0, rng=rng())
