"""The browser bench, run by ``bench/holdout.py``: the sample in Chromium, on a server of its own. Prints JSON."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import find_or_install
from tests.browser.conftest import CHROMIUM_ARGUMENTS, running_server
from tests.browser.drive import wait_ready

VISITS, MOVES, TOGGLES = 12, 45, 12
LARGEST_FIRST_PAINT_S, LARGEST_MOVE_S = 4, 1
NO_CHROMIUM = "no Chromium was found and none could be installed; run python tests/browser/chromium.py"
CONNECTED = "[data-testid=stApp][data-test-connection-state=CONNECTED]"
# Milliseconds from the next event of a kind until an element that holds a text is there, or is not.
WATCH = """([kind, selector, text, present]) => {
  window.elapsed = new Promise((done) => {
    let started
    addEventListener(kind, () => { started = performance.now() }, {once: true, capture: true})
    const look = () => {
      const there = [...document.querySelectorAll(selector)].some((element) => element.textContent.includes(text))
      if (started !== undefined && there === present) done(performance.now() - started)
      else requestAnimationFrame(look)
    }
    look()
  })
}"""


def main() -> None:
    with serving() as served:
        found: dict[str, Any] = {"stopped": NO_CHROMIUM}
        if served is not None:
            url, browser = served
            with visiting(browser) as page:
                page.goto(f"{url}/holdout")
                page.locator(".st-key-figure_surface svg.main-svg").first.wait_for()
            visits = np.array([_first_paint(browser, url) for _ in range(VISITS)])
            with visiting(browser) as page:
                moves = _move_slider(page, url)
            with visiting(browser) as page:
                toggles = _toggle_tour(page, url)
            found = {"first_paint": _describe_visits(visits), "slider": _describe_moves(moves, toggles)}
    json.dump(found, sys.stdout)


@contextmanager
def serving() -> Iterator[tuple[str, Browser] | None]:
    """A server on a free port with its data in a temporary folder, and a Chromium; None where there is no Chromium."""
    chromium = find_or_install()
    if chromium is None:
        yield None
        return
    with (
        TemporaryDirectory(prefix="recscope-bench-") as home,
        running_server(Path(home)) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield url, browser
        browser.close()


@contextmanager
def visiting(browser: Browser) -> Iterator[Page]:
    """A page in a fresh context: no cache, no cookie, a session of its own."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    yield context.new_page()
    context.close()


def _first_paint(browser: Browser, url: str) -> tuple[float, float]:
    """Seconds from the address until Streamlit is connected, and until the surface is drawn."""
    with visiting(browser) as page:
        started = time.perf_counter()
        page.goto(f"{url}/holdout", wait_until="commit")
        page.wait_for_selector(CONNECTED)
        connected = time.perf_counter()
        page.locator(".st-key-figure_surface svg.main-svg").first.wait_for()
        return connected - started, time.perf_counter() - started


def _move_slider(page: Page, url: str) -> list[float]:
    """Seconds from each key press on the score slider until the chart's title shows the new score."""
    page.goto(f"{url}/holdout?holdout_view=Slice")
    page.locator(".st-key-figure_slice .gtitle").wait_for()
    seconds = []
    for step in range(1, MOVES + 1):
        wait_ready(page)
        page.locator(".st-key-holdout_score input[type=range]").focus()
        title = f"At score {0.8 - step / 100:g}:"
        page.evaluate(WATCH, ["keydown", ".st-key-figure_slice .gtitle", title, True])
        page.keyboard.press("ArrowLeft")
        seconds.append(page.evaluate("window.elapsed") / 1000)
    return seconds


def _toggle_tour(page: Page, url: str) -> list[float]:
    """Seconds from each click that starts or ends the tour of the overview until its card is there or gone."""
    page.goto(url)
    seconds = []
    for _ in range(TOGGLES):
        for button, present in (("start", True), ("end", False)):
            wait_ready(page)
            page.evaluate(WATCH, ["click", ".st-key-overview_tour_card", "", present])
            page.locator(f".st-key-overview_tour_{button} button").click()
            seconds.append(page.evaluate("window.elapsed") / 1000)
    return seconds


def _describe_visits(visits: Any) -> dict[str, Any]:
    connected, shown = np.median(visits, axis=0)
    p95 = float(np.quantile(visits[:, 1], 0.95))
    return {
        "what": "new browser context, warm server: from the address until the surface of the sample is drawn",
        "visits": len(visits),
        "median_s": round(float(shown), 3),
        "p95_s": round(p95, 3),
        "peer": "the same visits until Streamlit itself is loaded and connected",
        "peer_median_s": round(float(connected), 3),
        "times_the_peer": round(float(shown / connected), 2),
        "met": {f"p95 at most {LARGEST_FIRST_PAINT_S} s": p95 <= LARGEST_FIRST_PAINT_S},
    }


def _describe_moves(moves: list[float], toggles: list[float]) -> dict[str, Any]:
    p50, p95 = (float(value) for value in np.quantile(moves, [0.5, 0.95]))
    peer = float(np.median(toggles))
    return {
        "what": "from a key press on the score slider until the chart shows the new score",
        "moves": len(moves),
        "p50_s": round(p50, 3),
        "p95_s": round(p95, 3),
        "peer": "a rerun that changes no figure: starting and ending the tour of the overview",
        "peer_p50_s": round(peer, 3),
        "times_the_peer": round(p50 / peer, 2),
        "met": {f"p95 at most {LARGEST_MOVE_S} s": p95 <= LARGEST_MOVE_S},
    }


if __name__ == "__main__":
    main()
