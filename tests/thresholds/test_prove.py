"""Which test a holdout's rows call for, and what becomes of a certificate that resampled groups contradict."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.engine.duck import DuckEngine
from core.errors import InputError
from core.holdout.data import Holdout
from core.holdout.positivity import Binning
from core.jobs import finish
from core.rng import make_generator
from core.thresholds.certificate import Certificate, Refusal
from core.thresholds.clustered import ClusteredBound, Groups
from core.thresholds.evidence import Evidence, find_cautions
from core.thresholds.halves import Split, count_halves
from core.thresholds.objective import Objective
from core.thresholds.precision import BernsteinTest, BinomialTest
from core.thresholds.proof_log import ProofLog
from core.thresholds.prove import apply_groups, choose_test, prove
from tests.conftest import MakeHoldout

LEVELS = Binning("equal_weight", 2)


def make_rows(groups: int, size: int, *, seed: int = 0) -> pd.DataFrame:
    """Positivity is the score; every row of a group is the same."""
    rng = np.random.default_rng(seed)
    score = rng.random(groups).round(3)
    frame = pd.DataFrame(
        {
            "score": score,
            "uncertainty": rng.random(groups),
            "label": (rng.random(groups) < score).astype(int),
            "user": np.arange(groups),
        }
    )
    return pd.concat([frame] * size, ignore_index=True)


def prove_rows(engine: DuckEngine, holdout: Holdout, *, seed: int = 1, **options: Any) -> Evidence:
    split = Split("group" if holdout.roles.group else "random", seed)
    halves = finish(count_halves(holdout, engine, levels=LEVELS, bins=50, split=split))
    usual = {"method": "mist", "split": split, "delta": 0.1, "rng": make_generator(0)}
    return finish(prove(holdout, engine, halves, Objective("precision", 0.6), **(usual | options)))


def test_rows_without_groups_are_tested_exactly(engine: DuckEngine, make_holdout: MakeHoldout) -> None:
    proof = prove_rows(engine, make_holdout(make_rows(2_000, 1).drop(columns="user"))).proof
    assert (proof.test, proof.groups) == (BinomialTest(), None)


def test_rows_that_repeat_five_times_tell_a_fifth(engine: DuckEngine, make_holdout: MakeHoldout) -> None:
    evidence = prove_rows(engine, make_holdout(make_rows(2_000, 5), group="user"))
    proof = evidence.proof
    assert isinstance(proof.outcome, Certificate)
    assert proof.test.design_effect == pytest.approx(5, rel=0.05)
    assert proof.groups.effective == pytest.approx(proof.outcome.tuned.accepted / 5, rel=0.6)
    assert 0.6 < proof.groups.bound.lower < proof.outcome.confirmed.precision
    assert evidence.policy(make_holdout(make_rows(2_000, 5), group="user")).confirmed.design_effect > 4.5


def test_two_groups_prove_nothing(engine: DuckEngine, make_holdout: MakeHoldout) -> None:
    """Each half holds one group at most: all that it tells is one row."""
    rows = make_rows(2_000, 1).assign(user=lambda frame: np.where(frame.index % 2, 0, 6))  # parts 3,622 and 32,364
    found = prove_rows(engine, make_holdout(rows, group="user"), seed=11)  # the tuning half starts at part 2,192
    assert isinstance(found.proof.outcome, Refusal)
    assert found.proof.groups.few


def test_a_certificate_that_groups_contradict_is_taken_back(engine: DuckEngine, make_holdout: MakeHoldout) -> None:
    holdout = make_holdout(make_rows(2_000, 5), group="user")
    evidence = prove_rows(engine, holdout)
    groups = Groups(5.0, 400.0, ClusteredBound(300, 0.7, 0.58, 0.1))
    found = apply_groups(evidence, groups)
    refusal = found.proof.outcome
    assert isinstance(refusal, Refusal)
    assert refusal.taken_back
    assert "whole groups resampled put the precision above 0.58 only" in refusal.reason
    assert (refusal.confirmed, refusal.tuned) == (evidence.proof.outcome.confirmed, evidence.proof.outcome.tuned)
    assert found.proof.gain is None
    with pytest.raises(InputError, match="No rule was certified"):
        found.policy(holdout)
    kept = apply_groups(evidence, Groups(5.0, 400.0, ClusteredBound(300, 0.7, 0.61, 0.1)))
    assert kept.proof.outcome == evidence.proof.outcome


def test_few_groups_are_told_and_get_no_further_test(engine: DuckEngine, make_holdout: MakeHoldout) -> None:
    holdout = make_holdout(make_rows(2_000, 5), group="user")
    evidence = apply_groups(prove_rows(engine, holdout, delta=0.05), Groups(5.0, 49.0))
    assert any("fewer than 50" in caution for caution in find_cautions(evidence, holdout))
    log = ProofLog.open(evidence, delta=0.1)
    with pytest.raises(InputError, match="too few groups"):
        log.test((1, 1), target=0.6, origin="by hand")


def test_weights_call_for_a_bound_under_weights(engine: DuckEngine, make_holdout: MakeHoldout) -> None:
    frame = make_rows(6_000, 1).drop(columns="user")
    frame["weight"] = np.where(frame["label"] == 1, 1.0, 2.0)
    holdout = make_holdout(frame)
    halves = finish(count_halves(holdout, engine, levels=LEVELS, bins=50, split=Split()))
    assert choose_test(halves.tuned, holdout, largest_weight=None) == BernsteinTest(2.0)
    assert choose_test(halves.tuned, holdout, largest_weight=8.0) == BernsteinTest(8.0)
    for bad in (1.9, 0.0, float("nan")):
        with pytest.raises(InputError, match="a row of the file weighs 2"):
            choose_test(halves.tuned, holdout, largest_weight=bad)
    seen, known = (prove_rows(engine, holdout, largest_weight=largest) for largest in (None, 8.0))
    assert any("largest weight, 2," in caution for caution in find_cautions(seen, holdout))
    assert find_cautions(known, holdout) == []


def test_a_look_keeps_the_scope_of_the_first_test(engine: DuckEngine, make_holdout: MakeHoldout) -> None:
    """Overall a rule that is loose on one level passes; asked of each level it does not."""
    rng = np.random.default_rng(3)
    n = 60_000
    frame = pd.DataFrame({"score": rng.random(n).round(3), "uncertainty": rng.random(n)})
    frame["label"] = (rng.random(n) < frame["score"] * np.where(frame["uncertainty"] < 0.5, 1.0, 0.8)).astype(int)
    holdout = make_holdout(frame)
    for scope, passes in (("overall", True), ("each level", False)):
        evidence = prove_rows(engine, holdout, scope=scope, delta=0.05)
        bins = evidence.proof.confirm.bins
        loose = (3 * bins // 10, 6 * bins // 10)  # precision 0.85 and 0.8 · 0.7 = 0.56: together 0.66
        log = ProofLog.open(evidence, delta=0.1).test(loose, target=0.6, origin="by hand")
        look = log.looks[0]
        assert look.verdict.certified == passes
        if passes:
            assert log.policy_of(look, holdout).confirmed.scope == scope
