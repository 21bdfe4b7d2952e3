"""A rule with its proof, as JSON and as a policy."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.engine.duck import DuckEngine
from core.errors import InputError
from core.holdout.closed_form import BetaWorld
from core.holdout.positivity import Binning
from core.holdout.simulate import simulate_beta_world
from core.jobs import finish
from core.rng import make_generator
from core.thresholds.apply import count_cuts as recount
from core.thresholds.apply import count_stored, total
from core.thresholds.certificate import Certificate, Refusal
from core.thresholds.evidence import Evidence, tune_all, tune_and_prove
from core.thresholds.halves import Halves, Split, count_cuts, count_halves
from core.thresholds.objective import Objective
from tests.conftest import MakeHoldout
from tests.thresholds.population import draw_halves, make_cuts, posterior_network

THREE = Binning("equal_weight", 3)


def simulate(rows: int, *, seed: int) -> pd.DataFrame:
    frame = simulate_beta_world(rows, world=BetaWorld(tau=3.0), rng=np.random.default_rng(seed))
    return frame.rename(columns={"evidence": "uncertainty"})[["score", "uncertainty", "label"]]


def prove(target: float, *, rows: int = 50_000, seed: int = 0, method: Any = "mist") -> Evidence:
    halves, objective = draw_halves(rows, seed=seed), Objective("precision", target)
    return tune_and_prove(halves, objective, method=method, split=Split(), delta=0.1, rng=make_generator(0))


def test_certified() -> None:
    found = prove(0.3)
    assert found.proof is not None
    assert isinstance(found.proof.outcome, Certificate)
    assert found.cuts == found.proof.outcome.cuts
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert set(document) == {"method", "tuned", "bound", "test", "confirmed", "baseline", "gain"}
    assert document["confirmed"]["precision_lower"] >= 0.3
    assert document["confirmed"]["n"] == 50_000
    assert document["bound"]["gap"] == pytest.approx(document["bound"]["recall_upper"] - document["tuned"]["recall"])
    gain = document["gain"]
    assert gain["recall_ratio"] is None or gain["lo"] <= gain["recall_ratio"] <= gain["hi"]
    assert gain["difference_lo"] <= gain["recall_difference"] <= gain["difference_hi"]


def test_refused() -> None:
    found = prove(0.3, rows=400)
    assert found.proof is not None
    assert isinstance(found.proof.outcome, Refusal)
    assert found.cuts is None
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert "confirmed" not in document
    assert set(document["refused"]) == {"reason", "best_certifiable_precision", "more_accepted_rows_needed"}


def test_only_a_precision_is_certified() -> None:
    halves = Halves(*(posterior_network(3).draw(2_000, np.random.default_rng(s)) for s in (0, 1)))
    with pytest.raises(InputError, match="Only a precision"):
        tune_and_prove(halves, Objective("recall", 0.1), method="mist", split=Split(), delta=0.1, rng=make_generator(0))


@pytest.mark.parametrize(
    ("objective", "name"),
    [
        (Objective("precision", 0.3), "recall_upper"),
        (Objective("capacity", 500), "recall_upper"),
        (Objective("recall", 0.1), "precision_upper"),
        (Objective("cost", 1.0), "saved_upper"),
    ],
)
def test_without_a_proof_the_optimum_has_no_gap(objective: Objective, name: str) -> None:
    cuts = posterior_network(3).draw(20_000, np.random.default_rng(2))
    document = tune_all(cuts, objective, method="exact").to_json()
    assert document["bound"]["optimal"]
    assert document["bound"]["gap"] == 0
    assert name in document["bound"]
    assert document["gain"] is None


def test_no_single_threshold_is_no_baseline() -> None:
    """Level 1: 2/2 above 0/2; level 2: 0/9 above 1/2. One threshold gives 2/11 at best."""
    cuts = make_cuts([[2, 2], [2, 9]], [[0, 2], [1, 0]])
    assert tune_all(cuts, Objective("precision", 0.9), method="mist").to_json()["baseline"] is None


@pytest.mark.parametrize("kind", ["std", "evidence"])
def test_the_policy_does_to_the_rows_what_it_says(engine: DuckEngine, make_holdout: MakeHoldout, kind: str) -> None:
    frame = simulate(20_000, seed=3)
    holdout = make_holdout(frame, kind=kind)
    cuts = finish(count_cuts(holdout, engine, levels=THREE, bins=100))
    found = tune_all(cuts, Objective("precision", 0.25), method="exact")
    policy = found.policy(holdout)
    stored = finish(count_stored(policy, holdout.rows, engine=engine))
    assert stored == policy.tuned == recount(policy, cuts)
    assert total(stored).true_positives == found.tuning.counts.tp
    assert total(stored).accepted == found.tuning.counts.accepted
    decided = policy.decide(frame["score"], frame["uncertainty"])
    assert (decided.sum(), frame["label"][decided].sum()) == (total(stored).accepted, total(stored).true_positives)


def test_the_policy_of_a_proof_holds_both_halves(engine: DuckEngine, make_holdout: MakeHoldout) -> None:
    frame = simulate(40_000, seed=4)
    holdout = make_holdout(frame, kind="evidence")
    split = Split(seed=5)
    halves = finish(count_halves(holdout, engine, levels=THREE, bins=100, split=split))
    objective = Objective("precision", 0.2)
    found = tune_and_prove(halves, objective, method="mist", split=split, delta=0.1, rng=make_generator(0))
    policy = found.policy(holdout)
    assert policy.confirmed is not None
    assert (policy.seed, policy.confirmed.delta, policy.confirmed.split) == (5, 0.1, "random")
    whole = total(finish(count_stored(policy, holdout.rows, engine=engine)))
    assert whole == total(policy.tuned) + total(policy.confirmed.counts)


def test_a_refused_proof_gives_no_policy(make_holdout: MakeHoldout, world: Any) -> None:
    with pytest.raises(InputError, match="No rule was certified"):
        prove(0.3, rows=400).policy(make_holdout(world))
