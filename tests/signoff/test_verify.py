import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import text, update

from core.errors import InputError
from core.jobs import finish
from core.signoff import verify as module
from core.signoff.chain import hash_head
from core.signoff.data import LedgerDamaged, Receipt
from core.signoff.ledger import Ledger
from core.signoff.schema import RECORDS
from core.signoff.verify import Finding, Verification, verify
from tests.signoff.conftest import Lines, OpenLedger, as_owner, make_entry, read_lines, sign, write_lines
from tests.signoff.test_tampering import change, edit_head, reseal


@pytest.fixture
def receipts(ledger: Ledger) -> list[Receipt]:
    """Of six records."""
    acts = [
        make_entry(),
        make_entry("approve", 1, signer='B "ob" \\'),
        make_entry(policy="cvr"),
        make_entry("activate", 1),
    ]
    records = sign(ledger, *acts, make_entry("watch", 1), make_entry())
    return [Receipt.of(record, ledger_id=ledger.id) for record in records]


def look(ledger: Ledger | str, receipts: list[Receipt] | None = None) -> Verification:
    return finish(verify(ledger, receipts or []))


def first(found: Verification) -> tuple[int | None, str]:
    """The first bad record and its kind."""
    assert not found.ok
    return found.findings[0].seq, found.findings[0].kind


def test_a_sound_ledger(url: str, ledger: Ledger, receipts: list[Receipt]) -> None:
    by_ledger, by_url = look(ledger, receipts), look(url, receipts)
    assert by_ledger == by_url == Verification(ledger.id, 7, True, (), receipts[-1].hash)
    assert by_url.frame().empty


@pytest.mark.parametrize("batch", [1, 3, 7, 8])
def test_it_goes_in_batches_and_tells_how_far_it_is(
    ledger: Ledger, receipts: list[Receipt], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH", batch)
    job, shares = verify(ledger, receipts), []
    while True:
        try:
            shares.append(next(job).share)
        except StopIteration as end:
            assert end.value.ok
            break
    assert shares == sorted(shares)
    assert (len(shares), shares[-1]) == (-(-7 // batch), 1.0)


def remove(lines: Lines, seq: int) -> Lines:
    return lines[:seq] + lines[seq + 1 :]


def put(lines: Lines, seq: int, **head: Any) -> Lines:
    """A record whose head says something else, with the hash of that."""
    line = edit_head(lines[seq], **head)
    return change(lines, seq, head=line["head"], hash=hash_head(line["head"].encode()))


@pytest.mark.parametrize(
    ("make", "bad"),
    [
        (lambda lines: remove(lines, 3), (4, "gap")),
        (lambda lines: remove(lines, 0), (1, "gap")),
        (lambda lines: [*remove(lines, 3)[:3], lines[4] | {"seq": 3}, *lines[5:]], (3, "link")),
        (lambda lines: put(lines, 2, prev="0" * 64), (2, "link")),
        (lambda lines: reseal([*lines[:3], edit_head(lines[3], at="2020-01-01"), *lines[4:]]), (3, "link")),
        (lambda lines: change(lines, 3, hash="0" * 64), (3, "hash")),
        (lambda lines: change(lines, 3, head=lines[3]["head"] + " "), (3, "hash")),
        (lambda lines: change(lines, 3, head="[]", hash=hash_head(b"[]")), (3, "hash")),
        (lambda lines: change(lines, 4, payload="{}"), (4, "payload")),
        (lambda lines: change(lines, 2, signer="Eve"), (2, "copy")),
        (lambda lines: change(lines, 5, at="2030-01-01"), (5, "copy")),
        (lambda lines: reseal(lines[:3], "e" * 32) + lines[3:], (3, "genesis")),
        (lambda lines: change(lines, 0, kind="submit"), (0, "genesis")),
        (lambda lines: [], (None, "genesis")),
        (lambda lines: reseal([*lines[:6], edit_head(lines[6], revision=9)]), (6, "gap")),
        (lambda lines: reseal([*lines[:6], edit_head(lines[6], version=7)]), (6, "gap")),
        (lambda lines: reseal([*lines[:5], edit_head(lines[5], version=2), lines[6]]), (5, "gap")),
    ],
)  # fmt: skip
def test_the_first_bad_record_and_its_kind(make: Any, bad: Any, ledger: Ledger, receipts: list[Receipt]) -> None:
    lines = make(read_lines(ledger))
    with as_owner(ledger) as connection:
        connection.execute(text("DELETE FROM records"))
    if lines:
        write_lines(ledger, lines)
    assert first(look(ledger)) == bad


def test_a_head_that_is_written_otherwise_is_told_even_where_its_hash_fits(
    ledger: Ledger, receipts: list[Receipt]
) -> None:
    lines = read_lines(ledger)
    for head in (
        json.dumps(json.loads(lines[6]["head"])),
        lines[6]["head"].replace('"meaning":"', '"meaning":"\\u0041'),
        lines[6]["head"].replace('{"at"', '{"at":"x","at"'),
        lines[6]["head"].replace('"meaning":"', '"meaning":"\\ud800'),
    ):
        write_lines(ledger, change(lines, 6, head=head, hash=hash_head(head.encode())))
        assert first(look(ledger)) == (6, "hash")


@pytest.mark.parametrize(
    "changes", [{"hash": "0" * 64}, {"signer": "Eve"}, {"version": 2}, {"ledger_id": "e" * 32}, {"kind": "reject"}]
)
def test_a_receipt_that_says_otherwise_is_told(changes: Any, ledger: Ledger, receipts: list[Receipt]) -> None:
    found = look(ledger, [*receipts, replace(receipts[2], **changes)])
    assert [(finding.seq, finding.kind) for finding in found.findings] == [(3, "receipt")]
    assert next(iter(changes)).removesuffix("_id") in found.findings[0].text


def test_receipts_of_missing_records_are_told_each(ledger: Ledger, receipts: list[Receipt]) -> None:
    write_lines(ledger, read_lines(ledger)[:4])
    found = look(ledger, receipts)
    assert [(finding.seq, finding.kind) for finding in found.findings] == [
        (4, "receipt"),
        (5, "receipt"),
        (6, "receipt"),
    ]
    assert "holds a receipt, is missing" in found.findings[0].text
    assert found.frame()["seq"].tolist() == [4, 5, 6]


def test_a_missing_trigger_is_told_and_the_rest_is_verified(url: str, ledger: Ledger, receipts: list[Receipt]) -> None:
    in_file = ledger.database.file is not None
    with ledger.database.transaction(write=True) as connection:
        connection.exec_driver_sql(
            "DROP TRIGGER records_no_update" if in_file else "ALTER TABLE records DISABLE TRIGGER records_stay"
        )
    found = look(url, receipts)
    assert (first(found), found.records, found.head) == ((None, "schema"), 7, receipts[-1].hash)
    assert "missing or disabled" in found.findings[0].text


def test_a_trigger_that_does_nothing_is_told(url: str, ledger: Ledger, receipts: list[Receipt]) -> None:
    statements = [
        "CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    ]
    if ledger.database.file is not None:
        idle = "CREATE TRIGGER records_no_delete BEFORE DELETE ON records BEGIN SELECT 1; END"
        statements = ["DROP TRIGGER records_no_delete", idle]
    with ledger.database.transaction(write=True) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    found = look(url)
    assert first(found) == (None, "schema")
    assert "was changed" in found.findings[0].text


def test_of_many_findings_the_first_hundred_are_told(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FINDINGS_CAP", 4)
    sign(ledger, *(make_entry() for _ in range(6)))
    write_lines(ledger, [line | {"payload": "{}"} for line in read_lines(ledger)])
    found = look(ledger)
    assert [(finding.seq, finding.kind) for finding in found.findings] == [(i, "payload") for i in (1, 2, 3, 4)]
    assert (found.ok, found.records) == (False, 7)


ODD = [
    ("seq", "NULL"), ("seq", "'five'"), ("head", "NULL"), ("head", "x'ff'"), ("payload", "x'00ff'"), ("policy", "NULL"),
    ("revision", "'two'"), ("version", "1.5"), ("hash", "7"), ("signer", "x'ff'"), ("at", "NULL"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value"), ODD)
def test_a_table_that_takes_anything_is_no_way_around(
    column: str, value: str, tmp_path: Path, open_ledger: OpenLedger
) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    sign(ledger, *(make_entry() for _ in range(5)))
    with ledger.database.transaction(write=True) as connection:
        connection.exec_driver_sql("ALTER TABLE records RENAME TO old")
        connection.exec_driver_sql("CREATE TABLE records AS SELECT * FROM old")
        connection.execute(update(RECORDS).where(RECORDS.c.seq == 3).values({column: text(value)}))
    found = look(ledger)
    assert {finding.kind for finding in found.findings} - {"schema"}


def test_what_is_no_ledger_is_not_verified_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no ledger"):
        look(f"sqlite:///{tmp_path / 'none.db'}")
    (tmp_path / "text.db").write_bytes(b"a,b\n" * 500)
    with pytest.raises(LedgerDamaged, match=r"text\.db"):
        look(f"sqlite:///{tmp_path / 'text.db'}")
    assert [path.name for path in tmp_path.iterdir()] == ["text.db"]


class Rewriter:
    """Writes a head otherwise, and now and then a column with it, so that the hash fits all the same."""

    HEAD = '{}"\\:,[]09aé\x7f '
    MEANINGS = ("", "1", '"a","meaning":"b"', r'"\u0041"', '"a","payload":"b"', r'"\ud83d\ude42"', '"é"', "{}", '"a"')
    SIGNERS = (
        '{"auth_time":01,', '{"auth_time":1e3,', '{"auth_time":9007199254740993,', '{"auth_time":-1,', "{",
        '{"auth_time":7,', '{"auth_time":null,', '{"auth_time":null,"x":1,', '{"a":1,"auth_time":null,',
        '{"auth_time":"a,b",',
    )  # fmt: skip

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def __call__(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        line = dict(zip(module._COLUMNS, row, strict=True))
        line["head"] = self.rng.choice((self.flip, self.say, self.sign, self.copy))(line).encode()
        line["hash"] = hash_head(line["head"]).encode()
        return tuple(line.values())

    def flip(self, line: dict[str, Any]) -> str:
        text = line["head"].decode()
        at, length = self.rng.randrange(len(text)), self.rng.randrange(2)
        return text[:at] + self.rng.choice(self.HEAD) + text[at + length :]

    def say(self, line: dict[str, Any]) -> str:
        before, rest = line["head"].decode().split('"meaning":')
        return f'{before}"meaning":{self.rng.choice(self.MEANINGS)}{rest[rest.index(",") :]}'

    def sign(self, line: dict[str, Any]) -> str:
        before, rest = line["head"].decode().split('{"auth_time":')
        return before + self.rng.choice(self.SIGNERS) + rest[rest.index(",") + 1 :]

    def copy(self, line: dict[str, Any]) -> str:
        """Another value of a column, without an escape, in the head as well."""
        name = self.rng.choice(("at", "key", "kind", "policy", "signer"))
        value = self.rng.choice(('z"', "z\\", "z\n", "zé", "z\x7f", "z", '9","kind":"x', "", '\\"'))
        old, line[name] = line[name].decode(), value.encode()
        name = "name" if name == "signer" else name
        return str(line["head"].decode().replace(f'"{name}":"{old}"', f'"{name}":"{value}"'))


def walk(rows: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, *, slowly: bool) -> list[Finding]:
    findings: list[Finding] = []
    with monkeypatch.context() as patched:
        if slowly:
            patched.setattr(module.Walk, "_take", lambda walk, row: False)
        found = module.Walk([], findings)
        found.go(rows)
    return findings


def test_the_short_way_finds_what_the_long_one_finds(
    tmp_path: Path, open_ledger: OpenLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    sign(ledger, *(make_entry(signer=name) for name in ("Ada", "Zoë", 'B "ob" \\')), make_entry("approve", 1))
    (rows,) = module._read(ledger.database)
    assert walk(list(rows), monkeypatch, slowly=False) == []
    sound = 0
    for seed in range(3_000):
        rng = Random(seed)
        place = rng.randrange(1, len(rows))
        changed = [*rows[:place], Rewriter(rng)(rows[place]), *rows[place + 1 :]]
        quick, slow = (walk(changed, monkeypatch, slowly=slowly) for slowly in (False, True))
        assert quick == slow, changed[place]
        sound += not slow
    assert sound > 100


def test_most_records_are_verified_the_short_way(
    tmp_path: Path, open_ledger: OpenLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    ada = make_entry(signer="Zoë").signer
    entries = [make_entry(), *(make_entry("approve", 1, signer="Zoë") for _ in range(5))]
    sign(ledger, *(replace(one, signer=replace(ada, auth_time=i)) for i, one in enumerate(entries, start=1)))
    explained = []
    explain = module.Walk._explain
    monkeypatch.setattr(module.Walk, "_explain", lambda walk, row: explained.append(row[0]) or explain(walk, row))
    assert look(ledger).ok
    assert explained == [0]


def test_a_first_record_that_is_no_genesis_is_told(tmp_path: Path, open_ledger: OpenLedger) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    sign(ledger, make_entry())
    lines = read_lines(ledger)
    line = edit_head(lines[1], seq=0, prev="0" * 64, ledger="")
    write_lines(ledger, [line | {"seq": 0, "hash": hash_head(line["head"].encode())}])
    assert first(look(ledger)) == (0, "genesis")
