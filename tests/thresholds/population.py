"""A population whose cells are known, from which holdouts are drawn as counts: no rows needed."""

from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt

from core.arrays import FloatArray, IntArray
from core.thresholds.data import Cuts, WeightSums
from core.thresholds.frontier import Frontier
from core.thresholds.halves import Halves

TAU = 3  # training kept one negative in three
ROWS = 2_000_000
BINS = 200


class Population:
    """Cells with counts so large that their precision is the truth."""

    def __init__(self, counts: IntArray, *, edges: FloatArray | None = None) -> None:
        self.counts, self.edges = counts, edges  # (levels, bins, label)
        self.cuts = self._cuts(counts)

    def draw(self, rows: int, rng: np.random.Generator, *, keep: tuple[float, float] = (1.0, 1.0)) -> Cuts:
        """Cuts of so many independent rows, of which negatives and positives are kept at these rates."""
        share = (self.counts * np.array(keep)).ravel() / self.counts.sum()
        kept = rng.multinomial(rows, np.append(share, 1 - share.sum()))[:-1]
        return self._cuts(kept.reshape(self.counts.shape))

    def precision(self, cuts: npt.ArrayLike) -> float:
        """True precision of a rule."""
        at = np.arange(self.cuts.levels), np.asarray(cuts)
        return float(self.cuts.tp[at].sum() / self.cuts.accepted[at].sum())

    def _cuts(self, counts: IntArray) -> Cuts:
        return make_cuts(counts.sum(axis=2), counts[:, :, 1], edges=self.edges)


@cache
def posterior_network(levels: int) -> Population:
    """Posterior-network world, as of the samples: base rate 0.10, tau 3, evidence 3 to 300."""
    rng = np.random.default_rng(levels)
    q = rng.beta(1, 9, ROWS)
    evidence = np.exp(rng.uniform(np.log(3), np.log(300), ROWS)).astype(np.int64)
    score = (1 + rng.binomial(evidence, TAU * q / (1 - q + TAU * q))) / (2 + evidence)
    label = (rng.random(ROWS) < q).astype(np.int64)
    inner = np.quantile(evidence, np.arange(1, levels) / levels)
    level = levels - 1 - np.searchsorted(inner, evidence, side="right")  # level 0 has most evidence
    # Half of the edges lie among the highest tenth of the scores, where the cuts are.
    ranks = np.concatenate([np.linspace(0, 0.9, BINS // 2, endpoint=False), np.linspace(0.9, 1, BINS // 2 + 1)])
    edges = np.unique(np.quantile(score, ranks))
    scored = np.clip(np.searchsorted(edges, score, side="right") - 1, 0, len(edges) - 2)
    shape = levels, len(edges) - 1, 2
    cell = np.ravel_multi_index((level, scored, label), shape)
    return Population(np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape), edges=edges)


def draw_halves(rows: int, *, seed: int) -> Halves:
    """Two halves of so many rows each, of the posterior-network world in three levels."""
    world, rng = posterior_network(3), np.random.default_rng(seed)
    return Halves(world.draw(rows, rng), world.draw(rows, rng))


@cache
def constant(levels: int, bins: int) -> Population:
    """The worst case for a target of 0.3: every cell has exactly that precision, so every certificate is wrong."""
    return Population(np.tile(np.array([7_000, 3_000]), (levels, bins, 1)))


def make_cuts(rows: npt.ArrayLike, positives: npt.ArrayLike, *, edges: FloatArray | None = None) -> Cuts:
    """Cuts from rows and positives of shape (levels, bins), lowest score first."""
    levels, bins = np.shape(rows)
    accepted, tp = (np.zeros((levels, bins + 1), dtype=np.int64) for _ in range(2))
    for total, counts in ((accepted, rows), (tp, positives)):
        np.cumsum(np.asarray(counts)[:, ::-1], axis=1, out=total[:, 1:])
    edges = np.linspace(0, 1, bins + 1) if edges is None else edges
    return Cuts(edges, accepted, tp, 1.0, np.arange(levels + 1.0), True)


def two_levels(*, unit: float = 1.0) -> Cuts:
    """Two levels of evidence in four bins of a quarter, for results by hand; every row weighs one unit."""
    accepted = np.array([[0, 40, 80, 120, 160], [0, 20, 60, 90, 90]])
    tp = np.array([[0, 30, 50, 60, 60], [0, 8, 9, 9, 9]])
    weights = None if unit == 1.0 else WeightSums(accepted, tp, accepted * unit**2, tp * unit**2)
    return Cuts(np.linspace(0, 1, 5), accepted, tp, unit, np.array([0.0, 10.0, 20.0]), True, weights=weights)


def every_rule(cuts: Cuts) -> Frontier:
    """All rules on few cuts."""
    rules = np.array(list(product(range(cuts.bins + 1), repeat=cuts.levels)), dtype=np.int64)
    return Frontier.of_cuts("every", cuts, rules)


def most_recall(frontier: Frontier, target: float) -> tuple[int, ...]:
    """The naive choice: most true positives among the rules whose observed precision meets the target."""
    good = (frontier.accepted > 0) & (frontier.tp >= target * frontier.accepted)
    return tuple(frontier.cuts[np.argmax(np.where(good, frontier.tp, -1))].tolist())
