"""The best nodes of each query, exactly: all scores of a block of queries, then their largest."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.sparse import csr_array

from core.arrays import IntArray
from core.graph.data import BoolArray
from core.graph.ranking import mark_entries
from core.graph.scorers import ScoreArray, Scorer

Direction: TypeAlias = Literal["next", "before"]
CHUNKS_PER_PLACE = 32
FEW_PER_PLACE = 16


@dataclass(frozen=True, slots=True, eq=False)
class Backward:
    """A scorer of the reversed graph: its score of (u, v) is the forward score of (v, u).

    Attributes
    ----------
    forward
        The scorer to read the other way round.
    """

    forward: Scorer

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return self.forward.nodes

    def score_from(self, sources: IntArray) -> ScoreArray:
        """Scores from each source to every node, of shape (sources, nodes)."""
        return self.forward.score_into(sources)

    def score_into(self, targets: IntArray) -> ScoreArray:
        """Scores from every node into each target, of shape (targets, nodes)."""
        return self.forward.score_from(targets)

    def score_pairs(self, sources: IntArray, targets: IntArray) -> ScoreArray:
        """Scores of pairs, of shape (pairs,)."""
        return self.forward.score_pairs(targets, sources)


def towards(scorer: Scorer, direction: Direction) -> Scorer:
    """The scorer whose ``score_from`` answers the question: what is bought next, or what is bought before."""
    return scorer if direction == "next" else Backward(scorer)


@dataclass(frozen=True, slots=True, eq=False)
class Retrieved:
    """The best nodes of several queries, one entry per recommendation: query by query, best first.

    Attributes
    ----------
    row
        int64: position in the queries.
    rank
        int64: place in the list of the query, from 1.
    node
        int64: the recommended node.
    score
        float32.
    known
        bool: whether it is a known edge.
    tied
        int64 of shape (queries,): how many candidates that are not listed have the score of the last one that is.
    """

    row: IntArray
    rank: IntArray
    node: IntArray
    score: ScoreArray
    known: BoolArray
    tied: IntArray


def retrieve(scorer: Scorer, queries: IntArray, *, k: int, known: csr_array, with_known: bool) -> Retrieved:
    """The k best nodes after each query: never the query itself, and known edges only ``with_known``.

    Parameters
    ----------
    scorer
        Scores of ordered pairs, finite.
    queries
        int64: nodes; all their scores, queries × nodes, are held at once.
    k
        At most so many per query, at least 1.
    known
        Of shape (queries, nodes): the known edges of each query, in its row.
    with_known
        Whether known edges are recommended too.

    Notes
    -----
    Ties are broken by position of the node, that is, by id. A candidate that ties for the lowest score with one for
    which the list has no room is not recommended, for the engine prefers it to nobody; so a query of which the engine
    knows nothing, where all candidates have one score, gets no list instead of the first ids.
    """
    scores = scorer.score_from(queries)
    scores[np.arange(len(queries)), queries] = -np.inf
    if not with_known:
        mark_entries(scores, known, -np.inf)
    best = top_k(scores, k)
    found = np.take_along_axis(scores, best, axis=1)
    lowest = scores.min(axis=1, where=scores > -np.inf, initial=np.inf)[:, None]
    kept = (found > -np.inf) & (found[:, :1] > lowest)
    torn = np.count_nonzero(scores == lowest, axis=1) > np.count_nonzero(found == lowest, axis=1)
    kept &= (found > lowest) | ~torn[:, None]
    last = found.min(axis=1, where=kept, initial=np.inf)[:, None]
    tied = np.count_nonzero(scores == last, axis=1) - np.count_nonzero((found == last) & kept, axis=1)
    row, place = np.nonzero(kept)
    node = best[kept]
    is_known = np.asarray(known[row, node]).ravel() != 0 if len(row) else np.zeros(0, dtype=bool)
    return Retrieved(row, place + 1, node, found[kept], is_known, tied)


def top_k(scores: ScoreArray, k: int) -> IntArray:
    """Positions of the k largest scores of each row, largest first; ties by position.

    Parameters
    ----------
    scores
        Of shape (rows, nodes), without NaN.
    k
        At least 1; with fewer nodes, all of them are returned.

    Returns
    -------
    int64 of shape (rows, min(k, nodes)).

    Notes
    -----
    The k-th largest of the maxima of some chunks of a row is no larger than the k-th largest score of the row, and at
    most a few scores reach it, unless many tie: only these are sorted. Cost O(rows · nodes), mostly one comparison.

    Examples
    --------
    >>> top_k(np.array([[1, 3, 3, 2, 3]], dtype=np.float32), 2)
    array([[1, 2]])
    """
    k = min(k, scores.shape[1])
    row, node = np.nonzero(scores >= _reached_by_k(scores, k))
    if len(row) > FEW_PER_PLACE * k * len(scores):
        row, node = _without_late_ties(scores, k)
    order = np.lexsort((node, -scores[row, node], row))
    first = np.searchsorted(row, np.arange(len(scores)))
    best: IntArray = node[order[first[:, None] + np.arange(k)]]
    return best


def _reached_by_k(scores: ScoreArray, k: int) -> ScoreArray:
    """A score per row, (rows, 1), that at least k scores of the row reach."""
    rows, nodes = scores.shape
    size = max(nodes // (CHUNKS_PER_PLACE * k), 1)
    chunks = nodes // size
    highest = scores[:, : chunks * size].reshape(rows, chunks, size).max(axis=2)
    return np.partition(highest, -k, axis=1)[:, [-k]]


def _without_late_ties(scores: ScoreArray, k: int) -> tuple[IntArray, IntArray]:
    """Rows and positions of the k largest scores of each row, of those that tie for the last places the first ones."""
    last = np.partition(scores, -k, axis=1)[:, [-k]]
    above = np.count_nonzero(scores > last, axis=1)
    row, node = np.nonzero(scores >= last)
    ties = scores[row, node] == last[row, 0]
    so_far = np.cumsum(ties)
    before = np.concatenate([[0], so_far])[np.searchsorted(row, np.arange(len(scores)))]
    kept = ~ties | (so_far - before[row] <= k - above[row])
    return row[kept], node[kept]
