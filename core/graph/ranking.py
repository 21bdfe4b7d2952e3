"""Filtered ranks of edges: where each true target stands among all nodes that could have been recommended instead."""

import numpy as np
from scipy.sparse import csr_array

from core.arrays import FloatArray, IntArray
from core.errors import InputError
from core.graph.data import Edges
from core.graph.scorers import ScoreArray, Scorer
from core.jobs import Job, Progress, finish

ROWS = 256
CELLS = 1 << 24  # scores held at a time: 64 MiB
COMPARED = 1 << 20  # scores compared at a time
SCORED = 2_000_000_000  # scores in all, above which queries are drawn: some minutes
FEWEST_QUERIES = 1_000


def rank_edges(scorer: Scorer, edges: Edges, *, known: csr_array) -> FloatArray:
    r"""Realistic, filtered rank of the target of each edge; 1 is best.

    Definition
        With s = score(u → v) and the candidates C = all nodes but u and the known targets of u (v stays),

        .. math:: r = 1 + |\{c \in C: s_c > s\}| + \tfrac{1}{2} |\{c \in C, c \ne v: s_c = s\}|

        the mean of the optimistic and the pessimistic rank: an engine that gives all nodes the same score stands in the
        middle, not on top.

    Parameters
    ----------
    scorer
        Scores of ordered pairs.
    edges
        Edges to rank, in any order; all of them count as known.
    known
        Of shape (nodes, nodes): the adjacency of the whole graph, all folds together.

    Returns
    -------
    float64 of shape (edges,): ranks, multiples of 1/2.

    Raises
    ------
    InputError
        A score is NaN.

    Notes
    -----
    Cost O(sources · scoring + edges · nodes); at most 16 million scores are held at a time, or one row.

    References
    ----------
    Bordes et al. (2013), Translating embeddings for modeling multi-relational data (filtering); Berrendorf et al.
    (2020), On the ambiguity of rank-based evaluation of entity alignment or link prediction methods (realistic rank).

    Examples
    --------
    Node 0 scores 5, 3, 3, 9 to nodes 0 to 3, and 3 is known: the candidates beside 1 are just 2, which ties.

    >>> from core.graph.scorers import Factors
    >>> scorer = Factors(np.ones((4, 1), np.float32), np.array([[5], [3], [3], [9]], np.float32))
    >>> known = csr_array(np.array([[0, 1, 0, 1]] + [[0] * 4] * 3))
    >>> rank_edges(scorer, Edges(np.array([0]), np.array([1])), known=known)
    array([1.5])
    """
    return finish(rank_in_blocks(scorer, edges, known=known))


def rank_in_blocks(scorer: Scorer, edges: Edges, *, known: csr_array) -> Job[FloatArray]:
    """The same as ``rank_edges``, reported block by block."""
    sources, place = np.unique(edges.source, return_inverse=True)
    order = np.argsort(place, kind="stable")
    first = np.searchsorted(place[order], np.arange(len(sources) + 1))
    ranks = np.empty(len(edges))
    rows = rows_at_a_time(scorer.nodes)
    for start in range(0, len(sources), rows):
        end = min(start + rows, len(sources))
        inside = order[first[start] : first[end]]
        ranks[inside] = _rank_block(scorer, sources[start:end], place[inside] - start, edges.target[inside], known)
        yield Progress(end / len(sources), "ranking")
    return ranks


def rows_at_a_time(nodes: int) -> int:
    """How many rows of scores to ask for at once."""
    return int(np.clip(CELLS // max(nodes, 1), 1, ROWS))


def most_queries(nodes: int) -> int:
    """How many queries to ask against all nodes: 2 · 10⁹ scores, at least 1,000 queries. All, up to 44,721 nodes."""
    return max(SCORED // max(nodes, 1), FEWEST_QUERIES)


def mark_entries(scores: ScoreArray, rows: csr_array, value: float) -> None:
    """Write ``value`` into the scores at the stored entries of ``rows``, of the same shape."""
    scores[np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr)), rows.indices] = value


def _rank_block(scorer: Scorer, sources: IntArray, row: IntArray, target: IntArray, known: csr_array) -> FloatArray:
    scores = scorer.score_from(sources)
    if np.isnan(scores).any():
        raise InputError("The engine gave a score that is not a number.", fix="Train it again with other settings.")
    own = scores[row, target]
    mark_entries(scores, known[sources], np.nan)  # NaN is neither above nor equal to anything
    scores[np.arange(len(sources)), sources] = np.nan
    scores[row, target] = np.nan
    above, equal = np.empty(len(row)), np.empty(len(row))
    step = max(COMPARED // scorer.nodes, 1)
    for start in range(0, len(row), step):
        some = slice(start, start + step)
        against, mine = scores[row[some]], own[some, None]
        above[some] = np.count_nonzero(against > mine, axis=1)
        equal[some] = np.count_nonzero(against == mine, axis=1)
    return 1 + above + equal / 2
