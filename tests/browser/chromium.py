"""Find or install a Chromium for the browser tests; ``python tests/browser/chromium.py`` prints its path."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

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
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        prefix = []
    elif shutil.which("sudo") and _succeeds(["sudo", "-n", "true"]):
        prefix = ["sudo", "-n"]
    else:
        return None
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    _succeeds([*apt, "update"])  # a failed update may still leave a usable list
    return find() if _succeeds([*apt, "install", "-y", "--no-install-recommends", "chromium"]) else None


def _install_with_playwright() -> Path | None:
    if _succeeds([sys.executable, "-m", "playwright", "install", "chromium"]):
        return _playwright_chromium()
    return None


def _succeeds(command: list[str]) -> bool:
    """Run a command with its output on stderr, so that stdout carries the path alone."""
    try:
        return subprocess.run(command, stdout=sys.stderr, check=False, timeout=900).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return False


if __name__ == "__main__":
    chromium = find_or_install()
    if chromium is None:
        sys.exit(
            "No Chromium was found and none could be installed. Install the package 'chromium' by hand, "
            "or set RECSCOPE_CHROMIUM to the path of a Chromium or Chrome."
        )
    print(chromium)
