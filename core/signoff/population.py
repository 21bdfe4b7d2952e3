"""Whether newer rows come from the population that was signed: counts per level and score, and how far they moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaincc, gammainccinv

from core.arrays import FloatArray, IntArray
from core.checks import check_between
from core.engine.protocol import Among, Axis, Between, CategoryAxis, Engine, Filter, Measure
from core.errors import InputError
from core.holdout.data import Holdout
from core.holdout.positivity import Binning, find_edges
from core.holdout.segments import filter_rows
from core.ingest.schema import PARTS
from core.intervals import wilson
from core.jobs import Job
from core.thresholds.policy import Policy

if TYPE_CHECKING:
    import pandas as pd

BINS = 20
PSEUDO_ROWS = 0.5  # added to every cell
NOTABLE = 0.1  # of the index beyond what chance gives
OUTSIDE_NOTABLE = 0.01  # more rows outside the levels than when it was signed, as a share
DEALS, DEALT_CELLS, DEALT_ROWS = 2_000, 4_000_000, 10**8
LARGEST_CELLS = 5
_MASSES: dict[bool, tuple[Measure, Measure]] = {False: ("rows", "rows"), True: ("weight", "weight_squared")}
DAMAGED = "The counts belong to the submission; read them from the ledger, and verify that."


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Rows and positives per uncertainty level × score bin, and what lies outside the levels.

    Attributes
    ----------
    level_edges
        float64 (levels + 1,): those of the policy, by increasing uncertainty value.
    score_edges
        float64 (bins + 1,).
    rows, positives
        int64 (levels, bins).
    weight
        float64 (levels, bins): sums of weight, or None where rows have none and are not made to count differently.
    outside, outside_weight
        Rows outside the level edges, and their weight (their number, without weights).
    effective_rows
        Of how many independent rows of one weight the shares of the cells would vary as much.
    """

    level_edges: FloatArray
    score_edges: FloatArray
    rows: IntArray
    positives: IntArray
    weight: FloatArray | None
    outside: int
    outside_weight: float
    effective_rows: float

    @property
    def mass(self) -> FloatArray:
        """Weight of the cells, or rows without weights."""
        return self.rows.astype(np.float64) if self.weight is None else self.weight

    @property
    def outside_share(self) -> float:
        """Share of the mass outside the levels; NaN without rows."""
        total = float(self.mass.sum()) + self.outside_weight
        return self.outside_weight / total if total else float("nan")

    @property
    def all_effective_rows(self) -> float:
        """Effective rows inside and outside the levels; the outer ones count like the inner ones."""
        inside = int(self.rows.sum())
        return self.outside + self.effective_rows if not inside else self.effective_rows * (1 + self.outside / inside)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "level_edges": self.level_edges.tolist(),
            "score_edges": self.score_edges.tolist(),
            "rows": self.rows.tolist(),
            "positives": self.positives.tolist(),
            "weight": None if self.weight is None else self.weight.tolist(),
            "outside": self.outside,
            "outside_weight": self.outside_weight,
            "effective_rows": self.effective_rows,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Population":
        """Rebuild the record from :meth:`to_json`.

        Raises
        ------
        InputError
            Something is missing, or is no counts of levels and bins.
        """
        if not isinstance(found, Mapping) or set(found) != set(cls.__slots__):
            raise _damaged("parts")
        edges = [_numbers(found[name], name) for name in ("level_edges", "score_edges")]
        if any(one.ndim != 1 or len(one) < 2 or np.any(np.diff(one) <= 0) for one in edges):
            raise _damaged("edges that increase")
        shape = len(edges[0]) - 1, len(edges[1]) - 1
        rows, positives = (_counts(found[name], name, shape) for name in ("rows", "positives"))
        weight = None if found["weight"] is None else _table(found["weight"], "weight", shape)
        outside, outside_weight, effective = (
            _table(found[name], name, ()).item() for name in ("outside", "outside_weight", "effective_rows")
        )
        if np.any(positives > rows) or outside % 1:
            raise _damaged("counts of rows")
        return cls(edges[0], edges[1], rows, positives, weight, int(outside), outside_weight, effective)


def rows_of_policy(policy: Policy, holdout: Holdout) -> tuple[Among, ...]:
    """The filter under which a policy was signed, on another holdout; a value that this one lacks has no rows here.

    Raises
    ------
    InputError
        The uncertainty is of another kind, a column of the filter is not mapped as a segment, or has none of the
        values.
    """
    kind = policy.columns.uncertainty_kind
    if holdout.roles.uncertainty_kind != kind:
        raise InputError(
            f"The policy reads an uncertainty of kind {kind}; this holdout has {holdout.roles.uncertainty_kind}.",
            fix=f"Map the uncertainty as {kind}, or sign a policy for the other kind.",
        )
    found = []
    for column, values in policy.only:
        there = [value for value in values if value in holdout.segment(column).values]
        if not there:
            raise InputError(
                f"The policy is for rows with {column[:80]!r} {', '.join(map(repr, values[:3]))[:80]}; this holdout "
                "has none.",
                fix="Give a holdout that has rows which the policy is for.",
            )
        found.append(filter_rows(holdout, column, there))
    return tuple(found)


def count_population(
    policy: Policy,
    holdout: Holdout,
    engine: Engine,
    *,
    score_edges: FloatArray | None = None,
    worth: float = 1.0,
) -> Job[Population]:
    """Count the rows that a policy is for, per level and score bin.

    Parameters
    ----------
    score_edges
        Those of the signed counts; where not given, 20 bins of equally many rows, as far as ties allow.
    worth
        For how many rows a positive counts where a negative counts for one: not 1 where classes were sampled at other
        rates than the rows to compare with. For rows without weights.

    Raises
    ------
    InputError
        As in :func:`rows_of_policy`; or no row is left by the filter.

    Notes
    -----
    Two scans, and where rows have groups one more per level.
    """
    where = rows_of_policy(policy, holdout)
    if score_edges is None:
        equal = Binning("equal_weight", BINS)
        score_edges = yield from find_edges(holdout, engine, "score", equal, cap=BINS, where=where)
    levels, scores = Axis("uncertainty", np.array(policy.level_edges)), Axis("score", score_edges)
    weighted = holdout.rows.weighted
    mass, square = _MASSES[weighted]
    measures: list[Measure] = ["rows", "positives", mass, square]
    counts = yield from engine.count(holdout.rows, [levels, scores], measures, where=where)
    ends = [Axis("score", score_edges[[0, -1]])]
    everywhere = yield from engine.count(holdout.rows, ends, (mass, "positives"), where=where)
    inside = _worth(counts.sums[mass], counts.sums["positives"], worth)
    squares = _worth(counts.sums[square], counts.sums["positives"], worth**2)
    spread = _spread(inside, own=squares, cross=squares, whole=float(squares.sum()))
    if holdout.roles.group is not None and inside.any():
        of_groups = yield from _spread_of_groups(holdout, engine, (levels, scores), inside, where=where, worth=worth)
        spread = max(spread, of_groups)
    all_of_it = _worth(everywhere.sums[mass], everywhere.sums["positives"], worth)
    cells = int((inside > 0).sum())
    return Population(
        level_edges=levels.edges,
        score_edges=score_edges,
        rows=counts.sums["rows"].astype(np.int64),
        positives=counts.sums["positives"].astype(np.int64),
        weight=inside if weighted or worth != 1 else None,
        outside=counts.outside,
        outside_weight=max(float(all_of_it.sum() - inside.sum()), 0.0) if counts.outside else 0.0,
        effective_rows=(cells - 1) / spread if spread > 0 else float(counts.sums["rows"].sum()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    r"""How far newer rows have moved from the signed ones.

    Attributes
    ----------
    signed, now
        Counts on the same cells.
    index
        Population stability index; NaN where one side has no row inside the levels.
    expected, usual
        Its mean, and its 95 % point, if both were drawn from one population.
    p_value
        Probability of such an index, or a larger one, then.
    level
        Probability of error that this look may spend, on the index and on the rows outside each.
    """

    signed: Population
    now: Population
    index: float
    expected: float
    usual: float
    p_value: float
    level: float

    @property
    def moved(self) -> bool:
        """Whether the index is both more than chance gives, and enough to matter: 0.1 above its mean."""
        return self.p_value <= self.level and self.index - self.expected > NOTABLE

    @property
    def outside_interval(self) -> tuple[float, float]:
        """95 % interval of the share of newer rows outside the levels; 0 and 1 without rows."""
        lo, hi = wilson(
            np.nan_to_num(self.now.outside_share) * self.now.all_effective_rows, self.now.all_effective_rows
        )
        return float(lo), float(hi)

    @property
    def outside_difference(self) -> tuple[float, float, float]:
        """Share outside the levels now minus when signed, and its interval, each end of which errs at the level.

        Notes
        -----
        From the Clopper-Pearson bounds of both shares, each at half of the level. Approximate intervals (Wilson,
        Newcombe) err far more often than they say at the small levels that later looks have.
        """
        signed, now = self.signed.outside_share, self.now.outside_share
        if np.isnan([signed, now]).any():
            return float("nan"), -1.0, 1.0
        (signed_lo, signed_hi), (lo, hi) = (
            bound_share(one.outside_share, one.all_effective_rows, self.level / 2) for one in (self.signed, self.now)
        )
        return now - signed, lo - signed_hi, hi - signed_lo

    @property
    def left(self) -> bool:
        """Whether surely more rows than when it was signed lie outside the levels, by one in a hundred."""
        return self.outside_difference[1] > OUTSIDE_NOTABLE

    def frame(self) -> "pd.DataFrame":
        """One line per cell.

        Columns level (in the order of the policy), uncertainty_lo, uncertainty_hi, score_lo, score_hi, signed_rows,
        rows, signed_share, share, contribution (the cell's part of the index).
        """
        import pandas as pd

        signed, now = self.signed, self.now
        levels, bins = signed.rows.shape
        one, other = _smoothed(signed), _smoothed(now)
        return pd.DataFrame(
            {
                "level": np.repeat(np.arange(1, levels + 1), bins),
                "uncertainty_lo": np.repeat(signed.level_edges[:-1], bins),
                "uncertainty_hi": np.repeat(signed.level_edges[1:], bins),
                "score_lo": np.tile(signed.score_edges[:-1], levels),
                "score_hi": np.tile(signed.score_edges[1:], levels),
                "signed_rows": signed.rows.ravel(),
                "rows": now.rows.ravel(),
                "signed_share": _shares(signed).ravel(),
                "share": _shares(now).ravel(),
                "contribution": _parts(one, other, _filled(signed, now)).ravel(),
            }
        )

    def largest(self) -> "pd.DataFrame":
        """The five lines of :meth:`frame` that contribute most."""
        return self.frame().nlargest(LARGEST_CELLS, "contribution")

    def to_json(self) -> dict[str, Any]:
        """Plain values: the index with what chance gives, the rows outside, and the cells that contribute most."""
        named = ["level", "score_lo", "score_hi", "signed_share", "share", "contribution"]
        difference, lo, hi = self.outside_difference
        outside_lo, outside_hi = self.outside_interval
        return {
            "rows": int(self.now.rows.sum()),
            "index": _plain(self.index),
            "expected": _plain(self.expected),
            "usual": _plain(self.usual),
            "p_value": self.p_value,
            "level": self.level,
            "moved": self.moved,
            "cells": [] if np.isnan(self.index) else self.largest()[named].to_dict("records"),
            "outside": {
                "rows": self.now.outside,
                "share": _plain(self.now.outside_share),
                "lo": outside_lo,
                "hi": outside_hi,
                "signed_share": _plain(self.signed.outside_share),
                "difference": _plain(difference),
                "difference_lo": lo,
                "difference_hi": hi,
                "left": self.left,
            },
        }


def bound_share(share: float, rows: float, level: float) -> tuple[float, float]:
    r"""Clopper-Pearson bounds of a share, each of which errs at the level.

    Definition
        .. math:: L = I^{-1}_\alpha(t,\, n - t + 1), \qquad U = 1 - I^{-1}_\alpha(n - t,\, t + 1)

    Parameters
    ----------
    share, rows
        t / n, and n: effective rows, which need not be whole.
    level
        alpha.

    References
    ----------
    Clopper & Pearson (1934), The use of confidence or fiducial limits, Biometrika 26.

    Examples
    --------
    None of 100 rows: the share is at most 1 - 0.05^(1/100).

    >>> lo, hi = bound_share(0.0, 100.0, 0.05)
    >>> lo, round(hi, 4)
    (0.0, 0.0295)
    """
    t, rest = share * rows, (1 - share) * rows
    lo = float(betaincinv(t, rest + 1, level)) if t > 0 else 0.0
    hi = 1 - float(betaincinv(rest, t + 1, level)) if rest > 0 else 1.0
    return lo, hi


def measure_shift(signed: Population, now: Population, *, level: float, rng: np.random.Generator) -> Shift:
    r"""Compare newer counts with signed ones.

    Definition
        With shares p_c (signed) and q_c (now) of the cells c that have rows on either side, each smoothed by half a
        row per cell,

        .. math:: PSI = \sum_c (q_c - p_c) \ln\frac{q_c}{p_c}

    Parameters
    ----------
    signed, now
        On the same edges.
    level
        Probability of error of this look, above 0 and at most 0.5.
    rng
        Of the deals.

    Raises
    ------
    InputError
        The edges differ; the level is out of range.

    Notes
    -----
    *Chance.* Without any shift the index is not 0: near (cells - 1)(1/n + 1/m) for n and m rows, which for 100 cells
    and 100 rows a side is twenty times the usual alarm of 0.1. Here the rows of both sides are dealt anew into two
    sides of the same sizes, 2,000 times, and smoothed alike. Without a shift every deal is equally likely, so this
    holds for any number of rows and however many cells are nearly empty. p is the tail of the gamma distribution with
    the mean and variance of the deals, since the index is close to a weighted sum of chi-squares, and since looks after
    the first few are asked at levels that deals alone cannot resolve. A large sample makes any shift significant, so it
    must also matter: the index must exceed its mean by 0.1, where practice begins to call a shift moderate.

    Edges that are quantiles of the signed rows make these vary a little less than dealt, so p is a little too large.
    More than 100 million rows a side are dealt as so many.

    *Weights, groups.* The effective number of rows is the one at which the variance of the shares, summed over cells
    relative to the share, is that of independent rows: a first-order correction.

    References
    ----------
    Yurdakul & Naranjo (2020), Statistical properties of the population stability index, Journal of Risk Model
    Validation 14; Siddiqi (2006), Credit Risk Scorecards; Rao & Scott (1981), The analysis of categorical data from
    complex sample surveys, JASA 76; Satterthwaite (1946), Biometrics Bulletin 2.
    """
    check_between(level, 1e-300, 0.5, name="level")
    if not all(np.array_equal(getattr(signed, name), getattr(now, name)) for name in ("level_edges", "score_edges")):
        raise InputError("The two counts have different cells.", fix="Count with the edges of the signed counts.")
    if not (signed.mass.any() and now.mass.any()):
        return Shift(signed, now, float("nan"), float("nan"), float("nan"), 1.0, level)
    filled = _filled(signed, now)
    index = float(_parts(_smoothed(signed), _smoothed(now), filled).sum())
    sides = [_whole_rows(one)[filled] for one in (signed, now)]
    dealt = _deal_indices(sides[0], sides[1], rng)
    mean, variance = float(dealt.mean()), float(dealt.var())
    if variance <= 0:  # a single cell
        return Shift(signed, now, index, mean, mean, 1.0, level)
    shape, scale = mean**2 / variance, variance / mean
    usual, tail = float(gammainccinv(shape, 0.05) * scale), float(gammaincc(shape, index / scale))
    return Shift(signed, now, index, mean, usual, tail, level)


def _worth(mass: npt.ArrayLike, positives: npt.ArrayLike, worth: float) -> FloatArray:
    """The mass where each positive row counts for so many."""
    return np.asarray(mass, dtype=np.float64) + (worth - 1) * np.asarray(positives, dtype=np.float64)


def _spread(inside: FloatArray, *, own: FloatArray, cross: FloatArray, whole: float) -> float:
    """Variance of the shares over the share, summed over cells with rows.

    With A a unit's (a row's, a group's) mass in a cell and N its mass in all: ``own`` is ΣA² and ``cross`` ΣAN per
    cell, ``whole`` is ΣN². The unit's residual is A - pN.
    """
    total, some = float(inside.sum()), inside > 0
    if not total:
        return 0.0
    p = inside[some] / total
    return float(np.sum((own[some] - 2 * p * cross[some] + p**2 * whole) / p) / total**2)


def _spread_of_groups(
    holdout: Holdout,
    engine: Engine,
    axes: tuple[Axis, Axis],
    inside: FloatArray,
    *,
    where: Sequence[Among],
    worth: float,
) -> Job[float]:
    """The same with groups as units; one scan per level."""
    (levels, scores), mass = axes, _MASSES[holdout.rows.weighted][0]
    parts = CategoryAxis("part", PARTS)
    ends = Axis("uncertainty", levels.edges[[0, -1]])
    measures: tuple[Measure, ...] = (mass, "positives")
    counted = yield from engine.count(
        holdout.rows, [parts, ends, Axis("score", scores.edges[[0, -1]])], measures, where=where
    )
    whole = _worth(counted.sums[mass], counted.sums["positives"], worth).reshape(PARTS)
    own, cross = np.zeros_like(inside), np.zeros_like(inside)
    for level, (lo, hi) in enumerate(pairwise([*levels.edges[:-1], np.nextafter(levels.edges[-1], np.inf)])):
        held: list[Filter] = [*where, Between("uncertainty", float(lo), float(hi))]
        counted = yield from engine.count(holdout.rows, [parts, scores], measures, where=held)
        each = _worth(counted.sums[mass], counted.sums["positives"], worth)
        own[level], cross[level] = np.sum(each**2, axis=0), whole @ each
    groups = int((whole > 0).sum())
    return _spread(inside, own=own, cross=cross, whole=float(np.sum(whole**2))) * groups / max(groups - 1, 1)


def _shares(population: Population) -> FloatArray:
    total = population.mass.sum()
    return population.mass / total if total else np.full(population.rows.shape, np.nan)


def _filled(signed: Population, now: Population) -> npt.NDArray[np.bool_]:
    return np.asarray((signed.mass > 0) | (now.mass > 0))


def _smoothed(population: Population) -> FloatArray:
    """Effective counts of the cells with half a row more."""
    return np.asarray(_shares(population) * population.effective_rows + PSEUDO_ROWS)


def _parts(signed: FloatArray, now: FloatArray, filled: npt.NDArray[np.bool_]) -> FloatArray:
    """What each cell adds to the index; 0 where both sides are empty."""
    p, q = (one / np.sum(one, where=filled) for one in (signed, now))
    return np.asarray(np.where(filled, (q - p) * np.log(q / p), 0.0))


def _whole_rows(population: Population) -> IntArray:
    """Effective counts of the cells, rounded."""
    return np.rint(_shares(population) * min(population.effective_rows, DEALT_ROWS)).astype(np.int64)


def _deal_indices(signed: IntArray, now: IntArray, rng: np.random.Generator) -> FloatArray:
    """The index of two sides into which all rows are dealt, again and again."""
    both, deals = signed + now, max(min(DEALS, DEALT_CELLS // len(now)), 100)
    dealt = rng.multivariate_hypergeometric(both, int(now.sum()), size=deals, method="marginals")
    p, q = (one / one.sum(axis=1, keepdims=True) for one in (both - dealt + PSEUDO_ROWS, dealt + PSEUDO_ROWS))
    return np.asarray(np.sum((q - p) * np.log(q / p), axis=1))


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _numbers(found: object, name: str) -> FloatArray:
    try:
        array = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        raise _damaged(f"numbers as {name}") from None
    if not np.isfinite(array).all():
        raise _damaged(f"finite numbers as {name}")
    return array


def _table(found: object, name: str, shape: tuple[int, ...]) -> FloatArray:
    array = _numbers(found, name)
    if array.shape != shape or np.any(array < 0):
        raise _damaged(f"numbers from 0 on, for each cell, as {name}")
    return array


def _counts(found: object, name: str, shape: tuple[int, ...]) -> IntArray:
    array = _table(found, name, shape)
    if np.any(array % 1 != 0):
        raise _damaged(f"whole numbers as {name}")
    return array.astype(np.int64)


def _damaged(what: str) -> InputError:
    return InputError(f"The signed counts of levels and scores lack {what}.", fix=DAMAGED)
