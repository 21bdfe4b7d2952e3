"""What a reader does with the pages, in Chromium, against a running server."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from core.engine.duck import DuckEngine
from core.export import safe_csv
from core.holdout.exploration import explore
from core.holdout.load import find_holdout
from core.holdout.positivity import Binning
from core.holdout.slices import slice_at_score
from core.jobs import finish
from core.settings import Settings
from pages._shell import PAGES
from tests.browser.drive import (
    THEMES,
    UPLOADER,
    Start,
    Theme,
    assert_accessible,
    choose,
    expect_charts,
    give_file,
    make_holdout,
    open_uploader,
    open_view,
    parameter,
    save,
    start_tour,
    step_left,
    tab_to,
    unfold,
    use_file,
    visit,
    wait_ready,
)

SLICE = "At score 0.8: positivity against uncertainty"
OVERVIEW = [
    SLICE, "Before and next: Vindrel Pico 6 phone, 128 GB", "Conversion rate by age: young rows only look worse",
]  # fmt: skip
VIEWS = {
    "Surface": ["Positivity by score and uncertainty", "Positivity against score, per uncertainty level"],
    "Slice": [SLICE],
    "Is it real?": ["Most against least uncertain rows, at the same scores"],
    "Why": [SLICE],
    "Segments and time": ["Scores 0.75 – 0.85, by device", re.compile(r"Positivity by \w+ \(UTC\)")],
    "Report": [],
}


# --- the journey ---


def test_from_upload_to_report(
    page: Page, browser: Browser, server: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit(page, f"{server}/", *OVERVIEW)
    page.get_by_role("button", name="See it in your own data").click()
    page.wait_for_url("**/holdout")
    expect_charts(page, *VIEWS["Surface"])
    expect(page.get_by_text("Sample data, simulated")).to_be_visible()

    give_file(page, make_holdout(tmp_path / "mine.csv"))
    choose(page, "Segments (optional)", "device")
    use_file(page)
    expect(page.get_by_text("mine.csv · 5,000 rows")).to_be_visible()
    digest = parameter(page, "data")

    open_view(page, "Slice", *VIEWS["Slice"])
    step_left(page, page.get_by_role("slider", name="Score"), 30)  # 0.80 → 0.50 in steps of 0.01
    expect_charts(page, "At score 0.5: positivity against uncertainty")
    assert parameter(page, "holdout_score") == "0.5"

    page.get_by_text("Table: score slice").click()
    table = save(page, "Download CSV", tmp_path)
    assert table.name == "score_slice.csv"
    assert table.read_bytes() == expected_slice(digest, 0.5, home, monkeypatch)

    page.reload()
    expect_charts(page, "At score 0.5: positivity against uncertainty")
    expect(page.get_by_text("mine.csv · 5,000 rows")).to_be_visible()
    wait_ready(page)

    open_view(page, "Report", *VIEWS["Report"])
    assert_report_stands_alone(browser, save(page, "Download the report", tmp_path), digest)


def expected_slice(digest: str, score: float, home: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The slice's CSV as core makes it from the server's stored data."""
    monkeypatch.setenv("RECSCOPE_HOME", str(home))
    settings = Settings.from_environment()
    holdout = find_holdout(digest, settings=settings)
    assert holdout is not None
    levels, bins = Binning("equal_weight", 5), Binning("equal_width", 20)
    cube = finish(explore(holdout, DuckEngine(settings), levels=levels, bins=bins)).cube
    return safe_csv(slice_at_score(cube, score=score, half_width=0.05).frame())


def assert_report_stands_alone(browser: Browser, report: Path, digest: str) -> None:
    """The report draws its charts without a network, and asks for nothing."""
    context = browser.new_context(offline=True)
    page, asked, wrong = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(report.as_uri())
    page.wait_for_selector(".js-plotly-plot .main-svg .gtitle")
    titles = page.locator(".js-plotly-plot .gtitle").all_text_contents()
    text = page.locator("body").inner_text()
    context.close()
    assert "At score 0.5: positivity against uncertainty" in titles
    assert len(titles) >= 4
    assert digest in text
    assert (asked, wrong) == ([report.as_uri()], [])


def test_the_browsers_back_button_returns_to_the_page_before(page: Page, server: str) -> None:
    visit(page, f"{server}/", *OVERVIEW)
    page.get_by_role("link", name="Holdout").click()
    expect_charts(page, *VIEWS["Surface"])
    open_view(page, "Slice", *VIEWS["Slice"])
    page.go_back()
    expect(page.locator("h1")).to_have_text("Overview")
    page.go_forward()
    expect(page.locator("h1")).to_have_text("Holdout")
    expect_charts(page, SLICE)


# --- deep links, and the policy of server.py ---


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Another origin that would answer anyone, and the paths it was asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    host = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=host.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{host.server_port}", asked
    host.shutdown()
    thread.join()
    host.server_close()


@pytest.mark.parametrize("entry", ["server.py", "app.py"])
def test_a_deep_link_is_the_first_visit_of_a_cold_server(
    page: Page,
    start_server: Start,
    entry: str,
    elsewhere: tuple[str, list[str]],
    complaints: list[str],
) -> None:
    address = f"{start_server(entry)}/holdout?holdout_view=Slice&holdout_score=0.6"
    visit(page, address, "At score 0.6: positivity against uncertainty")
    expect(page).to_have_title("Holdout · RecScope")
    assert (parameter(page, "holdout_view"), parameter(page, "holdout_score")) == ("Slice", "0.6")
    links = page.get_by_test_id("stTopNavLink")
    expect(links).to_have_count(len(PAGES))  # only app.py makes them
    assert page.get_by_test_id("stSidebarNav").count() == 0
    assert page.get_by_role("dialog").count() == 0, "no 'Page not found'"
    links.filter(has_text="Overview").click()
    expect(page.locator("h1")).to_have_text("Overview")

    origin, asked = elsewhere
    page.evaluate("url => fetch(url + '/probe').catch(() => null)", origin)
    if entry == "server.py":
        page.wait_for_timeout(500)  # the console tells it twice
        assert asked == [], "the content security policy must refuse it"
        assert any("Content Security Policy" in one for one in complaints)
        complaints.clear()
    else:
        assert asked == ["/probe"], "without the policy the probe gets through, so the test above has power"


def test_every_page_and_view_asks_this_server_only_and_complains_of_nothing(page: Page, server: str) -> None:
    """The page fixture checks requests, ``complaints`` the console."""
    visit(page, f"{server}/", *OVERVIEW)
    visit(page, f"{server}/holdout", *VIEWS["Surface"])
    for view, titles in VIEWS.items():
        open_view(page, view, *titles)
        unfold(page)
    start_tour(page)
    icon = page.locator("link[rel*=icon]").get_attribute("href")
    assert icon is not None
    assert not re.match("https?://(?!127)", icon)


# --- accessibility ---


def test_the_accessibility_check_can_fail(page: Page, server: str) -> None:
    visit(page, f"{server}/", *OVERVIEW)
    page.locator("h1").evaluate("one => { one.style.color = '#bbbbbb'; }")
    with pytest.raises(AssertionError, match="color-contrast"):
        assert_accessible(page, "a page with a faint title")


def test_no_page_or_view_breaks_wcag(page: Page, server: str, tmp_path: Path) -> None:
    visit(page, f"{server}/", *OVERVIEW)
    unfold(page)
    assert_accessible(page, "overview")
    visit(page, f"{server}/holdout", *VIEWS["Surface"])
    for view, titles in VIEWS.items():
        open_view(page, view, *titles)
        unfold(page)
        assert_accessible(page, view)
    start_tour(page)
    assert_accessible(page, "tour")
    page.get_by_role("button", name="End tour").click()
    give_file(page, make_holdout(tmp_path / "mine.csv"))
    assert_accessible(page, "columns of a file")
    page.get_by_text("Path on the server", exact=True).click()
    wait_ready(page)
    choose(page, "Filter by", "device")
    wait_ready(page)
    assert_accessible(page, "filter")
    open_uploader(page)
    (tmp_path / "bad.csv").write_text("score\n")
    page.set_input_files(UPLOADER, tmp_path / "bad.csv")
    page.get_by_text("This did not work.").wait_for()
    assert_accessible(page, "error")


@pytest.mark.parametrize("theme", THEMES)
def test_the_charts_text_can_be_read_in_either_theme(page: Page, server: str, theme: Theme) -> None:
    page.emulate_media(color_scheme=theme)
    visit(page, f"{server}/holdout?holdout_view=Slice", SLICE)
    assert contrast_of_ticks(page) >= 4.5
    page.emulate_media(color_scheme="light" if theme == "dark" else "dark")
    page.wait_for_timeout(500)
    assert contrast_of_ticks(page) >= 3, "until the page runs again the old ink stands on the new ground"


def contrast_of_ticks(page: Page) -> float:
    """Contrast of a tick's text with the page's ground."""
    colours = page.evaluate(
        """() => [getComputedStyle(document.querySelector('.js-plotly-plot .xtick text')).fill,
                  getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor]"""
    )
    light, dark = sorted((luminance(colour) for colour in colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of an ``rgb(r, g, b)``, by WCAG."""
    values = np.array([int(part) for part in re.findall(r"\d+", colour)[:3]]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_the_keyboard_alone_reaches_the_tour_and_the_views(page: Page, server: str) -> None:
    visit(page, f"{server}/holdout", *VIEWS["Surface"])
    tab_to(page, page.get_by_role("button", name="Show me"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 4")).to_be_visible()
    wait_ready(page)
    tab_to(page, page.get_by_role("button", name="Next"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 of 4")).to_be_visible()
    expect_charts(page, SLICE)
    wait_ready(page)
    tab_to(page, page.get_by_role("button", name="End tour"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 of 4")).to_be_hidden()
    wait_ready(page)
    tab_to(page, page.get_by_role("tab", name="Slice"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect_charts(page, *VIEWS["Is it real?"])


# --- sessions ---


def test_another_session_sees_nothing_of_an_upload(page: Page, other_page: Page, server: str, tmp_path: Path) -> None:
    marker = "marker-8d1f27c4"
    first = watch_frames(page)
    visit(page, f"{server}/holdout", *VIEWS["Surface"])
    give_file(page, make_holdout(tmp_path / f"{marker}.csv", device=marker))
    choose(page, "Segments (optional)", "device")
    use_file(page)
    open_view(page, "Segments and time", VIEWS["Segments and time"][0])
    digest = parameter(page, "data")
    assert any(marker.encode() in frame for frame in first), "the marker must be visible to its owner"

    second = watch_frames(other_page)
    visit(other_page, f"{server}/holdout", *VIEWS["Surface"])
    for view, titles in VIEWS.items():
        open_view(other_page, view, *titles)
    open_uploader(other_page)
    assert len(second) > len(VIEWS)
    assert not any(marker.encode() in frame or digest.encode() in frame for frame in second)


def watch_frames(page: Page) -> list[bytes]:
    """All that the server sends a page through its websocket, from now on."""
    frames: list[bytes] = []

    def keep(payload: str | bytes) -> None:
        frames.append(payload.encode() if isinstance(payload, str) else payload)

    page.on("websocket", lambda socket: socket.on("framereceived", keep))
    return frames


# --- long and large uploads ---


def test_a_long_upload_shows_progress_and_can_be_cancelled(page: Page, server: str, home: Path, tmp_path: Path) -> None:
    visit(page, f"{server}/holdout", *VIEWS["Surface"])
    before = stored_files(home)
    large = make_large_file(tmp_path / "large.csv")
    give_file(page, large)
    large.unlink()  # pytest keeps the folders of its last runs
    page.get_by_role("button", name="Use this file").click()
    cancel = page.get_by_role("button", name="Cancel")
    cancel.wait_for()
    expect(page.get_by_text("Your file: Reading and checking rows")).to_be_visible()
    assert parsing_processes(home), "the test must see the process that it says is gone"
    cancel.click()
    expect(page.get_by_text("Stopped. Nothing was kept.")).to_be_visible()
    wait_ready(page)
    assert parsing_processes(home) == []
    assert stored_files(home) == before
    assert list((home / "scratch").iterdir()) == []
    expect(page.get_by_text("Sample data, simulated")).to_be_visible()
    open_view(page, "Slice", *VIEWS["Slice"])


def make_large_file(path: Path) -> Path:
    """About 190 MB of CSV, six million rows, from one block of rows again and again."""
    rng = np.random.default_rng(5)
    rows = 100_000
    frame = pd.DataFrame(
        {
            "score": rng.random(rows).round(6),
            "evidence": rng.integers(1, 3_000, rows),
            "label": rng.integers(0, 2, rows),
        }
    )
    frame["time"] = pd.date_range("2026-01-01", periods=rows, freq="min").strftime("%Y-%m-%d %H:%M")
    block = frame.to_csv(index=False, header=False).encode()
    with path.open("wb") as file:
        file.write(b"score,evidence,label,time\n")
        file.writelines([block] * (190 * 2**20 // len(block)))
    return path


def stored_files(home: Path) -> list[str]:
    """Names of the holdouts that a server has stored."""
    return sorted(path.name for path in (home / "holdout").glob("*"))


def parsing_processes(home: Path) -> list[int]:
    """Processes that parse a file for the server whose data are in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"core.ingest.child" not in (process / "cmdline").read_bytes():
                continue
            parent = re.search(r"^PPid:\t(\d+)", (process / "status").read_text(), re.MULTILINE)
            surroundings = Path(f"/proc/{parent[1] if parent else 0}/environ").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if f"RECSCOPE_HOME={home}".encode() in surroundings:
            found.append(int(process.name))
    return found


def test_a_file_beyond_the_sessions_quota_is_refused_in_plain_words(
    page: Page, start_server: Start, tmp_path: Path
) -> None:
    visit(page, f"{start_server(RECSCOPE_SESSION_QUOTA_MB='1')}/holdout", *VIEWS["Surface"])
    open_uploader(page)
    large = make_holdout(tmp_path / "large.csv", rows=80_000)
    assert large.stat().st_size > 2**20
    page.set_input_files(UPLOADER, large)
    expect(page.get_by_role("alert")).to_contain_text("File must be 1.0MB or smaller.")
    expect(page.get_by_text("At most 1 MB; a file marked red was refused as too large.")).to_be_visible()
    page.set_input_files(UPLOADER, make_holdout(tmp_path / "small.csv"))
    page.get_by_role("button", name="Use this file").wait_for()
