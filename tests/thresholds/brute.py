"""Slow, obvious versions: every rule tried, in exact fractions; and small cuts to try them on."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product

import numpy as np

from core.thresholds.data import Cuts
from core.thresholds.objective import Objective
from tests.thresholds.population import make_cuts


def cuts_of(rows: Sequence[Sequence[int]], positives: Sequence[Sequence[int]]) -> Cuts:
    """Cuts from the counts of each level's bins, written from the highest score down."""
    return make_cuts(np.fliplr(rows), np.fliplr(positives))


def counts_of(cuts: Cuts, rule: Sequence[int]) -> tuple[int, int]:
    """Rows and positives that a rule accepts."""
    levels = range(cuts.levels)
    return sum(int(cuts.accepted[i, rule[i]]) for i in levels), sum(int(cuts.tp[i, rule[i]]) for i in levels)


def merit(accepted: int, tp: int, positives: int, objective: Objective) -> tuple[Fraction, int] | None:
    """What a rule reaches, and what it has to spare; None where it does not meet the target."""
    target = Fraction(*objective.ratio)
    if objective.kind == "precision":
        return (Fraction(tp), -accepted) if accepted and Fraction(tp, accepted) >= target else None
    if objective.kind == "recall":
        return (Fraction(tp, accepted), tp) if Fraction(tp, positives) >= target else None
    if objective.kind == "capacity":
        return (Fraction(tp), -accepted) if accepted <= target else None
    return tp - target * (accepted - tp), -accepted


def best_of_all(cuts: Cuts, objective: Objective, pinned: Mapping[int, int] | None = None) -> tuple | None:
    """Best (goal, spare) of all rules; None where no rule meets the target."""
    free = range(cuts.bins + 1)
    options = [[(pinned or {})[i]] if i in (pinned or {}) else free for i in range(cuts.levels)]
    merits = [merit(*counts_of(cuts, rule), cuts.positives, objective) for rule in product(*options)]
    return max((found for found in merits if found is not None), default=None)


def random_cuts(rng: np.random.Generator, *, levels: int = 3, bins: int = 6, most: int = 6) -> Cuts:
    """Few levels and bins; some bins empty, some levels without positives; both labels present."""
    while True:
        shape = (int(rng.integers(1, levels + 1)), int(rng.integers(1, bins + 1)))
        rows = rng.integers(0, most + 1, shape) * (rng.random(shape) < 0.8)
        positives = rng.binomial(rows, rng.random(shape)) * (rng.random((shape[0], 1)) < 0.8)
        if 0 < positives.sum() < rows.sum():
            return cuts_of(rows, positives)


def random_objectives(rng: np.random.Generator) -> list[Objective]:
    """One of each kind; targets often such that equality decides."""
    share = float(rng.choice([0.2, 0.25, 0.5, 0.6, 0.75, 0.8, 0.9, 1.0, round(float(rng.uniform(0.01, 1)), 3)]))
    return [
        Objective("precision", share),
        Objective("recall", share),
        Objective("capacity", int(rng.integers(0, 40))),
        Objective("cost", float(rng.choice([0.1, 0.5, 1, 2, 3.5]))),
    ]


def world(rng: np.random.Generator, *, levels: int, bins: int, rows: int) -> Cuts:
    """A realistic holdout: Beta scores, positivity rising with the score, levels that differ, quantile bins."""
    score = rng.beta(1, 4, rows)
    level = rng.integers(0, levels, rows)
    rate = np.clip(score * rng.uniform(0.5, 1.2, levels)[level] + rng.normal(0, 0.05, levels)[level], 0, 1)
    label = rng.random(rows) < rate
    at = bins - 1 - np.argsort(np.argsort(score)) * bins // rows
    counted = [np.bincount((level * bins + at)[of], minlength=levels * bins) for of in (label >= 0, label)]
    return cuts_of(*(of.reshape(levels, bins) for of in counted))
