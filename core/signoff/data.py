"""Records of sign-off: who signs, what is asked of the ledger, what it holds, and what a signer takes away."""

import json
import re
import unicodedata
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar, get_args

from core.errors import InputError, RecScopeError

Kind = Literal["genesis", "submit", "approve", "reject", "withdraw", "activate", "roll_back", "watch"]
Role = Literal["author", "approver", "auditor"]
Identity = Literal["oidc", "self-declared"]

TURNS: tuple[Kind, ...] = ("activate", "roll_back")  # the acts that make a version active

POLICY_NAME = r"[a-z0-9][a-z0-9_.-]{0,63}"
KEY = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
LEDGER_ID = r"[0-9a-f]{32}"
HASH = r"[0-9a-f]{64}"
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
TEXT_LENGTH = 500
RECEIPT_BYTES = 10_000
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # control characters, halves of surrogate pairs
LARGEST_COUNT = 2**53 - 1  # beyond it JSON numbers are not exact

Made = TypeVar("Made", "Signer", "Receipt")


class LedgerDamaged(RecScopeError):
    """What stands in the place of the ledger is none, or is not as this version of RecScope wrote it."""


class LedgerUnavailable(RecScopeError):
    """The ledger is sound as far as is known, but cannot be read or written now: locked, full, read-only, away."""


class StaleRevision(RecScopeError):
    """Somebody signed the same policy in between; ``revision`` is the present one."""

    def __init__(self, message: str, *, fix: str, revision: int) -> None:
        super().__init__(message, fix=fix)
        self.revision = revision


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, as known at the moment of signing.

    Attributes
    ----------
    issuer, subject
        What names a person for good: the identity provider and its name for the person. ``local`` and the typed name
        where self-declared.
    name
        For display.
    identity
        ``oidc``: a provider vouches for the person. ``self-declared``: a typed name, for which nobody vouches.
    roles
        What the person may do, at the moment of signing.
    auth_time
        When the person last proved who they are, in Unix seconds; None where self-declared, or where the provider does
        not tell.
    """

    issuer: str
    subject: str
    name: str
    identity: Identity
    roles: tuple[Role, ...]
    auth_time: int | None

    def __post_init__(self) -> None:
        """Check every field."""
        for field in ("issuer", "subject", "name"):
            check_text(getattr(self, field), f"{field} of the signer")
        check_choice(self.identity, get_args(Identity), "identity of the signer")
        if not isinstance(self.roles, tuple):
            raise _odd("roles of the signer", self.roles)
        for role in self.roles:
            check_choice(role, get_args(Role), "role of the signer")
        if len(set(self.roles)) < len(self.roles):
            raise _odd("roles of the signer", self.roles)
        if self.auth_time is not None:
            check_whole(self.auth_time, "time of the last sign-in")
            if self.identity == "self-declared":
                raise _odd("time of the last sign-in of a self-declared signer", self.auth_time)

    def same_person(self, other: "Signer") -> bool:
        """Whether both are one person, as far as can be told.

        Definition
        ----------
        The same if issuer and subject are equal. A typed name proves little: where either is self-declared, they are
        also the same if their names are equal after NFKC, case folding, without invisible characters, and with one
        blank for any run of blanks.

        Examples
        --------
        >>> one = Signer("local", "Ada Lovelace", "Ada Lovelace", "self-declared", ("author",), None)
        >>> one.same_person(Signer("local", "ada", " ada  LOVELACE", "self-declared", ("approver",), None))
        True
        """
        if (self.issuer, self.subject) == (other.issuer, other.subject):
            return True
        return "self-declared" in (self.identity, other.identity) and _folded(self.name) == _folded(other.name)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__slots__} | {"roles": list(self.roles)}

    @classmethod
    def from_json(cls, found: object) -> "Signer":
        """Rebuild the record from :meth:`to_json`.

        Raises
        ------
        InputError
            A key is missing or unknown, or a field cannot be.
        """
        values = _exactly(cls, found, "signer")
        if not isinstance(values["roles"], list):
            raise _odd("roles of the signer", values["roles"])
        return cls(**values | {"roles": tuple(values["roles"])})


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """An act that is to become a record.

    Attributes
    ----------
    kind
        The act; every one but ``genesis``, which a ledger writes itself.
    policy
        Name of the policy: small letters, digits, ``_``, ``.`` and ``-``, at most 64.
    version
        Which submission of the policy it is about, counted from 1; None for ``submit``, whose number the ledger gives.
    payload
        JSON values; those of ``submit`` hold ``needs``, a count of approvals, and ``review_by``, as in ``2027-05-31``.
    signer
        Who signs.
    meaning
        What the signature means, as one sentence.
    key
        A UUID: an act is recorded once, however often it is sent.
    """

    kind: Kind
    policy: str
    version: int | None
    payload: dict[str, Any]
    signer: Signer
    meaning: str
    key: str

    def __post_init__(self) -> None:
        """Check every field; of the payload what lists need, for the ledger checks the rest when it writes it."""
        check_choice(self.kind, get_args(Kind)[1:], "kind of the entry")
        check_policy_name(self.policy)
        check_text(self.meaning, "meaning of the signature")
        check_pattern(self.key, KEY, "key of the entry (a UUID)")
        if (self.kind == "submit") != (self.version is None):
            raise _odd(f"version of a {self.kind} entry", self.version)
        if self.version is not None:
            check_whole(self.version, "version", lowest=1)
        else:
            check_whole(self.payload.get("needs"), "number of approvals that the submission needs", lowest=1)
            check_pattern(self.payload.get("review_by"), DAY, "date of review of the submission")


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A line of the ledger.

    Attributes
    ----------
    seq
        Its place in the ledger; 0 is genesis.
    kind, policy, key, signer, meaning, payload
        As in :class:`Entry`. The policy of genesis is "".
    revision
        Number of the record among those of its policy, from 1 without a gap; 0 for genesis.
    version
        The submission that it is about: counts the submissions of its policy from 1; 0 for genesis.
    at
        Time of the ledger's clock, UTC, as in ``2026-11-21T12:34:56.123456Z``.
    prev, hash
        Hash of the record before it (64 zeros before genesis), and its own.
    """

    seq: int
    kind: Kind
    policy: str
    revision: int
    version: int
    at: str
    key: str
    signer: Signer
    meaning: str
    payload: dict[str, Any]
    prev: str
    hash: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a signer takes away: proof, kept outside of the ledger, that a record stood in it.

    Attributes
    ----------
    ledger_id
        The ledger.
    seq, hash, policy, revision, version, kind, at
        Of the record.
    signer
        Name of the signer.
    """

    ledger_id: str
    seq: int
    hash: str
    policy: str
    revision: int
    version: int
    kind: Kind
    signer: str
    at: str

    def __post_init__(self) -> None:
        """Check every field."""
        check_pattern(self.ledger_id, LEDGER_ID, "ledger_id of the receipt")
        check_pattern(self.hash, HASH, "hash of the receipt")
        check_pattern(self.at, MOMENT, "time of the receipt")
        check_choice(self.kind, get_args(Kind)[1:], "kind of the receipt")
        check_policy_name(self.policy)
        check_text(self.signer, "signer of the receipt")
        for name in ("seq", "revision", "version"):
            check_whole(getattr(self, name), f"{name} of the receipt", lowest=1)

    @classmethod
    def of(cls, record: Record, *, ledger_id: str) -> "Receipt":
        """The receipt of a record."""
        named = {name: getattr(record, name) for name in cls.__slots__ if name not in ("ledger_id", "signer")}
        return cls(**named, ledger_id=ledger_id, signer=record.signer.name)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, found: object) -> "Receipt":
        """Rebuild the record from :meth:`to_json`.

        Raises
        ------
        InputError
            A key is missing or unknown, or a field cannot be.
        """
        return cls(**_exactly(cls, found, "receipt"))

    @classmethod
    def read(cls, content: bytes, *, name: str) -> "Receipt":
        """The receipt that a file holds; ``name`` is that of the file.

        Raises
        ------
        InputError
            It is no receipt as RecScope wrote it.
        """
        try:
            return cls.from_json(json.loads(content[:RECEIPT_BYTES]))
        except InputError as error:
            raise InputError(f"{name[:80]!r} is no receipt: {error}", fix=error.fix) from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name[:80]!r} is no receipt.", fix="Give a file that RecScope wrote.") from error


def check_policy_name(value: object) -> None:
    """Refuse what is no name of a policy."""
    if not isinstance(value, str) or not re.fullmatch(POLICY_NAME, value):
        raise InputError(
            f"{ascii(value)[:80]} is no name of a policy.",
            fix="Use 1 to 64 small letters, digits, points, dashes and underlines, a letter or a digit first.",
        )


def check_text(value: object, name: str) -> None:
    """Refuse what is blank, too long, or holds a control character or half a surrogate pair."""
    if not isinstance(value, str) or not value.strip() or len(value) > TEXT_LENGTH:
        raise _odd(name, value)
    if _UNSEEN.search(value):
        raise _odd(name, value)


def check_pattern(value: object, pattern: str, name: str) -> None:
    """Refuse what is not text of a pattern."""
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise _odd(name, value)


def check_choice(value: object, choices: tuple[str, ...], name: str) -> None:
    """Refuse what is none of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise _odd(name, value)


def check_whole(value: object, name: str, *, lowest: int = 0) -> None:
    """Refuse what is not a whole number from ``lowest`` to 2^53 - 1."""
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= LARGEST_COUNT:
        raise _odd(name, value)


def _exactly(kind: type[Made], found: object, name: str) -> dict[str, Any]:
    wanted = {field.name for field in fields(kind)}
    if not isinstance(found, dict) or set(found) != wanted:
        raise InputError(
            f"The {name} does not have exactly {', '.join(sorted(wanted))}.",
            fix=f"Give the {name} as RecScope wrote it.",
        )
    return found


def _odd(name: str, value: object) -> InputError:
    return InputError(f"The {name} cannot be {ascii(value)[:80]}.", fix=f"Give the {name} as RecScope asks for it.")


def _folded(name: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join("".join(c for c in folded if unicodedata.category(c) != "Cf").split())
