"""Bench of sign-off: prints one JSON object. Appends beside a plain log, verification, and the list in the browser.

Acts are real ones: submissions of the sample with their evidence, approvals, activations, each checked by the workflow.
"""

import argparse
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.engine.duck import DuckEngine
from core.ingest.store import make_folder
from core.jobs import finish
from core.settings import Settings
from core.signoff.data import Entry
from core.signoff.demonstration import build_demonstration
from core.signoff.identity import declare_signer
from core.signoff.ledger import Ledger, Stream
from core.signoff.submission import Submission
from core.signoff.verify import verify
from core.signoff.workflow import Signing, activate, approve, list_standings, submit

SIGN_OFFS = 10_000
ACTS = 3  # submit, approve, activate
ROUNDS, PER_ROUND = 5, 1_000
PAGE = 50
LISTINGS = 20
LEAST_APPENDS, LEAST_VERIFIED, LARGEST_LIST_S = 500, 100_000, 1
POLICY = "checkout"
AUTHOR, APPROVER = declare_signer("Ada (bench)"), declare_signer("Grace (bench)")


def main() -> None:
    arguments = _arguments()
    with TemporaryDirectory(prefix="recscope-bench-") as name:
        os.environ["RECSCOPE_HOME"] = name
        settings = Settings.from_environment()
        make_folder(settings.home)
        template = _find_submission(settings)
        found: dict[str, Any] = {"append": _bench_appends(Path(name), settings)}
        with closing(Ledger.open(None, settings)) as ledger:
            found["sign_offs"] = _bench_acts(ledger, template)
            found["sign_offs"]["verify"] = _bench_verify(ledger, SIGN_OFFS * ACTS + 1)
            found["list"] = _bench_list(ledger)
        found["browser"] = {"stopped": "not asked for (--no-browser)"}
        if not arguments.no_browser:
            found["browser"] = _bench_page(Path(name))
    print(json.dumps(found, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure sign-off; prints one JSON object.")
    parser.add_argument("--no-browser", action="store_true", help="leave out what needs Chromium")
    return parser.parse_args()


def _find_submission(settings: Settings) -> dict[str, Any]:
    """The payload of a real submission: that of the demonstration."""
    with closing(finish(build_demonstration(DuckEngine(settings), settings))) as ledger:
        return next(record.payload for record in ledger.read() if record.kind == "submit")


def _sign_offs(ledger: Ledger, template: dict[str, Any], number: int) -> Iterator[None]:
    """Submit, approve and activate so many versions; yields after each act."""
    keys = (str(UUID(int=i)) for i in count(1))
    revision, base = 0, None
    review_by = (date.today() + timedelta(days=90)).isoformat()
    for version in range(1, number + 1):
        payload = template | {"base": base, "review_by": review_by, "needs": 1}
        seen = submit(Signing(ledger, POLICY, AUTHOR, revision, next(keys)), Submission(payload)).hash
        yield
        approve(Signing(ledger, POLICY, APPROVER, revision + 1, next(keys)), version, seen=seen)
        yield
        base = activate(Signing(ledger, POLICY, AUTHOR, revision + 2, next(keys)), version).hash
        yield
        revision += ACTS


@dataclass(slots=True)
class _PlainLog:
    """The peer: texts appended to a file, a line each, and brought to the disk one by one."""

    path: Path

    def append(self, texts: list[str]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            for text in texts:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())


def _bench_appends(folder: Path, settings: Settings) -> dict[str, Any]:
    """Rounds in turn: records in the ledger, then lines of the same size in the log; then all of them verified."""
    log, per_second, logged = _PlainLog(folder / "plain.jsonl"), [], []
    payload = {"seen": "0" * 64, "guarantee": "A sentence of the usual length. " * 6, "remark": ""}
    with closing(Ledger.open(f"sqlite:///{folder}/appends.db", settings)) as ledger:
        first = {"needs": 1, "review_by": "2027-05-31"}
        ledger.append(Entry("submit", POLICY, None, first, AUTHOR, "I submit.", _key(0)), expected=0, check=_look)
        revisions = count(1)
        line = json.dumps(payload)
        for _ in range(ROUNDS):
            per_second.append(PER_ROUND / _seconds(lambda: _append(ledger, payload, revisions)))
            logged.append(PER_ROUND / _seconds(lambda: log.append([line] * PER_ROUND)))
        verified = _bench_verify(ledger, ROUNDS * PER_ROUND + 2)
    rate, peer = median(per_second), median(logged)
    return {
        "what": "records of an approval's size, each with a check that reads which version is active, and on "
        "the disk before the next",
        "bytes_of_a_payload": len(line),
        "per_second": round(rate),
        "per_second_of_each_round": [round(one) for one in per_second],
        "peer": "the same payloads as JSON lines in a file, fsync after each: no check, no chain, no index",
        "peer_per_second": round(peer),
        "times_the_peers_seconds": round(peer / rate, 2),
        "met": {f"at least {LEAST_APPENDS} appends a second": rate >= LEAST_APPENDS},
        "verify": verified | {"met": {_VERIFIED: verified["records_per_second"] >= LEAST_VERIFIED}},
    }


_VERIFIED = f"at least {LEAST_VERIFIED:,} records a second"


def _append(ledger: Ledger, payload: dict[str, Any], revisions: Iterator[int]) -> None:
    for _ in range(PER_ROUND):
        revision = next(revisions)
        entry = Entry("approve", POLICY, 1, payload, APPROVER, "I approve.", _key(revision))
        ledger.append(entry, expected=revision, check=_look)


def _look(stream: Stream) -> None:
    """What the checks of the workflow read, but for the version itself: here it has thousands of records."""
    stream.activations()
    stream.next_turn(after=1)


def _key(number: int) -> str:
    return str(UUID(int=number))


def _bench_verify(ledger: Ledger, records: int) -> dict[str, Any]:
    found = finish(verify(ledger, []))
    assert found.ok
    assert found.records == records
    seconds = median(_seconds(lambda: finish(verify(ledger, []))) for _ in range(ROUNDS))
    return {"records": records, "seconds": round(seconds, 3), "records_per_second": round(records / seconds)}


def _bench_acts(ledger: Ledger, template: dict[str, Any]) -> dict[str, Any]:
    """Whole sign-offs, each act through the workflow; they fill the ledger for what follows."""
    seconds = _seconds(lambda: deque(_sign_offs(ledger, template, SIGN_OFFS), maxlen=0))
    return {
        "what": "submit (with evidence, recomputed), approve and activate in turn, each through all rules",
        "bytes_of_a_submission": len(json.dumps(template)),
        "acts": SIGN_OFFS * ACTS,
        "per_second": round(SIGN_OFFS * ACTS / seconds),
    }


def _bench_list(ledger: Ledger) -> dict[str, Any]:
    """The newest page and the oldest one, with states, as the page asks for them."""
    found = {}
    for name, offset in (("newest", 0), ("oldest", SIGN_OFFS - PAGE)):
        taken = [_seconds(lambda at=offset: list_standings(ledger, POLICY, offset=at, limit=PAGE)) for _ in range(5)]
        found[f"{name}_page_ms"] = round(1_000 * median(taken), 2)
    return {"sign_offs": SIGN_OFFS, "page": PAGE, **found}


def _bench_page(home: Path) -> dict[str, Any]:
    """From a key press in the field of the page number until the list shows that page's versions."""
    from playwright.sync_api import sync_playwright

    from tests.browser.chromium import find_or_install
    from tests.browser.conftest import CHROMIUM_ARGUMENTS, running_server
    from tests.browser.drive import wait_ready

    chromium = find_or_install()
    if chromium is None:
        return {"stopped": "no Chromium was found and none could be installed"}
    taken = []
    with running_server(home) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-GB")
        page.goto(f"{url}/signoff")
        field = page.get_by_role("spinbutton", name=f"Page, of {SIGN_OFFS // PAGE}")
        field.wait_for(timeout=60_000)
        wait_ready(page)
        for number in range(2, 2 + LISTINGS):
            field.fill(str(number))
            started = time.perf_counter()
            field.press("Enter")
            newest = SIGN_OFFS - (number - 1) * PAGE
            page.get_by_role("combobox", name="Version").and_(page.locator(f"[value^='{newest} ·']")).wait_for()
            taken.append(time.perf_counter() - started)
            wait_ready(page)
        browser.close()
    p95 = float(np.quantile(taken, 0.95))
    return {
        "what": "from Enter in the page number until the list of versions shows that page",
        "moves": len(taken),
        "p50_s": round(median(taken), 3),
        "p95_s": round(p95, 3),
        "met": {f"p95 at most {LARGEST_LIST_S} s": p95 <= LARGEST_LIST_S},
    }


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
