"""Sign-off in Chromium: from a tuned rule to a policy in force, by two people; and clicks at the worst moment."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from core.signoff.data import Receipt
from core.thresholds.policy_file import read_policy
from tests.browser.conftest import running_server
from tests.browser.drive import (
    Start,
    assert_accessible,
    expect_view,
    give_file,
    open_view,
    parameter,
    save,
    start_tour,
    step_left,
    tab_to,
    unfold,
    use_file,
    visit,
    wait_ready,
)
from tests.conftest import make_settings
from tests.pages.desk import POLICY, Desk, Stock, make_stock, open_desk

CHANGE = "Thresholds, present and proposed"
COURSE = ["Precision since activation", "Precision of each level, signed and now", "Where the rows have moved"]
VIEWS = {"Watch": COURSE, "Review": [CHANGE], "Draft": [], "Export": [], "Verify": []}


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    return make_stock(tmp_path_factory.mktemp("stock"))


@pytest.fixture
def desk(tmp_path: Path, stock: Stock) -> Iterator[Desk]:
    """The ledger of the server that ``start_server`` starts, and its holdouts."""
    with open_home(tmp_path / "home", stock) as desk:
        yield desk


@contextmanager
def open_home(home: Path, stock: Stock) -> Iterator[Desk]:
    """A data folder with the holdouts, and its ledger."""
    home.mkdir()
    stock.copy_to(home)
    with open_desk(stock, make_settings(home)) as desk:
        yield desk


@pytest.fixture
def busy(served: tuple[str, Desk]) -> Iterator[tuple[str, Desk]]:
    """The same server; what a test leaves open is withdrawn."""
    yield served
    desk = served[1]
    with desk.ledger.stream(POLICY) as stream:
        left = stream.open_versions()
    for version in left:
        desk.withdraw("Ada", version)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, stock: Stock) -> Iterator[tuple[str, Desk]]:
    """A server with a version in force, and its ledger."""
    home = tmp_path_factory.mktemp("busy") / "home"
    with open_home(home, stock) as desk, running_server(home) as url:
        desk.put_in_force()
        yield url, desk


def open_page(page: Page, address: str, view: str = "Review") -> None:
    """Go to the sign-off page, and wait until its view is drawn."""
    page.goto(address)
    expect(page.locator("h1")).to_have_text("Sign-off")
    expect_view(page, view)
    wait_ready(page)


def type_name(page: Page, name: str) -> None:
    """Say who signs."""
    field = page.get_by_role("textbox", name="Your name")
    field.fill(name)
    field.press("Enter")
    wait_ready(page)


def press(page: Page, act: str) -> None:
    """Sign, and wait for the receipt."""
    page.get_by_role("button", name=act, exact=True).click()
    expect_signed(page)
    wait_ready(page)
    page.wait_for_timeout(500)  # a click that follows sooner is taken for the second half of a double click


def expect_signed(page: Page) -> None:
    """The page says that it was recorded, and nothing else."""
    expect(page.get_by_text("Signed and recorded as number")).to_be_visible()
    expect(page.get_by_text("Nothing was signed.")).to_be_hidden()


def send_draft(page: Page, server: str, desk: Desk, *, name: str) -> None:
    """Tune on the small holdout, go to sign-off with the rule, and give a reason."""
    page.goto(f"{server}/thresholds?data={desk.stock.holdout.digest}&thresholds_precision=0.7&thresholds_view=Export")
    page.get_by_role("button", name="Send to sign-off").click()
    page.get_by_text("Draft of version").wait_for()
    wait_ready(page)
    type_name(page, name)
    page.get_by_role("textbox", name="Rationale").fill("More recall.")


def expect_state(page: Page, version: int, state: str) -> None:
    """The version in view, and its badge."""
    page.get_by_role("heading", name=f"{POLICY}, version {version}").wait_for()
    expect(page.locator(".stMarkdownBadge").filter(has_text=re.compile(f"{state}$"))).to_be_visible()


# --- the journey ---


def test_two_people_put_thresholds_in_force_and_watch_them(
    page: Page, other_page: Page, start_server: Start, desk: Desk, tmp_path: Path
) -> None:
    url, source = start_server(), desk.stock.home / "mine.csv"
    visit(page, f"{url}/thresholds?data={desk.stock.holdout.digest}&thresholds_precision=0.72",
          "Thresholds on the positivity of the tuning rows")  # fmt: skip
    step_left(page, page.get_by_role("slider", name="Target precision"), 2)
    target = float(page.get_by_role("slider", name="Target precision").input_value())
    assert target < 0.72
    page.get_by_role("button", name="Confirm on the other half").click()
    page.get_by_text("The other half has been opened.").wait_for()
    wait_ready(page)
    open_view(page, "Export")
    policy = read_policy(save(page, "Policy as JSON", tmp_path).read_text())
    page.get_by_role("button", name="Send to sign-off").click()
    expect_view(page, "Draft")
    page.get_by_text("Draft of version 1 of thresholds").wait_for()
    type_name(page, "Ada")
    page.get_by_role("textbox", name="Rationale").fill("More recall.")
    press(page, "Submit for review")
    receipt = save(page, "Download your receipt", tmp_path)
    open_view(page, "Review")
    expect(page.get_by_text("It has 0 of 1 approvals.")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)

    open_page(other_page, f"{url}/signoff")
    type_name(other_page, "Grace")
    other_page.get_by_role("textbox", name="Remark or rationale").fill("Looks right.")
    press(other_page, "Approve")
    press(other_page, "Activate")
    expect(other_page.get_by_text("It is in force")).to_be_visible()
    open_view(other_page, "Export")
    document = json.loads(save(other_page, "JSON", tmp_path, exact=True).read_text())
    assert_decides_alike(json.dumps(document["policy"]), source, policy.hash)
    assert document["guarantee"].startswith(
        f"With confidence 0.95, the precision of all accepted rows is at least {target:g}"
    )
    open_view(other_page, "Watch", *COURSE)
    give_file(other_page, desk.stock.home / "weakening.csv")
    use_file(other_page)
    expect(other_page.get_by_text("weakening.csv · 300 rows")).to_be_visible()
    press(other_page, "Record this look")
    expect(other_page.get_by_text("This file has been looked at before")).to_be_visible()
    open_view(other_page, "Verify")
    other_page.set_input_files(
        "[data-testid=stFileUploader] input", [receipt, save(other_page, "Download your receipt", tmp_path)]
    )
    wait_ready(other_page)
    other_page.get_by_role("button", name="Verify the ledger").click()
    expect(other_page.get_by_text("Nothing is wrong. 5 records and 2 receipts compared.")).to_be_visible()

    records = list(desk.ledger.read(after=0))
    assert [(one.kind, one.signer.name) for one in records] == [
        ("submit", "Ada"), ("approve", "Grace"), ("activate", "Grace"), ("watch", "Grace"),
    ]  # fmt: skip
    assert Receipt.from_json(json.loads(receipt.read_text())) == Receipt.of(records[0], ledger_id=desk.ledger.id)


def assert_decides_alike(text: str, source: Path, hashed: str) -> None:
    """The exported policy accepts as many of the rows as its counts say."""
    policy, rows = read_policy(text), pd.read_csv(source)
    assert policy.hash == hashed
    counted = sum(one.accepted for one in (*policy.tuned, *policy.confirmed.counts))
    assert policy.decide(rows["score"], rows["evidence"]).sum() == counted > 0


@pytest.mark.parametrize("entry", ["server.py", "app.py"])
def test_a_link_to_a_version_is_the_first_visit_of_a_cold_server(
    page: Page, start_server: Start, desk: Desk, entry: str
) -> None:
    desk.put_in_force()
    desk.submit("Alan", "close")
    open_page(page, f"{start_server(entry)}/signoff?signoff_policy={POLICY}&signoff_version=1")
    expect_state(page, 1, "Active")
    assert (parameter(page, "signoff_policy"), parameter(page, "signoff_version")) == (POLICY, "1")
    open_view(page, "Export")
    open_view(page, "Review")
    expect_state(page, 1, "Active")
    page.reload()
    expect_state(page, 1, "Active")
    assert page.get_by_role("dialog").count() == 0, "no 'Page not found'"


def test_the_keyboard_alone_approves(page: Page, busy: tuple[str, Desk]) -> None:
    url, desk = busy
    version = desk.submit("Ada", "close")
    open_page(page, f"{url}/signoff")
    tab_to(page, page.get_by_role("textbox", name="Your name"))
    page.keyboard.type("Grace")
    page.keyboard.press("Enter")
    wait_ready(page)
    tab_to(page, page.get_by_role("textbox", name="Remark or rationale"))
    page.keyboard.type("Looks right.")
    tab_to(page, page.get_by_role("button", name="Approve"))
    page.keyboard.press("Enter")
    expect_signed(page)
    assert [one.kind for one in desk.records(version)] == ["submit", "approve"]


# --- clicks at the worst moment ---


def click_twice(page: Page, button: Locator, gap: int) -> None:
    """Two clicks of the mouse at the same place."""
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box is not None
    place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.click(*place)
    page.wait_for_timeout(gap)
    page.mouse.click(*place)


@pytest.mark.parametrize("gap", [100, 20])
def test_two_clicks_on_submit_are_one_submission(page: Page, busy: tuple[str, Desk], gap: int) -> None:
    url, desk = busy
    send_draft(page, url, desk, name="Ada")
    before = len(desk.acts())
    click_twice(page, page.get_by_role("button", name="Submit for review"), gap)
    expect_signed(page)
    wait_ready(page)
    expect_signed(page)
    written = desk.acts()[before:]
    assert [(kind, name) for kind, _, name in written] == [("submit", "Ada")]
    open_view(page, "Review", CHANGE)
    expect_state(page, written[0][1], "Submitted")


@pytest.mark.parametrize("draft", ["close", "large"])  # the large one needs two people: its button stays
@pytest.mark.parametrize("gap", [100, 20])
def test_two_clicks_on_approve_are_one_approval(page: Page, busy: tuple[str, Desk], gap: int, draft: str) -> None:
    url, desk = busy
    version = desk.submit("Ada", draft)
    open_page(page, f"{url}/signoff")
    type_name(page, "Grace")
    click_twice(page, page.get_by_role("button", name="Approve"), gap)
    expect_signed(page)
    wait_ready(page)
    expect_signed(page)
    assert [one.kind for one in desk.records(version)] == ["submit", "approve"]
    page.reload()
    expect_state(page, version, "Approved" if draft == "close" else "Submitted")


@pytest.mark.parametrize("after", [50, 100, 150])
def test_a_tab_that_is_closed_while_it_signs_leaves_one_record_or_none(
    page: Page, busy: tuple[str, Desk], after: int
) -> None:
    url, desk = busy
    version = desk.submit("Ada", "close")
    tab = page.context.new_page()
    open_page(tab, f"{url}/signoff")
    type_name(tab, "Grace")
    tab.get_by_role("button", name="Approve").click()
    tab.wait_for_timeout(after)
    tab.close()
    open_page(page, f"{url}/signoff")
    signed = len(desk.records(version)) - 1
    assert signed in (0, 1)
    expect_state(page, version, "Approved" if signed else "Submitted")


def switch_tab(page: Page) -> None:
    """Go to another view."""
    page.get_by_role("tab", name="Export").click()


def change_name(page: Page) -> None:
    """Type another name, and leave the field."""
    page.get_by_role("textbox", name="Your name").fill("Edsger")
    page.keyboard.press("Tab")


def reload(page: Page) -> None:
    """Load the page anew."""
    page.reload()


@pytest.mark.parametrize("then", [switch_tab, change_name, reload])
def test_another_event_right_after_a_click_leaves_one_record_by_who_clicked(
    page: Page, busy: tuple[str, Desk], then: Callable[[Page], None]
) -> None:
    url, desk = busy
    version = desk.submit("Ada", "close")
    open_page(page, f"{url}/signoff")
    type_name(page, "Grace")
    page.get_by_role("button", name="Approve").click(no_wait_after=True)
    then(page)
    wait_ready(page)
    assert_told(page, url, desk, version, by={"Grace"})


def test_a_name_that_is_typed_right_before_a_click_is_the_one_that_signs_or_nobody(
    page: Page, busy: tuple[str, Desk]
) -> None:
    url, desk = busy
    version = desk.submit("Ada", "close")
    open_page(page, f"{url}/signoff")
    type_name(page, "Grace")
    page.get_by_role("textbox", name="Your name").fill("Edsger")
    page.get_by_role("button", name="Approve").click()
    wait_ready(page)
    assert_told(page, url, desk, version, by={"Edsger"})


def assert_told(page: Page, url: str, desk: Desk, version: int, *, by: set[str]) -> None:
    """One approval or none, by one of these; and the page says so when it is loaded anew."""
    approvals = [one.signer.name for one in desk.records(version)[1:]]
    assert len(approvals) <= 1
    assert set(approvals) <= by
    open_page(page, f"{url}/signoff?signoff_version={version}")
    expect_state(page, version, "Approved" if approvals else "Submitted")


# --- accessibility ---


def test_no_view_breaks_wcag(page: Page, busy: tuple[str, Desk]) -> None:
    url, desk = busy
    desk.submit("Ada", "large")
    send_draft(page, url, desk, name="Grace")
    unfold(page)
    assert_accessible(page, "draft with a rival")
    open_page(page, f"{url}/signoff?signoff_view=Watch&data={desk.stock.newer['holds'].digest}", "Watch")
    type_name(page, "Grace")
    for view, titles in VIEWS.items():
        open_view(page, view, *titles)
        unfold(page)
        assert_accessible(page, view)
    page.get_by_role("button", name="Verify the ledger").click()
    expect(page.get_by_text("Nothing is wrong.")).to_be_visible()
    open_view(page, "Review", CHANGE)
    page.get_by_role("button", name="Reject", exact=True).click()
    expect(page.get_by_text("Nothing was signed.")).to_be_visible()
    assert_accessible(page, "refusal")
    press(page, "Approve")
    assert_accessible(page, "receipt")
    open_view(page, "Verify")
    assert_accessible(page, "verified")
    start_tour(page)
    assert_accessible(page, "tour")
