"""The history of a ledger: lines that can be checked without it, and a report that no text can break."""

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from core.errors import InputError
from core.signoff.chain import Sealed, canonical
from core.signoff.comparison import UNKNOWN, Comparison, Estimate, Side
from core.signoff.history import build_report, read_lines, write_lines
from core.signoff.ledger import Ledger
from core.signoff.workflow import approve, record_watch, reject, roll_back, submit
from tests.signoff.acting import ANN, BOB, find_base, make_submission, open_ledger, person, put_in_force, signing
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
    record_watch(signing(ledger, BOB), 1, {"verdict": "holds", "rule": "All well."})
    made = make_submission(base=find_base(ledger), rationale="Zwölf Prozent mehr 🙂")
    submit(signing(ledger, ANN), made)
    reject(signing(ledger, BOB), 3, rationale="Nein.")
    put_in_force(ledger, bare_policy([0.0, 1e17, 1e300], [0.5, math.inf]), name="sales")
    return ledger


class TestLines:
    def test_they_parse_back_and_verify(self, full: Ledger) -> None:
        lines = list(write_lines(full))
        assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
        back, kept = read_lines(lines), list(full.read())
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
            read_lines(text.replace(old, new, 1).splitlines())

    def test_a_line_left_out_turned_round_or_of_another_ledger_is_found(self, full: Ledger, tmp_path: Path) -> None:
        lines = list(write_lines(full))
        for broken in (lines[1:], [*lines[:3], *lines[4:]], [*lines[:3], lines[4], lines[3], *lines[5:]]):
            with pytest.raises(InputError, match="does not fit its hash, or the line before it"):
                read_lines(broken)
        other = list(write_lines(open_ledger(tmp_path / "other")))
        with pytest.raises(InputError, match="Line 2 does not fit"):
            read_lines([other[0], *lines[1:]])

    def test_a_line_that_is_sealed_anew_does_not_fit_the_next_one(self, full: Ledger) -> None:
        lines = list(write_lines(full))
        found = json.loads(lines[3])
        found["meaning"] = "I did not mean it."
        head = {name: value for name, value in found.items() if name not in ("hash", "payload", "ledger")}
        found["hash"] = Sealed.of(full.id, head, canonical(found["payload"])).hash
        lines[3] = canonical(found)
        with pytest.raises(InputError, match="Line 5 does not fit"):
            read_lines(lines)

    @pytest.mark.parametrize("line", ["", "{}", "[]", "null", "7", '{"payload": {}}', "{" * 100_000, "\x00"])
    def test_what_is_no_line(self, line: str, full: Ledger) -> None:
        with pytest.raises(InputError, match="Line 2 is no record of a ledger"):
            read_lines([next(write_lines(full)), line])

    def test_no_lines(self) -> None:
        assert read_lines([]) == []


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
            data={"digest": "0" * 64, "name": HOSTILE, "rows": 1, "positives": 0, "excluded": {HOSTILE: 3}},
        )  # fmt: skip
        submit(signing(ledger, mallory), made)
        approve(signing(ledger, BOB), 1, binding=made.binding, remark=HOSTILE)
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
        compared = Comparison(60, 20, side, side, UNKNOWN, UNKNOWN, Estimate(0.25, 0.125, 0.375), "")
        submit(signing(ledger, ANN), make_submission(comparison=compared.to_json()))
        text = parse(build_report(ledger)).text
        for number in ("1,234", "0.4321", "0.25", "0.125", "0.375"):
            assert number in text

    def test_an_empty_ledger(self, ledger: Ledger) -> None:
        assert "1 records" in build_report(ledger)
