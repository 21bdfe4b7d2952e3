"""The simulated world of the thresholds bench: a posterior network whose every (score, evidence) cell is known exactly.

Test rate q ~ Beta(1, 9); evidence n is the whole part of exp(U), U uniform from log 3 to log 300; training kept one
negative in three, so k ~ Binomial(n, r) with odds(r) = 3 odds(q); the model says s = (1 + k)/(2 + n). Rows are drawn;
precision and recall of a rule come from the table of all (n, k), by quadrature over r, without error of sampling.
"""

from dataclasses import dataclass

import numpy as np

from core.arrays import FloatArray, IntArray
from core.thresholds.data import Cuts
from tests.thresholds.population import make_cuts

TAU, BASE_RATE, A1, A0 = 3, 0.1, 1, 9
FEWEST, MOST, NODES = 3, 300, 400
LEVELS, BINS = 3, 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Rows: score, evidence (more is more certain) and label."""

    score: FloatArray
    evidence: FloatArray
    label: IntArray

    def level_edges(self, part: slice) -> FloatArray:
        """Edges between levels of equal weight, rising."""
        shares = np.arange(1, LEVELS) / LEVELS
        return np.asarray(np.quantile(self.evidence[part], shares, method="inverted_cdf"))

    def halves(self) -> tuple[FloatArray, Cuts, Cuts]:
        """Edges between levels, and the cuts of the first and of the other half of the rows, counted by numpy.

        The edges are quantiles of the first half, as those of ``count_halves`` are.
        """
        middle = len(self.score) // 2
        first, second = slice(0, middle), slice(middle, None)
        inner = self.level_edges(first)
        level = np.searchsorted(inner, self.evidence, side="right")
        shares = np.arange(1, BINS) / BINS
        found = [np.array([0.0, 1.0])]
        for i in range(LEVELS):
            found.append(np.quantile(self.score[first][level[first] == i], shares, method="inverted_cdf"))
        edges = np.unique(np.concatenate(found))
        bins = len(edges) - 1
        cell = (LEVELS - 1 - level) * bins + np.searchsorted(edges[1:-1], self.score, side="right")

        def count(part: slice) -> Cuts:
            of, positive = cell[part], self.label[part] == 1
            tables = (np.bincount(cells, minlength=LEVELS * bins) for cells in (of, of[positive]))
            return make_cuts(*(table.reshape(LEVELS, bins) for table in tables), edges=edges)

        return inner, count(first), count(second)


def draw(n: int, rng: np.random.Generator) -> Drawn:
    """Independent rows."""
    q = rng.beta(A1, A0, n)
    evidence = np.floor(np.exp(rng.uniform(np.log(FEWEST), np.log(MOST), n)))
    k = rng.binomial(evidence.astype(np.int64), TAU * q / (1 - q + TAU * q))
    return Drawn((1 + k) / (2 + evidence), evidence, (rng.random(n) < q).astype(np.int64))


class Truth:
    """Share of rows and of positives in every cell."""

    def __init__(self) -> None:
        # r has density (1-r)^8 (3-2r)^-10 up to a constant: smooth, so Gauss-Legendre is exact to rounding.
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        r, weights = (nodes + 1) / 2, weights / 2
        density = weights * r ** (A1 - 1) * (1 - r) ** (A0 - 1) * (TAU - (TAU - 1) * r) ** -float(A1 + A0)
        density /= density.sum()
        q = r / (TAU - (TAU - 1) * r)
        cells = [self._cells(n, r, density, q) for n in range(FEWEST, MOST)]
        self.score, self.evidence, self.rows, self.positives = (
            np.concatenate(column) for column in zip(*cells, strict=True)
        )
        assert abs(self.rows.sum() - 1) < 1e-9 and abs(self.positives.sum() - BASE_RATE) < 1e-9

    @staticmethod
    def _cells(n: int, r: FloatArray, density: FloatArray, q: FloatArray) -> tuple[FloatArray, ...]:
        from scipy.stats import binom

        k = np.arange(n + 1.0)
        share = np.log((n + 1) / n) / np.log(MOST / FEWEST)
        each = binom.pmf(k[:, None], n, r) * density * share
        return (1 + k) / (2 + n), np.full(n + 1, float(n)), each.sum(axis=1), each @ q

    def judge(self, inner: FloatArray, thresholds: FloatArray) -> dict[str, float]:
        """True recall and precision of a rule.

        ``inner`` are the edges between levels, rising, and ``thresholds`` one per level in the order of rising
        evidence: a row is accepted where its score is at least that of its level; inf accepts none.
        """
        taken = self.score >= np.asarray(thresholds)[np.searchsorted(inner, self.evidence, side="right")]
        rows, positives = float(self.rows[taken].sum()), float(self.positives[taken].sum())
        return {"recall": positives / BASE_RATE, "precision": positives / rows if rows else float("nan")}
