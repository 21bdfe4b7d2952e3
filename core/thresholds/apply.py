"""A policy on rows: decisions in file order, and counts that must be those it was signed with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.arrays import FloatArray, IntArray
from core.checks import as_floats
from core.engine.protocol import Axis, Engine, Filter, Rows
from core.errors import InputError
from core.jobs import Job
from core.thresholds.data import Cuts
from core.thresholds.policy import LevelCounts, Policy

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Applied:
    """Decisions of a policy.

    Attributes
    ----------
    decision
        bool (rows,), in file order.
    remarks
        (what was found, rows), for rows that have no score, no uncertainty, or one in no level.
    """

    decision: npt.NDArray[np.bool_]
    remarks: tuple[tuple[str, int], ...]

    def frame(self) -> "pd.DataFrame":
        """One line per row, in file order: decision."""
        import pandas as pd

        return pd.DataFrame({"decision": self.decision})


def check_columns(policy: Policy, columns: Sequence[str]) -> None:
    """Check that a file has the columns that the policy reads.

    Raises
    ------
    InputError
        One is not there.
    """
    absent = [name for name in policy.columns.names if name not in columns]
    if absent:
        raise InputError(
            f"The file has no column {', '.join(ascii(name)[:80] for name in absent)}, which the policy reads.",
            fix="Give the file that the policy was made for, or rename its columns to those of the policy.",
        )


def apply_policy(policy: Policy, score: npt.ArrayLike, uncertainty: Sequence[npt.ArrayLike]) -> Applied:
    """Decide on rows in file order.

    Parameters
    ----------
    policy
        What decides.
    score
        (rows,): numbers; None, NaN and infinities are missing.
    uncertainty
        The columns of ``policy.columns.uncertainty``, in that order: one, or low and high.

    Raises
    ------
    InputError
        Something is not a number, or the columns differ in length or number.
    """
    scores, values = as_floats(score, name="score"), read_uncertainty(policy, uncertainty)
    decision = policy.decide(scores, values)
    decision.flags.writeable = False
    known = np.isfinite(values)
    inside = (values >= policy.level_edges[0]) & (values <= policy.level_edges[-1])
    found = {
        "score is missing or infinite: rejected": ~np.isfinite(scores),
        "uncertainty is missing or infinite: rejected": ~known,
        f"uncertainty lies in no level: {_OUTSIDE[policy.outside]}": known & ~inside,
    }
    return Applied(decision, tuple((what, int(rows.sum())) for what, rows in found.items() if rows.any()))


_OUTSIDE = {"reject": "rejected", "nearest": "decided by the nearest level"}


def read_uncertainty(policy: Policy, columns: Sequence[npt.ArrayLike]) -> FloatArray:
    """The uncertainty of each row: the column, or high - low.

    Raises
    ------
    InputError
        Not the number of columns that the policy reads, not numbers, or of different lengths.
    """
    if len(columns) != len(policy.columns.uncertainty):
        raise InputError(
            f"The policy reads {len(policy.columns.uncertainty)} uncertainty column(s); {len(columns)} given.",
            fix="Give low and high for an interval, one column otherwise.",
        )
    first, *rest = (as_floats(column, name="uncertainty") for column in columns)
    if not rest:
        return first
    if first.shape != rest[0].shape:
        raise InputError("low and high differ in length.", fix="Give one of each per row.")
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(rest[0] - first)


def count_columns(
    policy: Policy, score: npt.ArrayLike, uncertainty: Sequence[npt.ArrayLike], label: npt.ArrayLike
) -> tuple[LevelCounts, ...]:
    """What the policy does to labelled rows, per level in the order of its thresholds.

    Rows without a score are left out, as rows without a level are: the holdout has neither.
    """
    scores, values, labels = as_floats(score, name="score"), read_uncertainty(policy, uncertainty), np.asarray(label)
    decision = policy.decide(scores, values)
    level, placed = policy.place(values)
    counted = placed & np.isfinite(scores)
    masks = (counted, counted & (labels == 1), decision, decision & (labels == 1))
    return _by_level(*(np.bincount(level[mask], minlength=policy.levels) for mask in masks))


def count_stored(
    policy: Policy, rows: Rows, *, engine: Engine, where: Sequence[Filter] = ()
) -> Job[tuple[LevelCounts, ...]]:
    """The same as :func:`count_columns` on the stored rows of a holdout, by an engine."""
    edges = np.array(policy.level_edges)
    if policy.outside == "nearest":
        lowest, highest = rows.ranges["uncertainty"]
        edges[0], edges[-1] = min(edges[0], lowest), max(edges[-1], highest)
    found = yield from engine.evaluate(rows, Axis("uncertainty", edges), np.array(policy.thresholds), where=where)
    return _by_level(found.rows, found.positives, found.accepted, found.true_positives)


def count_cuts(policy: Policy, of: Cuts) -> tuple[LevelCounts, ...]:
    """What the policy does to counted rows, per level in the order of its thresholds, in units of the cuts.

    Raises
    ------
    InputError
        The levels are not those of the cuts, or a threshold is no cut of theirs.
    """
    if not np.array_equal(of.level_edges, policy.level_edges):
        raise InputError("The policy has other levels than these counts.", fix="Count with the policy's level edges.")
    thresholds = np.array(policy.thresholds)
    at = np.searchsorted(of.edges, thresholds)
    none = np.isinf(thresholds)
    if not np.all(none | ((at < of.bins) & (of.edges[np.minimum(at, of.bins)] == thresholds))):
        raise InputError("A threshold of the policy is no cut of these counts.", fix="Count the rows themselves.")
    return counts_of(of, tuple(_in_column_order(np.where(none, 0, of.bins - at), of).tolist()))


def counts_of(of: Cuts, cuts: tuple[int, ...]) -> tuple[LevelCounts, ...]:
    """What a rule on cuts does, per level in the order of a policy: counts of rows, also where these have weights."""
    level = np.arange(of.levels)
    rows, positives = (of.accepted, of.tp) if of.weights is None else (of.weights.rows, of.weights.positives)
    tables = (rows[:, -1], positives[:, -1], rows[level, list(cuts)], positives[level, list(cuts)])
    return _by_level(*(np.asarray(_in_column_order(table, of), dtype=np.int64) for table in tables))


def thresholds_of(of: Cuts, cut: IntArray) -> tuple[float, ...]:
    """Thresholds of a rule on cuts, in the order of a policy: by increasing value of the uncertainty column."""
    return tuple(float(threshold) for threshold in _in_column_order(of.threshold(cut), of))


def total(counts: Sequence[LevelCounts]) -> LevelCounts:
    """Counts of all levels."""
    return reduce(add, counts)


def _in_column_order(per_level: npt.NDArray[np.generic], of: Cuts) -> npt.NDArray[np.generic]:
    return per_level[::-1] if of.more_is_certain else per_level


def _by_level(rows: IntArray, positives: IntArray, accepted: IntArray, tp: IntArray) -> tuple[LevelCounts, ...]:
    return tuple(LevelCounts(*counts) for counts in zip(rows, positives, accepted, tp, strict=True))
