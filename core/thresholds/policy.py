"""A policy: one threshold per uncertainty level as a value, with where it comes from and its hash."""

import hashlib
import math
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import rfc8785

from core.arrays import FloatArray, IntArray
from core.checks import as_floats
from core.errors import InputError
from core.holdout.data import UncertaintyKind
from core.thresholds.objective import Objective
from core.thresholds.policy_checks import (
    check_choice,
    check_column_name,
    check_number,
    check_pattern,
    check_whole,
    refused,
)
from core.thresholds.sampling import Sampling
from core.version import VERSION

SCHEMA = "recscope-policy/1"
HASH_PREFIX = b"recscope-policy-v1\n"
LEVELS_CAP = 1_000

Outside = Literal["reject", "nearest"]
SplitMethod = Literal["random", "time", "group"]
Scope = Literal["overall", "each level"]

# What every policy says, so that its file can be read without these pages.
ALWAYS = {"schema": SCHEMA, "accept": "score >= threshold of the level", "missing": "reject"}


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
            object.__setattr__(self, name, check_whole(getattr(self, name), name))
        hits, misses = self.true_positives, self.accepted - self.true_positives
        if not (hits <= self.positives <= self.rows and 0 <= misses <= self.rows - self.positives):
            raise refused(f"counts that no rows have ({self})")

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
        check_choice(self.uncertainty_kind, get_args(UncertaintyKind), "uncertainty kind")
        wanted = 2 if self.uncertainty_kind == "interval" else 1
        if len(self.uncertainty) != wanted:
            raise refused(f"{len(self.uncertainty)} uncertainty columns; kind {self.uncertainty_kind} has {wanted}")
        for name in self.names:
            check_column_name(name)
        if len(set(self.names)) < len(self.names):
            raise refused("a column in two roles")

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
    scope
        Whether it is the precision ``overall`` or that of ``each level``.
    design_effect
        How many rows were taken to tell as much as one independent row; 1 where rows have no groups.
    largest_weight
        The weight that no row was taken to exceed; None where rows have no weights.
    split
        How the rows were divided.
    counts
        Per level, in the order of the thresholds.
    """

    delta: float
    split: SplitMethod
    counts: tuple[LevelCounts, ...]
    scope: Scope = "overall"
    design_effect: float = 1.0
    largest_weight: float | None = None

    def __post_init__(self) -> None:
        """Check every field but the counts, which check themselves."""
        object.__setattr__(self, "delta", check_number(self.delta, "delta"))
        if not 0 < self.delta < 0.5:
            raise refused(f"a delta of {self.delta!r}, not between 0 and 0.5")
        check_choice(self.split, get_args(SplitMethod), "split")
        check_choice(self.scope, get_args(Scope), "scope")
        object.__setattr__(self, "design_effect", check_number(self.design_effect, "design effect"))
        if self.design_effect < 1:
            raise refused(f"a design effect of {self.design_effect!r}, below 1")
        if self.largest_weight is not None:
            object.__setattr__(self, "largest_weight", check_number(self.largest_weight, "largest weight"))


@dataclass(frozen=True, slots=True)
class Versions:
    """What a policy was made with."""

    recscope: str
    numpy: str
    duckdb: str

    def __post_init__(self) -> None:
        """Check that each is a version."""
        for name in self.__slots__:
            check_pattern(getattr(self, name), r"[0-9A-Za-z][0-9A-Za-z.+!_-]{0,39}", f"version of {name}")

    @classmethod
    def here(cls) -> "Versions":
        """The versions that run now."""
        return cls(VERSION, version("numpy"), version("duckdb"))


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
    weighted
        Whether rows had weights: the target is then of weight, and the counts, which are of rows, do not show it.
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
    weighted: bool
    tuned: tuple[LevelCounts, ...]
    confirmed: Confirmation | None
    data_digest: str
    versions: Versions

    def __post_init__(self) -> None:
        """Check every field, and make every number a plain int or float."""
        edges = tuple(check_number(edge, "level edge") for edge in self.level_edges)
        object.__setattr__(self, "level_edges", edges)
        object.__setattr__(self, "thresholds", tuple(_threshold(value) for value in self.thresholds))
        object.__setattr__(self, "seed", check_whole(self.seed, "seed"))
        if not 2 <= len(edges) <= LEVELS_CAP + 1 or any(lo >= hi for lo, hi in pairwise(edges)):
            raise refused(f"{len(edges)} level edges that are not increasing, or not 2 to {LEVELS_CAP + 1:,}")
        if len(self.thresholds) != self.levels:
            raise refused(f"{len(self.thresholds)} thresholds for {self.levels} levels")
        check_choice(self.outside, get_args(Outside), "rule for rows outside the levels")
        for column, values in self.only:
            check_column_name(column)
            if not values or not all(isinstance(value, str) for value in values):
                raise refused(f"a filter on {column[:40]!r} without values that are text")
        if not isinstance(self.weighted, bool):
            raise refused(f"a weighted of {str(self.weighted)[:40]!r}, neither true nor false")
        check_pattern(self.method, r"[a-z][a-z0-9_-]{0,39}", "method")
        check_pattern(self.data_digest, r"[0-9a-f]{64}", "data digest")
        self._check_counts(self.tuned, "tuned")
        if self.confirmed is not None:
            self._check_counts(self.confirmed.counts, "confirmed")

    def _check_counts(self, counts: tuple[LevelCounts, ...], name: str) -> None:
        if len(counts) != self.levels:
            raise refused(f"{name} counts of {len(counts)} levels instead of {self.levels}")
        for threshold, level in zip(self.thresholds, counts, strict=True):
            if threshold == math.inf and level.accepted:
                raise refused(f"{level.accepted:,} accepted rows ({name}) in a level that accepts none")

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.level_edges) - 1

    @property
    def hash(self) -> str:
        """What :func:`hash_document` gives for :meth:`document`."""
        return hash_document(self.document())

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

    def document(self) -> dict[str, Any]:
        """What the policy says as values that JSON has, without its hash."""
        return {
            **ALWAYS,
            "columns": asdict(self.columns),
            "level_edges": self.level_edges,
            "thresholds": [None if threshold == math.inf else threshold for threshold in self.thresholds],
            "outside": self.outside,
            "only": [{"column": column, "values": values} for column, values in self.only],
            "objective": {"kind": self.objective.kind, "target": float(self.objective.target)},
            "sampling": {name: float(getattr(self.sampling, name)) for name in Sampling.__slots__},
            "method": self.method,
            "seed": self.seed,
            "weighted": self.weighted,
            "tuned": [asdict(level) for level in self.tuned],
            "confirmed": asdict(self.confirmed) if self.confirmed else None,
            "data_digest": self.data_digest,
            "versions": asdict(self.versions),
        }


def _threshold(value: object) -> float:
    return math.inf if isinstance(value, float) and value == math.inf else check_number(value, "threshold")


def hash_document(document: dict[str, Any]) -> str:
    """SHA-256, in hex, of ``recscope-policy-v1``, a line feed, and the canonical JSON of a policy but its hash."""
    return hashlib.sha256(HASH_PREFIX + rfc8785.dumps(document)).hexdigest()
