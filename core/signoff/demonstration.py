"""A ledger that tells the story of sign-off on the sample: for tours, and while one's own ledger is empty."""

import atexit
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from uuid import uuid4

from core.engine.protocol import Engine
from core.holdout.data import Holdout
from core.holdout.load import SAMPLE_ROLES, load_holdout, load_sample
from core.jobs import Job
from core.rng import make_generator
from core.settings import Settings
from core.signoff.active import find_latest
from core.signoff.data import Record, Signer
from core.signoff.earlier import find_earlier
from core.signoff.identity import declare_signer
from core.signoff.ledger import Ledger, now_utc
from core.signoff.submission import Draft, prepare_draft
from core.signoff.workflow import Signing, activate, approve, submit
from core.thresholds.halves import BINS, LEVELS, Halves, Split, count_halves
from core.thresholds.objective import Objective
from core.thresholds.proof_log import build_bundle
from core.thresholds.prove import prove

NEWER = Path(__file__).resolve().parents[2] / "sample_data" / "signoff.parquet"
NAME = "checkout"
TARGETS = 0.3, 0.33
DELTA = 0.05
REVIEW = timedelta(days=90)
AUTHOR, APPROVER = "Ada (invented)", "Grace (invented)"
RATIONALES = (
    "First thresholds per level: more recall than the single threshold at the same precision.",
    "The partners ask for a higher precision; this is what it costs in recall.",
)


def load_newer_sample(settings: Settings) -> Job[Holdout]:
    """Load the sample of rows that are newer than those of the holdout sample."""
    return (yield from load_holdout([NEWER], SAMPLE_ROLES, name=NEWER.name, settings=settings))


def build_demonstration(engine: Engine, settings: Settings) -> Job[Ledger]:
    """Tune, prove, submit, approve and activate thresholds of the sample, then submit others.

    Returns
    -------
    Ledger
        One policy: version 1 is active, version 2 waits for review. Its file goes when the process ends.
    """
    sample = yield from load_sample(settings)
    split = Split()
    halves = yield from count_halves(sample, engine, levels=LEVELS, bins=BINS, split=split)
    folder = mkdtemp(prefix="recscope-demonstration-")
    atexit.register(rmtree, folder, ignore_errors=True)
    ledger = Ledger.open(f"sqlite:///{folder}/ledger.db", settings)
    author, approver = declare_signer(AUTHOR), declare_signer(APPROVER)
    for version, (target, rationale) in enumerate(zip(TARGETS, RATIONALES, strict=True), start=1):
        draft = yield from _draft(sample, halves, engine, ledger, target=target, split=split, settings=settings)
        review_by = (now_utc() + REVIEW).date()
        complete = draft.complete(rationale=rationale, review_by=review_by)
        submission = _sign(ledger, author, partial(submit, submission=complete))
        if version == 1:
            _sign(ledger, approver, partial(approve, version=1, seen=submission.hash))
            _sign(ledger, author, partial(activate, version=1))
    return ledger


def _draft(
    sample: Holdout, halves: Halves, engine: Engine, ledger: Ledger, *, target: float, split: Split, settings: Settings
) -> Job[Draft]:
    evidence = yield from prove(
        sample, engine, halves, Objective("precision", target), method="exact", split=split, delta=DELTA,
        rng=make_generator(split.seed),
    )  # fmt: skip
    policy = evidence.policy(sample)
    bundle = build_bundle(policy, evidence, None, counted={"digest": sample.digest})
    with ledger.stream(NAME) as stream:
        active = find_latest(stream)
    earlier = find_earlier(ledger, sample)
    return (yield from prepare_draft(policy, bundle, sample, engine, active=active, earlier=earlier, settings=settings))


def _sign(ledger: Ledger, signer: Signer, act: Callable[[Signing], Record]) -> Record:
    with ledger.stream(NAME) as stream:
        revision = stream.revision
    return act(Signing(ledger, NAME, signer, revision, str(uuid4())))
