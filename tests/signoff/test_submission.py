"""What a submission holds, what it binds, and how many people it needs."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

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
from core.signoff.ledger import Ledger
from core.signoff.population import Population
from core.signoff.submission import (
    NOT_CONFIRMED,
    Draft,
    bind,
    check_rationale,
    count_needed,
    describe_counts,
    find_revision,
    find_versions,
    hash_evidence,
    prepare_draft,
    state_guarantee,
)
from core.signoff.workflow import activate, approve, find_standing, submit
from core.thresholds.evidence import make_policy as policy_of
from core.thresholds.evidence import tune_all
from core.thresholds.halves import count_cuts
from core.thresholds.ledger import build_bundle
from core.thresholds.objective import Objective
from core.thresholds.policy import Confirmation, LevelCounts, Policy
from core.thresholds.policy_file import read_policy, write_policy
from core.thresholds.sampling import Sampling
from tests.conftest import MakeHoldout, make_settings
from tests.signoff.acting import ANN, BOB, Clock, open_ledger, signing
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


@pytest.fixture(scope="module")
def holdout(world: pd.DataFrame, make_holdout: MakeHoldout) -> Holdout:
    return make_holdout(world[["score", "uncertainty", "label"]], name="<b>rows</b>.csv")


@pytest.fixture(scope="module")
def tuned(holdout: Holdout, engine: DuckEngine) -> Tuned:
    return tune(holdout, engine, 0.5)


@pytest.fixture
def bare(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(tmp_path, Clock())


def latest(ledger: Ledger) -> Active | None:
    with ledger.stream("clicks") as stream:
        return find_latest(stream)


def draft(tuned: Tuned, engine: DuckEngine, settings: Settings, active: Active | None = None) -> Draft:
    job = prepare_draft(tuned.policy, tuned.evidence, tuned.holdout, engine, active=active, settings=settings)
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
        assert kept["binding"] == made.binding == bind(tuned.policy.hash, kept["evidence_hash"], None)
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
        approve(signing(ledger, BOB), 1, binding=made.binding)
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
        approve(signing(ledger, BOB), 1, binding=other.binding)
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

    @pytest.mark.parametrize(
        ("tuned_rows", "confirmed_rows", "good"),
        [(0, None, True), (-1, None, True), (1, None, False), (0, 0, False), (-5, 5, True), (-5, 4, False)],
    )
    def test_counts_that_the_rows_do_not_have(
        self, tuned_rows: int, confirmed_rows: int | None, good: bool, tuned: Tuned, engine: DuckEngine, bare: Settings
    ) -> None:
        more = LevelCounts(abs(tuned_rows), 0, 0, 0)  # rejected negatives
        level = tuned.policy.tuned[0]
        level = level + more if tuned_rows > 0 else replace(level, rows=level.rows + tuned_rows)
        proof, none = None, LevelCounts(0, 0, 0, 0)
        if confirmed_rows is not None:
            counts = (LevelCounts(confirmed_rows, 0, 0, 0), *(none for _ in tuned.policy.tuned[1:]))
            proof = Confirmation(0.1, "random", counts)
            if (tuned_rows, confirmed_rows) == (0, 0):  # an accepted row that is not there
                proof = replace(proof, counts=(LevelCounts(1, 1, 1, 1), *counts[1:]))
        policy = replace(tuned.policy, tuned=(level, *tuned.policy.tuned[1:]), confirmed=proof)
        evidence = tuned.evidence | {"policy": json.loads(write_policy(policy)), "policy_hash": policy.hash}
        made = Tuned(policy, evidence, tuned.holdout)
        if good:
            assert draft(made, engine, bare).payload["policy"]["hash"] == policy.hash
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
        approve(signing(ledger, BOB), 1, binding=made.binding)
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


class TestBinding:
    def test_it_changes_with_each_part(self) -> None:
        parts = ["a" * 64, "b" * 64, "c" * 64]
        bindings = {
            bind(*parts),
            bind("d" * 64, *parts[1:]),
            bind(parts[0], "d" * 64, parts[2]),
            bind(*parts[:2], None),
        }
        assert len(bindings) == 4

    def test_by_hand(self) -> None:
        text = b'recscope-submission/v1\0{"base":null,"evidence":"bb","policy":"aa"}'
        assert bind("aa", "bb", None) == hashlib.sha256(text).hexdigest()

    def test_evidence_with_what_json_does_not_carry(self) -> None:
        with pytest.raises(InputError, match="evidence cannot be signed"):
            hash_evidence({"a": float("nan")})


class TestNeeds:
    @staticmethod
    def compared(before: float, after: float) -> Comparison:
        sides = (Side("a" * 64, (0.0, 1.0), (0.5,), accepted, 0.0, UNKNOWN, UNKNOWN) for accepted in (before, after))
        volume = Estimate(after / before - 1 if before else None, None, None)
        return Comparison(60, 20, *sides, UNKNOWN, UNKNOWN, volume, "")

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

    def test_where_every_change_is_large(self, bare: Settings) -> None:
        assert count_needed(self.compared(9, 9), first=False, settings=replace(bare, large_change=0.0))[0] == 2


class TestGuarantee:
    def test_without_a_certificate_it_says_so(self) -> None:
        assert state_guarantee(make_policy(confirmed=None)) == NOT_CONFIRMED
        assert NOT_CONFIRMED.startswith("Not confirmed")

    def test_with_one(self) -> None:
        assert state_guarantee(make_policy()) == (
            "With confidence 0.9, the precision of all accepted rows is at least 0.9 on rows drawn as those of the "
            "holdout: shown on 60 rows that the thresholds were not tuned on."
        )

    def test_scope_filter_and_weights_are_told(self) -> None:
        proof = replace(make_policy().confirmed, scope="each level")
        only = (("<b>dev", tuple(f"v{i}" for i in range(7))),)
        told = state_guarantee(make_policy(confirmed=proof, only=only, weighted=True))
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
