"""What is submitted for sign-off: a policy with all that a second person needs to judge it, and to count it again."""

import hashlib
import json
import math
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import rfc8785

import core
from core.engine.protocol import Engine
from core.errors import InputError
from core.holdout.data import Holdout
from core.intervals import wilson
from core.jobs import Job
from core.plotting import clean_label
from core.settings import Settings
from core.signoff.active import Active
from core.signoff.chain import read_json
from core.signoff.comparison import Comparison, compare_policies
from core.signoff.population import count_population
from core.signoff.rows import recount
from core.thresholds.apply import total
from core.thresholds.policy import Confirmation, LevelCounts, Policy
from core.thresholds.policy_file import read_policy, write_policy

SCHEMA = "recscope-submission/1"
EVIDENCE_PREFIX = b"recscope-evidence/v1\0"
RATIONALE_CAP = 5_000
NOT_CONFIRMED = (
    "Not confirmed: no precision was shown on rows that the thresholds were not tuned on. The tuned counts are "
    "optimistic, and nothing is guaranteed."
)
_REVISION = 40  # hex digits of a git revision
# Control characters, halves of surrogate pairs, and what would show the text in another order.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """A policy, ready to be submitted; made by :meth:`Draft.complete`.

    Attributes
    ----------
    payload
        JSON values, with these keys:

        ``policy`` (document with its hash); ``evidence`` (:func:`core.thresholds.proof_log.build_bundle`) and
        ``evidence_hash``; ``data`` (digest, files, name, rows, positives, excluded, roles); ``earlier`` (submissions on
        the same rows: :func:`core.signoff.earlier.find_earlier`); ``method``, ``parameters``, ``seed``; ``versions``
        (recscope, numpy, duckdb, python, git, requirements); ``tuned`` and ``confirmed`` (counts with intervals: total,
        levels; confirmed is None where the policy is not); ``guarantee`` (one sentence); ``baseline`` (the single
        threshold); ``base`` (hash of the record that made the present policy active, or None); ``comparison`` with
        that policy and ``not_compared`` (why there is none); ``rationale``; ``review_by``; ``needs`` and ``needs_why``;
        ``cube`` (:class:`core.signoff.population.Population`).
    """

    payload: dict[str, Any]

    @property
    def base(self) -> str | None:
        """Hash of the record that made the policy active that this one was compared with; None where none was."""
        base = self.payload["base"]
        return None if base is None else str(base)


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """All of a submission that is counted; made by :func:`prepare_draft`, and shown before the author gives reasons.

    Attributes
    ----------
    payload
        As in :class:`Submission`, without ``rationale`` and ``review_by``.
    comparison
        With the policy that was made active last; None where there is none, or it cannot be compared.
    """

    payload: dict[str, Any]
    comparison: Comparison | None

    def complete(self, *, rationale: str, review_by: date) -> Submission:
        """The submission.

        Parameters
        ----------
        rationale
            Why, in the author's words.
        review_by
            The last day on which the policy may be active.

        Raises
        ------
        InputError
            The rationale is blank, too long, or holds control characters.
        """
        given = {"rationale": check_rationale(rationale), "review_by": review_by.isoformat()}
        return Submission(self.payload | given)


def prepare_draft(
    policy: Policy,
    evidence: dict[str, Any],
    holdout: Holdout,
    engine: Engine,
    *,
    active: Active | None,
    earlier: Sequence[Mapping[str, Any]],
    settings: Settings,
) -> Job[Draft]:
    """Count what a reviewer must see, and put it together.

    Parameters
    ----------
    policy, evidence
        What was tuned, and what it rests on: :func:`core.thresholds.proof_log.build_bundle`.
    holdout
        The rows that it was tuned on.
    active
        What was made active last (:func:`core.signoff.active.find_latest`), expired or not.
    earlier
        Submissions on the same rows (:func:`core.signoff.earlier.find_earlier`).

    Raises
    ------
    InputError
        Policy, evidence and holdout do not belong together, the counts of the policy are not those of the rows, or
        they do not prove what it says.

    Notes
    -----
    The rows of both halves are counted, and the certificate is tested, again here, so that nothing is signed that only
    a file says (:func:`core.signoff.rows.recount`).

    A policy without a certificate may be submitted: not every objective can be certified. Its guarantee then says "not
    confirmed", and so does the meaning of every signature that approves it.
    """
    evidence, document = _as_carried(evidence), read_json(write_policy(policy))
    _check_belongs(policy, document, evidence, holdout)
    yield from recount(policy, holdout, engine)
    hashed, base = hash_evidence(evidence), active.activation.hash if active else None
    comparison, not_compared = yield from _try_comparison(active, policy, holdout, engine)
    population = yield from count_population(policy, holdout, engine)
    needs, why = count_needed(comparison, first=active is None, settings=settings)
    payload = {
        "schema": SCHEMA,
        "policy": document,
        "evidence": evidence,
        "evidence_hash": hashed,
        "data": describe_data(holdout),
        "earlier": [dict(one) for one in earlier],
        "method": policy.method,
        "parameters": {"objective": document["objective"], "sampling": document["sampling"], **evidence["counted"]},
        "seed": policy.seed,
        "versions": document["versions"] | find_versions(Path(core.__path__[0]).parent),
        **describe_counts(policy, evidence["evidence"]),
        "guarantee": state_guarantee(policy, earlier),
        "baseline": evidence["evidence"]["baseline"],
        "base": base,
        "comparison": None if comparison is None else comparison.to_json(),
        "not_compared": not_compared,
        "needs": needs,
        "needs_why": why,
        "cube": population.to_json(),
    }
    return Draft(payload, comparison)


def check_payload(payload: Mapping[str, Any]) -> None:
    """Check that a submission says what its policy and its evidence say.

    Raises
    ------
    InputError
        A hash, the policy of the evidence, or the guarantee is another one.
    """
    policy, evidence = read_policy(json.dumps(payload["policy"])), payload["evidence"]
    said = {
        "policy": evidence["policy"] == payload["policy"] and evidence["policy_hash"] == payload["policy"]["hash"],
        "evidence": hash_evidence(evidence) == payload["evidence_hash"],
        "guarantee": state_guarantee(policy, payload["earlier"]) == payload["guarantee"],
    }
    for part, fits in said.items():
        if not fits:
            raise InputError(f"The submission has another {part} than its evidence.", fix="Prepare it anew.")


def hash_evidence(evidence: dict[str, Any]) -> str:
    """SHA-256, in hex, of ``recscope-evidence/v1``, NUL, and the canonical JSON of an evidence bundle.

    Raises
    ------
    InputError
        It holds what JSON does not carry exactly.
    """
    try:
        return hashlib.sha256(EVIDENCE_PREFIX + rfc8785.dumps(evidence)).hexdigest()
    except (ValueError, TypeError) as error:
        raise _unfit(error) from None


def count_needed(comparison: Comparison | None, *, first: bool, settings: Settings) -> tuple[int, str]:
    """How many people must approve, and why: the quorum, and two for a large change or one that cannot be measured.

    Examples
    --------
    >>> count_needed(None, first=True, settings=Settings.from_environment())
    (1, 'Nothing is active yet, so the quorum of 1 holds.')
    """
    quorum, limit = settings.quorum, settings.large_change
    if first:
        return quorum, f"Nothing is active yet, so the quorum of {quorum} holds."
    if comparison is None:
        return max(quorum, 2), "It cannot be compared with the active policy, so at least two people must approve."
    change = comparison.volume.value
    if change is None:
        return max(quorum, 2), "One of both policies accepts nothing, so at least two people must approve."
    before, after = (Fraction(side.accepted) for side in comparison.sides)
    if not before and limit:
        return quorum, f"Both policies accept nothing, so the quorum of {quorum} holds."
    if abs(after - before) >= Fraction(str(limit)) * before:  # in floats a fall from 100 to 90 is less than a tenth
        return max(quorum, 2), (
            f"The accepted volume changes by {change:+.1%}, {limit:.0%} or more, so at least two people must approve."
        )
    return quorum, f"The accepted volume changes by {change:+.1%}, less than {limit:.0%}: the quorum of {quorum} holds."


def check_rationale(text: str) -> str:
    """Return a rationale without outer blanks.

    Raises
    ------
    InputError
        It is blank, longer than 5,000 characters, or holds control characters.
    """
    found = text.strip().replace("\r\n", "\n") if isinstance(text, str) else ""
    if not found or len(found) > RATIONALE_CAP:
        raise InputError(
            f"A rationale of 1 to {RATIONALE_CAP:,} characters is needed; this has {len(found):,}.",
            fix="Say in a sentence or two why.",
        )
    if _UNSEEN.search(found):
        raise InputError("The rationale holds control characters.", fix="Type it as plain text.")
    return found


def state_guarantee(policy: Policy, earlier: Sequence[Mapping[str, Any]]) -> str:
    """What the policy guarantees, and on what, as one sentence; or that it does not.

    Parameters
    ----------
    earlier
        Submissions on the same rows: those that were confirmed on them are told.
    """
    proof = policy.confirmed
    if proof is None or policy.objective.kind != "precision":
        return NOT_CONFIRMED
    rows, sampling = total(proof.counts).rows, policy.sampling
    of = "each level that accepts rows" if proof.scope == "each level" else "all accepted rows"
    among = "".join(f", with {clean_label(column)} {_either(values)}" for column, values in policy.only)
    told = " of weight" if policy.weighted else ""
    where = "on rows drawn as those of the holdout"
    if not sampling.even:
        where = (
            f"in the population, of which positives were kept at {sampling.keep_positives:g} and negatives at "
            f"{sampling.keep_negatives:g}"
        )
    used = sum(bool(one["confirmed"]) for one in earlier)
    again = f"; rows of this data have been used to confirm {used:,} earlier submission{'s' if used > 1 else ''}"
    return (
        f"With confidence {state_confidence(proof.delta)}, the precision{told} of {of} is at least "
        f"{policy.objective.target:g} {where}{among}: shown on {rows:,} rows that the "
        f"thresholds were not tuned on{again if used else ''}."
    )


def state_confidence(delta: float) -> str:
    """1 - delta, never rounded up.

    Examples
    --------
    >>> [state_confidence(delta) for delta in (0.1, 1e-6, 1e-300)]
    ['0.9', '0.999999', '0.9999999999999999']
    """
    error = Context(prec=12, rounding=ROUND_CEILING).create_decimal(repr(delta))
    return str(Context(prec=16, rounding=ROUND_FLOOR).subtract(Decimal(1), error).normalize())


def _either(values: Sequence[str]) -> str:
    shown = " or ".join(clean_label(value) for value in values[:5])
    return shown if len(values) <= 5 else f"{shown} or {len(values) - 5} more"


def describe_data(holdout: Holdout) -> dict[str, Any]:
    """What was counted: digest, files, name, rows, positives, excluded, roles."""
    return {
        "digest": holdout.digest,
        "files": list(holdout.files),
        "name": clean_label(holdout.name),
        "rows": holdout.rows.count,
        "positives": holdout.positives,
        "excluded": dict(holdout.excluded),
        "roles": holdout.roles.to_json(),
    }


def describe_counts(policy: Policy, evidence: dict[str, Any]) -> dict[str, Any]:
    """Counts per level of both halves, with Wilson intervals at 95 %.

    Precisions are those of the population. Where rows have weights, counts of rows do not tell rates: those of the
    total are then the evidence's, and those of the levels are None.
    """
    tuned = _describe_half(policy, policy.tuned, None)
    confirmed = None
    if policy.confirmed is not None:
        confirmed = _describe_half(policy, policy.confirmed.counts, policy.confirmed)
    for name, half in (("tuned", tuned), ("confirmed", confirmed)):
        if policy.weighted and half is not None:
            half["total"] |= {key: evidence.get(name, {}).get(key) for key in _RATES}
    return {"tuned": tuned, "confirmed": confirmed}


_RATES = ("precision", "precision_lo", "precision_hi", "recall", "recall_lo", "recall_hi")


def _describe_half(policy: Policy, counts: Sequence[LevelCounts], proof: Confirmation | None) -> dict[str, Any]:
    alike = proof.design_effect if proof else 1.0
    levels = [
        {
            "low": policy.level_edges[i],
            "high": policy.level_edges[i + 1],
            "threshold": None if policy.thresholds[i] == math.inf else policy.thresholds[i],
            **_describe_level(level, policy, alike),
        }
        for i, level in enumerate(counts)
    ]
    return {"total": _describe_level(total(counts), policy, alike), "levels": levels}


def _describe_level(level: LevelCounts, policy: Policy, alike: float) -> dict[str, Any]:
    found: dict[str, Any] = {
        "rows": level.rows, "positives": level.positives, "accepted": level.accepted, "tp": level.true_positives,
    }  # fmt: skip
    for name, base in (("precision", level.accepted), ("recall", level.positives)):
        rates: tuple[float | None, ...] = (None, None, None)
        if base and not policy.weighted:
            lo, hi = wilson(level.true_positives / alike, base / alike)
            carry = policy.sampling.in_population if name == "precision" else float
            rates = tuple(carry(float(rate)) for rate in (level.true_positives / base, lo, hi))
        found |= dict(zip((name, f"{name}_lo", f"{name}_hi"), rates, strict=True))
    return found


def find_versions(checkout: Path) -> dict[str, str | None]:
    """What the numbers were made with: Python, the git revision, and a hash of the pinned packages.

    Parameters
    ----------
    checkout
        The folder that holds ``core``; installed without one, revision and hash are None.
    """
    pinned = [checkout / name for name in ("requirements.txt", "constraints.txt")]
    texts = [path.read_bytes() for path in pinned if path.is_file()]
    hashed = hashlib.sha256(b"\0".join(texts)).hexdigest() if texts else None
    return {"python": platform.python_version(), "git": find_revision(checkout), "requirements": hashed}


def find_revision(checkout: Path) -> str | None:
    """The git revision that is checked out, read from git's own files; None where there is none."""
    folder = checkout / ".git"
    if folder.is_file():  # a work tree beside the repository
        folder = checkout / folder.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
    head = _read_line(folder / "HEAD")
    if not head.startswith("ref: "):
        return head if len(head) == _REVISION else None
    name, shared = head.removeprefix("ref: "), folder / (_read_line(folder / "commondir") or ".")
    for place in (folder / name, shared / name):
        if found := _read_line(place):
            return found
    packed = shared / "packed-refs"
    lines = packed.read_text(encoding="utf-8").splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.split()[1:] == [name]), None)


def _read_line(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _as_carried(evidence: dict[str, Any]) -> dict[str, Any]:
    """The evidence as a ledger gives it back: numbers from 2^53 on, which JSON writes like whole ones, are floats."""
    try:
        return read_json(json.dumps(evidence, allow_nan=False))
    except (ValueError, TypeError) as error:
        raise _unfit(error) from None


def _unfit(error: Exception) -> InputError:
    return InputError(
        f"The evidence cannot be signed: {str(error)[:80]}.", fix="Build it anew from the policy and its proof."
    )


def _check_belongs(policy: Policy, document: dict[str, Any], evidence: dict[str, Any], holdout: Holdout) -> None:
    if (evidence.get("policy_hash"), evidence.get("policy")) != (policy.hash, document):
        raise InputError("The evidence is that of another policy.", fix="Build it from the policy that you submit.")
    if not all(isinstance(evidence.get(part), dict) for part in ("counted", "evidence")):
        raise InputError("The evidence lacks a part.", fix="Build it anew from the policy and its proof.")
    if policy.data_digest != holdout.digest:
        raise InputError("The policy was made from other data.", fix="Give the holdout that it was tuned on.")


def _try_comparison(
    active: Active | None, proposed: Policy, holdout: Holdout, engine: Engine
) -> Job[tuple[Comparison | None, str | None]]:
    """The comparison, or why there is none: that calls for a second approver, not for a halt."""
    if active is None:
        return None, "No version is active yet."
    try:
        return (yield from compare_policies(active.policy, proposed, holdout, engine)), None
    except InputError as error:
        return None, str(error)
