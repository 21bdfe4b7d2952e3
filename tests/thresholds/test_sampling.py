"""Questions go into the sample, answers come back to the population."""

import numpy as np
import pytest

from core.errors import InputError
from core.rng import make_generator
from core.thresholds.certificate import Certificate
from core.thresholds.evidence import tune_all, tune_and_prove
from core.thresholds.halves import Halves, Split
from core.thresholds.objective import Objective
from core.thresholds.sampling import ALL_ROWS, Sampling
from tests.thresholds.population import posterior_network

THIRD = Sampling(1.0, 0.3)


@pytest.mark.parametrize(
    ("sampling", "asked", "expected"),
    [
        # odds 0.3/0.7 = 3/7, times 1/0.3: 10/7, so 10/17 = 0.5882352…, rounded up
        (THIRD, Objective("precision", 0.3), Objective("precision", 0.588236)),
        (THIRD, Objective("precision", 1.0), Objective("precision", 1.0)),
        (THIRD, Objective("recall", 0.3), Objective("recall", 0.3)),
        # a kept false positive stands for 1/0.3 of them
        (THIRD, Objective("cost", 0.6), Objective("cost", 2.0)),
        (Sampling(0.5, 0.5), Objective("precision", 0.3), Objective("precision", 0.3)),
        (ALL_ROWS, Objective("capacity", 10), Objective("capacity", 10)),
    ],
)
def test_questions_by_hand(sampling: Sampling, asked: Objective, expected: Objective) -> None:
    found = sampling.in_sample(asked)
    assert (found.kind, found.target) == (expected.kind, pytest.approx(expected.target))


@pytest.mark.parametrize("target", [0.01, 0.3, 0.5, 0.999])
@pytest.mark.parametrize("sampling", [THIRD, Sampling(0.2, 1.0)])
def test_there_and_back_is_never_less(sampling: Sampling, target: float) -> None:
    asked = sampling.in_sample(Objective("precision", target))
    assert target <= sampling.in_population(asked.target) + 1e-12 <= target + 1e-4


@pytest.mark.parametrize("shares", [(0.0, 1.0), (1.0, -0.1), (1.0, 1.1), (float("nan"), 1.0)])
def test_shares_that_cannot_be(shares: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="share of kept"):
        Sampling(*shares)


def test_a_capacity_is_not_known() -> None:
    with pytest.raises(InputError, match="sampled by class"):
        THIRD.in_sample(Objective("capacity", 100))


def test_precisions_told_are_those_of_the_population() -> None:
    """With many rows, the tuned precision of the sample carried back is the rule's true one."""
    world = posterior_network(3)
    cuts = world.draw(4_000_000, np.random.default_rng(0), keep=(0.3, 1.0))
    found = tune_all(cuts, Objective("precision", 0.3), method="mist", sampling=THIRD)
    told = found.to_json()
    truth = world.precision(found.tuning.cuts)
    assert told["tuned"]["precision_lo"] - 0.01 < truth < told["tuned"]["precision_hi"] + 0.01
    assert found.tuning.counts.precision > truth + 0.2
    assert told["sampling"] == {"keep_positives": 1.0, "keep_negatives": 0.3}


def test_a_certificate_holds_the_population_s_target() -> None:
    world, rng = posterior_network(3), np.random.default_rng(1)
    wrong = refused = 0
    for _ in range(100):
        halves = Halves(*(world.draw(50_000, rng, keep=(0.3, 1.0)) for _ in range(2)))
        found = tune_and_prove(
            halves, Objective("precision", 0.3), method="mist", split=Split(), delta=0.1, rng=make_generator(0),
            sampling=THIRD,
        )  # fmt: skip
        assert found.proof is not None
        if not isinstance(found.proof.outcome, Certificate):
            refused += 1
            continue
        assert found.to_json()["confirmed"]["precision_lower"] >= 0.3
        wrong += world.precision(found.proof.outcome.cuts) <= 0.3
    assert wrong <= 10 + 3 * 3
    assert refused < 50
