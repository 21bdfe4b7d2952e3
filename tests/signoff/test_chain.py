import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from core.errors import InputError, TooLarge
from core.signoff import chain
from core.signoff.chain import BEFORE_GENESIS, Sealed, canonical, read_head, read_json, seal_genesis, write_moment
from core.signoff.data import LedgerDamaged
from tests.signoff.conftest import LEDGER_ID, make_signer

HEAD = {
    "seq": 1, "prev": "0" * 64, "kind": "submit", "policy": "ctr", "revision": 1, "version": 1,
    "at": "2026-11-21T12:34:56.123456Z", "key": "00000000-0000-0000-0000-000000000001",
    "meaning": "I submit this policy.", "signer": make_signer().to_json(),
}  # fmt: skip


def test_the_hash_is_of_the_texts_as_defined() -> None:
    sealed = Sealed.of(LEDGER_ID, HEAD, '{"a":1}')
    payload = hashlib.sha256(b"recscope-payload/v1\x00" + b'{"a":1}').hexdigest()
    whole = HEAD | {"ledger": LEDGER_ID, "payload": payload}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert sealed.head == text
    assert sealed.hash == hashlib.sha256(b"recscope-ledger/v1\x00" + text.encode()).hexdigest()


def test_a_record_comes_back_from_its_texts() -> None:
    record = Sealed.of(LEDGER_ID, HEAD, canonical({"a": [1.0, 1e300, None, "é\n\u2028"]})).open()
    assert {name: getattr(record, name) for name in HEAD} == HEAD | {"signer": make_signer()}
    assert record.payload == {"a": [1, 1e300, None, "é\n\u2028"]}


def test_genesis_is_a_function_of_id_and_time() -> None:
    one = seal_genesis(LEDGER_ID, "2026-01-01T00:00:00.000000Z")
    assert one == seal_genesis(LEDGER_ID, "2026-01-01T00:00:00.000000Z")
    assert one.hash != seal_genesis("f" * 32, "2026-01-01T00:00:00.000000Z").hash
    record = one.open()
    assert (record.seq, record.kind, record.policy, record.revision, record.version) == (0, "genesis", "", 0, 0)
    assert record.prev == BEFORE_GENESIS
    with pytest.raises(InputError, match="id of the ledger"):
        seal_genesis("x", "2026-01-01T00:00:00.000000Z")


@pytest.mark.parametrize("changed", ["head", "payload", "hash"])
def test_a_changed_text_does_not_open(changed: str) -> None:
    sealed = Sealed.of(LEDGER_ID, HEAD, "{}")
    texts = {"head": sealed.head, "payload": sealed.payload, "hash": sealed.hash}
    texts[changed] = texts[changed].replace("submit", "reject") if changed == "head" else "0" * 64
    with pytest.raises(LedgerDamaged, match="does not fit its hash"):
        Sealed(**texts).open()


@pytest.mark.parametrize(
    ("head", "payload"),
    [(HEAD | {"signer": {}}, "{}"), (HEAD, "[]"), (HEAD, "{"), (HEAD, "[" * 100_000), (HEAD | {"x": 1}, "{}")],
)
def test_what_fits_its_hash_and_is_no_record_does_not_open(head: dict[str, Any], payload: str) -> None:
    with pytest.raises(LedgerDamaged, match=r"cannot be read|none of this version"):
        Sealed.of(LEDGER_ID, head, payload).open()


@pytest.mark.parametrize("text", ["", "[]", "{", "{}"])
def test_a_head_is_an_object_of_twelve_keys(text: str) -> None:
    with pytest.raises(LedgerDamaged, match="none of this version"):
        read_head(text, chain.hash_head(text.encode()))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, "\ud800", object(), {1: 2}])
def test_what_json_does_not_carry_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        canonical({"a": value})


def test_a_payload_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "PAYLOAD_CAP", 10)
    assert canonical({"a": "xx"}) == '{"a":"xx"}'
    with pytest.raises(TooLarge, match="11 bytes"):
        canonical({"a": "xxx"})


@pytest.mark.parametrize("value", [0.1 + 0.2, 1e21, 1e20, 2.0**53, -5e-324, 1.5, 3])
def test_numbers_come_back_as_they_were(value: float) -> None:
    text = canonical({"a": value})
    assert read_json(text) == {"a": value}
    assert canonical(read_json(text)) == text


def test_moments_sort_as_texts() -> None:
    moments = [
        datetime(2026, m, d, h, 5, 6, us, UTC) for m in (1, 12) for d in (2, 30) for h in (0, 23) for us in (0, 999)
    ]
    texts = [write_moment(moment) for moment in moments]
    assert texts == sorted(texts)
    assert [datetime.fromisoformat(text) for text in texts] == moments
