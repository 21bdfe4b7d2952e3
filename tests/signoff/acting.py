"""People, a clock and submissions with which the acts of sign-off are tested."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.signoff.active import find_latest
from core.signoff.chain import read_json
from core.signoff.data import Record, Role, Signer
from core.signoff.identity import declare_signer
from core.signoff.ledger import Ledger
from core.signoff.look import SCHEMA as LOOK_SCHEMA
from core.signoff.submission import Submission, describe_counts, hash_evidence, state_guarantee
from core.signoff.workflow import Signing, activate, approve, submit
from core.thresholds.policy import Policy
from core.thresholds.policy_file import write_policy
from tests.conftest import make_settings
from tests.thresholds.policies import make_policy

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def open_ledger(folder: Path, clock: Clock | None = None) -> Ledger:
    """A ledger in a file of this folder."""
    return Ledger.open(f"sqlite:///{folder}/ledger.db", make_settings(folder), clock=clock or Clock())


def person(name: str, *roles: Role) -> Signer:
    """Somebody who typed a name; with every role unless some are given."""
    signer = declare_signer(name)
    return replace(signer, roles=roles) if roles else signer


def signed_in(subject: str, *roles: Role, at: datetime = START, **changes: Any) -> Signer:
    """Somebody who signed in a minute ago."""
    usual = Signer("https://id.example", subject, subject, "oidc", roles, int(at.timestamp()) - 60)
    return replace(usual, **changes)


ANN, BOB, CID = (person(name) for name in ("Ann", "Bob", "Cid"))


def signing(ledger: Ledger, signer: Signer, policy: str = "clicks", **changes: Any) -> Signing:
    """Sign after having seen the present revision."""
    with ledger.stream(policy) as stream:
        expected = stream.revision
    return replace(Signing(ledger, policy, signer, expected, str(uuid.uuid4())), **changes)


def find_base(ledger: Ledger, policy: str = "clicks") -> str | None:
    """Hash of the record that made the present version active."""
    with ledger.stream(policy) as stream:
        latest = find_latest(stream)
    return latest.activation.hash if latest else None


def make_submission(
    policy: Policy | None = None,
    *,
    base: str | None = None,
    needs: int = 1,
    review_by: str = "2026-12-31",
    **changes: Any,
) -> Submission:
    """A submission as :func:`prepare_draft` makes them, without rows behind it."""
    policy = policy or make_policy()
    document = read_json(write_policy(policy))
    evidence = {"policy_hash": policy.hash, "policy": document, "evidence": {"baseline": None}}
    hashed = hash_evidence(evidence)
    payload = {
        "schema": "recscope-submission/1",
        "policy": document,
        "evidence": evidence,
        "evidence_hash": hashed,
        "data": {"digest": policy.data_digest, "name": "made.csv", "rows": 60, "positives": 21, "excluded": {},
                 "roles": {}, "files": []},
        "earlier": [],
        "method": policy.method,
        "parameters": {"objective": document["objective"]},
        "seed": policy.seed,
        "versions": document["versions"],
        **describe_counts(policy, {}),
        "guarantee": state_guarantee(policy, []),
        "baseline": None,
        "base": base,
        "comparison": None,
        "not_compared": None,
        "rationale": "More recall at the same precision.",
        "review_by": review_by,
        "needs": needs,
        "needs_why": "The quorum.",
    }  # fmt: skip
    return Submission(payload | changes)


def put_in_force(ledger: Ledger, policy: Policy | None = None, name: str = "clicks", **changes: Any) -> Record:
    """Submit by Ann, approve by Bob, activate by Ann; the record of the activation."""
    made = make_submission(policy, base=find_base(ledger, name), **changes)
    submission = submit(signing(ledger, ANN, name), made)
    approve(signing(ledger, BOB, name), submission.version, seen=submission.hash)
    return activate(signing(ledger, ANN, name), submission.version)


def seen(ledger: Ledger, version: int = 1, name: str = "clicks") -> str:
    """Hash of the record that submitted a version: what an approval names."""
    with ledger.stream(name) as stream:
        return stream.of_version(version)[0].hash


def a_look(policy: Policy | None = None, verdict: str = "holds", **more: Any) -> dict[str, Any]:
    """What is recorded of a look at a policy."""
    return {"schema": LOOK_SCHEMA, "policy_hash": (policy or make_policy()).hash, "verdict": verdict, **more}
