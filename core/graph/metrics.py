"""Accuracy of a ranking, per test edge and per query, from filtered ranks."""

import numpy as np

from core.arrays import FloatArray
from core.graph.data import Edges

METRICS = ("HR@5", "HR@10", "HR@20", "MRR@20", "NDCG@10", "Recall@10")
QUERY_CUT = 10


def measure_ranks(ranks: FloatArray, edges: Edges) -> FloatArray:
    r"""What each test edge adds to each metric: a metric is the mean of its column without NaN.

    Definition
        Per test edge with filtered rank r: HR@k is 1 where r ≤ k; MRR@20 is 1/r where r ≤ 20, else 0.

        Per query u with test targets T: with r_(1) ≤ r_(2) ≤ … their filtered ranks, R_i = r_(i) + i - 1 is their rank
        in one list that holds them all, and

        .. math:: \mathrm{Recall@10} = \frac{|\{i: R_i \le 10\}|}{|T|}, \qquad
            \mathrm{NDCG@10} = \frac{\sum_{i: R_i \le 10} 1/\log_2(1 + R_i)}{\sum_{i=1}^{\min(10, |T|)} 1/\log_2(1 + i)}

    Parameters
    ----------
    ranks
        float64 of shape (edges,): from ``rank_edges``.
    edges
        The edges that were ranked.

    Returns
    -------
    float64 of shape (edges, metrics), columns as in ``METRICS``, within [0, 1]. A value of a query stands at one of its
    edges and is NaN at the others.

    Notes
    -----
    A metric per edge gives a query weight by its test edges (as DAEMON counts), one per query gives each the same.

    References
    ----------
    Virinchi et al. (2022), Recommending related products using graph neural networks in directed graphs (DAEMON);
    Järvelin & Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques.

    Examples
    --------
    >>> measure_ranks(np.array([2.0, 30.0]), Edges(np.array([0, 1]), np.array([1, 0])))[:, :4]
    array([[1. , 1. , 1. , 0.5],
           [0. , 0. , 0. , 0. ]])
    """
    found = np.column_stack([*(ranks <= k for k in (5, 10, 20)), np.where(ranks <= 20, 1 / ranks, 0.0)])
    return np.column_stack([found, _measure_queries(ranks, edges)])


def _measure_queries(ranks: FloatArray, edges: Edges) -> FloatArray:
    """NDCG@10 and Recall@10 per query, (edges, 2), at the edge of each query that is ranked first."""
    order = np.lexsort((ranks, edges.source))
    _, first, count = np.unique(edges.source[order], return_index=True, return_counts=True)
    before = np.arange(len(order)) - np.repeat(first, count)
    joint = ranks[order] + before
    gain = np.where(joint <= QUERY_CUT, 1 / np.log2(1 + joint), 0.0)
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(1 + np.arange(1, QUERY_CUT + 1)))])
    values = np.full((len(order), 2), np.nan)
    if len(first):
        values[order[first], 0] = np.add.reduceat(gain, first) / ideal[np.minimum(count, QUERY_CUT)]
        values[order[first], 1] = np.add.reduceat((joint <= QUERY_CUT).astype(np.float64), first) / count
    return values
