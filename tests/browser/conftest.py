"""Fixtures of the browser tests: Chromium, a server of our own on a free port, a page that stays on it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.browser.chromium import find_or_install
from tests.browser.drive import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120
DEADLINE = 600  # seconds
PROBES = ("/_stcore/health", "/_stcore/host-config")  # Streamlit asks below the page's address first, then above
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",  # a container has no user namespaces
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--process-per-site",  # tabs of one reader share a process, which compiles each script once
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, and give it time beside others; the hook is handed those of all folders."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(DEADLINE))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a file of tests; its event loop stays in the thread, where no other test may find it."""
    chromium = find_or_install()
    if chromium is None:
        pytest.fail("no Chromium: run python -m tests.browser.chromium and read its message", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def reader(browser: Browser) -> Iterator[BrowserContext]:
    """The reader of every test."""
    with _seated(browser) as context:
        yield context


@pytest.fixture(scope="module")
def other_reader(browser: Browser) -> Iterator[BrowserContext]:
    """Somebody else: nothing of the first reader's browser is in theirs."""
    with _seated(browser) as context:
        yield context


@contextmanager
def _seated(browser: Browser) -> Iterator[BrowserContext]:
    """A context whose first tab stays open, so that the process of our site lives on with the scripts it compiled."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB", color_scheme="light")
    context.set_default_timeout(PATIENCE)
    first = context.new_page()
    first.route("**/*", lambda route: route.fulfill(body=""))
    first.goto("http://127.0.0.1/")
    yield context
    context.close()


@contextmanager
def _new_tab(context: BrowserContext) -> Iterator[Page]:
    """A fresh tab of a reader; at the end it goes, with all that its servers left in the browser."""
    yield context.new_page()
    for tab in context.pages[1:]:
        tab.close()
    context.set_storage_state({})


@pytest.fixture
def page(reader: BrowserContext) -> Iterator[Page]:
    """A fresh tab, 1440 × 900; the test fails if it asked another machine for anything."""
    outside: list[str] = []

    def note(request: Request) -> None:
        if _is_outside(request.url):
            outside.append(request.url)

    reader.on("request", note)
    with _new_tab(reader) as page:
        yield page
    reader.remove_listener("request", note)
    assert outside == [], "the page sent requests to other machines"


@pytest.fixture
def other_page(other_reader: BrowserContext) -> Iterator[Page]:
    """A fresh tab of somebody else's browser."""
    with _new_tab(other_reader) as page:
        yield page


@pytest.fixture(autouse=True)
def complaints(page: Page) -> Iterator[list[str]]:
    """Errors of the page's console; a test fails with them."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        place = message.location["url"]
        if message.type == "error" and not place.endswith(PROBES) and not _of_replaced_button(message.text, place):
            found.append(f"{message.text} at {place}")

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert found == []


def _of_replaced_button(text: str, place: str) -> bool:
    """Streamlit asks for the file of a download button; a run that begins just then has replaced button and file."""
    return "/media/" in place or "Download Button source error" in text


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the server that all tests share."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def server(home: Path) -> Iterator[str]:
    """The address of one server that all tests share."""
    with running_server(home) as url:
        yield url


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start fresh servers: ``url = start_server(entry="server.py", RECSCOPE_SESSION_QUOTA_MB="1")``."""
    with ExitStack() as servers:

        def start(entry: str = "server.py", **environment: str) -> str:
            return servers.enter_context(running_server(tmp_path / "home", entry, **environment))

        yield start


@contextmanager
def running_server(home: Path, entry: str = "server.py", **environment: str) -> Iterator[str]:
    """Run ``streamlit run ENTRY`` on a free loopback port with its data in ``home``, then end it."""
    home.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    log = home / f"server-{port}.log"
    command = [sys.executable, "-m", "streamlit", "run", entry, "--server.address", "127.0.0.1"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--server.port", str(port)],
            cwd=ROOT,
            env={**os.environ, "RECSCOPE_HOME": str(home), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that its worker processes end with it
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process, log)
        yield url
    finally:
        _end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the server did not start; it said:\n{log.read_text(errors='replace')}", pytrace=False)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to stop, then end whatever is left of its process group."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _is_outside(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname != "127.0.0.1"
