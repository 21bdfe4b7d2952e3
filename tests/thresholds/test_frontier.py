"""The lookup of the best rule: ties, and what is said where there is none."""

import numpy as np
import pytest

from core.errors import InfeasibleTarget, InputError
from core.thresholds.frontier import Frontier
from core.thresholds.objective import Objective
from tests.thresholds.brute import cuts_of

CUTS = cuts_of([[2, 1, 2, 3]], [[1, 0, 1, 0]])
ALL = Frontier.of_cuts("all", CUTS, np.arange(5)[:, None])


def test_ties_go_to_fewer_rows() -> None:
    """Cuts 3 and 4 both find 2, in 5 and in 8 rows."""
    assert ALL.best(Objective("precision", 0.1)) == 3
    assert ALL.best(Objective("capacity", 8)) == 3


def test_ties_in_precision_go_to_more_positives() -> None:
    """1/2 and 2/4: same precision, and the second finds all."""
    cuts = cuts_of([[2, 2, 1]], [[1, 1, 0]])
    frontier = Frontier.of_cuts("all", cuts, np.arange(4)[:, None])
    assert frontier.best(Objective("recall", 0.5)) == 2


def test_says_what_can_be_reached() -> None:
    with pytest.raises(InfeasibleTarget, match=r"precision of 0\.6; the best is 0\.5"):
        ALL.best(Objective("precision", 0.6))
    with pytest.raises(InfeasibleTarget, match="accepts more than 1 rows; the fewest are 2"):
        Frontier.of_cuts("some", CUTS, np.arange(1, 5)[:, None]).best(Objective("capacity", 1))


@pytest.mark.parametrize("target", [0, 1000.5, float("nan")])
def test_a_cost_that_would_overflow_is_refused(target: float) -> None:
    with pytest.raises(InputError, match="cost target"):
        Objective("cost", target)


def test_the_greatest_cost_is_counted_exactly() -> None:
    """A false positive costs 1000: only a cut without negatives would do, so none is accepted; no overflow at 2^31."""
    cuts = cuts_of([[2**31 - 1]], [[1]])
    assert Frontier.of_cuts("all", cuts, np.arange(2)[:, None]).best(Objective("cost", 1000)) == 0
