"""Candidates of validation edges: what each engine would recommend to their sources, with all parts' values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from core.arrays import FloatArray, IntArray
from core.graph.data import BoolArray, Edges, Fold, make_adjacency
from core.graph.parts import Part
from core.graph.scorers import ScoreArray
from core.jobs import Job, Progress

PER_ENGINE = 60
AT_RANDOM = 30
_CELLS = 1 << 23  # scores held at a time
_SCORES = 1_000_000_000  # scores asked of one engine
_FEWEST, _MOST = 200, 6_000  # sources


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Candidates of a list of sources, those of one source next to each other.

    Attributes
    ----------
    start
        int64 of shape (sources,): first candidate of each source.
    query
        int64 of shape (candidates,): number of the source.
    positive
        bool of shape (candidates,): whether source → candidate is a validation edge.
    values
        float32 of shape (candidates, parts): what each part says, at weight 1.
    importance
        float64 of shape (candidates,): how much a positive counts in learning; 0 of the others.
    """

    start: IntArray
    query: IntArray
    positive: BoolArray
    values: ScoreArray
    importance: FloatArray

    def take(self, queries: BoolArray) -> "Candidates":
        """The candidates of some sources."""
        kept = queries[self.query]
        query = (np.cumsum(queries) - 1)[self.query[kept]]
        start = np.searchsorted(query, np.arange(int(queries.sum())))
        return Candidates(start, query, self.positive[kept], self.values[kept], self.importance[kept])

    def columns(self, which: Sequence[int]) -> "Candidates":
        """The same candidates with some of the parts."""
        return replace(self, values=np.ascontiguousarray(self.values[:, which]))

    def ranks(self, scores: FloatArray | ScoreArray) -> FloatArray:
        """Realistic rank of each positive among the candidates of its source that are none, in order."""
        order = np.unique(scores, return_inverse=True)[1].astype(np.int64)
        key = self.query * (int(order.max(initial=0)) + 1) + order
        others = np.sort(key[~self.positive])
        own = key[self.positive]
        query = self.query[self.positive]
        end = np.searchsorted(np.sort(self.query[~self.positive]), query, side="right")
        below, up_to = np.searchsorted(others, own, side="left"), np.searchsorted(others, own, side="right")
        return np.asarray(1 + (end - up_to) + (up_to - below) / 2)


def gather_candidates(fold: Fold, parts: Sequence[Part], *, engines: int, rng: np.random.Generator) -> Job[Candidates]:
    """Candidates of the sources of validation edges.

    Parameters
    ----------
    fold
        Of which the validation edges are the positives.
    parts
        What gives the values; the first ``engines`` of them also name candidates.
    rng
        Draws sources where there are too many, and further candidates.

    Notes
    -----
    A source has the ``PER_ENGINE`` best of each engine, ``AT_RANDOM`` others, and its validation edges, also those that
    no engine names: the sum must hold for all nodes. Training edges and the source itself are none. At most 6,000
    sources are taken, fewer on large graphs, but at least 200.
    """
    sources = np.unique(fold.validation.source)
    most = max(_FEWEST, min(_MOST, _SCORES // fold.graph.nodes))
    if len(sources) > most:
        sources = np.sort(rng.choice(sources, most, replace=False))
    training = fold.graph.adjacency()
    positives = make_adjacency(_distinct(fold.validation, fold.graph.nodes), fold.graph.nodes)
    rows = max(1, _CELLS // fold.graph.nodes)
    blocks = []
    for start in range(0, len(sources), rows):
        yield Progress(start / len(sources), "comparing the engines")
        block = sources[start : start + rows]
        blocks.append(_gather_block(block, parts, engines, training, positives, rng))
    row = np.concatenate([found[0] + start for found, start in zip(blocks, range(0, len(sources), rows), strict=True)])
    first = np.searchsorted(row, np.arange(len(sources)))
    positive, values = (np.concatenate([found[i] for found in blocks]) for i in (1, 2))
    return Candidates(first, row, positive, values, positive.astype(np.float64))


def _distinct(edges: Edges, nodes: int) -> Edges:
    return edges.take(np.unique(edges.keys(nodes), return_index=True)[1])


def _gather_block(
    sources: IntArray,
    parts: Sequence[Part],
    engines: int,
    training: csr_array,
    positives: csr_array,
    rng: np.random.Generator,
) -> tuple[IntArray, BoolArray, ScoreArray]:
    """Row, positive and values of the candidates of some sources."""
    truth = positives[sources].toarray() > 0
    barred = training[sources].toarray() > 0
    barred[np.arange(len(sources)), sources] = True
    barred &= ~truth
    chosen = truth.copy()
    tables = [part.value(part.scorer.score_from(sources)) for part in parts[:engines]]
    for table in tables:
        chosen |= _best(np.where(barred, -np.inf, table), PER_ENGINE)
    drawn = rng.integers(truth.shape[1], size=(len(sources), AT_RANDOM))
    np.put_along_axis(chosen, drawn, True, axis=1)
    row, column = np.nonzero(chosen & ~barred)
    later = (part.value(part.scorer.score_from(sources)) for part in parts[engines:])
    values = np.stack([table[row, column] for table in (*tables, *later)], axis=1)
    return row.astype(np.int64), truth[row, column], values


def _best(scores: ScoreArray, count: int) -> BoolArray:
    best = np.zeros(scores.shape, dtype=np.bool_)
    count = min(count, scores.shape[1])
    np.put_along_axis(best, np.argpartition(-scores, count - 1, axis=1)[:, :count], True, axis=1)
    return best
