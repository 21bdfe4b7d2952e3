"""``python -m core thresholds``: the contract that pipelines rely on."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from core.cli.main import main
from core.holdout.closed_form import BetaWorld
from core.holdout.simulate import simulate_beta_world
from tests.cli.conftest import Outcome

N = 30_000


@pytest.fixture
def call(home: Path, serve_here: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command of the thresholds word."""
    serve_here()

    def run(*arguments: object) -> Outcome:
        try:
            status = main(["thresholds", *map(str, arguments)])
        except SystemExit as stop:
            status = int(stop.code or 0)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    simulate_beta_world(N, world=BetaWorld(tau=3.0), rng=np.random.default_rng(0)).assign(
        user=np.arange(N) // 5
    ).to_parquet(path, index=False)
    return path


@pytest.fixture
def policy(call: Callable[..., Outcome], rows: Path, tmp_path: Path) -> Path:
    path = tmp_path / "policy.json"
    assert call("tune", rows, "--precision", "0.25", "--policy", path, "--json", tmp_path / "out.json").status == 0
    return path


class TestTune:
    def test_certified(self, call, rows, tmp_path) -> None:
        path = tmp_path / "policy.json"
        found = call("tune", rows, "--precision", 0.2, "--certify", "--method", "mist", "--policy", path).json
        assert set(found) == {
            "policy",
            "digest",
            "method",
            "tuned",
            "bound",
            "test",
            "confirmed",
            "baseline",
            "gain",
            "cautions",
        }
        assert json.loads(path.read_text()) == found["policy"]
        assert sum(found[half]["n"] + found[half]["outside"] for half in ("tuned", "confirmed")) == N
        for half in ("tuned", "confirmed"):
            assert {"n", "accepted", "tp", "precision", "recall"} < set(found[half])
            assert found[half]["precision"] == found[half]["tp"] / found[half]["accepted"]
        assert {"precision_lower", "delta"} < set(found["confirmed"])
        assert {"recall_upper", "gap", "optimal"} == set(found["bound"])
        assert {"recall_ratio", "lo", "hi"} < set(found["gain"])
        assert found["policy"]["confirmed"]["split"] == "random"

    def test_refused(self, call, rows, tmp_path) -> None:
        path = tmp_path / "policy.json"
        outcome = call("tune", rows, "--precision", 0.45, "--certify", "--delta", 0.001, "--policy", path)
        assert outcome.status == 0
        assert {"reason", "best_certifiable_precision", "more_accepted_rows_needed"} == set(outcome.json["refused"])
        assert outcome.json["policy"] is None
        assert not path.exists()
        assert "no policy written: the proof was refused" in outcome.err

    @pytest.mark.parametrize("goal", [("--recall", 0.2), ("--capacity", 500), ("--cost", 1.5), ("--precision", 0.3)])
    def test_every_goal(self, call, rows, goal) -> None:
        found = call("tune", rows, *goal).json
        assert found["bound"]["optimal"] is True
        assert found["policy"]["objective"] == {"kind": goal[0][2:], "target": goal[1]}

    @pytest.mark.parametrize("method", ["exact", "mist", "greedy", "single", "recalibrated"])
    def test_every_method(self, call, rows, method) -> None:
        found = call("tune", rows, "--precision", 0.2, "--method", method).json
        assert found["method"] == found["policy"]["method"] == method
        assert found["tuned"]["precision"] >= 0.2

    def test_the_equal_weight_program_refuses_ties(self, call, rows, tmp_path) -> None:
        tied = tmp_path / "tied.parquet"
        pd.read_parquet(rows).assign(score=lambda frame: frame["score"].round(1)).to_parquet(tied)
        outcome = call("tune", tied, "--precision", 0.2, "--method", "ew-dpmt")
        assert outcome.status == 2
        assert "precision that the rows do not have" in outcome.err

    def test_rows_sampled_by_class(self, call, rows, tmp_path) -> None:
        frame = pd.read_parquet(rows)
        kept = frame[(frame["label"] == 1) | (np.random.default_rng(0).random(N) < 0.25)]
        kept.to_parquet(tmp_path / "kept.parquet")
        options = ("--precision", 0.2, "--certify", "--method", "mist", "--keep-negatives", 0.25)
        found = call("tune", tmp_path / "kept.parquet", *options).json
        assert found["sampling"] == found["policy"]["sampling"] == {"keep_positives": 1.0, "keep_negatives": 0.25}
        assert found["policy"]["objective"]["target"] == 0.2
        tuned = found["tuned"]
        fp = (tuned["accepted"] - tuned["tp"]) / 0.25
        assert tuned["precision"] == pytest.approx(tuned["tp"] / (tuned["tp"] + fp))
        assert found["confirmed"]["precision_lower"] >= 0.2

    @pytest.mark.parametrize(
        "options", [("--split", "time", "--time", "time"), ("--split", "group", "--group", "user")]
    )
    def test_every_split(self, call, rows, options) -> None:
        found = call("tune", rows, "--precision", 0.15, "--certify", *options).json
        sizes = [found[half]["n"] + found[half]["outside"] for half in ("tuned", "confirmed")]
        assert sum(sizes) == N
        assert found["cautions"] == []
        assert ("groups" in found["test"]) == ("--group" in options)

    def test_a_filter_stands_in_the_policy_and_evaluate_keeps_to_it(self, call, rows, tmp_path) -> None:
        path = tmp_path / "policy.json"
        where = ("--where", "device=web")
        found = call("tune", rows, "--precision", 0.2, *where, "--policy", path).json
        assert found["policy"]["only"] == [{"column": "device", "values": ["web"]}]
        again = call("evaluate", path, rows, "--label", "label").json
        assert [again[name] for name in ("n", "positives", "accepted", "tp")] == [
            found["tuned"][name] for name in ("n", "positives", "accepted", "tp")
        ]
        applied = call("apply", path, rows, "--out", tmp_path / "d.parquet")
        assert "tuned on rows with 'device' 'web' only" in applied.err

    def test_the_same_seed_gives_the_same_answer(self, call, rows) -> None:
        first, again, other = (
            call("tune", rows, "--precision", 0.2, "--certify", "--seed", seed).json for seed in (3, 3, 4)
        )
        assert first == again
        assert first["tuned"] != other["tuned"]

    @pytest.mark.parametrize("largest", [None, 4.0])
    def test_weighted_rows_are_certified_by_a_bound_for_weights(self, call, rows, tmp_path, largest) -> None:
        path, policy = tmp_path / "weighted.parquet", tmp_path / "p.json"
        pd.read_parquet(rows).assign(weight=np.linspace(0.5, 2, N)).to_parquet(path)
        options = ("--precision", 0.15, "--certify", "--weight", "weight", "--policy", policy)
        found = call("tune", path, *options, *(["--largest-weight", largest] if largest else [])).json
        assert found["test"] == {"scope": "overall", "design_effect": 1.0, "largest_weight": largest or 2.0}
        assert found["confirmed"]["precision_lower"] >= 0.15
        assert found["confirmed"]["precision_lo"] < found["confirmed"]["precision"]
        assert ["largest weight" in caution for caution in found["cautions"]] == ([] if largest else [True])
        written = json.loads(policy.read_text())
        assert written["weighted"] is True
        assert written["confirmed"]["largest_weight"] == (largest or 2.0)
        counted = sum(level["rows"] for level in [*written["tuned"], *written["confirmed"]["counts"]])
        assert counted == N, "rows, not weight"
        evaluated = call("evaluate", policy, path, "--label", "label").json
        accepted = sum(level["accepted"] for level in [*written["tuned"], *written["confirmed"]["counts"]])
        assert evaluated["accepted"] == accepted

    def test_a_largest_weight_below_the_weights_is_refused(self, call, rows, tmp_path) -> None:
        path = tmp_path / "weighted.parquet"
        pd.read_parquet(rows).assign(weight=np.linspace(0.5, 2, N)).to_parquet(path)
        outcome = call("tune", path, "--precision", 0.15, "--certify", "--weight", "weight", "--largest-weight", 0.6)
        assert outcome.status == 2
        assert "given as 0.6; a row of the file weighs 2" in outcome.err

    def test_rows_of_a_group_tell_less(self, call, tmp_path) -> None:
        """Each row five times over: the design effect is 5, and the certificate counts fewer rows."""
        path = tmp_path / "grouped.parquet"
        frame = simulate_beta_world(N // 5, world=BetaWorld(tau=3.0), rng=np.random.default_rng(0))
        pd.concat([frame.assign(user=np.arange(N // 5))] * 5).to_parquet(path, index=False)
        options = ("--precision", 0.15, "--certify", "--split", "group", "--group", "user", "--method", "single")
        found = call("tune", path, *options).json
        assert found["test"]["design_effect"] == pytest.approx(5, rel=0.15)
        assert found["test"]["groups"]["precision_lower"] < found["confirmed"]["precision"]
        assert found["policy"]["confirmed"]["design_effect"] == found["test"]["design_effect"]

    def test_each_level_by_itself(self, call, rows) -> None:
        found = call("tune", rows, "--precision", 0.15, "--certify", "--each-level").json
        assert found["test"]["scope"] == "each level"
        assert found["policy"]["confirmed"]["scope"] == "each level"

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--precision", 1.5), "precision target is 1.5"),
            (("--precision", "nan"), "precision target is nan"),
            (("--precision", 0.2, "--certify", "--delta", 0.5), "Delta is 0.5"),
            (("--precision", 0.2, "--levels", 0), "levels must be"),
            (("--precision", 0.2, "--levels", 101), "levels must be"),
            (("--precision", 0.2, "--bins", 0), "score bins a level"),
            (("--precision", 0.2, "--certify", "--seed", -1), "seed must be"),
            (("--precision", 0.2, "--certify", "--split", "group"), "No group column"),
            (("--recall", 0.2, "--certify"), "Only a precision"),
            (("--precision", 0.999, "--bins", 1), "No rule reaches a precision of 0.999; the best is"),
        ],
    )
    def test_what_cannot_be_asked(self, call, rows, options, message) -> None:
        outcome = call("tune", rows, *options)
        assert outcome.status == 2
        assert message in outcome.err
        assert "mend:" in outcome.err
        assert outcome.out == ""

    def test_one_goal_is_needed(self, call, rows) -> None:
        assert call("tune", rows).status == 2
        assert call("tune", rows, "--precision", 0.2, "--recall", 0.2).status == 2


class TestPolicyFiles:
    def test_apply_and_evaluate_agree(self, call, rows, policy, tmp_path) -> None:
        out = tmp_path / "decisions.parquet"
        assert call("apply", policy, rows, "--out", out).status == 0
        decision = pq.read_table(out)["decision"].to_numpy()
        label = pd.read_parquet(rows)["label"]
        found = call("evaluate", policy, rows, "--label", "label").json
        assert len(decision) == N == found["n"]
        assert (decision.sum(), label[decision].sum()) == (found["accepted"], found["tp"])
        assert found["precision_lo"] <= found["precision"] == found["tp"] / found["accepted"] <= found["precision_hi"]
        assert found["recall_lo"] <= found["recall"] == found["tp"] / label.sum() <= found["recall_hi"]
        tuned = json.loads(policy.read_text())["tuned"]
        assert found["accepted"] == sum(level["accepted"] for level in tuned)

    def test_exports_decide_alike(self, call, rows, policy, tmp_path) -> None:
        call("apply", policy, rows, "--out", tmp_path / "decisions.parquet")
        expected = pq.read_table(tmp_path / "decisions.parquet")["decision"].to_pylist()
        text = call("export", policy, "--to", "sql").out
        frame = pd.read_parquet(rows)
        assert duckdb.sql(f"SELECT {text} AS decision FROM frame").df()["decision"].tolist() == expected  # noqa: S608
        scope: dict[str, Any] = {}
        exec(call("export", policy, "--to", "python").out, scope)  # noqa: S102
        some = frame.head(2_000)
        assert [scope["decide"](s, u) for s, u in zip(some["score"], some["evidence"], strict=True)] == expected[:2_000]
        assert call("export", policy, "--to", "json").json == json.loads(policy.read_text())

    @pytest.mark.parametrize("dialect", ["spark", "bigquery", "snowflake", "postgres", "trino"])
    def test_every_dialect(self, call, policy, dialect) -> None:
        assert "CASE" in call("export", policy, "--to", "sql", "--dialect", dialect).out

    def test_a_policy_edited_by_hand(self, call, rows, policy, tmp_path) -> None:
        found = json.loads(policy.read_text())
        found["thresholds"] = [value if value is None else math.nextafter(value, 1) for value in found["thresholds"]]
        policy.write_text(json.dumps(found))
        for command in (("apply", policy, rows, "--out", tmp_path / "d"), ("export", policy, "--to", "json")):
            outcome = call(*command)
            assert outcome.status == 2
            assert "edited by hand" in outcome.err
        assert not (tmp_path / "d").exists()

    def test_a_file_without_the_columns(self, call, policy, tmp_path) -> None:
        path = tmp_path / "other.csv"
        path.write_text("score,label\n0.5,1\n")
        for command in (
            ("apply", policy, path, "--out", tmp_path / "d"),
            ("evaluate", policy, path, "--label", "label"),
        ):
            outcome = call(*command)
            assert outcome.status == 2
            assert "no column 'evidence'" in outcome.err

    def test_what_is_no_policy(self, call, rows, tmp_path) -> None:
        path = tmp_path / "policy.json"
        for content in (b"", b"\xff\xfe", b"[1]", b"{}"):
            path.write_bytes(content)
            assert call("export", path, "--to", "json").status == 2
        assert "cannot be read" in call("export", tmp_path / "none.json", "--to", "json").err
