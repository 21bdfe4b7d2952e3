"""The graph page in Chromium: from a link on a cold server to an export, a click on the picture, WCAG in every view."""

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
from tests.pages.shop import make_edges, make_items

AROUND = re.compile("Before and next: .*")
VIEWS = {
    "Inspect": [],
    "Neighbourhood": [AROUND],
    "Map": ["Map of products, as a query (left) and as an answer (right)"],
    "Compare engines": [
        "HR@10 of each engine",
        "HR@10 by query out-degree",
        "Which way? One-way test edges against their reversals",
        re.compile("HR@10 from category to category: .*"),
    ],
    "Health": [],
    "Export": [],
}
LEFT, RIGHT = "Customers who bought this next want", "This is bought next after"


def open_graph(page: Page, address: str) -> None:
    """Go to the page and wait until both lists stand."""
    page.goto(address)
    page.get_by_role("heading", name=RIGHT).wait_for()
    wait_ready(page)


def give_files(page: Page, folder: Path) -> None:
    """Upload edges and items, and send the form of their columns."""
    make_edges().to_csv(folder / "pairs.csv", index=False)
    make_items().to_csv(folder / "items.csv", index=False)
    page.get_by_text("Upload files", exact=True).click()
    inputs = page.locator("[data-testid=stFileUploader] input")
    expect(inputs).to_have_count(2)
    inputs.nth(0).set_input_files(folder / "pairs.csv")
    page.get_by_role("button", name="Use these files").wait_for()
    wait_ready(page)
    inputs.nth(1).set_input_files(folder / "items.csv")
    page.get_by_text("The first rows of the items, as text.").wait_for()
    wait_ready(page)


def search(page: Page, text: str) -> None:
    """Type into the search box."""
    box = page.get_by_label("Search by title or id")
    box.fill(text)
    box.press("Enter")
    wait_ready(page)


def test_from_a_link_on_a_cold_server_through_upload_and_training_to_the_export(
    page: Page, start_server: Start, tmp_path: Path
) -> None:
    url = start_server()
    open_graph(page, f"{url}/graph?product=case-005&graph_engine=Linear+model+(EASE)")
    expect(page.get_by_text("Sample data, simulated")).to_be_visible()
    expect(page.get_by_text("Craglo slim case for Vindrel Pico 4, red · Phone cases · leads to")).to_be_visible()
    expect(page.get_by_text(re.compile("of its 10 products lie the wrong way round"))).to_be_visible()

    give_files(page, tmp_path)
    page.get_by_role("button", name="Use these files").click()
    page.get_by_text("Your data").wait_for()
    expect(page.get_by_text("pairs.csv · 61 products")).to_be_visible()
    wait_ready(page)
    digest = parameter(page, "data")

    search(page, "p03")
    expect(page.get_by_text("Phone number p03 · Phones · leads to 14 products")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Phone number p03 recommends .*: place 1 in the list one way"))).to_be_visible()
    expect(page.get_by_text(re.compile("The score .* is the sum of"))).to_be_visible()

    open_view(page, "Export")
    page.get_by_role("button", name="Prepare the lists").click()
    page.get_by_role("button", name="Download the lists").wait_for()
    lists = pd.read_parquet(save(page, "Download the lists", tmp_path))
    assert list(lists.columns) == ["source", "rank", "target", "score", "known"]
    assert not lists["known"].any()
    assert save(page, "Download the model", tmp_path).stat().st_size > 10_000

    page.reload()
    expect(page.get_by_text("pairs.csv · 61 products")).to_be_visible()
    expect_view(page, "Export")
    assert parameter(page, "data") == digest


def test_a_click_on_the_picture_opens_a_product(page: Page, server: str) -> None:
    visit(page, f"{server}/graph?graph_view=Neighbourhood", AROUND)
    points = page.locator(".js-plotly-plot .scatterlayer .points path.point:visible")
    before = points.count()
    reset = page.get_by_role("button", name="Reset", exact=True)
    expect(reset).to_be_disabled()
    node = page.locator(".js-plotly-plot .trace", has=page.locator("text")).nth(1).locator("path.point").first
    node.scroll_into_view_if_needed()
    spot = node.bounding_box()
    assert spot is not None
    x, y = spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2
    page.mouse.move(x + 20, y)
    page.mouse.move(x, y, steps=5)  # the picture knows what lies under the pointer only once it has moved there
    page.mouse.click(x, y)
    expect(reset).to_be_enabled()
    wait_ready(page)
    assert points.count() > before
    reset.click()
    expect(reset).to_be_disabled()


def test_the_direction_can_be_swapped_and_the_link_keeps_it(page: Page, server: str) -> None:
    open_graph(page, f"{server}/graph")
    page.get_by_role("button", name="Swap direction").click()
    page.get_by_text("Direction swapped").wait_for()
    wait_ready(page)
    assert parameter(page, "swapped") == "1"
    page.reload()
    page.get_by_text("Direction swapped").wait_for()


def test_no_view_breaks_wcag(page: Page, server: str, tmp_path: Path) -> None:
    open_graph(page, f"{server}/graph")
    for view, titles in VIEWS.items():
        open_view(page, view, *titles)
        unfold(page)
        assert_accessible(page, view)
    open_view(page, "Inspect")
    start_tour(page)
    expect_charts(page)
    assert_accessible(page, "tour")
    page.get_by_role("button", name="End tour").click()
    wait_ready(page)
    give_files(page, tmp_path)
    assert_accessible(page, "columns of files")
    search(page, "xylophone")
    page.get_by_text("This did not work.").wait_for()
    assert_accessible(page, "error")
