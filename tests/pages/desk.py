"""Drafts of policies that were tuned on a small holdout, and people who sign them: a ledger in any state, quickly."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.engine.duck import DuckEngine
from core.holdout.data import ColumnRoles, Holdout
from core.holdout.load import load_holdout
from core.jobs import finish
from core.rng import make_generator
from core.settings import Settings
from core.signoff.active import Active, find_latest
from core.signoff.data import Record
from core.signoff.identity import declare_signer
from core.signoff.ledger import Clock, Ledger, now_utc
from core.signoff.submission import Draft, Submission, prepare_draft
from core.signoff.watch import watch
from core.signoff.workflow import Signing, activate, approve, record_watch, reject, roll_back, submit, withdraw
from core.thresholds.halves import BINS, LEVELS, Split, count_halves
from core.thresholds.objective import Objective
from core.thresholds.policy import Policy
from core.thresholds.proof_log import build_bundle
from core.thresholds.prove import prove
from tests.conftest import make_settings
from tests.pages.drive import make_frame, to_csv

POLICY = "clicks"
TARGETS = {"first": 0.7, "close": 0.705, "large": 0.85, "unconfirmed": 0.7}
ROLES = ColumnRoles(score="score", uncertainty=("evidence",), uncertainty_kind="evidence", label="label")
LAST_SPRING = datetime(2026, 3, 1, 12, tzinfo=UTC)
NEWER = {"holds": (6_000, 0.12), "weakening": (300, 0.0), "broken": (6_000, -0.3)}


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A policy, the evidence that it rests on, and what would be submitted of it."""

    policy: Policy
    evidence: dict[str, Any]
    draft: Draft


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """A data folder with a small holdout and newer rows, by the verdict they lead to; drafts tuned on the holdout.

    The first draft is compared with nothing, the others with the first one, as if that were active.
    """

    home: Path
    holdout: Holdout
    newer: dict[str, Holdout]
    made: dict[str, Made]

    def copy_to(self, home: Path) -> None:
        """Put the holdouts into another data folder."""
        shutil.copytree(self.home / "holdout", home / "holdout", dirs_exist_ok=True)


def make_stock(home: Path) -> Stock:
    """Load the rows, tune, and draft."""
    home.mkdir(exist_ok=True)
    settings = make_settings(home)
    holdout = _store(home / "mine.csv", to_csv(make_frame(6_000)), settings)
    newer = {
        verdict: _store(home / f"{verdict}.csv", _draw_newer(rows, seed, better), settings)
        for seed, (verdict, (rows, better)) in enumerate(NEWER.items(), start=20)
    }
    stock = Stock(home, holdout, newer, {})
    with open_desk(stock, settings) as desk:
        tune = partial(_tune, holdout, DuckEngine(settings), settings)
        stock.made["first"] = tune(None, TARGETS["first"])
        desk.put_in_force("first")
        for name in ("close", "large", "unconfirmed"):
            stock.made[name] = tune(desk.find_latest(), TARGETS[name], proven=name != "unconfirmed")
    return stock


def _draw_newer(rows: int, seed: int, better: float) -> bytes:
    """Rows as those of the holdout, of which more or fewer are positive."""
    frame, rng = make_frame(rows, seed=seed), np.random.default_rng(seed + 1)
    return to_csv(frame.assign(label=(rng.random(rows) < frame["score"] + better).astype(int)))


def _store(path: Path, content: bytes, settings: Settings) -> Holdout:
    path.write_bytes(content)
    return finish(load_holdout([path], ROLES, name=path.name, settings=settings))


def _tune(
    holdout: Holdout,
    engine: DuckEngine,
    settings: Settings,
    active: Active | None,
    target: float,
    *,
    proven: bool = True,
) -> Made:
    split = Split()
    halves = finish(count_halves(holdout, engine, levels=LEVELS, bins=BINS, split=split))
    objective, rng = Objective("precision", target), make_generator(0)
    evidence = finish(prove(holdout, engine, halves, objective, method="exact", split=split, delta=0.1, rng=rng))
    if not proven:
        evidence = replace(evidence, proof=None)
    policy = evidence.policy(holdout)
    bundle = build_bundle(policy, evidence, None, counted={"digest": holdout.digest})
    draft = finish(prepare_draft(policy, bundle, holdout, engine, active=active, earlier=[], settings=settings))
    return Made(policy, bundle, draft)


@dataclass(frozen=True, slots=True, eq=False)
class Desk:
    """A ledger of the policy ``clicks``, at which people sign one after the other."""

    stock: Stock
    ledger: Ledger

    def find_latest(self) -> Active | None:
        """The version that was made active last."""
        with self.ledger.stream(POLICY) as stream:
            return find_latest(stream)

    def submit(self, name: str = "Ada", draft: str = "first", *, rationale: str = "More recall.", **more: Any) -> int:
        """Submit a draft against what is active now; the number of the version."""
        latest, payload = self.find_latest(), self.stock.made[draft].draft.payload | more
        base = latest.activation.hash if latest else None
        review_by = more.get("review_by", (now_utc() + timedelta(days=90)).date().isoformat())
        given = {"rationale": rationale, "review_by": review_by}
        return submit(self.sign_as(name), Submission(payload | {"base": base} | given)).version

    def approve(self, name: str = "Grace", version: int = 1) -> Record:
        """Approve what was submitted."""
        return approve(self.sign_as(name), version, seen=self.records(version)[0].hash)

    def activate(self, name: str = "Ada", version: int = 1) -> Record:
        """Put a version in force."""
        return activate(self.sign_as(name), version)

    def reject(self, name: str = "Grace", version: int = 1) -> Record:
        """Refuse a version."""
        return reject(self.sign_as(name), version, rationale="Too few rows.")

    def withdraw(self, name: str = "Ada", version: int = 1) -> Record:
        """Take a version back."""
        return withdraw(self.sign_as(name), version, rationale="A mistake.")

    def roll_back(self, name: str = "Grace", version: int = 1) -> Record:
        """Put an earlier version in force again."""
        return roll_back(self.sign_as(name), version, rationale="Complaints.")

    def put_in_force(self, draft: str = "first", **more: Any) -> int:
        """Submit, have as many approve as are needed, activate; the number of the version."""
        version = self.submit("Ada", draft, **more)
        for name in ("Grace", "Edsger")[: self.records(version)[0].payload["needs"]]:
            self.approve(name, version)
        self.activate("Ada", version)
        return version

    def look(self, verdict: str, name: str = "Grace") -> Record:
        """Record a look at newer rows."""
        active = self.find_latest()
        assert active is not None
        engine = DuckEngine(make_settings(self.stock.home))
        job = watch(active.submission.payload, self.stock.newer[verdict], engine, [], rng=make_generator(0))
        return record_watch(self.sign_as(name), active.submission.version, finish(job).to_json())

    def records(self, version: int) -> list[Record]:
        """All records of a version."""
        with self.ledger.stream(POLICY) as stream:
            return stream.of_version(version)

    def acts(self) -> list[tuple[str, int, str]]:
        """Act, version and signer of every record after genesis."""
        return [(one.kind, one.version, one.signer.name) for one in self.ledger.read(after=0)]

    def sign_as(self, name: str) -> Signing:
        """Sign under a typed name, having seen the present revision."""
        with self.ledger.stream(POLICY) as stream:
            expected = stream.revision
        return Signing(self.ledger, POLICY, declare_signer(name), expected, str(uuid.uuid4()))


@contextmanager
def open_desk(stock: Stock, settings: Settings, *, clock: Clock = now_utc) -> Iterator[Desk]:
    """The ledger of these settings."""
    ledger = Ledger.open(None, settings, clock=clock)
    yield Desk(stock, ledger)
    ledger.close()
