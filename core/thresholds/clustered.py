"""Precision when rows come in groups (one user, many rows): how much they tell, and a bootstrap of whole groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from core.arrays import FloatArray, IntArray
from core.checks import check_count
from core.engine.protocol import Axis, Between, CategoryAxis, Counts, Engine, Filter
from core.errors import InputError
from core.holdout.cells import Cells
from core.holdout.data import Holdout
from core.holdout.positivity import measures_of
from core.ingest.schema import PARTS
from core.jobs import Job
from core.thresholds.apply import thresholds_of
from core.thresholds.certify import check_level
from core.thresholds.data import Cuts
from core.thresholds.halves import Split, find_sides

FEW_BLOCKS = 50
CHUNK = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """What a rule accepts in each part of the rows; a group is never parted, so parts are as independent as groups.

    Attributes
    ----------
    accepted, tp
        float64 (parts,): rows and positives, or their weight.
    squares, squares_positives
        Σw² and Σw²y over all accepted rows; without weights their number, and that of positives.
    """

    accepted: FloatArray
    tp: FloatArray
    squares: float
    squares_positives: float

    @property
    def design_effect(self) -> float:
        r"""Variance of the precision with groups over that of as many independent rows, at least 1.

        Definition
            With A_g rows and T_g positives accepted in part g of G, precision p = ΣT/ΣA, and e_g = T_g - p·A_g,

            .. math:: f = \frac{G}{G - 1} \cdot \frac{\sum_g e_g^2}{\sum_i w_i^2 (y_i - p)^2}

            The sum below is n·p(1 - p) where every row weighs 1. It is 1 where it cannot be told: one part, or one
            label only.

        References
        ----------
        Kish (1965), Survey Sampling, section 8.2; Rao & Scott (1992), A simple method for the analysis of clustered
        binary data, Biometrics 48.
        """
        kept = self.accepted > 0
        accepted, tp, blocks = self.accepted[kept], self.tp[kept], int(kept.sum())
        if blocks < 2:
            return 1.0
        p = tp.sum() / accepted.sum()
        alone = self.squares_positives * (1 - 2 * p) + p**2 * self.squares
        if alone <= 0:
            return 1.0
        return max(float(blocks / (blocks - 1) * np.sum((tp - p * accepted) ** 2) / alone), 1.0)


@dataclass(frozen=True, slots=True)
class ClusteredBound:
    """Lower bound of a frozen rule's precision from resampled groups.

    Attributes
    ----------
    blocks
        Parts with accepted rows.
    precision, lower
        Observed, and the delta percentile of the block bootstrap.
    few
        Fewer than 50 parts: the bound is not to be relied on.
    """

    blocks: int
    precision: float
    lower: float
    delta: float
    few: bool


def count_blocks(
    holdout: Holdout, engine: Engine, of: Cuts, cuts: Sequence[int], *, split: Split, where: Sequence[Filter] = ()
) -> Job[tuple[Blocks, Blocks]]:
    """What a rule accepts in each part, on the tuning half and on the confirmation half. One scan per level.

    Raises
    ------
    InputError
        The split cannot part the rows.
    """
    sides, tuned = yield from find_sides(holdout, engine, split, where)
    axes: list[Axis | CategoryAxis] = [sides, CategoryAxis("part", PARTS)]
    thresholds = thresholds_of(of, np.asarray(cuts))
    found = [np.zeros((sides.cells, PARTS)) for _ in range(4)]
    ends = np.append(of.level_edges[:-1], np.nextafter(of.level_edges[-1], np.inf)).tolist()
    for (lo, hi), threshold in zip(pairwise(ends), thresholds, strict=True):
        if threshold == np.inf:
            continue
        rule = [Between("uncertainty", lo, hi), Between("score", threshold, np.nextafter(1.0, np.inf))]
        sums = (yield from engine.count(holdout.rows, axes, measures_of(holdout), where=[*where, *rule])).sums
        cells = Cells.from_counts(Counts(sums, 0))
        counted = cells.weight, cells.weight_positives, cells.weight_squared, cells.weight_squared_positives
        found = [total + table for total, table in zip(found, counted, strict=True)]
    inside = np.arange(sides.cells) == tuned
    halves = ([table[kept].sum(axis=0) for table in found] for kept in (inside, ~inside))
    first, rest = (Blocks(accepted, tp, float(w2.sum()), float(w2y.sum())) for accepted, tp, w2, w2y in halves)
    return first, rest


def bound_clustered(blocks: Blocks, *, delta: float, rng: np.random.Generator, draws: int = 2_000) -> ClusteredBound:
    r"""Bound the precision of a frozen rule when rows of one group are alike.

    Definition
        Block bootstrap: draw G parts with replacement from the G with accepted rows, take ΣT/ΣA; the bound is the
        delta-quantile over draws.

    Parameters
    ----------
    blocks
        What the rule accepts in each part.
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
    check_level(delta, target=1.0)
    check_count(draws, 100, 100_000, name="draws")
    kept = blocks.accepted > 0
    if not kept.any():
        raise InputError("The rule accepts no row.", fix="Choose a rule that accepts rows.")
    counts = np.stack([blocks.accepted[kept], blocks.tp[kept]], axis=1)
    pairs, repeats = np.unique(counts, axis=0, return_counts=True)
    return ClusteredBound(
        blocks=int(kept.sum()),
        precision=float(counts[:, 1].sum() / counts[:, 0].sum()),
        lower=float(np.quantile(_resample(pairs, repeats, draws=draws, rng=rng), delta)),
        delta=delta,
        few=int(kept.sum()) < FEW_BLOCKS,
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
