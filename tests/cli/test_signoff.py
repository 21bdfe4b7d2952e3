"""``python -m core signoff``: the contract that pipelines rely on."""

import json
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cli.main import main
from core.engine.duck import DuckEngine
from core.holdout.data import ColumnRoles
from core.holdout.load import load_holdout
from core.jobs import finish
from core.settings import Settings
from core.signoff.data import Entry, Receipt
from core.signoff.history import read_lines
from core.signoff.ledger import Ledger
from core.signoff.submission import prepare_draft
from core.signoff.workflow import activate, approve, reject, submit
from core.thresholds.evidence import tune_and_prove
from core.thresholds.halves import LEVELS, Split, count_halves
from core.thresholds.objective import Objective
from core.thresholds.policy_file import read_policy
from core.thresholds.proof_log import build_bundle
from tests.cli.conftest import Outcome
from tests.signoff.acting import ANN, BOB, make_submission, put_in_force, seen, signing
from tests.signoff.newer import draw_rows
from tests.thresholds.policies import make_policy

ROLES = ColumnRoles("score", ("uncertainty",), "std", "label")
FAR = (date.today() + timedelta(days=700)).isoformat()


@dataclass
class Desk:
    """The command line, and the ledger that it reads."""

    run: Callable[..., Outcome]
    home: Path

    def __call__(self, *arguments: object) -> Outcome:
        return self.run(*arguments)

    @property
    def file(self) -> Path:
        return self.home / "signoff" / "ledger.db"

    def open(self) -> Ledger:
        return Ledger.open(None, Settings.from_environment())


@pytest.fixture
def desk(home: Path, serve_here: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> Desk:
    """Run a command of the signoff word."""
    serve_here()

    def run(*arguments: object) -> Outcome:
        try:
            status = main(["signoff", *map(str, arguments)])
        except SystemExit as stop:
            status = int(stop.code or 0)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return Desk(run, home)


def tamper(file: Path, statement: str) -> None:
    with sqlite3.connect(file) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
    connection.close()


class TestVerify:
    def test_sound(self, desk: Desk, tmp_path: Path) -> None:
        ledger = desk.open()
        record = put_in_force(ledger, review_by=FAR)
        receipt = tmp_path / "receipt.json"
        receipt.write_text(json.dumps(Receipt.of(record, ledger_id=ledger.id).to_json()))
        found = desk("verify", desk.file, "--receipt", receipt)
        assert (found.status, found.err) == (0, "")
        assert found.out == f"sound: 4 records, last hash {record.hash}\n"
        assert desk("verify", f"sqlite:///{desk.file}").status == 0

    def test_tampered(self, desk: Desk) -> None:
        put_in_force(desk.open(), review_by=FAR)
        tamper(desk.file, "UPDATE records SET payload = replace(payload, 'More recall', 'Less recall') WHERE seq = 1")
        found = desk("verify", desk.file)
        assert found.status == 1
        assert "payload: Record 1 has a payload that does not fit its hash." in found.out
        assert found.out.splitlines()[-1].startswith("tampered: 4 records")

    def test_what_the_rules_do_not_allow(self, desk: Desk) -> None:
        ledger = desk.open()
        submit(signing(ledger, ANN), make_submission(review_by=FAR))
        entry = Entry("activate", "clicks", 1, {}, ANN, "I activate.", str(uuid.uuid4()))
        ledger.append(entry, expected=1, check=lambda stream: None)
        found = desk("verify", desk.file)
        assert found.status == 1
        assert "rule: Record 2, activate by Ann, is against the rules: Version 1 of clicks is submitted" in found.out

    def test_cut_off_is_seen_by_a_receipt_alone(self, desk: Desk, tmp_path: Path) -> None:
        ledger = desk.open()
        record = put_in_force(ledger, review_by=FAR)
        receipt = tmp_path / "receipt.json"
        receipt.write_text(json.dumps(Receipt.of(record, ledger_id=ledger.id).to_json()))
        with sqlite3.connect(desk.file) as connection:
            triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute("DELETE FROM records WHERE seq = 3")
            for _, text in triggers:
                connection.execute(text)
        connection.close()
        assert desk("verify", desk.file).status == 0
        found = desk("verify", desk.file, "--receipt", receipt)
        assert found.status == 1
        assert "receipt: Record 3, of which Ann holds a receipt, is missing." in found.out

    def test_an_exported_history(self, desk: Desk, tmp_path: Path) -> None:
        ledger = desk.open()
        record = put_in_force(ledger, review_by=FAR)
        receipt, lines = tmp_path / "receipt.json", tmp_path / "out.jsonl"
        receipt.write_text(json.dumps(Receipt.of(record, ledger_id=ledger.id).to_json()))
        assert desk("export", "--json", lines).status == 0
        found = desk("verify", lines, "--receipt", receipt)
        assert (found.status, found.out) == (0, f"sound: 4 records, last hash {record.hash}\n")
        text = lines.read_bytes()
        lines.write_bytes(text.replace(b"More recall", b"Less recall\xff"))
        found = desk("verify", lines)
        assert (found.status, found.out.splitlines()[0]) == (
            1, "hash: Line 2 does not fit its hash, or the line before it.",
        )  # fmt: skip
        lines.write_bytes(b"".join(text.splitlines(keepends=True)[:3]))
        assert desk("verify", lines).status == 0
        found = desk("verify", lines, "--receipt", receipt)
        assert (found.status, found.out.splitlines()[0]) == (
            1, "receipt: Record 3, of which Ann holds a receipt, is missing.",
        )  # fmt: skip

    @pytest.mark.parametrize("content", [None, b"", b"{}", bytes(9)])
    def test_an_exported_history_that_is_none(self, content: bytes | None, desk: Desk, tmp_path: Path) -> None:
        file = tmp_path / "odd.jsonl"
        if content is not None:
            file.write_bytes(content)
        found = desk("verify", file)
        assert (found.status, found.out) == (2, "")
        assert found.err.startswith("error: ")

    @pytest.mark.parametrize("content", [None, b"", b"no database", b"SQLite format 3\x00" + b"x" * 5_000])
    def test_unreadable(self, content: bytes | None, desk: Desk, tmp_path: Path) -> None:
        file = tmp_path / "odd.db"
        if content is not None:
            file.write_bytes(content)
        found = desk("verify", file)
        assert (found.status, found.out) == (2, "")
        assert found.err.startswith("error: ")
        assert "odd.db" in found.err
        assert "mend: " in found.err

    @pytest.mark.parametrize("text", [None, "", "no json", "[]", "{}", '{"seq": 1}', "[" * 100_000, b"\xff\xfe"])
    def test_what_is_no_receipt(self, text: Any, desk: Desk, tmp_path: Path) -> None:
        put_in_force(desk.open(), review_by=FAR)
        receipt = tmp_path / "receipt.json"
        if text is not None:
            receipt.write_bytes(text if isinstance(text, bytes) else text.encode())
        found = desk("verify", desk.file, "--receipt", receipt)
        assert found.status == 2
        assert "receipt" in found.err

    @pytest.mark.parametrize("arguments", [(), ("verify",), ("active", "--policy", "clicks"), ("nothing",)])
    def test_usage(self, arguments: tuple[str, ...], desk: Desk) -> None:
        assert desk(*arguments).status == 2


class TestActive:
    def test_every_form(self, desk: Desk) -> None:
        put_in_force(desk.open(), review_by=FAR)
        found = desk("active", "--policy", "clicks", "--to", "json")
        assert found.status == 0
        assert read_policy(found.out) == make_policy()
        assert "def decide(" in desk("active", "--policy", "clicks", "--to", "python").out
        sql = desk("active", "--policy", "clicks", "--to", "sql", "--dialect", "bigquery").out
        assert "IS_NAN" in sql

    def test_none_and_expired_have_a_status_of_their_own(self, desk: Desk) -> None:
        desk.open()
        found = desk("active", "--policy", "clicks", "--to", "json")
        assert (found.status, found.out) == (1, "")
        assert "error: No version of clicks is active.\n  mend: " in found.err
        submit(signing(desk.open(), ANN), make_submission(review_by=FAR))
        assert desk("active", "--policy", "clicks", "--to", "json").status == 1

    def test_expired(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        put_in_force(desk.open(), review_by=FAR)
        monkeypatch.setattr("core.signoff.active.is_past", lambda day, now: day == FAR)
        found = desk("active", "--policy", "clicks", "--to", "json")
        assert (found.status, found.out) == (1, "")
        assert f"to be reviewed by {FAR} and has expired" in found.err
        assert "submit it with a later review date" in found.err

    def test_a_ledger_elsewhere(self, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        url = f"sqlite:///{tmp_path}/elsewhere.db"
        put_in_force(Ledger.open(url, Settings.from_environment()), review_by=FAR)
        assert desk("active", "--policy", "clicks", "--to", "json").status == 2
        assert desk("active", "--policy", "clicks", "--to", "json", "--ledger", url).status == 0
        assert desk("active", "--policy", "clicks", "--to", "json", "--ledger", tmp_path / "elsewhere.db").status == 0
        monkeypatch.setenv("RECSCOPE_LEDGER", url)
        assert desk("active", "--policy", "clicks", "--to", "json").status == 0


class TestPublish:
    def test_to_a_folder(self, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        desk.open()
        assert desk("publish", "--policy", "clicks", "--folder", tmp_path / "live").status == 1
        put_in_force(desk.open(), review_by=FAR)
        found = desk("publish", "--policy", "clicks", "--folder", tmp_path / "live")
        assert (found.status, found.out) == (0, f"{tmp_path / 'live' / 'clicks.json'}\n")
        assert json.loads((tmp_path / "live" / "clicks.json").read_text())["version"] == 1
        monkeypatch.setenv("RECSCOPE_ACTIVE_FOLDER", str(tmp_path / "set"))
        assert desk("publish", "--policy", "clicks").out == f"{tmp_path / 'set' / 'clicks.json'}\n"

    def test_to_nowhere(self, desk: Desk) -> None:
        desk.open()
        found = desk("publish", "--policy", "clicks")
        assert found.status == 2
        assert "RECSCOPE_ACTIVE_FOLDER" in found.err


class TestExportAndList:
    def test_lines_and_report(self, desk: Desk, tmp_path: Path) -> None:
        record = put_in_force(desk.open(), review_by=FAR)
        put_in_force(desk.open(), name="sales", review_by=FAR)
        assert desk("export", "--json", tmp_path / "out.jsonl").status == 0
        with (tmp_path / "out.jsonl").open(encoding="utf-8") as file:
            records = list(read_lines(file))
        assert (len(records), records[3].hash) == (7, record.hash)
        assert desk("export", "--html", tmp_path / "out.html").status == 0
        assert "<h2>sales</h2>" in (tmp_path / "out.html").read_text(encoding="utf-8")
        assert desk("export", "--html", tmp_path / "one.html", "--policy", "clicks").status == 0
        assert "sales" not in (tmp_path / "one.html").read_text(encoding="utf-8")

    def test_a_policy_that_is_not_there_and_a_part_of_the_chain_are_refused(self, desk: Desk, tmp_path: Path) -> None:
        put_in_force(desk.open(), review_by=FAR)
        out = tmp_path / "out"
        for command in (("export", "--html", out), ("list",)):
            found = desk(*command, "--policy", "nosuch")
            assert (found.status, found.out) == (2, "")
            assert "The ledger has no policy 'nosuch'.\n  mend: Choose one of: clicks." in found.err
        found = desk("export", "--json", out, "--policy", "clicks")
        assert found.status == 2
        assert "no chain that can be checked" in found.err
        assert not out.exists()

    def test_list(self, desk: Desk) -> None:
        put_in_force(desk.open(), review_by=FAR)
        put_in_force(desk.open(), name="sales", review_by=FAR)
        submit(signing(desk.open(), ANN, "sales"), make_submission(review_by=FAR, base=_base(desk, "sales")))
        reject(signing(desk.open(), BOB, "sales"), 2, rationale="No.")
        assert desk("list").out.splitlines() == [
            "sales\t2\trejected\tsubmit Ann, reject Bob",
            "sales\t1\tactive\tsubmit Ann, approve Bob, activate Ann",
            "clicks\t1\tactive\tsubmit Ann, approve Bob, activate Ann",
        ]
        assert desk("list", "--policy", "sales", "--offset", 1).out.startswith("sales\t1\tactive")
        assert len(desk("list", "--limit", 2).out.splitlines()) == 2
        assert desk("list", "--limit", 0).status == 2


def _base(desk: Desk, name: str) -> str:
    with desk.open().stream(name) as stream:
        return stream.activations()[0].hash


@pytest.mark.parametrize(
    "command",
    [
        ("active", "--policy", "clicks", "--to", "json"), ("publish", "--policy", "clicks", "--folder", "out"),
        ("export", "--html", "out"), ("export", "--json", "out"), ("list",),
        ("watch", "rows.csv", "--policy", "clicks", "--label", "label"),
    ],
)  # fmt: skip
def test_who_reads_makes_no_ledger(
    command: tuple[str, ...], desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    for there in ((), ("--ledger", "folder/typo.db"), ("--ledger", f"sqlite:///{tmp_path}/typo.db")):
        found = desk(*command, *there)
        assert (found.status, found.out) == (2, "")
        assert found.err.startswith("error: There is no ledger ")
        assert "typo.db" in found.err or not there
    assert set(tmp_path.rglob("*")) == before


def test_grant_is_for_servers(desk: Desk) -> None:
    found = desk("grant", "reader")
    assert found.status == 2
    assert "is a file, which has no roles" in found.err


class TestWatch:
    @pytest.fixture
    def signed(self, desk: Desk, tmp_path: Path) -> Desk:
        """A policy that was proven, submitted, approved and activated."""
        draw_rows(40_000, 1).to_csv(tmp_path / "signed.csv", index=False)
        settings = Settings.from_environment()
        engine = DuckEngine(settings)
        files = [tmp_path / "signed.csv"]
        holdout = finish(load_holdout(files, ROLES, name="signed.csv", settings=settings))
        halves = finish(count_halves(holdout, engine, levels=LEVELS, bins=100, split=Split()))
        objective, rng = Objective("precision", 0.75), np.random.default_rng(0)
        evidence = tune_and_prove(halves, objective, method="exact", split=Split(), delta=0.1, rng=rng)
        policy = evidence.policy(holdout)
        bundle = build_bundle(policy, evidence, None, counted={})
        draft = finish(prepare_draft(policy, bundle, holdout, engine, active=None, earlier=[], settings=settings))
        made = draft.complete(rationale="The first.", review_by=date.fromisoformat(FAR))
        assert made.payload["guarantee"].startswith("With confidence 0.9")
        ledger = desk.open()
        submit(signing(ledger, ANN), made)
        approve(signing(ledger, BOB), 1, seen=seen(ledger))
        activate(signing(ledger, ANN), 1)
        return desk

    def test_what_holds_is_recorded_once_a_signer_is_named(self, signed: Desk, tmp_path: Path) -> None:
        newer = tmp_path / "newer.csv"
        draw_rows(40_000, 2, worse=-0.03).to_csv(newer, index=False)
        found = signed("watch", newer, "--policy", "clicks", "--label", "label")
        assert (found.status, found.json["verdict"]) == (0, "holds")
        assert "receipt" not in found.json
        assert found.json["recorded"] is False
        out = tmp_path / "look.json"
        found = signed("watch", newer, "--policy", "clicks", "--label", "label", "--signer", "Nightly", "--json", out)
        assert (found.status, found.out) == (0, "")
        assert json.loads(out.read_text())["recorded"] is True
        receipt = Receipt.from_json(json.loads(out.read_text())["receipt"])
        assert (receipt.kind, receipt.version, receipt.signer) == ("watch", 1, "Nightly")
        again = signed("watch", newer, "--policy", "clicks", "--label", "label").json
        assert again["counted"] is False  # the look before was read back

    def test_what_is_broken_has_a_status_of_its_own(self, signed: Desk, tmp_path: Path) -> None:
        newer = tmp_path / "newer.csv"
        draw_rows(40_000, 2, worse=0.3).to_csv(newer, index=False)
        found = signed("watch", newer, "--policy", "clicks", "--label", "label")
        assert (found.status, found.json["verdict"]) == (1, "broken")

    def test_rows_sampled_by_class_at_their_rates(self, signed: Desk, tmp_path: Path) -> None:
        """One negative in three: counted as they are they hold, carried over to all rows they are broken."""
        newer, rows = tmp_path / "newer.csv", draw_rows(40_000, 2, worse=0.2)
        rows[(rows["label"] == 1) | (rows.index % 3 == 0)].to_csv(newer, index=False)
        command = "watch", newer, "--policy", "clicks", "--label", "label"
        assert signed(*command).status == 0
        found = signed(*command, "--keep-negatives", 1 / 3)
        assert (found.status, found.json["verdict"]) == (1, "broken")
        assert found.json["look"]["sampling"] == {"keep_positives": 1.0, "keep_negatives": 1 / 3}
        assert signed(*command, "--keep-negatives", 0).status == 2

    def test_what_has_expired_is_watched_and_said_to_have(
        self, signed: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        newer = tmp_path / "newer.csv"
        draw_rows(2_000, 2).to_csv(newer, index=False)
        monkeypatch.setattr("core.signoff.active.is_past", lambda day, now: day == FAR)
        found = signed("watch", newer, "--policy", "clicks", "--label", "label")
        assert (found.status, found.json["counted"]) == (0, True)
        assert f"note: version 1 was to be reviewed by {FAR}; it has expired" in found.err

    def test_nothing_to_watch(self, desk: Desk, tmp_path: Path) -> None:
        desk.open()
        draw_rows(100, 2).to_csv(tmp_path / "newer.csv", index=False)
        found = desk("watch", tmp_path / "newer.csv", "--policy", "clicks", "--label", "label")
        assert (found.status, found.out) == (1, "")
        assert "No version of clicks is active" in found.err

    def test_rows_that_are_not_there(self, signed: Desk, tmp_path: Path) -> None:
        assert signed("watch", tmp_path / "none.csv", "--policy", "clicks", "--label", "label").status == 2
        same = signed("watch", tmp_path / "signed.csv", "--policy", "clicks", "--label", "label")
        assert (same.status, same.out) == (2, "")
