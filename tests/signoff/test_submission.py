"""What a submission holds, what it binds, and how many people it needs."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.engine.duck import DuckEngine
from core.errors import InputError
from core.holdout.data import Holdout
from core.holdout.positivity import Binning
from core.jobs import finish
from core.settings import Settings
from core.signoff.active import Active, find_latest
from core.signoff.comparison import UNKNOWN, Comparison, Estimate, Side
from core.signoff.earlier import find_earlier
from core.signoff.ledger import Ledger
from core.signoff.population import Population
from core.signoff.submission import (
    NOT_CONFIRMED,
    Draft,
    check_payload,
    check_rationale,
    count_needed,
    describe_counts,
    find_revision,
    find_versions,
    hash_evidence,
    prepare_draft,
    state_guarantee,
)
from core.signoff.workflow import activate, approve, find_standing, reject, submit
from core.thresholds.evidence import make_policy as policy_of
from core.thresholds.evidence import tune_all
from core.thresholds.halves import Split, count_cuts, count_halves
from core.thresholds.objective import Objective
from core.thresholds.policy import Confirmation, LevelCounts, Policy
from core.thresholds.policy_file import read_policy, write_policy
from core.thresholds.proof_log import build_bundle
from core.thresholds.prove import prove
from core.thresholds.sampling import Sampling
from tests.conftest import MakeHoldout, make_settings
from tests.signoff.acting import ANN, BOB, Clock, open_ledger, seen, signing
from tests.signoff.newer import draw_rows
from tests.thresholds.policies import make_policy

ROOT = Path(__file__).resolve().parents[2]
DAY = date(2026, 12, 31)


@dataclass
class Tuned:
    """A policy with its evidence, and the rows it was tuned on."""

    policy: Policy
    evidence: dict[str, Any]
    holdout: Holdout


def tune(holdout: Holdout, engine: DuckEngine, target: float) -> Tuned:
    cuts = finish(count_cuts(holdout, engine, levels=Binning("equal_weight", 3), bins=50))
    evidence = tune_all(cuts, Objective("precision", target), method="exact")
    policy = policy_of(evidence, evidence.cuts, holdout)
    bundle = build_bundle(policy, evidence, None, counted={"digest": holdout.digest, "bins": 50})
    return Tuned(policy, bundle, holdout)


def change(of: Tuned, **changes: Any) -> Tuned:
    """The same with another policy, that says something else, and evidence of it."""
    policy = replace(of.policy, **changes)
    evidence = of.evidence | {"policy": json.loads(write_policy(policy)), "policy_hash": policy.hash}
    return Tuned(policy, evidence, of.holdout)


def prove_on(holdout: Holdout, engine: DuckEngine, split: Split, **more: Any) -> Tuned:
    """A policy that was proven on these rows."""
    levels = more.pop("levels", Binning("equal_weight", 2))
    halves = finish(count_halves(holdout, engine, levels=levels, bins=50, split=split))
    objective, rng = Objective("precision", more.pop("target", 0.75)), np.random.default_rng(0)
    chosen = {"method": "exact", "delta": 0.1, **more}
    evidence = finish(prove(holdout, engine, halves, objective, split=split, rng=rng, **chosen))
    policy = evidence.policy(holdout)
    return Tuned(policy, build_bundle(policy, evidence, None, counted={}), holdout)


@pytest.fixture(scope="module")
def holdout(world: pd.DataFrame, make_holdout: MakeHoldout) -> Holdout:
    return make_holdout(world[["score", "uncertainty", "label"]], name="<b>rows</b>.csv")


@pytest.fixture(scope="module")
def tuned(holdout: Holdout, engine: DuckEngine) -> Tuned:
    return tune(holdout, engine, 0.5)


@pytest.fixture(scope="module")
def proven(make_holdout: MakeHoldout, engine: DuckEngine) -> Tuned:
    return prove_on(make_holdout(draw_rows(6_000, 1)), engine, Split(seed=3))


@pytest.fixture
def bare(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(tmp_path, Clock())


def latest(ledger: Ledger) -> Active | None:
    with ledger.stream("clicks") as stream:
        return find_latest(stream)


def draft(
    tuned: Tuned,
    engine: DuckEngine,
    settings: Settings,
    active: Active | None = None,
    earlier: Sequence[Mapping[str, Any]] = (),
) -> Draft:
    job = prepare_draft(
        tuned.policy, tuned.evidence, tuned.holdout, engine, active=active, earlier=earlier, settings=settings
    )
    return finish(job)


class TestPrepare:
    def test_a_first_submission(self, tuned: Tuned, engine: DuckEngine, bare: Settings, ledger: Ledger) -> None:
        made = draft(tuned, engine, bare).complete(rationale=" More recall. ", review_by=DAY)
        record = submit(signing(ledger, ANN), made)
        with ledger.stream("clicks") as stream:
            kept = find_standing(stream, 1).submission.payload
        assert read_policy(json.dumps(kept["policy"])) == tuned.policy
        assert kept["evidence"]["policy_hash"] == kept["policy"]["hash"] == tuned.policy.hash
        assert hash_evidence(tuned.evidence) == kept["evidence_hash"] == hash_evidence(kept["evidence"])
        check_payload(kept)
        data = kept["data"]
        assert (data["digest"], data["name"], data["rows"]) == (tuned.holdout.digest, "brows/b.csv", 3_000)
        assert data["positives"] == tuned.holdout.positives
        assert (kept["base"], kept["comparison"], kept["not_compared"]) == (None, None, "No version is active yet.")
        assert (kept["rationale"], kept["review_by"], kept["needs"]) == ("More recall.", "2026-12-31", 1)
        assert kept["guarantee"] == NOT_CONFIRMED
        assert kept["confirmed"] is None
        assert kept["tuned"]["total"]["accepted"] == sum(level.accepted for level in tuned.policy.tuned)
        assert kept["baseline"] == json.loads(json.dumps(tuned.evidence["evidence"]["baseline"]))
        assert kept["parameters"]["bins"] == 50
        assert kept["versions"]["git"] == find_revision(ROOT)
        population = Population.from_json(kept["cube"])
        assert population.rows.sum() + population.outside == 3_000
        assert record.payload == kept

    def test_a_change_is_compared_and_a_large_one_needs_two(
        self, tuned: Tuned, engine: DuckEngine, bare: Settings, ledger: Ledger
    ) -> None:
        made = draft(tuned, engine, bare).complete(rationale="First.", review_by=DAY)
        submit(signing(ledger, ANN), made)
        approve(signing(ledger, BOB), 1, seen=seen(ledger))
        activate(signing(ledger, ANN), 1)
        same = draft(tuned, engine, bare, latest(ledger))
        assert same.payload["needs"] == 1
        assert same.payload["base"] == latest(ledger).activation.hash
        assert (
            same.payload["needs_why"] == "The accepted volume changes by +0.0%, less than 10%: the quorum of 1 holds."
        )
        bold = tune(tuned.holdout, engine, 0.35)
        change = draft(bold, engine, bare, latest(ledger))
        assert change.comparison.volume.value > 0.1
        assert change.comparison == Comparison.from_json(change.payload["comparison"])
        assert change.payload["needs"] == 2
        assert "10% or more, so at least two people must approve" in change.payload["needs_why"]
        assert change.comparison.present.accepted == made.payload["tuned"]["total"]["accepted"]
        assert change.comparison.proposed.true_positives == change.payload["tuned"]["total"]["tp"]

    def test_what_cannot_be_compared_needs_two(
        self, tuned: Tuned, engine: DuckEngine, bare: Settings, ledger: Ledger
    ) -> None:
        other = draft(tuned, engine, bare).complete(rationale="First.", review_by=DAY)
        submit(signing(ledger, ANN), other)
        approve(signing(ledger, BOB), 1, seen=seen(ledger))
        activate(signing(ledger, ANN), 1)
        renamed = replace(tuned.policy, columns=replace(tuned.policy.columns, score="old_score"))
        before = latest(ledger)
        payload = before.submission.payload | {"policy": renamed.document() | {"hash": renamed.hash}}
        active = replace(before, submission=replace(before.submission, payload=json.loads(json.dumps(payload))))
        made = draft(tuned, engine, bare, active)
        assert (made.comparison, made.payload["comparison"], made.payload["needs"]) == (None, None, 2)
        assert made.payload["not_compared"] == "A policy reads other columns than these rows have."

    def test_what_does_not_belong_together(self, tuned: Tuned, engine: DuckEngine, bare: Settings) -> None:
        with pytest.raises(InputError, match="evidence is that of another policy"):
            draft(replace(tuned, policy=replace(tuned.policy, seed=5)), engine, bare)
        edited = tuned.evidence["policy"] | {"thresholds": [0.1, 0.1, 0.1]}
        with pytest.raises(InputError, match="evidence is that of another policy"):
            draft(replace(tuned, evidence=tuned.evidence | {"policy": edited}), engine, bare)
        with pytest.raises(InputError, match="evidence lacks a part"):
            draft(replace(tuned, evidence=tuned.evidence | {"counted": None}), engine, bare)
        elsewhere = replace(tuned.holdout, digest="0" * 64)
        with pytest.raises(InputError, match="made from other data"):
            draft(replace(tuned, holdout=elsewhere), engine, bare)

    @pytest.mark.parametrize(("more", "good"), [(0, True), (-1, True), (1, False)])
    def test_counts_that_the_rows_do_not_have(
        self, more: int, good: bool, tuned: Tuned, engine: DuckEngine, bare: Settings
    ) -> None:
        level = tuned.policy.tuned[0]
        level = replace(level, rows=level.rows + more)  # rejected negatives
        made = change(tuned, tuned=(level, *tuned.policy.tuned[1:]))
        if good:
            assert draft(made, engine, bare).payload["policy"]["hash"] == made.policy.hash
            return
        with pytest.raises(InputError, match="says other counts of level 1 than the rows have"):
            draft(made, engine, bare)

    def test_numbers_beyond_whole_ones_and_those_json_does_not_carry(
        self, tuned: Tuned, engine: DuckEngine, bare: Settings, ledger: Ledger
    ) -> None:
        edges = (*tuned.policy.level_edges[:-1], 1e17)
        policy = replace(tuned.policy, level_edges=edges)
        document = json.loads(write_policy(policy))
        assert isinstance(document["level_edges"][-1], int)
        evidence = tuned.evidence | {"policy": document, "policy_hash": policy.hash}
        made = draft(Tuned(policy, evidence, tuned.holdout), engine, bare).complete(rationale="Wide.", review_by=DAY)
        submit(signing(ledger, ANN), made)
        approve(signing(ledger, BOB), 1, seen=seen(ledger))
        activate(signing(ledger, ANN), 1)
        assert latest(ledger).policy == policy
        with pytest.raises(InputError, match="evidence cannot be signed"):
            draft(replace(tuned, evidence=tuned.evidence | {"counted": {"x": float("nan")}}), engine, bare)

    @pytest.mark.parametrize(
        "text", ["", " \n\t", "x" * 5_001, "a\x1b[31mb", "a\u202eb", "a\x85b", "a\ud800"], ids=ascii
    )
    def test_no_rationale(self, text: str) -> None:
        with pytest.raises(InputError, match="rationale"):
            Draft({}, None).complete(rationale=text, review_by=DAY)

    def test_a_rationale_may_have_lines(self) -> None:
        assert check_rationale("  One.\r\nTwo:\t\u00e9\u00a0\U0001f469\u200d\U0001f52c ") == (
            "One.\nTwo:\t\u00e9\u00a0\U0001f469\u200d\U0001f52c"
        )
        assert len(check_rationale("x" * 5_000)) == 5_000


class TestProof:
    """The halves are counted, and the certificate is tested, again."""

    @pytest.mark.parametrize("method", ["random", "time", "group"])
    @pytest.mark.parametrize("kind", ["plain", "weights", "by class", "each level"])
    def test_what_was_proven_passes(
        self, method: Any, kind: str, make_holdout: MakeHoldout, engine: DuckEngine, bare: Settings
    ) -> None:
        rows, more = draw_rows(12_000, 2), dict[str, Any]()
        if kind == "weights":
            rows, more = rows.assign(weight=np.arange(len(rows)) % 3 + 0.7), {"target": 0.65}
        elif kind == "by class":
            more = {"sampling": Sampling(0.5, 1.0)}
        elif kind == "each level":
            more = {"scope": "each level", "target": 0.7}
        if method == "time":
            rows = rows.assign(time=1_767_225_600.0 + np.arange(len(rows)) // 7)
        if method == "group":
            rows = rows.assign(user=np.arange(len(rows)) // 3)
        made = prove_on(
            make_holdout(rows, group="user" if method == "group" else None), engine, Split(method, 5), **more
        )
        kept = draft(made, engine, bare).payload
        assert kept["guarantee"].startswith("With confidence 0.9, the precision")
        assert kept["confirmed"]["total"]["rows"] == sum(level.rows for level in made.policy.confirmed.counts)
        check_payload(kept)

    def test_positives_that_are_all_said_to_be_confirmed(
        self, proven: Tuned, engine: DuckEngine, bare: Settings
    ) -> None:
        counts = [one + other for one, other in zip(proven.policy.tuned, proven.policy.confirmed.counts, strict=True)]
        bad = tuple(LevelCounts(n.rows - n.positives, 0, n.accepted - n.true_positives, 0) for n in counts)
        good = tuple(LevelCounts(n.positives, n.positives, n.true_positives, n.true_positives) for n in counts)
        proof = replace(proven.policy.confirmed, counts=good, delta=1e-6)
        forged = change(proven, tuned=bad, confirmed=proof, objective=Objective("precision", 0.99))
        with pytest.raises(InputError, match="says other counts of level 1 than the rows have"):
            draft(forged, engine, bare)
        with pytest.raises(InputError, match="says other counts"):
            draft(change(proven, seed=4), engine, bare)  # other halves

    @pytest.mark.parametrize(
        "said", [{"objective": Objective("precision", 0.99)}, {"sampling": Sampling(1.0, 0.2)}, {"delta": 1e-9},
                 {"design_effect": 500.0}]
    )  # fmt: skip
    def test_counts_that_do_not_show_what_is_said(
        self, said: dict[str, Any], proven: Tuned, engine: DuckEngine, bare: Settings
    ) -> None:
        of_proof = {name: value for name, value in said.items() if name in ("delta", "design_effect")}
        rest = {name: value for name, value in said.items() if name not in of_proof}
        forged = change(proven, **rest, confirmed=replace(proven.policy.confirmed, **of_proof))
        with pytest.raises(InputError, match=r"do not show the target of .*more than the stated"):
            draft(forged, engine, bare)

    def test_what_is_no_precision_is_not_confirmed(self, proven: Tuned, engine: DuckEngine, bare: Settings) -> None:
        forged = change(proven, objective=Objective("recall", 0.75))
        assert state_guarantee(forged.policy, []) == NOT_CONFIRMED
        with pytest.raises(InputError, match="only a precision can be"):
            draft(forged, engine, bare)

    def test_weights(self, make_holdout: MakeHoldout, engine: DuckEngine, bare: Settings) -> None:
        rows = draw_rows(12_000, 2)
        made = prove_on(make_holdout(rows.assign(weight=np.arange(len(rows)) % 3 + 0.7)), engine, Split(), target=0.6)
        proof = made.policy.confirmed
        with pytest.raises(InputError, match="do not show the target"):
            draft(change(made, objective=Objective("precision", 0.9)), engine, bare)
        for largest in (2.6, None):
            with pytest.raises(InputError, match="A row weighs more"):
                draft(change(made, confirmed=replace(proof, largest_weight=largest)), engine, bare)

    def test_the_change_is_counted_on_rows_that_it_was_not_tuned_on(
        self, proven: Tuned, engine: DuckEngine, bare: Settings, ledger: Ledger
    ) -> None:
        submit(signing(ledger, ANN), draft(proven, engine, bare).complete(rationale="First.", review_by=DAY))
        approve(signing(ledger, BOB), 1, seen=seen(ledger))
        activate(signing(ledger, ANN), 1)
        compared = draft(prove_on(proven.holdout, engine, Split(seed=3), target=0.8), engine, bare, latest(ledger))
        found, policy = compared.comparison, read_policy(json.dumps(compared.payload["policy"]))
        assert found.half == "confirmation"
        assert found.proposed.accepted == sum(level.accepted for level in policy.confirmed.counts)
        assert found.proposed.true_positives == sum(level.true_positives for level in policy.confirmed.counts)


class TestEarlier:
    """Other submissions on the same rows are told."""

    def test_by_files_or_else_by_data(self, tuned: Tuned, engine: DuckEngine, bare: Settings, ledger: Ledger) -> None:
        assert find_earlier(ledger, tuned.holdout) == []
        here = replace(tuned.holdout, files=("a" * 64, "b" * 64))
        for name, files in (("clicks", ("b" * 64, "c" * 64)), ("sales", ()), ("views", ("d" * 64,))):
            made = draft(replace(tuned, holdout=replace(tuned.holdout, files=files)), engine, bare)
            submit(signing(ledger, ANN, name), made.complete(rationale="First.", review_by=DAY))
        reject(signing(ledger, BOB, "sales"), 1, rationale="No.")
        told = {"version": 1, "confirmed": False}
        clicks, sales = (
            {"policy": "clicks", "state": "submitted"} | told,
            {"policy": "sales", "state": "rejected"} | told,
        )
        assert find_earlier(ledger, here) == [clicks, sales]
        assert find_earlier(ledger, replace(here, digest="0" * 64)) == [clicks]
        assert draft(tuned, engine, bare, earlier=[sales]).payload["earlier"] == [sales]

    def test_the_guarantee_says_how_often_its_rows_were_asked(self) -> None:
        one = {"policy": "clicks", "version": 1, "state": "rejected", "confirmed": True}
        assert state_guarantee(make_policy(), [one]).endswith(
            "were not tuned on; rows of this data have been used to confirm 1 earlier submission."
        )
        assert "confirm 2 earlier submissions." in state_guarantee(
            make_policy(), [one, one, one | {"confirmed": False}]
        )


class TestEvidence:
    def test_evidence_with_what_json_does_not_carry(self) -> None:
        with pytest.raises(InputError, match="evidence cannot be signed"):
            hash_evidence({"a": float("nan")})


class TestNeeds:
    @staticmethod
    def compared(before: float, after: float) -> Comparison:
        sides = (Side("a" * 64, (0.0, 1.0), (0.5,), accepted, 0.0, UNKNOWN, UNKNOWN) for accepted in (before, after))
        volume = Estimate(after / before - 1 if before else None, None, None)
        return Comparison(60, 20, *sides, UNKNOWN, UNKNOWN, volume, "all", "")

    @pytest.mark.parametrize(
        ("before", "after", "quorum", "needs"),
        [
            (100, 100, 1, 1), (100, 109, 1, 1), (100, 91, 1, 1), (1000, 901, 1, 1), (100, 110, 1, 2), (100, 90, 1, 2),
            (30, 27, 1, 2), (30, 33, 1, 2), (100, 400, 1, 2), (0, 5, 1, 2), (100, 0, 1, 2), (100, 100, 3, 3),
            (100, 400, 3, 3), (0, 5, 3, 3),
        ],
    )  # fmt: skip
    def test_quorum_and_large_changes(
        self, before: float, after: float, quorum: int, needs: int, bare: Settings
    ) -> None:
        chosen = replace(bare, quorum=quorum)
        assert count_needed(self.compared(before, after), first=False, settings=chosen)[0] == needs

    def test_the_first_one_and_one_without_comparison(self, bare: Settings) -> None:
        assert count_needed(None, first=True, settings=bare)[0] == 1
        assert count_needed(None, first=False, settings=bare)[0] == 2
        assert count_needed(None, first=True, settings=replace(bare, quorum=4))[0] == 4

    def test_two_that_accept_nothing_are_no_change(self, bare: Settings) -> None:
        nothing = replace(self.compared(1, 1), volume=Estimate(0.0, None, None))
        nothing = replace(nothing, present=replace(nothing.present, accepted=0.0))
        nothing = replace(nothing, proposed=replace(nothing.proposed, accepted=0.0))
        assert count_needed(nothing, first=False, settings=bare) == (
            1,
            "Both policies accept nothing, so the quorum of 1 holds.",
        )

    def test_where_every_change_is_large(self, bare: Settings) -> None:
        assert count_needed(self.compared(9, 9), first=False, settings=replace(bare, large_change=0.0))[0] == 2


class TestGuarantee:
    def test_without_a_certificate_it_says_so(self) -> None:
        assert state_guarantee(make_policy(confirmed=None), []) == NOT_CONFIRMED
        assert NOT_CONFIRMED.startswith("Not confirmed")

    def test_with_one(self) -> None:
        assert state_guarantee(make_policy(), []) == (
            "With confidence 0.9, the precision of all accepted rows is at least 0.9 on rows drawn as those of the "
            "holdout: shown on 60 rows that the thresholds were not tuned on."
        )

    @pytest.mark.parametrize(("delta", "told"), [(0.1, "0.9"), (1e-6, "0.999999"), (0.00004, "0.99996"), (0.3, "0.7")])
    def test_the_confidence_is_never_rounded_up(self, delta: float, told: str) -> None:
        proof = replace(make_policy().confirmed, delta=delta)
        assert state_guarantee(make_policy(confirmed=proof), []).startswith(f"With confidence {told}, the")

    def test_a_sample_by_class_speaks_of_the_population(self) -> None:
        told = state_guarantee(make_policy(sampling=Sampling(0.2, 1.0)), [])
        assert "0.9 in the population, of which positives were kept at 0.2 and negatives at 1: shown on 60 rows" in told
        assert "on rows drawn as those" in state_guarantee(make_policy(sampling=Sampling(0.2, 0.2)), [])

    def test_scope_filter_and_weights_are_told(self) -> None:
        proof = replace(make_policy().confirmed, scope="each level")
        only = (("<b>dev", tuple(f"v{i}" for i in range(7))),)
        told = state_guarantee(make_policy(confirmed=proof, only=only, weighted=True), [])
        assert "the precision of weight of each level that accepts rows" in told
        assert ", with bdev v0 or v1 or v2 or v3 or v4 or 2 more: shown" in told


class TestCounts:
    def test_rates_with_their_intervals(self) -> None:
        found = describe_counts(make_policy(), {})
        level = found["tuned"]["levels"][2]  # 30 rows, 12 positives, 11 accepted, 10 of them positive
        assert (level["low"], level["high"], level["threshold"], level["rows"]) == (100.0, 3000.0, 0.5, 30)
        assert (level["precision"], level["recall"]) == (10 / 11, 10 / 12)
        assert level["precision_lo"] == pytest.approx(0.6226, abs=1e-3)  # Wilson, 10 of 11
        assert found["tuned"]["levels"][1]["threshold"] is None
        assert found["tuned"]["levels"][1]["precision"] is found["tuned"]["levels"][1]["precision_lo"] is None
        assert found["confirmed"]["total"] == found["confirmed"]["total"] | {"rows": 60, "accepted": 13, "tp": 12}
        assert describe_counts(make_policy(confirmed=None), {})["confirmed"] is None

    def test_groups_widen_what_was_confirmed(self) -> None:
        plain, grouped = make_policy(), make_policy(confirmed=replace(make_policy().confirmed, design_effect=4.0))
        one, other = (describe_counts(policy, {})["confirmed"]["total"] for policy in (plain, grouped))
        assert other["precision"] == one["precision"]
        assert other["precision_lo"] < one["precision_lo"]

    def test_a_sample_by_class(self) -> None:
        sampling = Sampling(1.0, 0.1)
        found = describe_counts(make_policy(sampling=sampling), {})["tuned"]["levels"][2]
        assert found["precision"] == pytest.approx(sampling.in_population(10 / 11))
        assert found["recall"] == 10 / 12

    def test_rows_with_weights_have_the_rates_of_the_evidence(self) -> None:
        evidence: Mapping[str, Any] = {"tuned": {"precision": 0.8, "recall": 0.5, "recall_lo": 0.4}}
        found = describe_counts(make_policy(weighted=True), dict(evidence))
        total = found["tuned"]["total"]
        assert (total["precision"], total["recall_lo"], total["recall_hi"]) == (0.8, 0.4, None)
        assert total["accepted"] == 14
        assert found["tuned"]["levels"][2]["precision"] is None


class TestVersions:
    def test_of_this_checkout(self) -> None:
        run = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert find_revision(ROOT) == (run.stdout.strip() if run.returncode == 0 else None)
        assert len(find_versions(ROOT)["requirements"]) == 64

    def test_without_a_checkout(self, tmp_path: Path) -> None:
        found = find_versions(tmp_path)
        assert (found["git"], found["requirements"]) == (None, None)

    def test_detached_packed_and_beside_the_repository(self, tmp_path: Path) -> None:
        git, one, two = tmp_path / "main" / ".git", "1" * 40, "2" * 40
        (git / "worktrees" / "w").mkdir(parents=True)
        (git / "HEAD").write_text(f"{one}\n")
        assert find_revision(tmp_path / "main") == one
        (git / "HEAD").write_text("ref: refs/heads/main\n")
        assert find_revision(tmp_path / "main") is None
        (git / "packed-refs").write_text(f"# pack-refs\n{two} refs/heads/main-2\n{one} refs/heads/main\n^{two}\n")
        assert find_revision(tmp_path / "main") == one
        (git / "refs" / "heads").mkdir(parents=True)
        (git / "refs" / "heads" / "main").write_text(f"{two}\n")
        assert find_revision(tmp_path / "main") == two
        (tmp_path / "beside").mkdir()
        (tmp_path / "beside" / ".git").write_text(f"gitdir: {git / 'worktrees' / 'w'}\n")
        (git / "worktrees" / "w" / "HEAD").write_text("ref: refs/heads/main\n")
        (git / "worktrees" / "w" / "commondir").write_text("../..\n")
        assert find_revision(tmp_path / "beside") == two


def test_counts_of_no_row() -> None:
    none = (LevelCounts(0, 0, 0, 0),) * 3
    found = describe_counts(make_policy(tuned=none, confirmed=Confirmation(0.1, "random", none)), {})
    assert found["confirmed"]["total"]["precision"] is found["tuned"]["total"]["recall"] is None
