"""Small graphs and tables of scores for tests of the evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.arrays import FloatArray, IntArray
from core.graph.data import Edges, Graph, Items
from core.graph.scorers import ScoreArray


def make_edges(pairs: Sequence[tuple[int, int]]) -> Edges:
    array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Edges(array[:, 0].copy(), array[:, 1].copy())


def make_graph(
    pairs: Sequence[tuple[int, int]] | Edges, nodes: int, *, time: Any = None, category: Sequence[int] | None = None
) -> Graph:
    """A graph of distinct pairs; they are sorted, and ``time`` with them."""
    edges = pairs if isinstance(pairs, Edges) else make_edges(pairs)
    order = np.argsort(edges.keys(nodes))
    when = np.full(len(edges), np.nan) if time is None else np.asarray(time, dtype=np.float64)
    codes = np.zeros(nodes, dtype=np.int64) if category is None else np.asarray(category, dtype=np.int64)
    ids = np.array([f"n{i}" for i in range(nodes)], dtype=object)
    names = tuple(f"category {i}" for i in range(int(codes.max(initial=0)) + 1))
    items = Items(ids, codes, names, np.zeros((nodes, 0)), (), np.ones(nodes, dtype=bool))
    return Graph("digest", "tiny", ids, edges.take(order), np.ones(len(edges)), when[order], items)


def random_graph(rng: np.random.Generator, nodes: int, share: float = 0.3, **options: Any) -> Graph:
    """Each ordered pair is an edge with probability ``share``; at least one is."""
    there = rng.random((nodes, nodes)) < share
    np.fill_diagonal(there, False)
    there[0, 1] = True
    source, target = np.nonzero(there)
    return make_graph(Edges(source, target), nodes, **options)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A scorer that looks every score up."""

    scores: ScoreArray

    @property
    def nodes(self) -> int:
        return len(self.scores)

    def score_from(self, sources: IntArray) -> ScoreArray:
        return self.scores[sources].copy()

    def score_into(self, targets: IntArray) -> ScoreArray:
        return self.scores[:, targets].T.copy()

    def score_pairs(self, sources: IntArray, targets: IntArray) -> ScoreArray:
        return self.scores[sources, targets]


def table(scores: FloatArray | Sequence[Sequence[float]]) -> Table:
    return Table(np.asarray(scores, dtype=np.float32))


def random_table(rng: np.random.Generator, nodes: int, *, values: int = 4) -> Table:
    """Scores of few different values, so that there are ties."""
    return table(rng.integers(0, values, (nodes, nodes)).astype(np.float64))
