"""Precision when rows come in groups (one user, many rows): how much they tell, and a bootstrap of whole groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from core.arrays import FloatArray, IntArray
from core.checks import check_count
from core.engine.protocol import Axis, Between, CategoryAxis, Engine, Filter
from core.errors import InputError
from core.holdout.cells import WEIGHT_MEASURES, sum_squared_residuals
from core.holdout.data import Holdout
from core.ingest.schema import PARTS
from core.jobs import Job
from core.thresholds.apply import thresholds_of
from core.thresholds.data import Cuts, from_the_top
from core.thresholds.halves import Split, find_sides
from core.thresholds.policy import Scope
from core.thresholds.precision import check_delta

FEW_GROUPS = 50
LEAST = 1e-12  # of Σw²: less is rounding
CHUNK = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """What rules accept in each part of the rows; a group is never parted, so parts are as independent as groups.

    Attributes
    ----------
    accepted, tp, squares, squares_positives
        float64 (rules, parts): Σw, Σwy, Σw² and Σw²y; without weights rows and positives, twice.
    """

    accepted: FloatArray
    tp: FloatArray
    squares: FloatArray
    squares_positives: FloatArray

    def __add__(self, other: "Blocks") -> "Blocks":
        """Sums over the rows of both."""
        return Blocks(*(getattr(self, name) + getattr(other, name) for name in Blocks.__slots__))

    @property
    def design_effects(self) -> FloatArray:
        r"""Per rule, the variance of the precision with groups over that of as many independent rows, at least 1.

        Definition
            With A_g rows and T_g positives accepted in part g of G, precision p = ΣT/ΣA, and e_g = T_g - p·A_g,

            .. math:: f = \frac{G}{G - 1} \cdot \frac{\sum_g e_g^2}{\sum_i w_i^2 (y_i - p)^2}

            The sum below is n·p(1 - p) where every row weighs 1. Where it cannot be told (one part, or one label only)
            rows of a part are taken to be wholly alike: f = Σ A_g² / Σ w². Without accepted rows f = 1.

        References
        ----------
        Kish (1965), Survey Sampling, section 8.2; Rao & Scott (1992), A simple method for the analysis of clustered
        binary data, Biometrics 48.
        """
        parts, squares, squares_positives = (
            sums.sum(axis=1) for sums in (self.accepted > 0, self.squares, self.squares_positives)
        )
        p = np.divide(self.tp.sum(axis=1), self.accepted.sum(axis=1), out=np.zeros(len(parts)), where=parts > 0)
        between = np.sum((self.tp - p[:, None] * self.accepted) ** 2, axis=1) * parts / np.maximum(parts - 1, 1)
        alone = sum_squared_residuals(squares, squares_positives, p)
        alike = np.divide(np.sum(self.accepted**2, axis=1), squares, out=np.ones(len(parts)), where=squares > 0)
        told = (parts > 1) & (alone > LEAST * squares)
        return np.asarray(np.maximum(np.divide(between, alone, out=alike, where=told), 1.0))

    @property
    def effective_groups(self) -> FloatArray:
        """Per rule (ΣA)² / ΣA_g²: how many groups of equal size tell as much; 0 without accepted rows."""
        squares = np.sum(self.accepted**2, axis=1)
        total = self.accepted.sum(axis=1)
        return np.asarray(np.divide(total**2, squares, out=np.zeros(len(total)), where=squares > 0))


@dataclass(frozen=True, slots=True)
class ClusteredBound:
    """Lower bound of a frozen rule's precision from resampled groups.

    Attributes
    ----------
    blocks
        Parts with accepted rows.
    precision, lower
        Observed, and the delta percentile of the block bootstrap.
    """

    blocks: int
    precision: float
    lower: float
    delta: float


@dataclass(frozen=True, slots=True)
class Groups:
    """What is known of the groups of a proof.

    Attributes
    ----------
    design_effect
        The largest of all rules looked at, on both halves, and with scope ``each level`` of every level.
    effective
        Effective number of groups of the tuned rule, on the half where it is smaller.
    bound
        Of the certified rule, by resampling whole groups of the confirmation half; None where none was certified.
    """

    design_effect: float
    effective: float
    bound: ClusteredBound | None = None

    @property
    def few(self) -> bool:
        """Fewer than 50 effective groups: neither the test nor the bound is to be relied on."""
        return self.effective < FEW_GROUPS


def measure_groups(
    holdout: Holdout,
    engine: Engine,
    of: Cuts,
    rules: IntArray,
    *,
    scope: Scope,
    split: Split,
    where: Sequence[Filter] = (),
) -> Job[tuple[Groups, Blocks]]:
    """Design effects of some rules on both halves, and what each accepts on the confirmation half. One scan per level.

    Parameters
    ----------
    of
        Cuts that the rules point into.
    rules
        int64 (rules, levels): the tuned one first; at most eight, or an engine's cells run out.

    Raises
    ------
    InputError
        The split cannot part the rows.

    Notes
    -----
    The confirmation half may enter the design effect, since the larger of the two is taken: a larger one only makes
    every p-value larger. Without it, one giant group that stands in that half alone would be missed.
    """
    sides, tuned = yield from find_sides(holdout, engine, split, where)
    thresholds = np.array([thresholds_of(of, rule) for rule in rules])
    ends = np.append(of.level_edges[:-1], np.nextafter(of.level_edges[-1], np.inf)).tolist()
    empty = Blocks(*(np.zeros((len(rules), PARTS)) for _ in range(4)))
    halves, effects = (empty, empty), [1.0]
    for level, (lo, hi) in enumerate(pairwise(ends)):
        inside = [*where, Between("uncertainty", lo, hi)]
        found = yield from _count_level(holdout, engine, sides, tuned, thresholds[:, level], where=inside)
        halves = halves[0] + found[0], halves[1] + found[1]
        if scope == "each level":
            effects += [float(half.design_effects.max()) for half in found]
    effects += [float(half.design_effects.max()) for half in halves]
    return Groups(max(effects), float(min(half.effective_groups[0] for half in halves))), halves[1]


def _count_level(
    holdout: Holdout, engine: Engine, sides: Axis, tuned: int, thresholds: FloatArray, *, where: Sequence[Filter]
) -> Job[tuple[Blocks, Blocks]]:
    """What thresholds accept on one level: on the tuning half, and on the rest."""
    edges = np.unique(thresholds[np.isfinite(thresholds)])
    if not len(edges):
        none = Blocks(*(np.zeros((len(thresholds), PARTS)) for _ in range(4)))
        return none, none
    top = float(np.nextafter(1.0, np.inf))
    axes: list[Axis | CategoryAxis] = [sides, CategoryAxis("part", PARTS), Axis("score", np.append(edges, top))]
    rows = [*where, Between("score", float(edges[0]), top)]
    measures = WEIGHT_MEASURES if holdout.rows.weighted else ("rows", "positives", "rows", "positives")
    sums = (yield from engine.count(holdout.rows, axes, measures, where=rows)).sums
    above = [from_the_top(sums[measure]).astype(np.float64) for measure in measures]
    at, inside = len(edges) - np.searchsorted(edges, thresholds), np.arange(sides.cells) == tuned
    halves = ([one[kept].sum(axis=0)[:, at].T for one in above] for kept in (inside, ~inside))
    first, rest = (Blocks(*sums) for sums in halves)
    return first, rest


def bound_clustered(blocks: Blocks, *, delta: float, rng: np.random.Generator, draws: int = 2_000) -> ClusteredBound:
    r"""Bound the precision of a frozen rule when rows of one group are alike.

    Definition
        Block bootstrap: draw G parts with replacement from the G with accepted rows, take ΣT/ΣA; the bound is the
        delta-quantile over draws.

    Parameters
    ----------
    blocks
        What the rule, the only one, accepts in each part.
    delta
        Probability of error, between 0 and 0.5.
    rng
        Source of randomness.
    draws
        Bootstrap draws, 100 to 100,000.

    Raises
    ------
    InputError
        Nothing is accepted; delta or draws is out of range.

    Notes
    -----
    Approximate, and with few groups a little too hopeful. Parts with the same counts are drawn together, so the cost
    is O(draws · different pairs), not O(draws · parts).

    References
    ----------
    Davison & Hinkley (1997), Bootstrap Methods and their Application, section 3.8.
    """
    check_delta(delta)
    check_count(draws, 100, 100_000, name="draws")
    kept = blocks.accepted[0] > 0
    if not kept.any():
        raise InputError("The rule accepts no row.", fix="Choose a rule that accepts rows.")
    counts = np.stack([blocks.accepted[0, kept], blocks.tp[0, kept]], axis=1)
    pairs, repeats = np.unique(counts, axis=0, return_counts=True)
    return ClusteredBound(
        blocks=int(kept.sum()),
        precision=float(counts[:, 1].sum() / counts[:, 0].sum()),
        lower=float(np.quantile(_resample(pairs, repeats, draws=draws, rng=rng), delta)),
        delta=delta,
    )


def _resample(pairs: FloatArray, repeats: IntArray, *, draws: int, rng: np.random.Generator) -> FloatArray:
    """Precision of each bootstrap draw, a chunk of draws at a time."""
    blocks, step = int(repeats.sum()), max(1, CHUNK // len(repeats))
    precision = np.empty(draws)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        totals = rng.multinomial(blocks, repeats / blocks, size=size) @ pairs
        precision[start : start + size] = totals[:, 1] / totals[:, 0]
    return precision
