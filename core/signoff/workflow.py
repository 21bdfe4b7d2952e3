"""The acts of sign-off and who may do them: submit, approve, reject, withdraw, activate, roll back, watch.

Every rule is checked inside the ledger's write transaction, on what the ledger then holds; :func:`check_act` can check
it once more on what the ledger held then. States are never stored:
:func:`derive_state` reads them off the records.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from core.checks import check_count
from core.errors import RecScopeError
from core.signoff.active import find_latest, is_past
from core.signoff.data import TURNS, Entry, Kind, Record, Role, Signer
from core.signoff.identity import check_fresh
from core.signoff.ledger import Ledger, Stream, Summary
from core.signoff.look import SCHEMA as LOOK_SCHEMA
from core.signoff.submission import NOT_CONFIRMED, Submission, check_payload, check_rationale

State = Literal[
    "submitted", "approved", "rejected", "withdrawn", "active", "superseded", "expired", "rolled back", "void"
]

_ROLES: dict[Kind, tuple[Role, ...]] = {
    "submit": ("author",),
    "approve": ("approver",),
    "reject": ("approver",),
    "withdraw": ("author",),
    "activate": ("author", "approver"),
    "roll_back": ("approver",),
    "watch": ("author", "approver", "auditor"),
}
_MEANINGS: dict[Kind, str] = {
    "submit": "I submit these thresholds for review and stand for their evidence.",
    "approve": "I have looked at the evidence and approve these thresholds for use.",
    "reject": "I have looked at the evidence and do not approve these thresholds.",
    "withdraw": "I withdraw my submission.",
    "activate": "I put these approved thresholds in force.",
    "roll_back": "I put this earlier version in force again.",
    "watch": "I looked at the active thresholds on newer rows.",
}
_MEANING_UNCONFIRMED = (
    "I have looked at the evidence, know that it confirms no precision, and approve these thresholds for use."
)
_VERBS: dict[Kind, str] = {
    "submit": "submit", "approve": "approve", "reject": "reject", "withdraw": "withdraw", "activate": "activate",
    "roll_back": "roll back to", "watch": "record a look at",
}  # fmt: skip
PAGE_CAP = 1_000
REVIEW_YEARS = 2  # at most, until a policy must be reviewed
LOOK_AGAIN = "Load the page anew and look at the present state."


class IllegalMove(RecScopeError):
    """The state of the version, or who signs, does not allow the act; nothing was written."""


class Step(Protocol):
    """What a state is read off: the kind of a record."""

    @property
    def kind(self) -> Kind:
        """The act."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Signing:
    """Who signs what, where, and after having seen what.

    Attributes
    ----------
    ledger, policy
        The ledger, and the name of the policy.
    signer
        Who signs.
    expected
        Revision of the policy that the signer saw; if somebody signed since, nothing is written.
    key
        A UUID, made when the form was first shown: the act is recorded once, however often it is sent.
    """

    ledger: Ledger
    policy: str
    signer: Signer
    expected: int
    key: str


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Where a version stands.

    Attributes
    ----------
    version, state
        Which version, and its state.
    why
        What that means, and what can be done, as a sentence.
    records
        All its records; the first one submitted it.
    """

    version: int
    state: State
    why: str
    records: tuple[Record, ...]

    @property
    def submission(self) -> Record:
        """The record that submitted it."""
        return self.records[0]

    @property
    def author(self) -> Signer:
        """Who submitted it."""
        return self.submission.signer

    @property
    def approvers(self) -> tuple[Signer, ...]:
        """Who approved it, in order."""
        return tuple(record.signer for record in self.records if record.kind == "approve")

    @property
    def needs(self) -> int:
        """Number of people who must approve it."""
        return int(self.submission.payload["needs"])


def derive_state(steps: Sequence[Step], *, needs: int, review_by: str, later: Kind | None, now: str) -> State:
    """The state of a version.

    Parameters
    ----------
    steps
        Its records: submission, approvals, rejection, withdrawal, and what made it active.
    needs, review_by
        Of its submission.
    later
        The act that made a version of the policy active next, after this one did so last, or after its submission.
    now
        A moment of the ledger.

    Notes
    -----
    An open version is void as soon as any version became active after it was submitted: its base is then another one.
    """
    kinds = [step.kind for step in steps]
    if "reject" in kinds:
        return "rejected"
    if "withdraw" in kinds:
        return "withdrawn"
    own = any(kind in TURNS for kind in kinds)
    if own and later is not None:
        return "superseded" if later == "activate" else "rolled back"
    if own:
        return "expired" if is_past(review_by, now=now) else "active"
    if later is not None:
        return "void"
    return "approved" if kinds.count("approve") >= needs else "submitted"


def find_standing(stream: Stream, version: int) -> Standing:
    """Where a version of a policy stands.

    Raises
    ------
    IllegalMove
        There is no such version.
    """
    records = stream.of_version(version)
    if not records:
        raise IllegalMove(f"{stream.policy} has no version {version}.", fix="Choose one of the versions of the list.")
    payload = records[0].payload
    later = stream.next_turn(after=max(record.seq for record in records if record.kind in ("submit", *TURNS)))
    state = derive_state(records, needs=payload["needs"], review_by=payload["review_by"], later=later, now=stream.now)
    return Standing(version, state, _explain(state, records, stream.activations(limit=1)), tuple(records))


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """A submission in a list, and its state."""

    summary: Summary
    state: State


def list_standings(ledger: Ledger, policy: str | None, *, offset: int, limit: int) -> list[Listed]:
    """Submissions of a policy, or of all, newest first, with their states; no payload is read.

    Raises
    ------
    InputError
        Offset or limit is out of range.
    """
    check_count(offset, 0, 10**9, name="offset")
    check_count(limit, 1, PAGE_CAP, name="limit")
    return list_summaries(ledger.submissions(policy, offset=offset, limit=limit), now=ledger.now())


def list_summaries(summaries: Sequence[Summary], *, now: str) -> list[Listed]:
    """Submissions with their states at a moment of the ledger."""
    return [
        Listed(one, derive_state(one.lines, needs=one.needs, review_by=one.review_by, later=one.later, now=now))
        for one in summaries
    ]


def submit(signing: Signing, submission: Submission) -> Record:
    """Put a policy forward for review.

    Raises
    ------
    IllegalMove
        The signer is no author, another version became active since the policy was compared, or its review date has
        passed or is more than two years ahead.
    InputError
        The submission does not say what its policy and its evidence say.
    StaleSignIn, StaleRevision
        The signer signed in too long ago; somebody signed in between.
    """
    check_payload(submission.payload)
    return _append(signing, "submit", None, submission.payload)


def approve(signing: Signing, version: int, *, seen: str, remark: str = "") -> Record:
    """Approve a version for use.

    Parameters
    ----------
    seen
        Hash of the record that submitted it, as the approver saw it: it seals all of the submission.

    Raises
    ------
    IllegalMove
        The signer is no approver, is the author, or has approved it; the version is not in review, its review date has
        passed, or what was seen is not what was submitted.
    StaleSignIn, StaleRevision
        The signer signed in too long ago; somebody signed in between.

    Notes
    -----
    The record repeats the guarantee that was approved. Where there is none, the meaning of the signature says so.
    """
    with signing.ledger.stream(signing.policy) as stream:
        guarantee = str(find_standing(stream, version).submission.payload["guarantee"])
    payload = {"seen": seen, "guarantee": guarantee, "remark": check_rationale(remark) if remark else ""}
    meaning = _MEANING_UNCONFIRMED if guarantee == NOT_CONFIRMED else _MEANINGS["approve"]
    return _append(signing, "approve", version, payload, meaning=meaning)


def reject(signing: Signing, version: int, *, rationale: str) -> Record:
    """Refuse a version; it cannot be approved any more.

    Raises
    ------
    IllegalMove
        The signer is no approver or is the author; the version is not open.
    InputError
        There is no rationale.
    """
    return _append(signing, "reject", version, {"rationale": check_rationale(rationale)})


def withdraw(signing: Signing, version: int, *, rationale: str) -> Record:
    """Take one's own submission back.

    Raises
    ------
    IllegalMove
        The signer is not its author; the version is not open.
    InputError
        There is no rationale.
    """
    return _append(signing, "withdraw", version, {"rationale": check_rationale(rationale)})


def activate(signing: Signing, version: int) -> Record:
    """Put an approved version in force; the present one is superseded, and open versions that build on it are void.

    Raises
    ------
    IllegalMove
        The signer is neither author nor approver; the version is not approved, or its review date has passed.
    """
    return _append(signing, "activate", version, {})


def roll_back(signing: Signing, version: int, *, rationale: str) -> Record:
    """Put a version in force again that was so before; the present one is rolled back.

    Raises
    ------
    IllegalMove
        The signer is no approver; the version was never active, is so now, or its review date has passed.
    InputError
        There is no rationale.
    """
    return _append(signing, "roll_back", version, {"rationale": check_rationale(rationale)})


def record_watch(signing: Signing, version: int, look: dict[str, Any]) -> Record:
    """Record a look at the active version on newer rows (:meth:`core.signoff.watch.Watch.to_json`).

    Raises
    ------
    IllegalMove
        The signer has no role; the version is not in force, or the look is not one at its policy.

    Notes
    -----
    Nobody decides anything by a look, so that a nightly job may sign it: no recent sign-in is asked for.
    """
    return _append(signing, "watch", version, look)


def check_act(stream: Stream, kind: Kind, version: int | None, *, signer: Signer, payload: Mapping[str, Any]) -> None:
    """Check that the rules allow an act as things stand in a history.

    Raises
    ------
    IllegalMove
        The role of the signer, or the state of the version, does not allow it.
    StaleSignIn
        The signer signed in too long ago.
    """
    _check_signer(signer, kind, version, stream)
    if version is None:
        _check_submit(stream, payload)
    else:
        _RULES[kind](stream, version, signer, payload)


def _append(
    signing: Signing, kind: Kind, version: int | None, payload: dict[str, Any], *, meaning: str | None = None
) -> Record:
    """Write the act if its own rules and those of every act hold."""

    def check(stream: Stream) -> None:
        check_act(stream, kind, version, signer=signing.signer, payload=payload)

    entry = Entry(
        kind=kind,
        policy=signing.policy,
        version=version,
        payload=payload,
        signer=signing.signer,
        meaning=meaning or _MEANINGS[kind],
        key=signing.key,
    )
    return signing.ledger.append(entry, expected=signing.expected, check=check)


def _check_submit(stream: Stream, payload: Mapping[str, Any]) -> None:
    latest = find_latest(stream)
    if payload["base"] != (latest.activation.hash if latest else None):
        raise IllegalMove("Another version became active since this submission was prepared.", fix="Prepare it anew.")
    review_by = str(payload["review_by"])
    if is_past(review_by, now=stream.now):
        raise IllegalMove("The review date has passed.", fix="Choose a day to come.")
    last = f"{int(stream.now[:4]) + REVIEW_YEARS}{stream.now[4:10]}"
    if review_by > last:
        raise IllegalMove(
            f"The review date {review_by} is more than {REVIEW_YEARS} years ahead.", fix=f"Choose a day up to {last}."
        )


def _check_approve(stream: Stream, version: int, signer: Signer, payload: Mapping[str, Any]) -> None:
    standing = _check_state(stream, version, ("submitted",), "approve")
    _check_date(standing, stream)
    _check_other(standing.author, signer, "submitted")
    for one in standing.approvers:
        _check_other(one, signer, "already approved")
    if standing.author.identity != signer.identity:
        raise IllegalMove(
            "Author and approver did not sign in alike, so it cannot be told whether they are two people.",
            fix="Submit it anew, signed in as approvers are.",
        )
    _check_seen(standing, stream, payload)


def _check_seen(standing: Standing, stream: Stream, payload: Mapping[str, Any]) -> None:
    """What was seen must be what was submitted, and what was submitted must build on what is active now."""
    submission, latest = standing.submission, find_latest(stream)
    base = latest.activation.hash if latest else None
    said = payload["seen"], payload["guarantee"], base
    if said != (submission.hash, submission.payload["guarantee"], submission.payload["base"]):
        raise IllegalMove("What you looked at is not what was submitted.", fix=LOOK_AGAIN)


def _check_reject(stream: Stream, version: int, signer: Signer, _: Mapping[str, Any]) -> None:
    standing = _check_state(stream, version, ("submitted", "approved"), "reject")
    _check_other(standing.author, signer, "submitted")


def _check_withdraw(stream: Stream, version: int, signer: Signer, _: Mapping[str, Any]) -> None:
    standing = _check_state(stream, version, ("submitted", "approved"), "withdraw")
    if not standing.author.same_person(signer):
        raise IllegalMove(
            f"Version {version} was submitted by {standing.author.name}.",
            fix="Let its author withdraw it, or reject it.",
        )


def _check_activate(stream: Stream, version: int, _: Signer, __: Mapping[str, Any]) -> None:
    _check_date(_check_state(stream, version, ("approved",), "activate"), stream)


def _check_roll_back(stream: Stream, version: int, _: Signer, __: Mapping[str, Any]) -> None:
    _check_date(_check_state(stream, version, ("superseded", "rolled back"), "roll_back"), stream)


def _check_watch(stream: Stream, version: int, _: Signer, payload: Mapping[str, Any]) -> None:
    standing = _check_state(stream, version, ("active", "expired"), "watch")
    signed = standing.submission.payload["policy"]["hash"]
    if (payload.get("schema"), payload.get("policy_hash")) != (LOOK_SCHEMA, signed):
        raise IllegalMove(
            f"This is no look at the policy of version {version}.", fix="Look at the active version, and record that."
        )


_RULES: dict[Kind, Callable[[Stream, int, Signer, Mapping[str, Any]], None]] = {
    "approve": _check_approve,
    "reject": _check_reject,
    "withdraw": _check_withdraw,
    "activate": _check_activate,
    "roll_back": _check_roll_back,
    "watch": _check_watch,
}


def _check_signer(signer: Signer, kind: Kind, version: int | None, stream: Stream) -> None:
    """Role, fresh sign-in, and that nobody undoes with a typed name what others signed for with a password."""
    allowed = _ROLES[kind]
    if not set(allowed) & set(signer.roles):
        raise IllegalMove(
            f"{signer.name} may not {_VERBS[kind]} a version: that takes the role {' or '.join(allowed)}.",
            fix="Ask who runs this server for the role, or let somebody else sign.",
        )
    if kind == "watch":
        return
    check_fresh(signer, now=stream.now)
    latest = find_latest(stream)
    before = [latest.activation.signer] if latest else []
    before += [record.signer for record in stream.of_version(version)[:1]] if version is not None else []
    if signer.identity == "self-declared" and any(one.identity == "oidc" for one in before):
        raise IllegalMove(
            "This was signed by people who signed in; a typed name cannot change it.", fix="Sign in, and sign again."
        )


def _check_state(stream: Stream, version: int, states: tuple[State, ...], kind: Kind) -> Standing:
    standing = find_standing(stream, version)
    if standing.state not in states:
        raise IllegalMove(
            f"Version {version} of {stream.policy} is {standing.state}, so you cannot {_VERBS[kind]} it. "
            f"{standing.why}",
            fix=LOOK_AGAIN,
        )
    return standing


def _check_date(standing: Standing, stream: Stream) -> None:
    review_by = str(standing.submission.payload["review_by"])
    if is_past(review_by, now=stream.now):
        raise IllegalMove(
            f"Version {standing.version} was to be reviewed by {review_by}; that day has passed.",
            fix="Submit the policy anew with a later review date.",
        )


def _check_other(one: Signer, signer: Signer, did: str) -> None:
    if one.same_person(signer):
        raise IllegalMove(f"{one.name} has {did} this version.", fix="Let another person sign.")


def _explain(state: State, records: Sequence[Record], activations: Sequence[Record]) -> str:
    first, payload = records[0], records[0].payload
    approvals = sum(record.kind == "approve" for record in records)
    newest = activations[0] if activations else first
    ended = next((record for record in records if record.kind in ("reject", "withdraw")), first)
    said: dict[State, str] = {
        "submitted": f"It has {approvals} of {payload['needs']} approvals. {payload['needs_why']}",
        "approved": "It has all approvals that it needs, and waits to be activated.",
        "rejected": f"{ended.signer.name} rejected it on {ended.at[:10]}.",
        "withdrawn": f"{ended.signer.name} withdrew it on {ended.at[:10]}.",
        "active": f"It is in force and is to be reviewed by {payload['review_by']}.",
        "expired": f"It was to be reviewed by {payload['review_by']}: prove it on fresh rows and submit it anew.",
        "superseded": f"Version {newest.version} is the latest one in force.",
        "rolled back": f"It was taken out of force; version {newest.version} is the latest one in force.",
        "void": f"Version {newest.version} became active on {newest.at[:10]}, after this one was submitted: its "
        "approvals do not count any more. Compare it with the active policy and submit it anew.",
    }
    return said[state]
