"""What a reader does with the thresholds page, in Chromium, against a running server."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from core.thresholds.policy import Policy

Wait = Callable[[Page], None]
Start = Callable[..., str]

VIEWS = {
    "Thresholds": ["Thresholds on the positivity of the tuning rows"],
    "Frontier": ["Precision against recall, on the tuning rows"],
    "Methods": [],
    "Edit by hand": [],
    "Other base rates": ["Precision at other base rates"],
    "Export": [],
}
PATIENCE = 60_000  # milliseconds
STANDARD = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
}
PROBES = ("/_stcore/health", "/_stcore/host-config")  # Streamlit asks below the page's address first, then above


@pytest.fixture(autouse=True)
def complaints(page: Page) -> Iterator[list[str]]:
    """Errors of the page's console; a test fails with them."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.location["url"].endswith(PROBES):
            found.append(f"{message.text} at {message.location['url']}")

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert found == []


def make_holdout(path: Path, *, rows: int = 20_000) -> Path:
    """A holdout as CSV whose labels fall short of the score where evidence is thin."""
    rng = np.random.default_rng(11)
    score, evidence = rng.random(rows).round(4), rng.integers(1, 1_000, rows)
    frame = pd.DataFrame(
        {
            "score": score,
            "evidence": evidence,
            "label": (rng.random(rows) < score * (0.5 + evidence / 2_000)).astype(int),
        }
    )
    frame.to_csv(path, index=False)
    return path


def expect_charts(page: Page, *titles: str) -> None:
    """Wait until these titles, and no others, are drawn."""
    expect(page.locator(".js-plotly-plot .gtitle")).to_have_text(list(titles), timeout=PATIENCE)


def visit(page: Page, address: str, wait_ready: Wait, view: str = "Thresholds") -> None:
    """Go to an address and wait until its view is drawn."""
    page.goto(address)
    page.get_by_role("tab", name=view, exact=True).wait_for()
    expect_charts(page, *VIEWS[view])
    wait_ready(page)


def open_view(page: Page, view: str, wait_ready: Wait) -> None:
    """Click a view's tab and wait until it is drawn."""
    page.get_by_role("tab", name=view, exact=True).click()
    expect(page.get_by_role("tab", name=view, exact=True)).to_have_attribute("aria-selected", "true")
    expect_charts(page, *VIEWS[view])
    wait_ready(page)


def confirm(page: Page, wait_ready: Wait) -> None:
    """Open the other half."""
    page.get_by_role("button", name="Confirm on the other half").click()
    page.get_by_text("The other half has been opened.").wait_for()
    wait_ready(page)


def parameter(page: Page, name: str) -> str:
    """A parameter of the page's address."""
    return parse_qs(urlsplit(page.url).query)[name][0]


def save(page: Page, button: str, folder: Path) -> Path:
    """Press a download button, and keep the file."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


# --- the journey ---


def test_from_upload_to_export(page: Page, start_server: Start, wait_ready: Wait, tmp_path: Path) -> None:
    url = start_server()
    page.goto(f"{url}/holdout")
    page.get_by_text("Upload a file", exact=True).click()
    wait_ready(page)
    source = make_holdout(tmp_path / "mine.csv")
    page.set_input_files("[data-testid=stFileUploader] input", source)
    page.get_by_role("button", name="Use this file").wait_for()
    wait_ready(page)
    page.get_by_role("button", name="Use this file").click()
    page.get_by_text("Your data").wait_for()
    wait_ready(page)
    digest = parameter(page, "data")

    page.get_by_test_id("stTopNavLink").filter(has_text="Thresholds").click()
    expect(page.locator("h1")).to_have_text("Thresholds")
    expect(page.get_by_text("mine.csv · 20,000 rows")).to_be_visible()
    expect_charts(page, *VIEWS["Thresholds"])
    wait_ready(page)
    assert parameter(page, "data") == digest

    slider = page.get_by_role("slider", name="Target precision")
    first = float(slider.input_value())
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    wait_ready(page)
    moved = slider.input_value()
    assert float(moved) < first
    expect(page).to_have_url(re.compile(f"[?&]thresholds_precision={re.escape(moved)}(&|$)"), timeout=PATIENCE)
    assert slider.input_value() == moved
    expect(page.get_by_text("not opened yet")).to_be_visible()
    confirm(page, wait_ready)
    expect(page.get_by_text("Certified: with confidence 0.95")).to_be_visible()
    expect(page.get_by_test_id("stMetric")).to_have_count(4)

    open_view(page, "Export", wait_ready)
    bundle = json.loads(save(page, "Download the evidence for sign-off", tmp_path).read_text())
    written = save(page, "Policy as JSON", tmp_path).read_text()
    policy = Policy.from_json(written)
    assert bundle["policy_hash"] == policy.hash
    assert policy.data_digest == digest
    assert policy.confirmed is not None
    assert bundle["evidence"]["confirmed"]["accepted"] == sum(one.accepted for one in policy.confirmed.counts)
    assert policy.hash in save(page, "SQL expression", tmp_path).read_text()
    assert_python_decides_alike(save(page, "Python function", tmp_path), policy, source)


def assert_python_decides_alike(module: Path, policy: Policy, source: Path) -> None:
    """The downloaded function and the policy agree on every row, and accept as many as the halves together say."""
    rows = pd.read_csv(source)
    code = (
        "import csv, sys, runpy; decide = runpy.run_path(sys.argv[1])['decide'];"
        "print(sum(decide(row['score'], row['evidence']) for row in csv.DictReader(open(sys.argv[2]))))"
    )
    answer = subprocess.run([sys.executable, "-I", "-c", code, module, source], capture_output=True, check=True)
    counts = [*policy.tuned, *policy.confirmed.counts]
    assert int(answer.stdout) == policy.decide(rows["score"], rows["evidence"]).sum() == sum(c.accepted for c in counts)


def test_looks_are_counted_and_stay_when_the_reader_looks_around(page: Page, server: str, wait_ready: Wait) -> None:
    visit(page, f"{server}/thresholds", wait_ready)
    confirm(page, wait_ready)
    open_view(page, "Edit by hand", wait_ready)
    field = page.get_by_role("spinbutton", name=re.compile("^Level 1"))
    field.fill("0.7")
    field.press("Enter")
    wait_ready(page)
    page.get_by_role("button", name="Test on the other half: one more look").click()
    page.get_by_text("1 automatic test, 1 further look.").wait_for()
    wait_ready(page)
    page.get_by_role("link", name="Overview").click()
    expect(page.locator("h1")).to_have_text("Overview")
    page.get_by_role("button", name="Set thresholds that allow for it").click()
    expect(page.locator("h1")).to_have_text("Thresholds")
    page.get_by_text("1 automatic test, 1 further look.").wait_for()
    wait_ready(page)


@pytest.mark.parametrize("entry", ["server.py", "app.py"])
def test_a_deep_link_is_the_first_visit_of_a_cold_server(
    page: Page, start_server: Start, wait_ready: Wait, entry: str
) -> None:
    address = f"{start_server(entry)}/thresholds?thresholds_view=Frontier&thresholds_precision=0.25"
    visit(page, address, wait_ready, "Frontier")
    expect(page).to_have_title("Thresholds · RecScope")
    assert (parameter(page, "thresholds_view"), parameter(page, "thresholds_precision")) == ("Frontier", "0.25")
    expect(page.get_by_role("slider", name="Target precision")).to_have_value("0.25")
    expect(page.get_by_test_id("stTopNavLink").filter(has_text="Thresholds")).to_have_count(1)
    assert page.get_by_role("dialog").count() == 0, "no 'Page not found'"


# --- accessibility ---


def unfold(page: Page) -> None:
    """Open every expander."""
    closed = page.locator("[data-testid=stExpander] details:not([open]) summary")
    closed.evaluate_all("all => all.forEach(one => one.click())")
    page.wait_for_timeout(400)  # they unfold


def assert_accessible(page: Page, place: str) -> None:
    """No violation of WCAG A or AA, wide and narrow."""
    page.mouse.move(0, 0)
    for width in (1440, 800):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        found = Axe().run(page, options=STANDARD).response["violations"]
        told = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]
        assert told == [], f"{place} at {width}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_view_breaks_wcag(browser: Browser, server: str, wait_ready: Wait, theme: str) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    visit(page, f"{server}/thresholds", wait_ready)
    unfold(page)
    assert_accessible(page, "before opening")
    confirm(page, wait_ready)
    for view in VIEWS:
        open_view(page, view, wait_ready)
        unfold(page)
        assert_accessible(page, view)
    page.get_by_role("button", name="Show me").click()
    expect(page.get_by_text("1 of 4")).to_be_visible()
    wait_ready(page)
    assert_accessible(page, "tour")
    context.close()
    context = browser.new_context(color_scheme=theme, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    visit(page, f"{server}/thresholds?thresholds_precision=0.5", wait_ready)
    confirm(page, wait_ready)
    expect(page.get_by_text("Not certified.")).to_be_visible()
    assert_accessible(page, "refusal")
    page.goto(f"{server}/thresholds?thresholds_precision=0.95")
    expect(page.get_by_text("This did not work.")).to_be_visible()
    wait_ready(page)
    assert_accessible(page, "out of reach")
    context.close()
