"""Retake the pictures of the README: ``python docs/pictures.py``. The sample in Chromium, on a server of its own."""

import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.browser.chromium import find_or_install
from tests.browser.conftest import CHROMIUM_ARGUMENTS, running_server
from tests.browser.drive import PATIENCE, wait_ready

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
LARGEST_BYTES = 250_000
COLOURS = 256
WIDE, NARROW = 1440, 800
# file → page, view, width, colour scheme
PICTURES = {
    "overview": ("", None, WIDE, "light"),
    "holdout_surface": ("holdout", "Surface", WIDE, "light"),
    "holdout_slice": ("holdout", "Slice", WIDE, "light"),
    "holdout_test": ("holdout", "Is it real?", WIDE, "light"),
    "holdout_why": ("holdout", "Why", WIDE, "light"),
    "holdout_segments": ("holdout", "Segments and time", WIDE, "light"),
    "thresholds": ("thresholds", "Thresholds", WIDE, "light"),
    "thresholds_frontier": ("thresholds", "Frontier", WIDE, "light"),
    "signoff_review": ("signoff", "Review", WIDE, "light"),
    "signoff_watch": ("signoff", "Watch", WIDE, "light"),
    "graph": ("graph", "Inspect", WIDE, "light"),
    "graph_around": ("graph", "Neighbourhood", WIDE, "light"),
    "delay": ("delay", "Simulate", WIDE, "light"),
    "delay_anatomy": ("delay", "Anatomy of the bias", WIDE, "light"),
    "holdout_slice_dark_800": ("holdout", "Slice", NARROW, "dark"),
}


def main() -> None:
    chromium = find_or_install()
    if chromium is None:
        sys.exit("No Chromium was found and none could be installed; run python -m tests.browser.chromium.")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix="recscope-pictures-") as home,
        running_server(Path(home)) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        for name, (path, view, width, scheme) in PICTURES.items():
            query = f"?{urlencode({f'{path}_view': view})}" if view else ""
            _write(IMAGES / f"{name}.png", _take(browser, f"{url}/{path}{query}", width=width, scheme=scheme))
        browser.close()


def _take(browser: Browser, address: str, *, width: int, scheme: str) -> bytes:
    """The page from top to end."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, locale="en-GB", timezone_id="UTC", color_scheme=scheme
    )
    page = context.new_page()
    page.goto(address)
    _wait_drawn(page)
    page.add_style_tag(content="[data-testid=stMainBlockContainer] { padding-bottom: 1rem }")
    # The main area scrolls inside the window: a window as high as its content shows all of it at once.
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": height})
    _wait_drawn(page)
    picture = page.locator("[data-testid=stMainBlockContainer]").screenshot(animations="disabled")
    context.close()
    return picture


def _wait_drawn(page: Page) -> None:
    page.locator(".stPlotlyChart svg.main-svg, [data-testid=stDataFrame]:visible").first.wait_for(timeout=PATIENCE)
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(500)  # a resized figure is drawn again after a pause
    wait_ready(page)


def _write(path: Path, picture: bytes) -> None:
    """Save with a palette, which is a third of the size; refuse a picture that is too heavy for a README."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image = image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    image.save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}  {image.width} × {image.height}  {size:,} bytes")
    if size > LARGEST_BYTES:
        sys.exit(f"{path.name} has {size:,} bytes; the limit is {LARGEST_BYTES:,}.")


if __name__ == "__main__":
    main()
