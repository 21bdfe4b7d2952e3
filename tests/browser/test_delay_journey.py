"""The delay page in Chromium: from a link on a cold server to the export of a log of one's own, WCAG in every view."""

import re
from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, expect

from tests.browser.drive import (
    Start,
    assert_accessible,
    expect_charts,
    expect_view,
    open_view,
    parameter,
    save,
    start_tour,
    unfold,
    visit,
    wait_ready,
)
from tests.pages.logs import make_log

SMALL = "delay_seeds=2&delay_daily=100"
SIMULATED = [
    "What each arm wins back of what late labels cost",
    "Regret against the true probability",
    "Predicted over observed conversions",
    "Log-loss",
    "Calibration error",
    "Ranking, which late labels hardly move",
]
OWN = [
    "Delays and rates by lag bucket",
    "Share of conversions that have arrived, by segment",
    "Conversions by day of the impression: seen and expected",
    "Log-loss",
    "Predicted over observed conversions",
    "Calibration error",
    "Ranking, which late labels hardly move",
]
VIEWS = {
    "Simulate": SIMULATED,
    "Anatomy of the bias": [
        "How long conversions take",
        "Conversion rate by age: young rows only look worse",
        "What the labels say, and what they will say",
        "Naive training, by age of the label",
        "Naive training, by segment",
        "What late labels do, and what old data does",
        "How cohorts bake",
    ],
    "How long must I wait?": ["How long to wait: Your world", "What waiting gains and costs: naive, Your world"],
    "Weights, explained": ["Weights", "Weight against age", "What weights cost", "What signals tell of the label"],
    "Your own log": OWN,
}


def give_log(page: Page, path: Path) -> None:
    """Upload a log, and send the form of its columns."""
    page.get_by_text("Upload a file", exact=True).click()
    wait_ready(page)
    page.set_input_files("[data-testid=stFileUploader] input", path)
    page.get_by_role("button", name="Use this log").wait_for()
    wait_ready(page)


def test_from_a_link_on_a_cold_server_through_drift_and_upload_to_the_export(
    page: Page, start_server: Start, tmp_path: Path
) -> None:
    url = start_server()
    visit(page, f"{url}/delay?{SMALL}", *SIMULATED)
    expect(page.get_by_text("2 simulated worlds of 6,100 impressions")).to_be_visible()

    page.get_by_text("Nothing", exact=True).click()
    expect(page.get_by_text(re.compile("Nothing changes in this world"))).to_be_visible()
    wait_ready(page)
    assert parameter(page, "delay_drift") == "Nothing"
    page.get_by_text("Jump down", exact=True).click()
    expect(page.get_by_text(re.compile("Nothing changes in this world"))).not_to_be_visible()
    wait_ready(page)
    page.reload()
    expect_charts(page, *SIMULATED)
    expect(page.get_by_role("radio", name="Jump down")).to_be_checked()

    open_view(page, "Your own log", *OWN)
    expect(page.get_by_text("Sample data, simulated")).to_be_visible()
    make_log().to_csv(tmp_path / "mine.csv", index=False)
    give_log(page, tmp_path / "mine.csv")
    page.get_by_role("button", name="Use this log").click()
    page.get_by_text("Your data").wait_for()
    expect(page.get_by_text(re.compile(r"mine\.csv · 4,500 rows"))).to_be_visible()
    expect_charts(page, *OWN)
    wait_ready(page)

    page.get_by_role("button", name="Prepare the rows").click()
    page.get_by_role("button", name="Download the rows").wait_for()
    rows = pd.read_parquet(save(page, "Download the rows", tmp_path))
    assert list(rows.columns) == ["row", "id", "label", "weight"]
    assert (rows["weight"] > 1).any()

    digest = parameter(page, "data")
    page.reload()
    expect(page.get_by_text(re.compile(r"mine\.csv · 4,500 rows"))).to_be_visible()
    expect_view(page, "Your own log")
    assert parameter(page, "data") == digest


def test_a_preset_sets_the_controls_and_the_link_keeps_it(page: Page, server: str) -> None:
    visit(page, f"{server}/delay?{SMALL}", *SIMULATED)
    page.get_by_role("combobox", name="World").click()
    page.get_by_role("option", name="Conversions take weeks, and customers change").click()
    expect(page.get_by_role("slider", name="Median delay, days")).to_have_value("9")
    wait_ready(page)
    page.reload()
    expect_charts(page, *SIMULATED)
    expect(page.get_by_role("slider", name="Median delay, days")).to_have_value("9")


def test_no_view_breaks_wcag(page: Page, server: str, tmp_path: Path) -> None:
    visit(page, f"{server}/delay?{SMALL}", *SIMULATED)
    for view, titles in VIEWS.items():
        open_view(page, view, *titles)
        unfold(page)
        wait_ready(page)
        assert_accessible(page, view)
    (tmp_path / "bad.csv").write_text("event_time,conversion_time\nyesterday,\n")
    give_log(page, tmp_path / "bad.csv")
    assert_accessible(page, "columns of a log")
    page.get_by_role("button", name="Use this log").click()
    page.get_by_text("This did not work.").wait_for()
    wait_ready(page)  # until then what follows on the page is dimmed
    assert_accessible(page, "error")
    start_tour(page)
    expect_charts(page, *VIEWS["Anatomy of the bias"])
    assert_accessible(page, "tour")
