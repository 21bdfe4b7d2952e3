"""The hash chain of the ledger: what is hashed, how a record becomes text, and how text becomes a record again.

Definition
----------
h(n) = SHA-256("recscope-ledger/v1", NUL, head(n)). head(n) is the canonical JSON of a record's place (ledger, seq,
prev = h(n - 1), policy, revision, version), its act (kind, at, key, signer, meaning), and the hash of its payload:
SHA-256("recscope-payload/v1", NUL, payload(n)), where payload(n) is canonical JSON too. Before genesis stand 64 zeros.

References
----------
RFC 8785, JSON Canonicalization Scheme.
"""

import hashlib
import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import rfc8785

from core.errors import InputError, TooLarge
from core.signoff.data import LARGEST_COUNT, LEDGER_ID, LedgerDamaged, Record, Signer, check_pattern

HEAD_PREFIX = b"recscope-ledger/v1\0"
PAYLOAD_PREFIX = b"recscope-payload/v1\0"
BEFORE_GENESIS = "0" * 64
PAYLOAD_CAP = 16_000_000
RECORDS_KEPT = 32  # as opened: an act reads the same few several times
RESTORE = "Run python -m core signoff verify to see what is wrong, then restore the ledger from a backup."

_NOBODY = Signer("recscope", "ledger", "RecScope", "self-declared", (), None)
_HEAD_KEYS = {
    "ledger", "seq", "prev", "kind", "policy", "revision", "version", "at", "key", "signer", "meaning", "payload",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sealed:
    """A record as it is stored: two texts and the hash of the first, which holds that of the second."""

    head: str
    payload: str
    hash: str

    @classmethod
    def of(cls, ledger_id: str, head: dict[str, Any], payload: str) -> "Sealed":
        """Seal a head (all its keys but ``ledger`` and ``payload``) with the canonical text of a payload."""
        text = canonical(head | {"ledger": ledger_id, "payload": hash_payload(payload.encode())})
        return cls(text, payload, hash_head(text.encode()))

    @lru_cache(maxsize=RECORDS_KEPT)  # noqa: B019 - values, not things that live: equal texts are one record
    def open(self) -> Record:
        """The record that the texts hold; its payload is shared, and never changed.

        Raises
        ------
        LedgerDamaged
            They do not fit their hashes, or are not such texts.
        """
        head = read_head(self.head, self.hash)
        if head.pop("payload") != hash_payload(self.payload.encode()):
            raise LedgerDamaged("the payload of a record does not fit its hash.", fix=RESTORE)
        try:
            head |= {"signer": Signer.from_json(head["signer"]), "payload": read_json(self.payload)}
        except (ValueError, RecursionError) as error:
            raise LedgerDamaged(f"a record cannot be read: {str(error)[:80]}", fix=RESTORE) from None
        del head["ledger"]
        return Record(**head, hash=self.hash)


def seal_genesis(ledger_id: str, at: str) -> Sealed:
    """The record that begins a ledger, and gives it its name.

    Examples
    --------
    >>> seal_genesis("0" * 32, "2026-01-01T00:00:00.000000Z").open().kind
    'genesis'
    """
    check_pattern(ledger_id, LEDGER_ID, "id of the ledger")
    head = {
        "seq": 0,
        "prev": BEFORE_GENESIS,
        "kind": "genesis",
        "policy": "",
        "revision": 0,
        "version": 0,
        "at": at,
        "key": str(uuid.UUID(ledger_id)),
        "signer": _NOBODY.to_json(),
        "meaning": "This ledger begins here.",
    }
    return Sealed.of(ledger_id, head, "{}")


def read_head(text: str, sealed: str) -> dict[str, Any]:
    """The values of a head that fits its hash.

    Raises
    ------
    LedgerDamaged
        It does not fit, or is no head.
    """
    if hash_head(text.encode()) != sealed:
        raise LedgerDamaged("a record does not fit its hash.", fix=RESTORE)
    try:
        head = read_json(text)
    except (ValueError, RecursionError):
        head = {}
    if set(head) != _HEAD_KEYS:
        raise LedgerDamaged("a record is none of this version.", fix=RESTORE)
    return head


def hash_head(text: bytes) -> str:
    """The hash of a record, in hex."""
    return hashlib.sha256(HEAD_PREFIX + text).hexdigest()


def hash_payload(text: bytes) -> str:
    """The hash of a payload, in hex."""
    return hashlib.sha256(PAYLOAD_PREFIX + text).hexdigest()


def canonical(values: dict[str, Any]) -> str:
    """JSON values as text, always the same for the same values.

    Raises
    ------
    InputError
        A value that JSON does not carry exactly: NaN, a whole number beyond 2^53, half of a surrogate pair.
    TooLarge
        More than 16 million bytes.

    Examples
    --------
    >>> canonical({"b": 1.0, "a": [0.1 + 0.2, None]})
    '{"a":[0.30000000000000004,null],"b":1}'
    """
    try:
        text = rfc8785.dumps(values)
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(
            f"This cannot be written to the ledger: {str(error)[:120]}.", fix="Give finite numbers and plain text."
        ) from None
    if len(text) > PAYLOAD_CAP:
        raise TooLarge(
            f"The record has {len(text):,} bytes; the limit is {PAYLOAD_CAP:,}.", fix="Sign counts, not rows of data."
        )
    return text.decode()


def read_json(text: str) -> dict[str, Any]:
    """The object that :func:`canonical` wrote.

    Raises
    ------
    ValueError
        Not JSON, or not an object.
    """
    found = json.loads(text, parse_int=_digits) if _LONG.search(text) else json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _digits(text: str) -> int | float:
    """A number without point and exponent; canonical JSON writes the float 2^53 and larger ones like that too."""
    value = float(text)
    return int(text) if abs(value) <= LARGEST_COUNT else value


_LONG = re.compile(r"[:,\[]\s*-?[0-9]{16}")  # a whole number that may be 2^53 or larger


def write_moment(moment: datetime) -> str:
    """A time of UTC as the ledger writes it; the order of such texts is that of the times.

    Examples
    --------
    >>> from datetime import UTC
    >>> write_moment(datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC))
    '2026-11-21T12:34:56.000000Z'
    """
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
