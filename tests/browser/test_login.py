"""Signing in by an identity provider, end to end: RecScope, Chromium and oidc-provider-mock, all on loopback."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect
from websockets.exceptions import InvalidStatus

from core.signoff.data import Record, Role, Signer
from core.signoff.ledger import Ledger
from core.signoff.workflow import submit
from pages._shell import PAGES
from pages._shell_visits import PLACE_LENGTH, PLACES, Place, Visits
from tests.browser.conftest import ROOT, running_server
from tests.browser.drive import Start, assert_accessible, parameter, wait_ready
from tests.conftest import make_settings
from tests.oidc import Provider, Seen, look, running_provider
from tests.signoff.acting import make_submission, signing

WORDS = [page.word for page in PAGES]
TITLES = [page.title for page in PAGES]
STALE = 16 * 60  # seconds
WHO = ".st-key-signoff_who"
WELCOME = "Sign in to see how far your model can be trusted, and to sign for it."


@dataclass(frozen=True, slots=True)
class Company:
    """A server that knows its users by a provider, and the ledger of that server."""

    provider: Provider
    url: str
    ledger: Ledger

    def person(self, subject: str, *roles: Role) -> Signer:
        """Somebody who has just signed in."""
        return Signer(self.provider.url, subject, subject.title(), "oidc", roles, int(time.time()))

    def submit(self, policy: str, author: Signer) -> str:
        """Put a policy forward, and return the address at which it is reviewed."""
        day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
        submit(signing(self.ledger, author, policy), make_submission(review_by=day))
        return self.address(policy)

    def address(self, policy: str) -> str:
        """Where a policy is reviewed."""
        return f"{self.url}/signoff?{urlencode({'signoff_policy': policy, 'signoff_view': 'Review'})}"

    def records(self, policy: str) -> list[Record]:
        """What the ledger holds of a policy."""
        return [record for record in self.ledger.read() if record.policy == policy]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """A provider that knows nobody yet, and believes everybody."""
    with running_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def company(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """One server for the tests that need no cold one."""
    home = tmp_path_factory.mktemp("company")
    settings = make_settings(home)
    people = {"RECSCOPE_APPROVERS": "bob, cleo@example.org"}
    with running_server(home, **provider.write_secrets(home), **people) as url:
        ledger = Ledger.open(settings.ledger_url, settings)
        yield Company(provider, url, ledger)
        ledger.close()


# --- hands and eyes ---


def expect_way_in(page: Page) -> None:
    """Nothing but the way in is there."""
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    wait_ready(page)
    said = page.get_by_test_id("stMain").inner_text().split("\n")
    assert [line for line in said if line and line != "login"] == ["RecScope", WELCOME, "Sign in"]
    expect(page.get_by_test_id("stTopNavLink")).to_have_count(0)
    expect(page.get_by_test_id("stSidebarNavLink")).to_have_count(0)


def go_to_provider(page: Page, button: str = "Sign in") -> dict[str, list[str]]:
    """Press a button that leads to the provider, and return what it is asked."""
    page.get_by_role("button", name=button).click()
    page.get_by_placeholder("sub").wait_for()
    return parse_qs(urlsplit(page.url).query)


def say_who(page: Page, subject: str) -> str:
    """Prove to the provider who one is, and return the address at which it hands one back."""
    page.get_by_placeholder("sub").fill(subject)
    with page.expect_request(re.compile("/oauth2callback")) as back:
        page.get_by_role("button", name="Authorize").click()
    return back.value.url


def sign_in(page: Page, address: str, subject: str) -> str:
    """Go to an address, sign in, and wait until one is there; returns the address of the callback."""
    page.goto(address)
    go_to_provider(page)
    callback = say_who(page, subject)
    expect(page.locator(WHO)).to_contain_text("Signed in")
    wait_ready(page)
    return callback


def cookies_of(page: Page) -> dict[str, str]:
    """The cookies of a browser."""
    return {cookie["name"]: cookie["value"] for cookie in page.context.cookies() if cookie["domain"] == "127.0.0.1"}


def lets_in(seen: Seen) -> bool:
    """Whether a client without a browser got more than the way in; it got one of both."""
    assert (WELCOME in seen.text) != ("Signed in" in seen.text)
    return WELCOME not in seen.text


# --- before signing in ---


@pytest.mark.parametrize("word", WORDS)
def test_a_deep_link_into_a_cold_server_shows_the_way_in_only(
    page: Page, start_server: Start, provider: Provider, tmp_path: Path, word: str
) -> None:
    page.goto(f"{start_server(**provider.write_secrets(tmp_path))}/{word}?{word}_view=Export")
    expect_way_in(page)


def test_no_file_of_the_pages_says_more_to_a_client_that_is_no_browser(
    start_server: Start, provider: Provider, tmp_path: Path
) -> None:
    url = start_server(**provider.write_secrets(tmp_path))
    names = {file.stem.strip("_") for file in (ROOT / "pages").glob("*.py")}  # as Streamlit calls them
    assert set(WORDS) < names
    for name in sorted(names, key=lambda name: (name in WORDS, name)):  # the server is cold until a page was asked for
        drawn = set(re.findall(r'(?:body|label): "(.*)"', look(url, page=name).text))
        assert drawn == ({"RecScope", "Sign in", WELCOME} if name in WORDS else set()), name


def test_without_a_provider_names_are_typed(page: Page, server: str) -> None:
    page.goto(f"{server}/signoff")
    expect(page.locator(WHO)).to_contain_text("Self-declared")
    expect(page.get_by_test_id("stTopNavLink")).to_have_count(len(TITLES))
    expect(page.get_by_role("button", name="Sign in")).to_have_count(0)


def test_secrets_that_cannot_be_read_let_nobody_in(start_server: Start, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text('[auth]\nredirect_uri = "not closed\n')
    text = look(start_server(STREAMLIT_SECRETS_FILES=str(secrets)), page="signoff").text
    assert "The secrets of this server cannot be read" in text
    assert "Self-declared" not in text


def test_the_way_in_breaks_no_wcag(page: Page, company: Company) -> None:
    page.goto(company.url)
    expect_way_in(page)
    assert_accessible(page, "way in")


# --- who signs ---


@pytest.mark.parametrize(
    ("subject", "claims", "shown"),
    [
        ("ann", {"name": "Ann Author", "roles": ["author", "auditor", "king"]}, "Ann Author · author, auditor"),
        ("bob", {"name": "Bob"}, "Bob · approver"),
        ("c", {"name": "Cleo", "email": "Cleo@Example.org", "email_verified": True}, "Cleo · approver"),
    ],
)
def test_roles_come_from_a_claim_or_from_a_list(
    page: Page, company: Company, subject: str, claims: dict[str, object], shown: str
) -> None:
    address = company.submit(f"roles-{subject}", company.person("zoe", "author"))
    company.provider.describe(subject, **claims)
    sign_in(page, address, subject)
    expect(page.get_by_text(shown)).to_be_visible()


def test_a_record_says_who_signed_and_when_they_signed_in(page: Page, company: Company) -> None:
    address = company.submit("records", company.person("ann", "author"))
    company.provider.describe("bob", name="Bob Approver", email="bob@example.org")
    began = int(time.time())
    sign_in(page, address, "bob")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Signed and recorded")).to_be_visible()
    wait_ready(page)
    signer = company.records("records")[-1].signer
    assert (signer.issuer, signer.subject, signer.name) == (company.provider.url, "bob", "Bob Approver")
    assert (signer.identity, signer.roles) == ("oidc", ("approver",))
    assert signer.auth_time is not None
    assert began <= signer.auth_time <= time.time()


def test_nobody_approves_their_own_under_another_name(page: Page, company: Company) -> None:
    address = company.submit("own", company.person("max", "author"))
    company.provider.describe("max", name="Somebody Else", roles=["author", "approver"])
    sign_in(page, address, "max")
    expect(page.get_by_text("Somebody Else · author, approver")).to_be_visible()
    expect(page.get_by_role("button", name="Withdraw")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)


# --- a sign-in that is too long ago ---


def test_who_signed_in_too_long_ago_signs_in_again_and_comes_back(page: Page, company: Company) -> None:
    author = company.person("ann", "author")
    company.submit("stale", author)
    address = company.submit("stale", author) + "&signoff_version=1"
    company.provider.describe("bob", name="Bob", auth_time=int(time.time()) - STALE)
    sign_in(page, address, "bob")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("You signed in 16 minutes ago; 15 is the limit.")).to_be_visible()
    wait_ready(page)
    assert [record.kind for record in company.records("stale")] == ["submit", "submit"]

    asked = go_to_provider(page, "Sign in again")
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["900"])
    company.provider.describe("bob", name="Bob")  # who asks for the password again, and so tells a new auth_time
    say_who(page, "bob")
    expect(page.get_by_text("stale, version 1", exact=True)).to_be_visible()
    wait_ready(page)
    assert (parameter(page, "signoff_policy"), parameter(page, "signoff_version")) == ("stale", "1")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Signed and recorded")).to_be_visible()
    wait_ready(page)
    last = company.records("stale")[-1]
    assert (last.kind, last.version) == ("approve", 1)


def test_a_provider_that_does_not_tell_when_cannot_have_anything_signed(page: Page, company: Company) -> None:
    address = company.submit("untold", company.person("ann", "author"))
    company.provider.describe("bob", name="Bob", auth_time=None)
    sign_in(page, address, "bob")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("The identity provider does not tell when you signed in.")).to_be_visible()
    wait_ready(page)
    assert [record.kind for record in company.records("untold")] == ["submit"]


# --- forgeries ---


def test_a_forged_and_a_replayed_callback_sign_nobody_in(page: Page, other_page: Page, company: Company) -> None:
    address = company.submit("callback", company.person("ann", "author"))
    page.goto(address)
    go_to_provider(page)
    page.goto(f"{company.url}/oauth2callback?code=stolen&state=forged")
    expect_way_in(page)

    callback = sign_in(page, address, "bob")
    other_page.goto(callback)  # in a browser that did not begin the sign-in
    expect_way_in(other_page)
    page.context.clear_cookies(name=re.compile("^_streamlit_user"))
    page.goto(callback)  # in the one that did, once more
    expect_way_in(page)


def test_a_callback_with_another_state_than_was_given_out_signs_nobody_in(page: Page, company: Company) -> None:
    page.goto(company.url)
    state = go_to_provider(page)["state"][0]
    answer = page.request.post(page.url, form={"sub": "bob"}, max_redirects=0)  # a code that is good
    page.goto(answer.headers["location"].replace(state, state[::-1]))
    expect_way_in(page)
    page.goto(answer.headers["location"])  # it was good
    expect(page.locator("h1")).to_have_text("Overview")


def test_a_cookie_in_which_a_byte_was_changed_is_worth_nothing(page: Page, company: Company) -> None:
    sign_in(page, company.submit("cookie", company.person("ann", "author")), "bob")
    query = {"signoff_policy": "cookie"}
    good = cookies_of(page)
    assert lets_in(look(company.url, page="signoff", query=query, cookies=good))
    user = good["_streamlit_user"]
    for place in range(0, len(user), len(user) // 8):
        other = "A" if user[place] != "A" else "B"
        forged = good | {"_streamlit_user": user[:place] + other + user[place + 1 :]}
        assert not lets_in(look(company.url, page="signoff", query=query, cookies=forged)), place


def test_only_this_site_opens_a_signed_in_websocket(page: Page, company: Company) -> None:
    sign_in(page, company.submit("origin", company.person("ann", "author")), "bob")
    query, cookies = {"signoff_policy": "origin"}, cookies_of(page)
    for origin in ("http://evil.example", "null", company.provider.url):
        with pytest.raises(InvalidStatus) as refused:
            look(company.url, page="signoff", query=query, cookies=cookies, origin=origin)
        assert refused.value.response.status_code == 403
    assert not lets_in(look(company.url, page="signoff", query=query, cookies=cookies, origin=None))
    forged = cookies | {"_streamlit_xsrf": "2|00000000|" + "00" * 16 + "|1"}
    assert lets_in(look(company.url, page="signoff", query=query, cookies=forged)), "no secret, a site cannot set it"


def test_the_session_of_somebody_else_is_not_to_be_had(page: Page, other_page: Page, company: Company) -> None:
    address = company.submit("session", company.person("zoe", "author"))
    company.provider.describe("ann", name="Ann", roles=["author"])
    company.provider.describe("bob", name="Bob")
    sign_in(page, address, "ann")
    sign_in(other_page, address, "bob")
    ann, bob = cookies_of(page), cookies_of(other_page)
    query = {"signoff_policy": "session"}
    first = look(company.url, page="signoff", query=query, cookies=ann)
    again = look(company.url, page="signoff", query=query, cookies=ann, session=first.session)
    assert again.session == first.session, "her own is to be had, else this test shows nothing"
    taken = look(company.url, page="signoff", query=query, cookies=bob, session=first.session)
    assert taken.session != first.session
    assert ("Bob · approver" in taken.text, "Ann · author" in taken.text) == (True, False)
    nobody = look(company.url, page="signoff", query=query, session=first.session)
    assert nobody.session != first.session
    assert not lets_in(nobody)
    expect(page.get_by_text("Ann · author")).to_be_visible()
    expect(other_page.get_by_text("Bob · approver")).to_be_visible()


# --- the end of it ---


def test_signing_out_ends_it_in_every_tab_and_for_a_copied_cookie(page: Page, company: Company) -> None:
    address = company.submit("end", company.person("ann", "author"))
    company.provider.describe("bob", name="Bob")
    sign_in(page, address, "bob")
    other_tab = page.context.new_page()
    other_tab.goto(address)
    approve = other_tab.get_by_role("button", name="Approve")
    expect(approve).to_be_visible()
    wait_ready(other_tab)
    copied = cookies_of(page)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="End session").click()  # at the provider
    expect_way_in(page)
    assert not [name for name in cookies_of(page) if name.startswith("_streamlit_user")]
    approve.click()
    expect_way_in(other_tab)
    assert [record.kind for record in company.records("end")] == ["submit"]
    assert not lets_in(look(company.url, page="signoff", query={"signoff_policy": "end"}, cookies=copied))
    page.goto(address)
    expect_way_in(page)


# --- coming back ---

HERE = Place("overview", {}, ("issuer", "ann", "2", "b"), at=1_000.0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"sign_in": ("issuer", "ann", "1", "a")}, True),  # she signed in again
        ({"sign_in": HERE.sign_in}, False),  # she opened another tab
        ({"sign_in": ("issuer", "bob", "1", "a")}, False),
        ({"sign_in": ("other issuer", "ann", "1", "a")}, False),
        ({"at": 1_000.0 - 15 * 60}, True),
        ({"at": 999.0 - 15 * 60}, False),
        ({"word": HERE.word, "parameters": HERE.parameters}, False),
    ],
)
def test_only_a_sign_in_leads_back_to_where_the_same_browser_was_lately(
    changes: dict[str, Any], expected: bool
) -> None:
    there = Place("signoff", {"signoff_version": "1"}, None, at=990.0)
    assert replace(there, **changes).leads_to(HERE) is expected
    assert not replace(there, **changes).leads_to(replace(HERE, sign_in=None))


def test_a_place_is_told_once_and_the_table_of_places_is_bounded() -> None:
    visits = Visits()
    assert [visits.move(b"ann", HERE), visits.move(b"ann", HERE)] == [None, HERE]
    visits.move(b"ann", replace(HERE, parameters={"long": "x" * PLACE_LENGTH}))
    assert visits.move(b"ann", HERE) is None, "a place with long parameters is not kept"
    for number in range(PLACES):
        visits.move(str(number).encode(), HERE)
    assert visits.move(b"ann", HERE) is None
    assert visits.move(b"1", HERE) is HERE
