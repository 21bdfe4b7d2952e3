"""What a reader's hands and eyes do on a page in Chromium, and a small file to give it."""

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

Start = Callable[..., str]
Theme = Literal["light", "dark"]

THEMES: tuple[Theme, ...] = ("light", "dark")
PATIENCE = 60_000  # milliseconds
SETTLED = """() => document.getAnimations().every(
    one => one.playState !== 'running' || one.effect.getComputedTiming().endTime === Infinity)"""  # colours stand
UPLOADER = "[data-testid=stFileUploader] input"
STANDARD = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],  # of the rest axe need not describe every element
}


# --- going somewhere, and waiting ---


def wait_ready(page: Page) -> None:
    """Wait until the page is connected, no script runs for it, and every part of it is drawn.

    The browser sends some values only after a pause without typing: a run may begin a moment after a click.
    """
    page.wait_for_timeout(200)
    page.wait_for_selector(
        "[data-testid=stApp][data-test-script-state=notRunning][data-test-connection-state=CONNECTED]",
    )
    page.wait_for_selector("[data-testid=stSkeleton]", state="detached")


def expect_charts(page: Page, *titles: str | re.Pattern[str]) -> None:
    """Wait until these titles, and no others, are drawn."""
    expect(page.locator(".js-plotly-plot .gtitle")).to_have_text(list(titles))


def visit(page: Page, address: str, *titles: str | re.Pattern[str]) -> None:
    """Go to an address and wait until its figures are drawn."""
    page.goto(address)
    expect_charts(page, *titles)
    wait_ready(page)


def open_view(page: Page, view: str, *titles: str | re.Pattern[str]) -> None:
    """Click a view's tab and wait until its figures are drawn."""
    page.get_by_role("tab", name=view, exact=True).click()
    expect_view(page, view)
    expect_charts(page, *titles)
    wait_ready(page)


def expect_view(page: Page, view: str) -> None:
    """Wait until a view's tab is the chosen one."""
    tab = page.get_by_role("tab", name=view, exact=True)
    expect(tab).to_have_attribute("aria-selected", "true")


def parameter(page: Page, name: str) -> str:
    """A parameter of the page's address."""
    return parse_qs(urlsplit(page.url).query)[name][0]


# --- files ---


def make_holdout(path: Path, *, rows: int = 5_000, device: str = "ios") -> Path:
    """A small holdout as CSV; its labels fall short of the score where evidence is thin."""
    rng = np.random.default_rng(11)
    score, evidence = rng.random(rows).round(4), rng.integers(1, 1_000, rows)
    frame = pd.DataFrame(
        {
            "score": score,
            "evidence": evidence,
            "label": (rng.random(rows) < score * (0.5 + evidence / 2_000)).astype(int),
            "device": rng.choice(["web", device], rows),
        }
    )
    frame.to_csv(path, index=False)
    return path


def open_uploader(page: Page) -> None:
    """Choose an upload as the source of the data."""
    page.get_by_text("Upload a file", exact=True).click()
    wait_ready(page)


def give_file(page: Page, path: Path) -> None:
    """Upload a file; the form of its columns is open then."""
    open_uploader(page)
    page.set_input_files(UPLOADER, path)
    page.get_by_role("button", name="Use this file").wait_for()
    wait_ready(page)


def use_file(page: Page) -> None:
    """Send the form of the columns."""
    page.get_by_role("button", name="Use this file").click()
    page.get_by_text("Your data").wait_for()
    wait_ready(page)


def save(page: Page, button: str, folder: Path, *, exact: bool = False) -> Path:
    """Press a download button, and keep the file under the name it is offered with."""
    wait_ready(page)  # a run of the page that begins now would take the click's file away
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=exact).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


# --- controls ---


def choose(page: Page, label: str, option: str) -> None:
    """Choose an option of a list that takes several; the list may close again while the page is still being drawn."""
    box, offered = page.get_by_role("combobox", name=label), page.get_by_role("option", name=option, exact=True)
    for _ in range(10):
        box.click()
        page.wait_for_timeout(500)  # the list unfolds
        if offered.is_visible():
            break
    offered.click()
    page.keyboard.press("Escape")


def step_left(page: Page, slider: Locator, steps: int) -> None:
    """Move a slider by the keyboard, towards its low end."""
    slider.focus()
    for _ in range(steps):
        page.keyboard.press("ArrowLeft")
    wait_ready(page)


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    for _ in range(40):
        if target.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail("Tab does not lead there")


def start_tour(page: Page) -> None:
    """Open the first card of the tour."""
    page.get_by_role("button", name="Show me").click()
    expect(page.get_by_text("1 of 4")).to_be_visible()
    wait_ready(page)


def unfold(page: Page) -> None:
    """Open every expander."""
    closed = page.locator("[data-testid=stExpander] details:not([open]) summary")
    closed.evaluate_all("all => all.forEach(one => one.click())")
    page.wait_for_timeout(400)  # they unfold


# --- accessibility ---


def assert_accessible(page: Page, place: str) -> None:
    """No violation of WCAG A or AA, light and dark, wide and narrow."""
    page.mouse.move(0, 0)
    for theme, width in product(THEMES, (1440, 800)):
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        page.wait_for_function(SETTLED)
        found = Axe().run(page, options=STANDARD).response["violations"]
        told = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]
        assert told == [], f"{place}, {theme}, at {width}: {told}"
