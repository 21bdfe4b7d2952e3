"""A policy: one threshold per uncertainty level as a value, with where it comes from, its JSON and its hash."""

import hashlib
import json
import math
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import rfc8785

from core.arrays import FloatArray, IntArray
from core.checks import as_floats
from core.errors import InputError, TooLarge
from core.holdout.data import UncertaintyKind
from core.thresholds.objective import Objective
from core.thresholds.sampling import Sampling

SCHEMA = "recscope-policy/1"
HASH_PREFIX = b"recscope-policy-v1\n"
RECSCOPE_VERSION = "unreleased"
TEXT_CAP = 1_000_000
LEVELS_CAP = 1_000
NAME_LENGTH = 200
LARGEST_COUNT = 2**53 - 1  # beyond it JSON numbers are not exact

Outside = Literal["reject", "nearest"]
SplitMethod = Literal["random", "time", "group"]

_EXPORT_AGAIN = "Export the policy again from RecScope."
# What every policy says, so that its file can be read without these pages.
_ALWAYS = {"schema": SCHEMA, "accept": "score >= threshold of the level", "missing": "reject"}
_KEYS = {
    *_ALWAYS, "hash", "columns", "level_edges", "thresholds", "outside", "only", "objective", "sampling", "method",
    "seed", "tuned", "confirmed", "data_digest", "versions",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LevelCounts:
    """What a policy does to the rows of one level.

    Attributes
    ----------
    rows, positives
        All rows of the level, and the positives among them.
    accepted, true_positives
        Accepted rows, and the positives among them.
    """

    rows: int
    positives: int
    accepted: int
    true_positives: int

    def __post_init__(self) -> None:
        """Check that the four counts can be those of some rows."""
        for name in self.__slots__:
            object.__setattr__(self, name, _whole(getattr(self, name), name))
        hits, misses = self.true_positives, self.accepted - self.true_positives
        if not (hits <= self.positives <= self.rows and 0 <= misses <= self.rows - self.positives):
            raise _refused(f"counts that no rows have ({self})")

    def __add__(self, other: "LevelCounts") -> "LevelCounts":
        """Counts of both."""
        return LevelCounts(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a policy reads.

    Attributes
    ----------
    score
        Score column.
    uncertainty
        One column, or for kind ``interval`` the pair (low, high), of which the width is taken.
    uncertainty_kind
        As in :class:`core.holdout.data.ColumnRoles`.
    """

    score: str
    uncertainty: tuple[str, ...]
    uncertainty_kind: UncertaintyKind

    def __post_init__(self) -> None:
        """Check names and kind."""
        _choice(self.uncertainty_kind, get_args(UncertaintyKind), "uncertainty kind")
        wanted = 2 if self.uncertainty_kind == "interval" else 1
        if len(self.uncertainty) != wanted:
            raise _refused(f"{len(self.uncertainty)} uncertainty columns; kind {self.uncertainty_kind} has {wanted}")
        for name in self.names:
            _name(name)
        if len(set(self.names)) < len(self.names):
            raise _refused("a column in two roles")

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return self.score, *self.uncertainty


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Rows that the policy was not tuned on, and what it did to them.

    Attributes
    ----------
    delta
        The certified precision fails with at most this probability.
    split
        How the rows were divided.
    counts
        Per level, in the order of the thresholds.
    """

    delta: float
    split: SplitMethod
    counts: tuple[LevelCounts, ...]

    def __post_init__(self) -> None:
        """Check delta and split."""
        object.__setattr__(self, "delta", _number(self.delta, "delta"))
        if not 0 < self.delta < 0.5:
            raise _refused(f"a delta of {self.delta!r}, not between 0 and 0.5")
        _choice(self.split, get_args(SplitMethod), "split")


@dataclass(frozen=True, slots=True)
class Versions:
    """What a policy was made with."""

    recscope: str
    numpy: str
    duckdb: str

    def __post_init__(self) -> None:
        """Check that each is a version."""
        for name in self.__slots__:
            _pattern(getattr(self, name), r"[0-9A-Za-z][0-9A-Za-z.+!_-]{0,39}", f"version of {name}")

    @classmethod
    def here(cls) -> "Versions":
        """The versions that run now."""
        return cls(RECSCOPE_VERSION, version("numpy"), version("duckdb"))


@dataclass(frozen=True, slots=True)
class Policy:
    """Accept a row where its score is at least the threshold of its uncertainty level.

    A score or an uncertainty that is missing, NaN or infinite is no value: such a row is rejected.

    Definition
    ----------
    Level i holds the rows with level_edges[i] <= uncertainty < level_edges[i + 1]; the last level also holds its upper
    edge. Accept if score >= thresholds[i].

    Attributes
    ----------
    columns
        The columns it reads.
    level_edges
        Increasing, in the unit of the uncertainty column.
    thresholds
        One per level **in the order of the edges**: by increasing value of the uncertainty column. (In
        :class:`core.thresholds.data.Cuts` level 0 is the least uncertain: for evidence that is the last one here.)
        ``inf`` accepts none, and is null in JSON.
    outside
        A row whose uncertainty lies in no level: ``reject`` it, or give it to the ``nearest`` level. No target was
        shown to hold for such rows.
    only
        Which rows it was tuned and confirmed on: (column, values that a row may have) for each filter, none for all
        rows. A decision does not look at these columns: nothing is known about the precision on other rows.
    objective, method, seed
        What was asked for (in the population), which solver answered, and the seed of the split.
    sampling
        Which shares of the classes are in the counted rows. Where these differ, a precision of the counts is not that
        of the population: see :meth:`core.thresholds.sampling.Sampling.in_population`.
    tuned
        Counts of rows, per level in the order of the thresholds, on the rows it was tuned on.
    confirmed
        The same on the confirmation half, or None where the policy is not certified.
    data_digest
        SHA-256 of the holdout.
    versions
        What it was made with.
    """

    columns: Columns
    level_edges: tuple[float, ...]
    thresholds: tuple[float, ...]
    outside: Outside
    only: tuple[tuple[str, tuple[str, ...]], ...]
    objective: Objective
    sampling: Sampling
    method: str
    seed: int
    tuned: tuple[LevelCounts, ...]
    confirmed: Confirmation | None
    data_digest: str
    versions: Versions

    def __post_init__(self) -> None:
        """Check every field, and make every number a plain int or float."""
        edges = tuple(_number(edge, "level edge") for edge in self.level_edges)
        object.__setattr__(self, "level_edges", edges)
        object.__setattr__(self, "thresholds", tuple(_threshold(value) for value in self.thresholds))
        object.__setattr__(self, "seed", _whole(self.seed, "seed"))
        if not 2 <= len(edges) <= LEVELS_CAP + 1 or any(lo >= hi for lo, hi in pairwise(edges)):
            raise _refused(f"{len(edges)} level edges that are not increasing, or not 2 to {LEVELS_CAP + 1:,}")
        if len(self.thresholds) != self.levels:
            raise _refused(f"{len(self.thresholds)} thresholds for {self.levels} levels")
        _choice(self.outside, get_args(Outside), "rule for rows outside the levels")
        for column, values in self.only:
            _name(column)
            if not values or not all(isinstance(value, str) for value in values):
                raise _refused(f"a filter on {column[:40]!r} without values that are text")
        _pattern(self.method, r"[a-z][a-z0-9_-]{0,39}", "method")
        _pattern(self.data_digest, r"[0-9a-f]{64}", "data digest")
        self._check_counts(self.tuned, "tuned")
        if self.confirmed is not None:
            self._check_counts(self.confirmed.counts, "confirmed")

    def _check_counts(self, counts: tuple[LevelCounts, ...], name: str) -> None:
        if len(counts) != self.levels:
            raise _refused(f"{name} counts of {len(counts)} levels instead of {self.levels}")
        for threshold, level in zip(self.thresholds, counts, strict=True):
            if threshold == math.inf and level.accepted:
                raise _refused(f"{level.accepted:,} accepted rows ({name}) in a level that accepts none")

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.level_edges) - 1

    @property
    def hash(self) -> str:
        """SHA-256, in hex, of ``recscope-policy-v1``, a line feed, and the canonical JSON without its hash."""
        return _hash(self._document())

    def decide(self, score: npt.ArrayLike, uncertainty: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether each row is accepted.

        Parameters
        ----------
        score, uncertainty
            Numbers of one shape; None, NaN and infinities are missing. For kind ``interval`` the width high - low.

        Raises
        ------
        InputError
            Something is not a number, or the shapes differ.

        Notes
        -----
        O(rows · log levels).
        """
        scores, values = as_floats(score, name="score"), as_floats(uncertainty, name="uncertainty")
        if scores.shape != values.shape:
            raise InputError(
                f"There are {scores.size:,} scores and {values.size:,} uncertainties.", fix="Give one of each per row."
            )
        level, placed = self.place(values)
        return placed & np.isfinite(scores) & (scores >= np.array(self.thresholds)[level])

    def place(self, uncertainty: FloatArray) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        """The level of each row, in the order of the thresholds, and whether it has one."""
        edges = np.array(self.level_edges)
        level = np.clip(np.searchsorted(edges, uncertainty, side="right") - 1, 0, self.levels - 1)
        placed = np.isfinite(uncertainty)
        if self.outside == "reject":
            placed &= (uncertainty >= edges[0]) & (uncertainty <= edges[-1])
        return level, placed

    def to_json(self) -> str:
        """The policy with its hash as canonical JSON.

        References
        ----------
        RFC 8785, JSON Canonicalization Scheme.
        """
        document = self._document()
        return rfc8785.dumps(document | {"hash": _hash(document)}).decode()

    @classmethod
    def from_json(cls, text: str) -> "Policy":
        """Rebuild a policy from :meth:`to_json`; blanks and the order of keys may have changed, nothing else.

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

    def _document(self) -> dict[str, Any]:
        return {
            **_ALWAYS,
            "columns": asdict(self.columns),
            "level_edges": self.level_edges,
            "thresholds": [None if threshold == math.inf else threshold for threshold in self.thresholds],
            "outside": self.outside,
            "only": [{"column": column, "values": values} for column, values in self.only],
            "objective": {"kind": self.objective.kind, "target": float(self.objective.target)},
            "sampling": {name: float(getattr(self.sampling, name)) for name in Sampling.__slots__},
            "method": self.method,
            "seed": self.seed,
            "tuned": [asdict(level) for level in self.tuned],
            "confirmed": asdict(self.confirmed) if self.confirmed else None,
            "data_digest": self.data_digest,
            "versions": asdict(self.versions),
        }


def _hash(document: dict[str, Any]) -> str:
    return hashlib.sha256(HASH_PREFIX + rfc8785.dumps(document)).hexdigest()


def _hash_of_file(document: dict[str, Any]) -> str:
    try:
        return _hash(document)
    except ValueError:  # a number or a text that no policy holds: 1e400, a lone surrogate
        raise _refused("a value that JSON does not carry exactly") from None


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
        raise InputError(f"The policy is not JSON: {str(error)[:80]}.", fix=_EXPORT_AGAIN) from None
    if not isinstance(document, dict):
        raise InputError("The policy is not a JSON object.", fix=_EXPORT_AGAIN)
    return document


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _refused("a key that stands twice")
    return found


def _digits(text: str) -> int | float:
    """A number without point and exponent; canonical JSON writes the float 2^53 and larger ones like that too."""
    value = float(text)
    return int(text) if abs(value) <= LARGEST_COUNT else value


def _no_constant(name: str) -> None:
    raise _refused(f"{name}, which is not JSON")


def _policy_of(found: dict[str, Any]) -> Policy:
    _check_keys(found, _KEYS - {"hash"}, "policy")
    for key, value in _ALWAYS.items():
        _choice(found[key], (value,), key)
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
    return Objective(fields["kind"], _number(fields["target"], "target"))


def _filters_of(found: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    filters = [_check_keys(one, {"column", "values"}, "filter") for one in _list(found, "filters")]
    return tuple((one["column"], tuple(_list(one["values"], "values of a filter"))) for one in filters)


def _sampling_of(found: object) -> Sampling:
    fields = _check_keys(found, set(Sampling.__slots__), "sampling")
    return Sampling(**{name: _number(value, "share of kept rows") for name, value in fields.items()})


def _confirmation_of(found: object) -> Confirmation:
    fields = _check_keys(found, set(Confirmation.__slots__), "confirmed")
    return Confirmation(**fields | {"counts": _counts_of(fields["counts"])})


def _counts_of(found: object) -> tuple[LevelCounts, ...]:
    keys = set(LevelCounts.__slots__)
    return tuple(LevelCounts(**_check_keys(level, keys, "counts")) for level in _list(found, "counts"))


def _check_keys(found: object, keys: set[str], name: str) -> dict[str, Any]:
    if not isinstance(found, dict) or set(found) != keys:
        raise _refused(f"a {name} part without exactly {', '.join(sorted(keys))}")
    return found


def _list(found: object, name: str) -> list[Any]:
    if not isinstance(found, list):
        raise _refused(f"{name} that are not a list")
    return found


def _number(value: object, name: str) -> float:
    """A finite number as a float, never -0."""
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        with suppress(OverflowError):  # a whole number beyond the largest float
            if math.isfinite(value):
                return float(value) + 0.0
    raise _refused(f"a {name} that is not a finite number ({str(value)[:40]})")


def _threshold(value: object) -> float:
    return math.inf if isinstance(value, float) and value == math.inf else _number(value, "threshold")


def _whole(value: object, name: str) -> int:
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT:
        return int(value)
    raise _refused(f"a {name} that is not a whole number from 0 to {LARGEST_COUNT:,} ({str(value)[:40]})")


def _choice(value: object, choices: tuple[str, ...], name: str) -> None:
    if value not in choices:
        raise _refused(f"a {name} of {str(value)[:40]!r} instead of {' or '.join(map(repr, choices))}")


def _pattern(value: object, pattern: str, name: str) -> None:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise _refused(f"a {name} of {str(value)[:40]!r}")


def _name(value: object) -> None:
    """A column name: not blank, not too long, and text that UTF-8 carries (no half of a surrogate pair)."""
    good = isinstance(value, str) and value.strip() and len(value) <= NAME_LENGTH
    if not good or any("\ud800" <= character <= "\udfff" for character in str(value)):
        raise _refused(f"a column name that no file has ({ascii(value)[:40]})")


def _refused(what: str) -> InputError:
    return InputError(f"The policy has {what}.", fix=_EXPORT_AGAIN)
