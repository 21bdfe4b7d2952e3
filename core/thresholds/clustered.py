"""Precision when rows come in groups (one user, many rows): resample groups, not rows."""

from dataclasses import dataclass

import numpy as np

from core.arrays import FloatArray, IntArray
from core.checks import check_count
from core.errors import InputError
from core.thresholds.binomial import lower_bound
from core.thresholds.certify import check_level

FEW_BLOCKS = 50
CHUNK = 2_000_000


@dataclass(frozen=True, slots=True)
class ClusteredBound:
    """Lower bound of a frozen rule's precision from grouped rows.

    Attributes
    ----------
    blocks, accepted, tp
        Groups with accepted rows, and the counts.
    lower
        The smaller of the two bounds below.
    bootstrap_lower
        Percentile delta of the block bootstrap.
    effective_lower
        Clopper-Pearson bound at the effective counts (accepted and tp over the design effect).
    design_effect
        Variance of the precision with groups over that of as many independent rows; below 1 is possible.
    few
        Fewer than 50 groups: neither bound is to be relied on.
    """

    blocks: int
    accepted: int
    tp: int
    precision: float
    lower: float
    bootstrap_lower: float
    effective_lower: float
    design_effect: float
    delta: float
    few: bool


def bound_clustered(
    accepted: IntArray, tp: IntArray, *, delta: float, rng: np.random.Generator, draws: int = 2_000
) -> ClusteredBound:
    r"""Bound the precision of a frozen rule when rows of one group are alike.

    Definition
        With n_g rows and t_g positives accepted in group g of G, precision p = Σt/Σn, and residuals e_g = t_g - p n_g,

        .. math:: \text{design effect} = \frac{G}{G - 1} \cdot \frac{\sum_g e_g^2 / (\sum n)^2}{p(1 - p) / \sum n}

        Bootstrap: draw G groups with replacement, take Σt/Σn, and the delta-quantile over draws.

    Parameters
    ----------
    accepted, tp
        int64 (groups,): rows and positives that the rule accepts in each group.
    delta
        Probability of error, between 0 and 0.5.
    rng
        Source of randomness.
    draws
        Bootstrap draws, 100 to 100,000.

    Raises
    ------
    InputError
        The arrays do not match; nothing is accepted; delta or draws is out of range.

    Notes
    -----
    Both bounds are approximate (they need many groups), unlike the exact tail for independent rows, and the percentile
    bootstrap is a little too hopeful: the smaller of the two is reported, with a design effect of at least 1. Groups
    without accepted rows are left out. Groups with the same counts are drawn together, so the cost is O(draws ·
    different pairs), not O(draws · groups).

    References
    ----------
    Davison & Hinkley (1997), Bootstrap Methods and their Application, section 3.8.
    Kish (1965), Survey Sampling, section 8.2 (design effect); Rao & Scott (1992), A simple method for the analysis of
    clustered binary data, Biometrics 48 (effective counts).
    """
    check_level(delta, target=1.0)
    check_count(draws, 100, 100_000, name="draws")
    pairs, repeats = _pairs(np.asarray(accepted), np.asarray(tp))
    n, t, blocks = int(repeats @ pairs[:, 0]), int(repeats @ pairs[:, 1]), int(repeats.sum())
    effect = _design_effect(pairs, repeats)
    shrink = max(effect, 1.0)
    bootstrap = float(np.quantile(_resample(pairs, repeats, draws=draws, rng=rng), delta))
    effective = float(lower_bound(t / shrink, n / shrink, delta)) if t / shrink >= 1 else 0.0
    return ClusteredBound(
        blocks=blocks,
        accepted=n,
        tp=t,
        precision=t / n,
        lower=min(bootstrap, effective),
        bootstrap_lower=bootstrap,
        effective_lower=effective,
        design_effect=effect,
        delta=delta,
        few=blocks < FEW_BLOCKS,
    )


def _pairs(accepted: IntArray, tp: IntArray) -> tuple[IntArray, IntArray]:
    """The different (accepted, tp) of groups that accept rows, and how many groups have each."""
    if accepted.shape != tp.shape or accepted.ndim != 1 or np.any(tp < 0) or np.any(tp > accepted):
        raise InputError(
            "The counts per group do not match.", fix="Give one number of accepted rows and positives per group."
        )
    if not accepted.any():
        raise InputError("The rule accepts no row.", fix="Choose a rule that accepts rows.")
    kept = accepted > 0
    pairs, repeats = np.unique(np.stack([accepted[kept], tp[kept]], axis=1), axis=0, return_counts=True)
    return pairs, repeats.astype(np.int64)


def _design_effect(pairs: IntArray, repeats: IntArray) -> float:
    """1 where it cannot be told: one group, or one label only."""
    n, t, blocks = int(repeats @ pairs[:, 0]), int(repeats @ pairs[:, 1]), int(repeats.sum())
    p = t / n
    if blocks < 2 or t in (0, n):
        return 1.0
    residuals = pairs[:, 1] - p * pairs[:, 0]
    return float(blocks / (blocks - 1) * (repeats @ residuals**2) / (n * p * (1 - p)))


def _resample(pairs: IntArray, repeats: IntArray, *, draws: int, rng: np.random.Generator) -> FloatArray:
    """Precision of each bootstrap draw, a chunk of draws at a time."""
    blocks, step = int(repeats.sum()), max(1, CHUNK // len(repeats))
    precision = np.empty(draws)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        totals = rng.multinomial(blocks, repeats / blocks, size=size) @ pairs
        precision[start : start + size] = totals[:, 1] / totals[:, 0]
    return precision
