"""Who signs, with which roles, and how fresh."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.settings import Settings
from core.signoff.identity import StaleSignIn, check_fresh, declare_signer, read_signer
from tests.conftest import make_settings

CLAIMS = {"iss": "https://id.example", "sub": "a|1", "name": "Ann Lee", "email": "ann@example.com",
          "email_verified": True, "auth_time": 1_772_366_400}  # fmt: skip


@pytest.fixture
def bare(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


def read(settings: Settings, **changes: Any) -> Any:
    return read_signer(CLAIMS | changes, settings=settings)


def test_a_signer_is_read_off_the_claims(bare: Settings) -> None:
    signer = read(bare, roles=["approver", "author", "boss", 7])
    assert (signer.issuer, signer.subject, signer.name) == ("https://id.example", "a|1", "Ann Lee")
    assert (signer.identity, signer.auth_time) == ("oidc", 1_772_366_400)
    assert signer.roles == ("author", "approver")


@pytest.mark.parametrize("name", ["iss", "sub"])
@pytest.mark.parametrize("value", [None, "", "  ", 7, ["a"]])
def test_without_issuer_or_subject_nobody_signs(name: str, value: Any, bare: Settings) -> None:
    with pytest.raises(InputError, match=f"no claim {name}"):
        read(bare, **{name: value})


def test_the_name_falls_back_on_what_is_known(bare: Settings) -> None:
    assert read(bare, name=None, preferred_username="annlee").name == "annlee"
    assert read(bare, name="").name == "ann@example.com"
    assert read(bare, name=" \n", email_verified=False).name == "a|1"
    assert read(bare, name="Ann\n\u202eLee\x00").name == "Ann Lee"
    assert len(read(bare, name="x" * 10_000).name) <= 500


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        ("roles", {"roles": ["approver"]}),
        ("roles", {"roles": "approver"}),
        ("roles", {"roles": "boss, approver"}),
        ("realm_access.roles", {"realm_access": {"roles": ["approver"]}}),
        ("https://me.example/roles", {"https://me.example/roles": ["approver"]}),
    ],
)
def test_roles_from_a_claim(claim: str, claims: dict[str, Any], bare: Settings) -> None:
    assert read(replace(bare, role_claim=claim), **claims).roles == ("approver",)


@pytest.mark.parametrize(
    "claims",
    [{}, {"roles": None}, {"roles": {"approver": True}}, {"roles": ["Approver", "approvers"]}, {"roles": 7},
     {"realm_access": ["roles"]}],
)  # fmt: skip
def test_no_role_from_what_is_none(claims: dict[str, Any], bare: Settings) -> None:
    assert read(bare, **claims).roles == ()
    assert read(replace(bare, role_claim="realm_access.roles"), **claims).roles == ()


def test_roles_from_lists(bare: Settings) -> None:
    listed = replace(bare, authors=("a|1",), approvers=("ANN@example.com",), auditors=("somebody@example.com",))
    assert read(listed).roles == ("author", "approver")
    assert read(listed, roles=["auditor"]).roles == ("author", "approver", "auditor")


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_address_that_is_not_verified_gives_no_role(verified: Any, bare: Settings) -> None:
    listed = replace(bare, approvers=("ann@example.com",))
    assert read(listed, email_verified=verified).roles == ()


def test_an_address_in_a_list_is_no_subject_and_a_subject_no_address(bare: Settings) -> None:
    listed = replace(bare, approvers=("boss@example.org",), authors=("boss",))
    assert read(listed, sub="boss@example.org", email="mallory@example.org").roles == ()
    assert read(listed, sub="mallory", email="boss", email_verified=True).roles == ()
    assert read(listed, sub="boss@example.org", email="boss@example.org").roles == ("approver",)
    assert read(listed, sub="boss").roles == ("author",)


def test_a_subject_is_compared_exactly(bare: Settings) -> None:
    assert read(replace(bare, approvers=("A|1", "a|11", "a|"))).roles == ()


@pytest.mark.parametrize("moment", [None, "1772366400", 1.5, True, -1])
def test_an_odd_time_of_sign_in_is_none(moment: Any, bare: Settings) -> None:
    signer = read(bare, auth_time=moment, iat=1_772_366_400)
    assert signer.auth_time is None
    with pytest.raises(StaleSignIn, match="does not tell when you signed in"):
        check_fresh(signer, now="2026-03-01T12:00:00.000000Z")


@pytest.mark.parametrize(
    ("now", "match"),
    [
        ("2026-03-01T12:15:00.000000Z", None),
        ("2026-03-01T12:15:01.000000Z", "signed in 15 minutes ago; 15 is the limit"),
        ("2026-03-02T12:00:00.000000Z", "signed in 1,440 minutes ago"),
        ("2026-03-01T11:59:00.000000Z", None),
        ("2026-03-01T11:58:59.000000Z", "61 seconds ahead"),
    ],
)
def test_a_sign_in_is_fresh_for_fifteen_minutes(now: str, match: str | None, bare: Settings) -> None:
    signer = read(bare)  # at 12:00
    if match is None:
        check_fresh(signer, now=now)
        return
    with pytest.raises(StaleSignIn, match=match) as caught:
        check_fresh(signer, now=now)
    assert caught.value.fix


def test_a_typed_name() -> None:
    signer = declare_signer("  Ann\t Lee ")
    assert (signer.issuer, signer.subject, signer.name, signer.auth_time) == ("local", "Ann Lee", "Ann Lee", None)
    assert (signer.identity, signer.roles) == ("self-declared", ("author", "approver", "auditor"))
    check_fresh(signer, now="2026-03-01T12:00:00.000000Z")


@pytest.mark.parametrize("name", ["", "  ", "\n", "...", "---"], ids=ascii)
def test_a_blank_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="The name is blank"):
        declare_signer(name)


@pytest.mark.parametrize(
    "name",
    [
        "A\u200bnn",
        "Ann\u2060",
        "\u202eAnn",
        "An\u00adn",
        "Ann\ud800",
        "A\ufeffnn",
        "Ann\u3164",
        "Ann\ufe0f",
        "A\u034fnn",
        "\u2800Ann",
        "Ann\U000e0061",
    ],
    ids=ascii,
)
def test_a_name_with_what_is_not_seen_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="not seen"):
        declare_signer(name)
