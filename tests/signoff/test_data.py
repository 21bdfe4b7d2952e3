import json
from dataclasses import replace
from typing import Any

import pytest

from core.errors import InputError
from core.signoff.data import Entry, Receipt, Signer
from tests.signoff.conftest import make_entry, make_signer

RECEIPT = Receipt("ab" * 16, 7, "0" * 64, "ctr", 3, 2, "approve", "Ada", "2026-11-21T12:34:56.123456Z")


def declared(name: str) -> Signer:
    return Signer("local", name, name, "self-declared", ("author",), None)


@pytest.mark.parametrize(
    "other", ["ada lovelace", "ADA  Lovelace ", "\uff21da Lovelace", "Ada\u00a0Lovelace", "Ada Love\u200blace"]
)
def test_a_typed_name_is_the_same_however_it_is_typed(other: str) -> None:
    assert declared("Ada Lovelace").same_person(declared(other))
    assert replace(declared(other), subject="x").same_person(declared("Ada Lovelace"))


def test_other_names_are_other_people() -> None:
    assert not declared("Ada").same_person(declared("Adam"))
    assert declared("Straße").same_person(declared("STRASSE"))


def test_a_provider_tells_people_of_one_name_apart() -> None:
    ada = make_signer("Ada")
    assert ada.same_person(replace(ada, name="A. Lovelace", roles=("approver",), auth_time=5))
    assert not ada.same_person(replace(ada, subject="another"))
    assert not ada.same_person(replace(ada, issuer="https://elsewhere.example.org"))
    assert ada.same_person(declared("ada"))  # one of the two proves nothing


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("issuer", " "), ("subject", ""), ("name", "a\nb"), ("name", "x" * 501), ("name", "\ud800"), ("name", 7),
        ("identity", "guessed"), ("roles", ("author", "author")), ("roles", ("owner",)), ("roles", ["author"]),
        ("roles", (["author"],)), ("auth_time", -1), ("auth_time", True), ("auth_time", 1.5),
    ],
)  # fmt: skip
def test_a_signer_is_checked(field: str, value: Any) -> None:
    with pytest.raises(InputError, match=r"of the signer|sign-in"):
        replace(make_signer(), **{field: value})


def test_nobody_vouches_for_the_time_of_a_self_declared_signer() -> None:
    with pytest.raises(InputError, match="self-declared"):
        replace(declared("Ada"), auth_time=5)


def test_a_signer_goes_through_json() -> None:
    for signer in (make_signer("Ada", "author", "approver"), declared('Ada "the" L')):
        assert Signer.from_json(json.loads(json.dumps(signer.to_json()))) == signer


@pytest.mark.parametrize(
    "found", [None, [], {}, make_signer().to_json() | {"x": 1}, make_signer().to_json() | {"roles": "a"}]
)
def test_odd_json_is_no_signer(found: Any) -> None:
    with pytest.raises(InputError, match="signer"):
        Signer.from_json(found)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "genesis"), ("kind", "delete"), ("policy", ""), ("policy", "CTR"), ("policy", "../x"),
        ("policy", "a" * 65), ("policy", "ctr\n"), ("version", 1), ("meaning", ""), ("key", "1"),
        ("key", "A" * 36), ("payload", {}), ("payload", {"needs": 0, "review_by": "2027-05-31"}),
        ("payload", {"needs": 1, "review_by": "soon"}),
    ],
)  # fmt: skip
def test_an_entry_is_checked(field: str, value: Any) -> None:
    with pytest.raises(InputError):
        replace(make_entry(), **{field: value})


@pytest.mark.parametrize("version", [None, 0, -1, True, 1.0])
def test_an_act_names_its_version(version: Any) -> None:
    with pytest.raises(InputError, match="version"):
        replace(make_entry("approve", 1), version=version)
    assert isinstance(make_entry("approve", 1), Entry)


def test_a_receipt_goes_through_json() -> None:
    assert Receipt.from_json(json.loads(json.dumps(RECEIPT.to_json()))) == RECEIPT


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ledger_id", "x"), ("seq", 0), ("seq", "7"), ("seq", 2**53), ("seq", True), ("hash", "0" * 63), ("hash", None),
        ("policy", "a b"), ("revision", 0), ("version", 1.5), ("kind", "genesis"), ("kind", ["submit"]), ("signer", ""),
        ("signer", 5), ("at", "2026-11-21"), ("at", "2026-11-21T12:34:56.123456+00:00"),
    ],
)  # fmt: skip
def test_anything_odd_is_no_receipt(field: str, value: Any) -> None:
    with pytest.raises(InputError, match=r"receipt|policy"):
        Receipt.from_json(RECEIPT.to_json() | {field: value})


@pytest.mark.parametrize("found", [None, [], "x", {}, RECEIPT.to_json() | {"more": 1}])
def test_a_receipt_has_exactly_its_fields(found: Any) -> None:
    with pytest.raises(InputError, match="exactly"):
        Receipt.from_json(found)
