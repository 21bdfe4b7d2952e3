"""Eight properties that any optimiser of thresholds has, and one that it is often believed to have."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.errors import InfeasibleTarget
from core.thresholds.data import Cuts
from core.thresholds.exact import solve_exact
from core.thresholds.objective import Objective
from core.thresholds.single import trace_single
from tests.thresholds.brute import best_of_all, cuts_of

QUICK = settings(max_examples=150, deadline=None, derandomize=True, database=None)
TARGETS = st.integers(1, 20).map(lambda step: step / 20)
Counts = tuple[list[list[int]], list[list[int]]]


@st.composite
def cubes(draw: st.DrawFn) -> Counts:
    """Positives and negatives of up to 3 levels and 4 bins, up to 6 each, with both labels."""
    levels, bins = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    table = st.lists(st.lists(st.integers(0, 6), min_size=bins, max_size=bins), min_size=levels, max_size=levels)
    positives, negatives = draw(table), draw(table)
    assume(sum(map(sum, positives)) > 0 and sum(map(sum, negatives)) > 0)
    return positives, negatives


def cut(positives: object, negatives: object) -> Cuts:
    return cuts_of(np.asarray(positives) + np.asarray(negatives), np.asarray(positives))


def best(cuts: Cuts, target: float) -> tuple[int, int]:
    """(TP, -FP) of the optimum; (0, 0) where no rule meets the target."""
    try:
        found = solve_exact(cuts, Objective("precision", target))
    except InfeasibleTarget:
        return 0, 0
    return found.tp, found.tp - found.accepted


@QUICK
@given(cubes(), TARGETS)
def test_1_every_rule_tried(counts: Counts, target: float) -> None:
    want = best_of_all(cut(*counts), Objective("precision", target))
    assert best(cut(*counts), target)[0] == (want[0] if want else 0)


@QUICK
@given(cubes(), TARGETS, TARGETS)
def test_2_recall_does_not_rise_with_the_target(counts: Counts, one: float, other: float) -> None:
    assert best(cut(*counts), min(one, other))[0] >= best(cut(*counts), max(one, other))[0]


@QUICK
@given(cubes(), TARGETS)
def test_3_per_level_is_never_worse_than_one_threshold(counts: Counts, target: float) -> None:
    single, objective = trace_single(cut(*counts)), Objective("precision", target)
    if single.feasible(objective).any():
        assert best(cut(*counts), target)[0] >= single.tp[single.best(objective)]


@QUICK
@given(cubes(), TARGETS, st.integers(2, 1000))
def test_4_duplicated_rows_scale(counts: Counts, target: float, times: int) -> None:
    positives, negatives = (np.array(of) * times for of in counts)
    assert best(cut(positives, negatives), target) == tuple(times * x for x in best(cut(*counts), target))


@QUICK
@given(cubes(), TARGETS, st.randoms(use_true_random=False))
def test_5_the_order_of_levels_is_nothing(counts: Counts, target: float, random: object) -> None:
    order = list(range(len(counts[0])))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert best(cut(*([of[i] for i in order] for of in counts)), target) == best(cut(*counts), target)


@QUICK
@given(cubes(), TARGETS)
def test_6_merging_all_levels_cannot_help(counts: Counts, target: float) -> None:
    merged = cut(*(np.sum(of, axis=0, keepdims=True) for of in counts))
    assert best(merged, target) <= best(cut(*counts), target)


@QUICK
@given(cubes(), TARGETS)
def test_7_merging_the_two_lowest_bins_cannot_help(counts: Counts, target: float) -> None:
    assume(len(counts[0][0]) > 1)
    merged = cut(*(np.add.reduceat(of, range(len(of[0]) - 1), axis=1) for of in counts))
    assert best(merged, target) <= best(cut(*counts), target)


@QUICK
@given(cubes(), TARGETS, st.data())
def test_8_one_more_negative_cannot_help(counts: Counts, target: float, data: st.DataObject) -> None:
    positives, negatives = (np.array(of) for of in counts)
    at = data.draw(st.integers(0, negatives.size - 1))
    before = best(cut(positives, negatives), target)
    negatives.flat[at] += 1
    assert best(cut(positives, negatives), target) <= before


def test_false_that_thresholds_only_rise_with_the_target() -> None:
    """Level 1 has 1/1 and 2/6, level 2 has 1/1 and 1/3.

    At 1/2 level 1 whole and the top of level 2, 3/7 + 1/1 = 4/8, is the one best rule. At 3/5 it is the top of level 1
    and level 2 whole, 1/1 + 2/4 = 3/5: the threshold of level 2 has fallen.
    """
    cuts = cut([[1, 2], [1, 1]], [[0, 4], [0, 2]])
    assert solve_exact(cuts, Objective("precision", 0.5)).cuts == (2, 1)
    assert solve_exact(cuts, Objective("precision", 0.6)).cuts == (1, 2)
