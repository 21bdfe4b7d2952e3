"""Somebody who may do everything to the database changes it; the chain, and the receipts of the signers, tell.

A tamperer is a function of the rows of a ledger, which gives other rows.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from core.jobs import finish
from core.signoff.chain import Sealed, seal_genesis
from core.signoff.data import LedgerDamaged, Receipt
from core.signoff.ledger import Ledger
from core.signoff.verify import Verification, verify
from tests.signoff.conftest import Lines, make_entry, make_signer, read_lines, sign, write_lines

TRIALS = 50
RECORDS = 12

Tamper = Callable[[Lines, Random], Lines]


def reseal(lines: Lines, ledger_id: str | None = None) -> Lines:
    """Hash rows anew from the first to the last, so that they are a sound chain of what they say."""
    sealed: Lines = []
    for line in lines:
        head = json.loads(line["head"])
        ledger = ledger_id or head["ledger"]
        if line["kind"] == "genesis":
            texts = seal_genesis(ledger, head["at"])
            head = json.loads(texts.head)
        else:
            del head["ledger"], head["payload"]
            texts = Sealed.of(ledger, head | {"prev": sealed[-1]["hash"]}, line["payload"])
        copies = {name: head[name] for name in ("seq", "kind", "policy", "revision", "version", "at", "key")}
        names = {"signer": head["signer"]["name"], "head": texts.head, "payload": texts.payload, "hash": texts.hash}
        sealed.append(copies | names)
    return sealed


def edit_head(line: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A row whose head says something else; its hash is left."""
    head = json.loads(line["head"]) | changes
    return line | {"head": json.dumps(head, sort_keys=True, separators=(",", ":"), ensure_ascii=False)}


def pick(lines: Lines, rng: Random) -> int:
    """A record other than genesis."""
    return rng.randrange(1, len(lines))


def change(lines: Lines, seq: int, **changes: Any) -> Lines:
    return [*lines[:seq], lines[seq] | changes, *lines[seq + 1 :]]


# --- in the middle: the chain alone tells ---


def flip_a_character_of_a_head(lines: Lines, rng: Random) -> Lines:
    at = rng.randrange(len(lines))
    text = lines[at]["head"]
    place = rng.randrange(len(text))
    other = rng.choice([c for c in 'aZ09"\\{ ' if c != text[place]])
    return change(lines, at, head=text[:place] + other + text[place + 1 :])


def change_a_payload(lines: Lines, rng: Random) -> Lines:
    return change(lines, pick(lines, rng), payload='{"needs":1,"review_by":"2099-01-01"}')


def change_a_head_and_its_hash(lines: Lines, rng: Random) -> Lines:
    at = rng.randrange(1, len(lines) - 1)
    return [*lines[:at], reseal([lines[0], edit_head(lines[at], meaning="I do not.")])[1], *lines[at + 1 :]]


def change_a_copy(lines: Lines, rng: Random) -> Lines:
    others = {"kind": "reject", "policy": "x", "revision": 99, "version": 9, "at": "2020", "signer": "Eve", "key": "x"}
    column = rng.choice(list(others))
    return change(lines, pick(lines, rng), **{column: others[column]})


def change_a_hash(lines: Lines, rng: Random) -> Lines:
    return change(lines, pick(lines, rng), hash=f"{rng.getrandbits(256):064x}")


def swap_two_records(lines: Lines, rng: Random) -> Lines:
    one, two = sorted(rng.sample(range(1, len(lines)), 2))
    swapped = list(lines)
    swapped[one], swapped[two] = lines[two] | {"seq": one}, lines[one] | {"seq": two}
    return swapped


def delete_in_the_middle(lines: Lines, rng: Random) -> Lines:
    first = rng.randrange(1, len(lines) - 1)
    return lines[:first] + lines[rng.randrange(first + 1, len(lines)) :]


def delete_in_the_middle_and_number_anew(lines: Lines, rng: Random) -> Lines:
    return [line | {"seq": seq} for seq, line in enumerate(delete_in_the_middle(lines, rng))]


def delete_the_beginning(lines: Lines, rng: Random) -> Lines:
    return lines[pick(lines, rng) :]


def insert_a_record(lines: Lines, rng: Random) -> Lines:
    at = pick(lines, rng)
    forged = reseal([lines[0], edit_head(lines[at], key="forged", revision=99)])[1]
    return [*lines[:at], forged, *(line | {"seq": line["seq"] + 1} for line in lines[at:])]


def take_the_tail_of_another_ledger(lines: Lines, rng: Random) -> Lines:
    at = pick(lines, rng)
    return lines[:at] + reseal(lines, "f" * 32)[at:]


# --- consistently: only receipts tell ---


def delete_the_tail(lines: Lines, rng: Random) -> Lines:
    return lines[: pick(lines, rng)]


def rewrite_a_payload_and_all_hashes(lines: Lines, rng: Random) -> Lines:
    return reseal(change(lines, pick(lines, rng), payload='{"needs":1,"review_by":"2099-01-01"}'))


def rewrite_a_signer_and_all_hashes(lines: Lines, rng: Random) -> Lines:
    at = pick(lines, rng)
    return reseal([*lines[:at], edit_head(lines[at], signer=make_signer("Eve").to_json()), *lines[at + 1 :]])


def rewrite_a_time_and_all_hashes(lines: Lines, rng: Random) -> Lines:
    at = pick(lines, rng)
    earlier = json.loads(lines[at - 1]["head"])["at"]
    return reseal([*lines[:at], edit_head(lines[at], at=earlier), *lines[at + 1 :]])


def delete_the_tail_and_sign_anew(lines: Lines, rng: Random) -> Lines:
    at = pick(lines, rng)
    return reseal([*lines[:at], edit_head(lines[at], key="00000000-0000-0000-0000-00000000dead")])


def copy_all_to_another_ledger(lines: Lines, rng: Random) -> Lines:
    return reseal(lines, f"{rng.getrandbits(128):032x}")


IN_THE_MIDDLE: list[Tamper] = [
    flip_a_character_of_a_head, change_a_payload, change_a_head_and_its_hash, change_a_copy, change_a_hash,
    swap_two_records, delete_in_the_middle, delete_in_the_middle_and_number_anew, delete_the_beginning,
    insert_a_record, take_the_tail_of_another_ledger,
]  # fmt: skip
CONSISTENTLY: list[Tamper] = [
    delete_the_tail, rewrite_a_payload_and_all_hashes, rewrite_a_signer_and_all_hashes, rewrite_a_time_and_all_hashes,
    delete_the_tail_and_sign_anew, copy_all_to_another_ledger,
]  # fmt: skip


@pytest.fixture
def signed(ledger: Ledger) -> list[Receipt]:
    """Receipts of all records of a ledger in which two policies were signed."""
    acts = [make_entry(policy=name, look=i) for i, name in enumerate(["ctr", "cvr"])]
    acts += [make_entry("approve", 1, policy=name, signer="Bob") for name in ("ctr", "cvr")]
    acts += [make_entry(look=i, text='"é"\\') for i in range(RECORDS - len(acts))]
    return [Receipt.of(record, ledger_id=ledger.id) for record in sign(ledger, *acts)]


def look(ledger: Ledger, receipts: list[Receipt]) -> Verification | None:
    """What is found, or None where the ledger cannot even be read."""
    try:
        return finish(verify(ledger, receipts))
    except LedgerDamaged:
        return None


def test_what_was_not_changed_is_sound(ledger: Ledger, signed: list[Receipt]) -> None:
    lines = read_lines(ledger)
    write_lines(ledger, lines)
    assert reseal(lines) == lines
    found = look(ledger, signed)
    assert found is not None
    assert (found.ok, found.records, found.head) == (True, RECORDS + 1, signed[-1].hash)


@pytest.mark.parametrize("tamper", IN_THE_MIDDLE + CONSISTENTLY, ids=lambda tamper: tamper.__name__)
def test_with_receipts_every_change_is_found(tamper: Tamper, ledger: Ledger, signed: list[Receipt]) -> None:
    lines = read_lines(ledger)
    for seed in range(TRIALS):
        changed = tamper(lines, Random(seed))
        assert changed != lines
        write_lines(ledger, changed)
        found = look(ledger, signed)
        assert found is None or not found.ok, seed


@pytest.mark.parametrize("tamper", IN_THE_MIDDLE, ids=lambda tamper: tamper.__name__)
def test_the_chain_alone_finds_a_change_in_the_middle(tamper: Tamper, ledger: Ledger, signed: list[Receipt]) -> None:
    lines = read_lines(ledger)
    for seed in range(TRIALS // 5):
        write_lines(ledger, tamper(lines, Random(seed)))
        found = look(ledger, [])
        assert found is None or not found.ok, seed


@pytest.mark.parametrize("tamper", CONSISTENTLY, ids=lambda tamper: tamper.__name__)
def test_the_chain_alone_misses_a_cut_tail_and_a_rewrite(tamper: Tamper, ledger: Ledger, signed: list[Receipt]) -> None:
    lines = read_lines(ledger)
    for seed in range(TRIALS // 5):
        write_lines(ledger, tamper(lines, Random(seed)))
        found = look(ledger, [])
        assert found is not None
        assert found.ok, (seed, found.findings)


def test_one_receipt_of_the_end_tells_what_none_of_the_beginning_can(ledger: Ledger, signed: list[Receipt]) -> None:
    write_lines(ledger, read_lines(ledger)[:5])
    early, late = look(ledger, signed[:4]), look(ledger, signed[-1:])
    assert early is not None
    assert late is not None
    assert early.ok
    assert [(finding.seq, finding.kind) for finding in late.findings] == [(RECORDS, "receipt")]
