"""A policy as a file: canonical JSON with the hash of all else in it."""

import json
import math
from typing import Any

import rfc8785

from core.errors import InputError, TooLarge
from core.thresholds.objective import Objective
from core.thresholds.policy import ALWAYS, SCHEMA, Columns, Confirmation, LevelCounts, Policy, Versions, hash_document
from core.thresholds.policy_checks import EXPORT_AGAIN, LARGEST_COUNT, check_choice, check_number, refused
from core.thresholds.sampling import Sampling

TEXT_CAP = 1_000_000


def write_policy(policy: Policy) -> str:
    """The policy with its hash as canonical JSON.

    References
    ----------
    RFC 8785, JSON Canonicalization Scheme.
    """
    return rfc8785.dumps(policy.document() | {"hash": policy.hash}).decode()


def read_policy(text: str) -> Policy:
    """Rebuild a policy from :func:`write_policy`; blanks and the order of keys may have changed, nothing else.

    Raises
    ------
    TooLarge
        More than a million characters.
    InputError
        Not JSON, a key twice, NaN or Infinity, not this version of the schema, a hash that does not fit (the file
        was edited by hand), or a field that cannot be.
    """
    document = _read_object(text)
    if document.get("schema") != SCHEMA:
        raise InputError(
            f"This is not a policy of schema {SCHEMA}: it says {str(document.get('schema'))[:40]!r}.",
            fix="Give a policy file that this version of RecScope wrote, or use the version that wrote it.",
        )
    found = document.pop("hash", None)
    if found != _hash_of_file(document):
        raise InputError(
            "The policy does not fit its own hash: it was edited by hand, or cut short.",
            fix="Use the file as RecScope wrote it. To change a threshold, pin it and tune again.",
        )
    return _policy_of(document)


def _read_object(text: str) -> dict[str, Any]:
    if len(text) > TEXT_CAP:
        raise TooLarge(
            f"The policy has {len(text):,} characters; the limit is {TEXT_CAP:,}.", fix="Give a policy file, not data."
        )
    try:
        document = json.loads(text, object_pairs_hook=_unique_keys, parse_int=_digits, parse_constant=_no_constant)
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"The policy is not JSON: {str(error)[:80]}.", fix=EXPORT_AGAIN) from None
    if not isinstance(document, dict):
        raise InputError("The policy is not a JSON object.", fix=EXPORT_AGAIN)
    return document


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise refused("a key that stands twice")
    return found


def _digits(text: str) -> int | float:
    """A number without point and exponent; canonical JSON writes the float 2^53 and larger ones like that too."""
    value = float(text)
    return int(text) if abs(value) <= LARGEST_COUNT else value


def _no_constant(name: str) -> None:
    raise refused(f"{name}, which is not JSON")


def _hash_of_file(document: dict[str, Any]) -> str:
    try:
        return hash_document(document)
    except ValueError:  # a number or a text that no policy holds: 1e400, a lone surrogate
        raise refused("a value that JSON does not carry exactly") from None


def _policy_of(found: dict[str, Any]) -> Policy:
    _check_keys(found, {*ALWAYS, *Policy.__slots__}, "policy")
    for key, value in ALWAYS.items():
        check_choice(found[key], (value,), key)
    confirmed = found["confirmed"]
    return Policy(
        columns=_columns_of(found["columns"]),
        level_edges=tuple(_list(found["level_edges"], "level edges")),
        thresholds=tuple(math.inf if value is None else value for value in _list(found["thresholds"], "thresholds")),
        outside=found["outside"],
        only=_filters_of(found["only"]),
        objective=_objective_of(found["objective"]),
        sampling=_sampling_of(found["sampling"]),
        method=found["method"],
        seed=found["seed"],
        weighted=found["weighted"],
        tuned=_counts_of(found["tuned"]),
        confirmed=None if confirmed is None else _confirmation_of(confirmed),
        data_digest=found["data_digest"],
        versions=Versions(**_check_keys(found["versions"], set(Versions.__slots__), "versions")),
    )


def _columns_of(found: object) -> Columns:
    fields = _check_keys(found, set(Columns.__slots__), "columns")
    return Columns(**fields | {"uncertainty": tuple(_list(fields["uncertainty"], "uncertainty columns"))})


def _objective_of(found: object) -> Objective:
    fields = _check_keys(found, set(Objective.__slots__), "objective")
    return Objective(fields["kind"], check_number(fields["target"], "target"))


def _filters_of(found: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    filters = [_check_keys(one, {"column", "values"}, "filter") for one in _list(found, "filters")]
    return tuple((one["column"], tuple(_list(one["values"], "values of a filter"))) for one in filters)


def _sampling_of(found: object) -> Sampling:
    fields = _check_keys(found, set(Sampling.__slots__), "sampling")
    return Sampling(**{name: check_number(value, "share of kept rows") for name, value in fields.items()})


def _confirmation_of(found: object) -> Confirmation:
    fields = _check_keys(found, set(Confirmation.__slots__), "confirmed")
    return Confirmation(**fields | {"counts": _counts_of(fields["counts"])})


def _counts_of(found: object) -> tuple[LevelCounts, ...]:
    keys = set(LevelCounts.__slots__)
    return tuple(LevelCounts(**_check_keys(level, keys, "counts")) for level in _list(found, "counts"))


def _check_keys(found: object, keys: set[str], name: str) -> dict[str, Any]:
    if not isinstance(found, dict) or set(found) != keys:
        raise refused(f"a {name} part without exactly {', '.join(sorted(keys))}")
    return found


def _list(found: object, name: str) -> list[Any]:
    if not isinstance(found, list):
        raise refused(f"{name} that are not a list")
    return found
