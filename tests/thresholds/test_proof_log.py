"""What was asked of a confirmation half: each rule once, at the error that is left, and nothing forgotten."""

import ast
import json
from pathlib import Path

import pytest

from core.engine.protocol import Rows
from core.errors import InputError
from core.holdout.data import ColumnRoles, Holdout
from core.rng import make_generator
from core.thresholds.certificate import Counts
from core.thresholds.evidence import Evidence, tune_all, tune_and_prove
from core.thresholds.halves import Split
from core.thresholds.objective import Objective
from core.thresholds.policy_file import read_policy, write_policy
from core.thresholds.proof_log import ProofLog, build_bundle
from core.thresholds.rule import Rule
from tests.thresholds.population import draw_halves

DELTA, TARGET = 0.1, 0.35
OBJECTIVE = Objective("precision", TARGET)


@pytest.fixture(scope="module")
def first() -> Evidence:
    halves = draw_halves(60_000, seed=5)
    return tune_and_prove(halves, OBJECTIVE, method="exact", split=Split(), delta=DELTA / 2, rng=make_generator(0))


@pytest.fixture(scope="module")
def holdout() -> Holdout:
    roles = ColumnRoles("score", ("evidence",), "evidence", "label")
    return Holdout("a" * 64, "mine.csv", roles, Rows(Path("rows"), 120_000, {}, weighted=False), 12_000, (), ())


def test_it_opens_only_with_a_proof_at_half_of_delta(first: Evidence) -> None:
    log = ProofLog.open(first, delta=DELTA)
    assert (log.objective, log.method, log.looks) == (OBJECTIVE, "exact", ())
    assert log.counter.candidates == first.proof.outcome.candidates
    with pytest.raises(InputError, match="half of delta"):
        ProofLog.open(first, delta=2 * DELTA)
    with pytest.raises(InputError, match="half of delta"):
        ProofLog.open(tune_all(first.tuning.frontier.of, OBJECTIVE, method="exact"), delta=DELTA)


def test_each_rule_is_one_look_and_the_same_question_is_not_asked_twice(first: Evidence) -> None:
    log = ProofLog.open(first, delta=DELTA)
    cuts = first.cuts
    once = log.test(cuts, target=0.2, origin="by hand")
    assert once.test(cuts, target=0.2, origin="again") is once
    twice = once.test((0, 0, 0), target=0.2, origin="by hand").test(cuts, target=0.3, origin="target 0.3")
    assert (once.counter.looks, twice.counter.looks) == (1, 3)
    assert log.looks == ()
    frame = twice.frame()
    assert frame["look"].tolist() == [1, 2, 3]
    assert frame["target"].tolist() == [0.2, 0.2, 0.3]
    assert frame["thresholds"].tolist()[1] == "none · none · none"
    assert not frame["certified"].iloc[1]
    counts = Counts.of_rule(first.proof.confirm, cuts)
    assert (frame["accepted"].iloc[0], frame["tp"].iloc[0]) == (counts.accepted, counts.tp)


def test_every_look_is_tested_at_the_level_of_all_rules(first: Evidence) -> None:
    log = ProofLog.open(first, delta=DELTA).test(first.cuts, target=0.2, origin="by hand")
    bins = first.proof.confirm.bins
    assert log.looks[0].verdict.level == DELTA / 4 / (bins + 1) ** 3


def test_a_certified_look_becomes_a_confirmed_policy_and_a_failed_one_none(first: Evidence, holdout: Holdout) -> None:
    log = ProofLog.open(first, delta=DELTA).test(first.cuts, target=0.1, origin="by hand")
    log = log.test(first.cuts, target=0.9, origin="by hand")
    passed, failed = log.looks
    assert (passed.verdict.certified, failed.verdict.certified) == (True, False)
    policy = log.policy_of(passed, holdout)
    assert (policy.method, policy.objective.target, policy.confirmed.delta) == ("by-hand", 0.1, DELTA)
    assert sum(level.accepted for level in policy.confirmed.counts) == passed.verdict.confirmed.accepted
    assert read_policy(write_policy(policy)) == policy
    with pytest.raises(InputError, match="not certified"):
        log.policy_of(failed, holdout)


def test_the_bundle_is_plain_json_with_the_policy_the_proof_and_every_look(first: Evidence, holdout: Holdout) -> None:
    log = ProofLog.open(first, delta=DELTA, opened=2).test((0, 0, 0), target=0.2, origin="by hand")
    policy = first.policy(holdout)
    bundle = build_bundle(policy, first, log, counted={"bins": 100})
    read = json.loads(json.dumps(bundle, allow_nan=False))
    assert read_policy(json.dumps(read["policy"])).hash == read["policy_hash"] == policy.hash
    assert read["confirmation"]["opened"] == 2
    assert (read["confirmation"]["delta"], read["confirmation"]["delta_automatic"]) == (DELTA, DELTA / 2)
    assert read["confirmation"]["looks"][0]["precision"] is None  # it accepts none
    assert read["evidence"]["tuned"]["n"] == first.tuning.frontier.of.rows
    assert build_bundle(policy, first, None, counted={})["confirmation"] is None


def test_thresholds_in_the_table_are_those_of_the_rule(first: Evidence) -> None:
    frame = ProofLog.open(first, delta=DELTA).test(first.cuts, target=0.2, origin="x").frame()
    expected = " · ".join(f"{one:.4g}" for one in Rule(first.proof.confirm, first.cuts).thresholds)
    assert frame["thresholds"].iloc[0] == expected.replace("inf", "none")


def test_ledger_and_look_are_names_of_sign_off_alone() -> None:
    folder = Path(__file__).resolve().parents[2] / "core" / "thresholds"
    bodies = [ast.parse(path.read_text(encoding="utf-8")).body for path in folder.glob("*.py")]
    names = {node.name for body in bodies for node in body if isinstance(node, ast.ClassDef)}
    assert {"ProofLog", "FurtherLook"} <= names
    assert not {"Ledger", "Look"} & names
