"""Random neighbours and random walks on sparse rows, for all nodes at once."""

import numpy as np
from scipy.sparse import csr_array

from core.arrays import FloatArray, IntArray
from core.graph.sparse import keep_entries, row_of_entry

_ROUNDS = 50


def fit_power_law(degree: IntArray, *, least: int = 1) -> float:
    r"""Exponent of a power law of the degrees that are at least ``least``; infinite where all of them equal it.

    Definition
        .. math:: \alpha = 1 + n / \sum_i \ln(d_i / d_{min})

    References
    ----------
    Clauset, Shalizi & Newman (2009), Power-law distributions in empirical data, SIAM Review 51 (equation 3.1, without
    the correction for whole numbers).

    Examples
    --------
    >>> round(fit_power_law(np.array([0, 1, 2, 4])), 4)  # 1 + 3 / (ln 2 + ln 4)
    2.4427
    """
    used = degree[degree >= least]
    total = float(np.log(used / least).sum())
    return 1 + len(used) / total if total > 0 else float("inf")


def sample_entries(matrix: csr_array, budget: IntArray, *, by_size: bool, rng: np.random.Generator) -> csr_array:
    r"""Some entries of each row, divided by the probability that each had, so that the expected matrix is the whole.

    Definition
        Entry i of a row with budget k is kept with probability :math:`\pi_i = \min(1, \lambda p_i)`, Σ π_i = k, where p
        is even or proportional to the size of the entry; what is kept is divided by π_i (Horvitz-Thompson).

    Parameters
    ----------
    matrix
        Rows of positive entries.
    budget
        int64 of shape (rows,): entries to keep; a row that has no more stays exactly as it is.
    by_size
        Whether large entries are likelier.
    rng
        Source of randomness.

    Notes
    -----
    Systematic sampling in random order: exactly k entries of a row are kept. Cost O(entries · log entries).

    References
    ----------
    Madow (1949), On the theory of systematic sampling, II.
    """
    row = row_of_entry(matrix)
    share = _inclusion(matrix, budget, matrix.data.astype(np.float64) if by_size else np.ones(matrix.nnz))
    order = np.lexsort((rng.random(matrix.nnz), row))
    end = np.concatenate([[0.0], np.cumsum(share[order])])
    first = matrix.indptr[row]
    offset = rng.random(matrix.shape[0])[row] - end[first]
    place = np.arange(matrix.nnz)
    earlier = np.where(place == first, 0.0, np.floor(end[place] + offset))
    keep = np.zeros(matrix.nnz, dtype=np.bool_)
    keep[order] = np.floor(end[place + 1] + offset) > earlier
    keep |= share >= 1
    sampled = keep_entries(matrix, keep)
    sampled.data = (sampled.data / share[keep]).astype(matrix.dtype)
    return sampled


def _inclusion(matrix: csr_array, budget: IntArray, size: FloatArray) -> FloatArray:
    """The probability of each entry: min(1, λ size), λ chosen by row so that they add up to the budget."""
    row, rows = row_of_entry(matrix), matrix.shape[0]
    sure = (np.diff(matrix.indptr) <= budget)[row]
    share = np.ones(matrix.nnz)
    for _ in range(_ROUNDS):  # the entries that are sure to be kept only become more
        left = budget - np.bincount(row[sure], minlength=rows)
        total = np.bincount(row, weights=np.where(sure, 0.0, size), minlength=rows)
        scale = np.divide(left, total, out=np.zeros(rows), where=total > 0)
        share = np.where(sure, 1.0, size * scale[row])
        more = ~sure & (share >= 1)
        if not more.any():
            break
        sure |= more
    return np.minimum(share, 1.0)


def count_walks(
    out: csr_array, into: csr_array, *, walks: int, restart: float, steps: int, rng: np.random.Generator
) -> csr_array:
    """Where random walks with restart find targets: from each node along an edge, back along one, along one again.

    Parameters
    ----------
    out, into
        Rows of the neighbours along and against the edges; only where entries are is read.
    walks
        Walks from each node.
    restart
        Probability that a walk ends after it reached a target, between 0 and 1.
    steps
        Most targets on one walk.
    rng
        Source of randomness.

    Returns
    -------
    float32 of shape (nodes, nodes): the share of all visited targets of a row's walks. A row of a node without edges
    is empty; so is the diagonal.

    Notes
    -----
    Only nodes in the role of targets are counted, so that what is reached can be aggregated as an out-neighbour is. All
    walks take one step at a time together: cost O(walks · steps · nodes).
    """
    nodes = out.shape[0]
    start = np.repeat(np.flatnonzero(np.diff(out.indptr) > 0), walks)
    at, rows, columns = start, [], []
    for _ in range(steps):
        reached = _step(out, at, rng)
        rows.append(start)
        columns.append(reached)
        going = rng.random(len(start)) >= restart
        start, at = start[going], _step(into, reached[going], rng)
    row, column = np.concatenate(rows), np.concatenate(columns)
    other = row != column
    visits = csr_array((np.ones(int(other.sum()), dtype=np.float32), (row[other], column[other])), shape=(nodes, nodes))
    visits.sum_duplicates()
    total = np.maximum(visits.sum(axis=1), 1).astype(np.float32)
    visits.data /= total[row_of_entry(visits)]
    return visits


def _step(matrix: csr_array, at: IntArray, rng: np.random.Generator) -> IntArray:
    """A random neighbour of each node; each has one."""
    degree = np.diff(matrix.indptr)[at]
    return matrix.indices[matrix.indptr[at] + (rng.random(len(at)) * degree).astype(np.int64)].astype(np.int64)
