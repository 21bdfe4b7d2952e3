"""The history of a ledger: lines that can be checked without it, and a report that no text can break."""

import json
import math
import re
import uuid
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from core.errors import InputError
from core.signoff import history as module
from core.signoff.chain import Sealed, canonical
from core.signoff.comparison import UNKNOWN, Comparison, Estimate, Side
from core.signoff.data import Entry, Receipt, Record
from core.signoff.history import build_report, read_lines, verify_lines, write_lines
from core.signoff.ledger import Ledger
from core.signoff.workflow import Standing, approve, record_watch, reject, roll_back, submit
from tests.conftest import make_settings
from tests.signoff.acting import (
    ANN,
    BOB,
    Clock,
    a_look,
    find_base,
    make_submission,
    open_ledger,
    person,
    put_in_force,
    seen,
    signing,
)
from tests.thresholds.policies import bare_policy, make_policy

HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(2)>&amp;\'"'


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(tmp_path)


@pytest.fixture
def full(ledger: Ledger) -> Ledger:
    """Every kind of record, of two policies."""
    put_in_force(ledger)
    put_in_force(ledger, make_policy(seed=2))
    roll_back(signing(ledger, BOB), 1, rationale="Complaints.")
    record_watch(signing(ledger, BOB), 1, a_look(rule="All well."))
    made = make_submission(base=find_base(ledger), rationale="Zwölf Prozent mehr 🙂")
    submit(signing(ledger, ANN), made)
    reject(signing(ledger, BOB), 3, rationale="Nein.")
    put_in_force(ledger, bare_policy([0.0, 1e17, 1e300], [0.5, math.inf]), name="sales")
    return ledger


class TestLines:
    def test_they_parse_back_and_verify(self, full: Ledger) -> None:
        lines = list(write_lines(full))
        assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
        back, kept = list(read_lines(lines)), list(full.read())
        assert [record.hash for record in back] == [record.hash for record in kept]
        for one, other in zip(back, kept, strict=True):
            for name in type(one).__slots__:
                assert getattr(one, name) == getattr(other, name)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('"Complaints."', '"Praise."'),
            ('"kind":"reject"', '"kind":"approve"'),
            ('"name":"Bob"', '"name":"Cid"'),
            ('"version":2', '"version":1'),
            ("2026-03-01", "2026-02-01"),
            ('"seed":2', '"seed":3'),
        ],
    )
    def test_a_changed_value_is_found(self, old: str, new: str, full: Ledger) -> None:
        text = "".join(write_lines(full))
        assert old in text
        with pytest.raises(InputError, match=r"Line \d+ (does not fit its hash|is no record)"):
            list(read_lines(text.replace(old, new, 1).splitlines()))

    def test_a_line_left_out_turned_round_or_of_another_ledger_is_found(self, full: Ledger, tmp_path: Path) -> None:
        lines = list(write_lines(full))
        for broken in (lines[1:], [*lines[:3], *lines[4:]], [*lines[:3], lines[4], lines[3], *lines[5:]]):
            with pytest.raises(InputError, match="does not fit its hash, or the line before it"):
                list(read_lines(broken))
        other = list(write_lines(open_ledger(tmp_path / "other")))
        with pytest.raises(InputError, match="Line 2 does not fit"):
            list(read_lines([other[0], *lines[1:]]))

    def test_a_line_that_is_sealed_anew_does_not_fit_the_next_one(self, full: Ledger) -> None:
        lines = list(write_lines(full))
        found = json.loads(lines[3])
        found["meaning"] = "I did not mean it."
        head = {name: value for name, value in found.items() if name not in ("hash", "payload", "ledger")}
        found["hash"] = Sealed.of(full.id, head, canonical(found["payload"])).hash
        lines[3] = canonical(found)
        with pytest.raises(InputError, match="Line 5 does not fit"):
            list(read_lines(lines))

    @pytest.mark.parametrize("line", ["", "{}", "[]", "null", "7", '{"payload": {}}', "{" * 100_000, "\x00"])
    def test_what_is_no_line(self, line: str, full: Ledger) -> None:
        with pytest.raises(InputError, match="Line 2 is no record of a ledger"):
            list(read_lines([next(write_lines(full)), line]))

    def test_no_lines(self) -> None:
        assert list(read_lines([])) == []

    def test_a_line_that_is_sealed_for_another_ledger_is_found(self, full: Ledger) -> None:
        *before, last = write_lines(full)
        with pytest.raises(InputError, match=f"Line {len(before) + 1} does not fit its hash, or the line before it"):
            list(read_lines([*before, seal(last, ledger="f" * 32)]))
        assert len(list(read_lines([*before, seal(last, ledger=full.id)]))) == len(before) + 1

    def test_the_first_line_names_the_ledger(self, full: Ledger) -> None:
        genesis = next(write_lines(full))
        assert list(read_lines([seal(genesis, ledger=full.id)]))
        for changes in ({"ledger": "f" * 32}, {"key": str(uuid.UUID(int=1))}, {"key": "no UUID"}):
            with pytest.raises(InputError, match="Line 1"):
                list(read_lines([seal(genesis, **changes)]))

    def test_receipts_are_held_against_them(self, full: Ledger) -> None:
        lines, records = list(write_lines(full)), list(full.read(after=0))
        receipts = [Receipt.of(record, ledger_id=full.id) for record in records]
        found = verify_lines(lines, receipts)
        assert (found.ok, found.records, found.ledger_id) == (True, len(lines), full.id)
        assert found.head == records[-1].hash
        for odd in (replace(receipts[2], hash="0" * 64), replace(receipts[2], ledger_id="f" * 32)):
            (finding,) = verify_lines(lines, [receipts[0], odd]).findings
            assert (finding.seq, finding.kind) == (3, "receipt")
        cut = verify_lines(lines[:4], receipts[:4])
        assert [(finding.seq, finding.kind) for finding in cut.findings] == [(4, "receipt")]
        assert (cut.records, cut.head) == (4, records[2].hash)

    def test_an_act_that_no_rule_allows_is_told(self, full: Ledger) -> None:
        *before, last = write_lines(full)
        signer = json.loads(last)["signer"] | {"roles": ["auditor"]}
        changed = seal(before[3], kind="activate", signer=signer, meaning="I activate.", payload={})
        found = verify_lines([*before[:3], changed], [])
        assert [(finding.seq, finding.kind) for finding in found.findings] == [(3, "rule")]
        assert "may not activate a version" in found.findings[0].text
        assert (found.ok, found.records) == (False, 4)

    @pytest.mark.parametrize(("changes", "kind"), [({"revision": 9}, "gap"), ({"version": 7}, "gap"),
                                                   ({"at": "2020-01-01T00:00:00.000000Z"}, "link")])  # fmt: skip
    def test_a_record_out_of_its_order_is_told(self, changes: dict[str, Any], kind: str, full: Ledger) -> None:
        lines = list(write_lines(full))
        found = verify_lines([*lines[:3], seal(lines[3], **changes)], [])
        assert [(finding.seq, finding.kind) for finding in found.findings] == [(3, kind)]

    def test_the_first_bad_line_is_told_and_what_is_before_it_still_counts(self, full: Ledger) -> None:
        lines = list(write_lines(full))
        found = verify_lines([*lines[:3], lines[4]], [Receipt.of(full.last(), ledger_id=full.id)])
        assert (found.ok, found.records, [one.seq for one in found.findings]) == (False, 3, [3])
        for none in ([], ["{}"]):
            with pytest.raises(InputError):
                verify_lines(none, [])


def seal(line: str, **changes: Any) -> str:
    """A line with other values, and a hash that fits them."""
    found = json.loads(line) | changes
    payload, ledger = canonical(found.pop("payload")), found.pop("ledger")
    del found["hash"]
    hashed = Sealed.of(ledger, found, payload).hash
    return canonical(found | {"payload": json.loads(payload), "ledger": ledger, "hash": hashed})


class Tags(HTMLParser):
    """Collects tags and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def parse(html: str) -> Tags:
    parser = Tags()
    parser.feed(html)
    return parser


class TestReport:
    def test_it_tells_every_act_of_every_policy(self, full: Ledger) -> None:
        found = parse(build_report(full))
        for word in ("clicks", "sales", "rolled back", "Complaints.", "All well.", "Nein.", "Zwölf Prozent mehr 🙂",
                     "typed name", full.id, list(full.read())[-1].hash, "With confidence 0.9"):  # fmt: skip
            assert word in found.text
        assert found.text.count("rejected") >= 2

    def test_of_one_policy(self, full: Ledger) -> None:
        found = parse(build_report(full, policy="sales"))
        assert "sales" in found.text
        assert "clicks" not in found.text

    def test_hostile_names_and_words_are_text(self, ledger: Ledger) -> None:
        mallory = replace(person("Mallory"), name=HOSTILE, subject=HOSTILE, issuer=HOSTILE)
        made = make_submission(
            rationale=HOSTILE, needs_why=HOSTILE, guarantee=HOSTILE,
            data={"digest": "0" * 64, "name": HOSTILE, "rows": 1, "positives": 0, "excluded": {HOSTILE: 3},
                  "roles": {HOSTILE: HOSTILE}},
        )  # fmt: skip
        entry = Entry("submit", "clicks", None, made.payload, mallory, "I submit.", str(uuid.uuid4()))
        ledger.append(entry, expected=0, check=lambda stream: None)  # past the rules
        approve(signing(ledger, BOB), 1, seen=seen(ledger), remark=HOSTILE)
        html = build_report(ledger)
        found = parse(html)
        assert not {"script", "img"} & set(found.tags)
        assert found.text.count("<script>") >= 5
        assert "<script" not in html

    def test_it_needs_no_network_and_runs_nothing(self, full: Ledger) -> None:
        html = build_report(full)
        assert "default-src 'none'" in html
        assert not re.search(r"https?://", html.replace("https://id.example", ""))

    def test_a_comparison_is_shown(self, ledger: Ledger) -> None:
        side = Side("a" * 64, (0.0, 1.0), (0.5,), 1234.0, 600.0, UNKNOWN, Estimate(0.4321, 0.4, 0.5))
        compared = Comparison(60, 20, side, side, UNKNOWN, UNKNOWN, Estimate(0.25, 0.125, 0.375), "all", "")
        submit(signing(ledger, ANN), make_submission(comparison=compared.to_json()))
        text = parse(build_report(ledger)).text
        for number in ("1,234", "0.4321", "0.25", "0.125", "0.375"):
            assert number in text

    def test_roles_parameters_and_the_single_threshold_are_shown(self, ledger: Ledger) -> None:
        roles = {"score": "p_click", "uncertainty": ["ev_low", "ev_high"], "weight": None}
        data = make_submission().payload["data"] | {"roles": roles}
        baseline = {"tuned": {"precision": 0.3125, "tp": 645}, "refused": {"reason": "Too few."}}
        parameters = {"objective": {"kind": "precision", "target": 0.625}, "bins": 77}
        submit(signing(ledger, ANN), make_submission(data=data, parameters=parameters, baseline=baseline))
        text = parse(build_report(ledger)).text
        for told in ("role: score", "p_click", "ev_low, ev_high", "parameter: objective target", "0.625", "77",
                     "Single threshold", "0.3125", "645", "Too few."):  # fmt: skip
            assert told in text
        assert "role: weight" not in text

    def test_an_unknown_policy(self, full: Ledger) -> None:
        with pytest.raises(InputError, match="has no policy 'click'") as told:
            build_report(full, policy="click")
        assert "clicks, sales" in told.value.fix

    def test_it_is_read_in_batches_and_says_the_same(self, full: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = build_report(full)
        for size in (1, 2, 3):
            monkeypatch.setattr(module, "_LISTED", size)
            monkeypatch.setattr(module, "_READ", size)
            assert build_report(full) == whole

    def test_of_many_versions_it_describes_the_latest_and_the_active_one(
        self, full: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert "describes the latest" not in build_report(full, policy="clicks")
        monkeypatch.setattr(module, "DESCRIBED", 1)
        html = build_report(full, policy="clicks")
        assert "This lists all 3 versions, and describes the latest 1 and the one made active last." in html
        assert re.findall(r"<h3>Version (\d): ([a-z ]+)</h3>", html) == [("3", "rejected"), ("1", "active")]
        assert re.findall(r"<tr><td>(\d)</td><td>([a-z ]+)</td>", html) == [
            ("3", "rejected"), ("2", "rolled back"), ("1", "active"),
        ]  # fmt: skip

    def test_people_sign_while_it_is_made_and_it_shows_one_state(
        self, full: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before, signed, describe = build_report(full), list[Record](), module._describe_version
        other = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", make_settings(tmp_path), clock=Clock(), patience_s=0)

        def sign_meanwhile(standing: Standing) -> str:
            signed.append(put_in_force(other, make_policy(seed=10 + len(signed))))
            return describe(standing)

        monkeypatch.setattr(module, "_describe_version", sign_meanwhile)
        monkeypatch.setattr(module, "_READ", 1)
        assert build_report(full) == before
        assert len(signed) == 4
        assert full.last().hash == signed[-1].hash

    def test_it_asks_the_database_as_often_for_each_version(self, ledger: Ledger) -> None:
        asked: list[str] = []
        event.listen(ledger.database.engine, "before_cursor_execute", lambda *seen: asked.append(seen[2]))
        counts = []
        for seed in range(9):
            put_in_force(ledger, make_policy(seed=seed))
            asked.clear()
            build_report(ledger)
            counts.append(len(asked))
        assert max(more - fewer for fewer, more in pairwise(counts)) <= 3

    def test_an_empty_ledger(self, ledger: Ledger) -> None:
        assert "1 records" in build_report(ledger)
