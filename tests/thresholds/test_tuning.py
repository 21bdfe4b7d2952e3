"""One door to all methods: the best rule, its goal, and how far any rule could get."""

from fractions import Fraction
from typing import get_args

import numpy as np
import pytest

from core.errors import InfeasibleTarget, InputError
from core.thresholds.objective import Objective
from core.thresholds.tuning import Method, tune
from tests.thresholds.population import make_cuts, posterior_network

HALF = Objective("precision", 0.3)


@pytest.fixture(scope="module")
def cuts():
    return posterior_network(3).draw(50_000, np.random.default_rng(0))


@pytest.mark.parametrize("method", [m for m in get_args(Method) if m != "ew_dpmt"])
def test_every_method_meets_the_target_and_stays_below_the_bound(cuts, method) -> None:
    found = tune(cuts, HALF, method=method)
    assert found.counts.precision >= 0.3
    assert found.goal == found.counts.tp <= found.upper
    assert found.goal <= tune(cuts, HALF, method="exact").goal


def test_exact_is_proven_and_joins_the_frontier_of_mist(cuts) -> None:
    exact, mist = (tune(cuts, HALF, method=method) for method in ("exact", "mist"))
    assert exact.optimal
    assert exact.rule == len(exact.frontier.tp) - 1 == len(mist.frontier.tp)
    assert exact.upper <= mist.upper


@pytest.mark.parametrize(
    ("objective", "goal"),
    [
        # Bins from the top: 2/2, 1/2, 0/2 and 1/2, 0/2, 0/2 positives in rows.
        (Objective("precision", 0.75), Fraction(3)),  # 3 of 4 in level 1
        (Objective("recall", 0.5), Fraction(1)),  # 2 of 2
        (Objective("capacity", 5), Fraction(3)),
        (Objective("cost", 0.5), Fraction(5, 2)),  # 3 - ½·1, or 4 - ½·2 = 3: both levels
    ],
)
def test_goals_by_hand(objective, goal) -> None:
    cuts = make_cuts([[2, 2, 2], [2, 2, 2]], [[0, 1, 2], [0, 0, 1]])
    found = tune(cuts, objective, method="exact")
    assert found.optimal
    assert found.goal == (Fraction(3) if objective.kind == "cost" else goal)


def test_pinned_levels_stay(cuts) -> None:
    found = tune(cuts, HALF, method="exact", pinned={1: 5})
    assert found.cuts[1] == 5
    assert found.goal <= tune(cuts, HALF, method="exact").goal


def test_what_cannot_be_tuned(cuts) -> None:
    with pytest.raises(InputError, match="no method"):
        tune(cuts, HALF, method="best")
    with pytest.raises(InputError, match="pinned"):
        tune(cuts, HALF, method="greedy", pinned={0: 1})
    with pytest.raises(InfeasibleTarget) as caught:
        tune(make_cuts([[2, 2]], [[1, 1]]), Objective("precision", 0.9), method="exact")
    assert caught.value.best == 0.5
