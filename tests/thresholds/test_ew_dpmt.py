"""The equal-weight dynamic program, and the tie trap."""

from itertools import product

import numpy as np
import pytest

from core.errors import InputError
from core.thresholds.ew_dpmt import trace_ew_dpmt
from core.thresholds.exact import solve_exact
from core.thresholds.mist import trace_mist
from core.thresholds.objective import Objective
from tests.thresholds.brute import counts_of, cuts_of, world


def test_by_hand() -> None:
    """Bins of 4 rows: level 1 has 3, 1, 0 positives, level 2 has 1, 4, 0.

    One bin: 3. Two: max(3 + 1, 1 + 4) = 5, both of level 2. Three: 3 + 5 = 8. Four: 4 + 5 = 9.
    """
    frontier = trace_ew_dpmt(cuts_of([[4, 4, 4], [4, 4, 4]], [[3, 1, 0], [1, 4, 0]]))
    assert frontier.tp.tolist() == [0, 3, 5, 8, 9, 9, 9]
    assert frontier.accepted.tolist() == [0, 4, 8, 12, 16, 20, 24]
    assert frontier.cuts[:5].tolist() == [[0, 0], [1, 0], [0, 2], [1, 2], [2, 2]]


@pytest.mark.parametrize("seed", range(40))
def test_best_for_every_number_of_bins(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 4)), int(rng.integers(1, 6)))
    cuts = cuts_of(np.full(shape, 5), rng.integers(0, 6, shape))
    best = np.zeros(shape[0] * shape[1] + 1, dtype=int)
    for rule in product(range(shape[1] + 1), repeat=shape[0]):
        best[sum(rule)] = max(best[sum(rule)], counts_of(cuts, rule)[1])
    assert trace_ew_dpmt(cuts).tp.tolist() == best.tolist()


@pytest.mark.parametrize("seed", range(40))
def test_is_exact_on_equal_bins(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cuts = cuts_of(np.full((4, 30), 7), rng.binomial(7, rng.beta(1, 2, (4, 30))))
    frontier = trace_ew_dpmt(cuts)
    for target in (0.4, 0.5, 0.6):
        objective = Objective("precision", target)
        if frontier.feasible(objective).any():
            best = frontier.best(objective)
            exact = solve_exact(cuts, objective)
            assert (frontier.tp[best], frontier.accepted[best]) == (exact.tp, exact.accepted)


def test_quantiles_that_do_not_divide_are_equal_enough() -> None:
    assert trace_ew_dpmt(cuts_of([[3, 2, 3], [2, 3, 3]], [[2, 0, 1], [1, 0, 0]])).accepted[-1] == 16


def test_regroups_fine_bins_within_each_level() -> None:
    """Score quantiles of all levels together are unequal within a level; the counts stay the real ones."""
    cuts = world(np.random.default_rng(0), levels=3, bins=1000, rows=100_000)
    frontier, mist = trace_ew_dpmt(cuts), trace_mist(cuts)
    objective = Objective("precision", 0.4)
    best = frontier.best(objective)
    assert 30 < len(frontier.tp) < 3001
    assert counts_of(cuts, frontier.cuts[best]) == (frontier.accepted[best], frontier.tp[best])
    assert frontier.accepted[-1] == cuts.rows
    assert frontier.tp[best] > 0.9 * mist.tp[mist.best(objective)]


def test_tie_trap_is_refused() -> None:
    """A score that counts something has a few heavy values: assuming equal bins would promise a false precision."""
    rng = np.random.default_rng(1)
    rows, bins, levels = 100_000, 100, 5
    score = rng.poisson(3, rows)  # some ten distinct values
    label = rng.random(rows) < np.clip(score / 12, 0, 1)
    level = rng.integers(0, levels, rows)
    at = bins - 1 - np.minimum(score, bins - 1)
    counted = [np.bincount((level * bins + at)[of], minlength=levels * bins) for of in (label >= 0, label)]
    cuts = cuts_of(*(of.reshape(levels, bins) for of in counted))
    with pytest.raises(InputError, match="cannot be grouped into equal") as caught:
        trace_ew_dpmt(cuts)
    assert "exact" in caught.value.fix
    assert "mist" in caught.value.fix
    exact = solve_exact(cuts, Objective("precision", 0.5))
    taken = sum(int((label & (level == i) & (at < exact.cuts[i])).sum()) for i in range(levels))
    rows_taken = sum(int(((level == i) & (at < exact.cuts[i])).sum()) for i in range(levels))
    assert taken / rows_taken >= 0.5


def test_one_row_too_many_is_refused() -> None:
    with pytest.raises(InputError, match="from 2 to 4 rows"):
        trace_ew_dpmt(cuts_of([[4, 2, 3]], [[2, 1, 0]]))
