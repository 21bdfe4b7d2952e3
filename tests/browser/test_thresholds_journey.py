"""What a reader does with the thresholds page, in Chromium, against a running server."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from core.thresholds.policy import Policy
from core.thresholds.policy_file import read_policy
from tests.browser.drive import (
    Start,
    assert_accessible,
    expect_charts,
    expect_view,
    give_file,
    make_holdout,
    open_view,
    parameter,
    save,
    start_tour,
    step_left,
    unfold,
    use_file,
    visit,
    wait_ready,
)

VIEWS = {
    "Thresholds": ["Thresholds on the positivity of the tuning rows"],
    "Frontier": ["Precision against recall, on the tuning rows"],
    "Methods": [],
    "Edit by hand": [],
    "Other base rates": ["Precision at other base rates"],
    "Export": [],
}


def show(page: Page, address: str, view: str = "Thresholds") -> None:
    """Go to an address and wait until its view is drawn."""
    visit(page, address, *VIEWS[view])
    expect_view(page, view)


def confirm(page: Page) -> None:
    """Open the other half."""
    page.get_by_role("button", name="Confirm on the other half").click()
    page.get_by_text("The other half has been opened.").wait_for()
    wait_ready(page)


# --- the journey ---


def test_from_upload_to_export(page: Page, server: str, tmp_path: Path) -> None:
    page.goto(f"{server}/holdout")
    source = make_holdout(tmp_path / "mine.csv", rows=20_000)
    give_file(page, source)
    use_file(page)
    digest = parameter(page, "data")

    page.get_by_test_id("stTopNavLink").filter(has_text="Thresholds").click()
    expect(page.locator("h1")).to_have_text("Thresholds")
    expect(page.get_by_text("mine.csv · 20,000 rows")).to_be_visible()
    expect_charts(page, *VIEWS["Thresholds"])
    wait_ready(page)
    assert parameter(page, "data") == digest

    slider = page.get_by_role("slider", name="Target precision")
    first = float(slider.input_value())
    step_left(page, slider, 10)
    moved = slider.input_value()
    assert float(moved) < first
    expect(page).to_have_url(re.compile(f"[?&]thresholds_precision={re.escape(moved)}(&|$)"))
    assert slider.input_value() == moved
    expect(page.get_by_text("not opened yet")).to_be_visible()
    confirm(page)
    expect(page.get_by_text("Certified: with confidence 0.95")).to_be_visible()
    expect(page.get_by_test_id("stMetric")).to_have_count(4)

    open_view(page, "Export", *VIEWS["Export"])
    bundle = json.loads(save(page, "Download the evidence for sign-off", tmp_path).read_text())
    written = save(page, "Policy as JSON", tmp_path).read_text()
    policy = read_policy(written)
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


def test_looks_are_counted_and_stay_when_the_reader_looks_around(page: Page, server: str) -> None:
    show(page, f"{server}/thresholds")
    confirm(page)
    open_view(page, "Edit by hand", *VIEWS["Edit by hand"])
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
def test_a_deep_link_is_the_first_visit_of_a_cold_server(page: Page, start_server: Start, entry: str) -> None:
    address = f"{start_server(entry)}/thresholds?thresholds_view=Frontier&thresholds_precision=0.25"
    show(page, address, "Frontier")
    expect(page).to_have_title("Thresholds · RecScope")
    assert (parameter(page, "thresholds_view"), parameter(page, "thresholds_precision")) == ("Frontier", "0.25")
    expect(page.get_by_role("slider", name="Target precision")).to_have_value("0.25")
    expect(page.get_by_test_id("stTopNavLink").filter(has_text="Thresholds")).to_have_count(1)
    assert page.get_by_role("dialog").count() == 0, "no 'Page not found'"


# --- accessibility ---


def test_no_view_breaks_wcag(page: Page, server: str) -> None:
    show(page, f"{server}/thresholds")
    unfold(page)
    assert_accessible(page, "before opening")
    confirm(page)
    for view, titles in VIEWS.items():
        open_view(page, view, *titles)
        unfold(page)
        assert_accessible(page, view)
    start_tour(page)
    assert_accessible(page, "tour")
    page.set_viewport_size({"width": 1440, "height": 900})
    show(page, f"{server}/thresholds?thresholds_precision=0.5")
    confirm(page)
    expect(page.get_by_text("Not certified.")).to_be_visible()
    assert_accessible(page, "refusal")
    page.goto(f"{server}/thresholds?thresholds_precision=0.95")
    expect(page.get_by_text("This did not work.")).to_be_visible()
    wait_ready(page)
    assert_accessible(page, "out of reach")
