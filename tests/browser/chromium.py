"""Find or install a Chromium for the browser tests; ``python -m tests.browser.chromium`` prints its path."""

import os
import shutil
import sys
from pathlib import Path

from tests.debian import install_package, succeeds

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_or_install() -> Path | None:
    """Return the path of a Chromium, installing one where there is none, or None where that fails as well."""
    if "RECSCOPE_CHROMIUM" in os.environ:
        return find()  # who names one wants no other
    return find() or _install_debian_package() or _install_with_playwright()


def find() -> Path | None:
    """Return a Chromium already here: the one RECSCOPE_CHROMIUM names, one on PATH, or Playwright's own."""
    if named := os.environ.get("RECSCOPE_CHROMIUM"):
        return Path(named) if Path(named).is_file() else None
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else _playwright_chromium()


def _playwright_chromium() -> Path | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.is_file() else None


def _install_debian_package() -> Path | None:
    return find() if install_package("chromium") else None


def _install_with_playwright() -> Path | None:
    if succeeds([sys.executable, "-m", "playwright", "install", "chromium"]):
        return _playwright_chromium()
    return None


if __name__ == "__main__":
    chromium = find_or_install()
    if chromium is None:
        sys.exit(
            "No Chromium was found and none could be installed. Install the package 'chromium' by hand, "
            "or set RECSCOPE_CHROMIUM to the path of a Chromium or Chrome."
        )
    print(chromium)
