"""Acts that no rule allows, appended past the rules as sound records: the chain does not tell, the rules do."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.jobs import finish
from core.signoff.audit import audit
from core.signoff.data import Entry, Kind, Record, Signer
from core.signoff.ledger import Ledger
from core.signoff.verify import Verification, verify
from core.signoff.workflow import approve, record_watch, reject, roll_back, submit, withdraw
from tests.signoff.acting import (
    ANN,
    BOB,
    CID,
    START,
    Clock,
    a_look,
    find_base,
    make_submission,
    open_ledger,
    person,
    put_in_force,
    seen,
    signed_in,
    signing,
)
from tests.signoff.conftest import Lines, read_lines, write_lines
from tests.signoff.test_tampering import change, reseal
from tests.thresholds.policies import make_policy


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Ledger:
    return open_ledger(tmp_path, clock)


def look(ledger: Ledger | str) -> Verification:
    return finish(audit(ledger, []))


def force(ledger: Ledger, kind: Kind, version: int | None, signer: Signer, **payload: Any) -> Record:
    """Append past the rules, as somebody may who writes to the database."""
    with ledger.stream("clicks") as stream:
        expected = stream.revision
    entry = Entry(kind, "clicks", version, payload, signer, "I sign.", str(uuid.uuid4()))
    return ledger.append(entry, expected=expected, check=lambda stream: None)


def test_what_the_rules_allowed_is_sound(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    put_in_force(ledger, review_by="2026-03-05")
    put_in_force(ledger, make_policy(seed=2), needs=1)
    roll_back(signing(ledger, BOB), 1, rationale="Complaints.")
    record_watch(signing(ledger, CID), 1, a_look())
    submit(signing(ledger, ANN), make_submission(base=find_base(ledger)))
    submit(signing(ledger, ANN), make_submission(base=find_base(ledger), needs=2))
    approve(signing(ledger, BOB), 4, seen=seen(ledger, 4))
    reject(signing(ledger, BOB), 3, rationale="No.")
    withdraw(signing(ledger, ANN), 4, rationale="No.")
    clock.now = START.replace(day=9)
    one, two = signed_in("1", "author", at=clock.now), signed_in("2", "approver", at=clock.now)
    submission = submit(signing(ledger, one), make_submission(base=find_base(ledger), rationale="Zwölf Prozent 🙂"))
    approve(signing(ledger, two), 5, seen=submission.hash)
    put_in_force(ledger, name="sales")
    found = look(ledger)
    assert (found.ok, found.findings, found.records) == (True, (), sum(1 for _ in ledger.read()))
    assert look(f"sqlite:///{tmp_path}/ledger.db") == found


def of_submission(ledger: Ledger) -> str:
    return submit(signing(ledger, ANN), make_submission(base=find_base(ledger))).hash


Act = Callable[[Ledger], Any]
FORGED: list[tuple[Act, str]] = [
    (lambda ledger: force(ledger, "activate", 1, ANN), "is submitted, so you cannot activate it"),
    (lambda ledger: force(ledger, "approve", 1, ANN, seen=seen(ledger)), "Ann has submitted this version"),
    (lambda ledger: force(ledger, "approve", 1, BOB, seen="ab" * 32, guarantee=""), "not what was submitted"),
    (lambda ledger: force(ledger, "approve", 1, BOB), "its payload is none that RecScope writes"),
    (lambda ledger: force(ledger, "approve", 1, person("Eve", "auditor")), "Eve may not approve a version"),
    (lambda ledger: force(ledger, "withdraw", 1, BOB), "was submitted by Ann"),
    (lambda ledger: force(ledger, "reject", 1, ANN), "Ann has submitted this version"),
    (lambda ledger: force(ledger, "roll_back", 1, BOB), "is submitted, so you cannot roll back to it"),
    (lambda ledger: force(ledger, "watch", 1, BOB), "so you cannot record a look at it"),
    (lambda ledger: force(ledger, "activate", 1, signed_in("1", "author", at=START.replace(year=2020))),
     "minutes ago; 15 is the limit"),
    (lambda ledger: force(ledger, "submit", None, ANN, needs=1, review_by="2026-12-31"), "none that RecScope writes"),
    (lambda ledger: force(ledger, "submit", None, ANN, **make_submission(base="0" * 64).payload),
     "Another version became active"),
    (lambda ledger: force(ledger, "submit", None, ANN, **make_submission(guarantee="All is well.").payload),
     "another guarantee than"),
    (lambda ledger: force(ledger, "submit", None, ANN, **make_submission(review_by="2999-12-31").payload),
     "more than 2 years ahead"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "told"), FORGED)
def test_an_act_that_no_rule_allows_is_told(act: Act, told: str, ledger: Ledger) -> None:
    of_submission(ledger)
    assert look(ledger).ok
    forged = act(ledger)
    assert finish(verify(ledger, [])).ok
    found = look(ledger)
    assert [(finding.seq, finding.kind) for finding in found.findings] == [(forged.seq, "rule")]
    assert told in found.findings[0].text
    assert not found.ok


def test_a_void_version_and_an_early_second_approval(ledger: Ledger) -> None:
    of_submission(ledger)
    approve(signing(ledger, BOB), 1, seen=seen(ledger))
    put_in_force(ledger, make_policy(seed=2))
    assert look(ledger).ok
    forged = force(ledger, "activate", 1, ANN)
    again = force(ledger, "approve", 2, BOB, seen=seen(ledger, 2))
    found = look(ledger)
    assert [finding.seq for finding in found.findings] == [forged.seq, again.seq]
    assert "is void, so you cannot activate it" in found.findings[0].text


def with_payload(lines: Lines, seq: int, payload: str) -> Lines:
    return reseal(change(lines, seq, payload=payload))


@pytest.mark.parametrize(
    "spell",
    [
        lambda text: text.replace('{"guarantee"', '{"guarantee":"x","guarantee"'),
        lambda text: text.replace(":", ": ", 1),
        lambda text: json.dumps(dict(reversed(json.loads(text).items())), separators=(",", ":")),
        lambda text: text.replace('{"guarantee"', '{"a":1.0,"guarantee"'),
        lambda text: text.replace('{"guarantee"', '{"a":1e+16,"guarantee"'),
        lambda text: text.replace('{"guarantee"', '{"a":-0,"guarantee"'),
        lambda text: text.replace('{"guarantee"', '{"a":"\\u00e9","guarantee"'),
    ],
)
def test_a_payload_that_is_written_otherwise_is_told_although_its_hash_fits(
    spell: Callable[[str], str], ledger: Ledger
) -> None:
    put_in_force(ledger)
    lines = read_lines(ledger)
    text = spell(lines[2]["payload"])
    assert text != lines[2]["payload"]
    write_lines(ledger, with_payload(lines, 2, text))
    assert finish(verify(ledger, [])).ok
    assert (2, "payload") in [(finding.seq, finding.kind) for finding in look(ledger).findings]


def test_odd_numbers_and_letters_that_the_ledger_writes_are_sound(ledger: Ledger) -> None:
    put_in_force(ledger)
    odd = {"a": 1e17, "b": 1e-7, "c": 0.00001, "d": 5e-324, "e": 2**53 - 1, "\U0001f642": "é", "\ue000": "\x7f\n"}
    record_watch(signing(ledger, BOB), 1, a_look(**odd))
    assert look(ledger).ok


def test_a_broken_chain_is_not_held_against_the_rules(ledger: Ledger) -> None:
    of_submission(ledger)
    force(ledger, "activate", 1, ANN)
    write_lines(ledger, change(read_lines(ledger), 2, signer="Eve"))
    assert [finding.kind for finding in look(ledger).findings] == ["copy"]
