"""Intervals of means when what is averaged comes in clusters: test edges of one source succeed or fail together."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from core.arrays import FloatArray, IntArray
from core.graph.data import BoolArray
from core.intervals import wilson

DRAWS = 1_000
MOST_CLUSTERS = 10_000
CHUNK = 1 << 21  # weights held at a time
ENDS = (0.025, 0.975)


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Which cluster each thing falls in, and the weights that all resampled means share.

    Attributes
    ----------
    member
        int64 of shape (things,): from 0 to ``count`` - 1.
    count
        Number of clusters.
    seed
        Of the weights: two means over the same clusters are resampled together, so that their difference is paired.
    """

    member: IntArray
    count: int
    seed: int

    def take(self, which: BoolArray | IntArray) -> Self:
        """Some of the things, under the same weights."""
        return replace(self, member=self.member[which])

    def weights(self) -> Iterator[FloatArray]:
        """How often each cluster is drawn, in chunks of shape (draws, count): 1,000 draws, the same at every call."""
        rng = np.random.default_rng(self.seed)
        step = max(CHUNK // max(self.count, 1), 1)
        for start in range(0, DRAWS, step):
            shape = (min(step, DRAWS - start), self.count)
            drawn = rng.integers(max(self.count, 1), size=shape) + self.count * np.arange(shape[0])[:, None]
            yield np.bincount(drawn.ravel(), minlength=drawn.size).reshape(shape).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """Means with their 95 % intervals, one per cell.

    Attributes
    ----------
    value, lo, hi
        float64 of shape (cells,): NaN where the cell is empty.
    n
        int64 of shape (cells,): things in the cell.
    """

    value: FloatArray
    lo: FloatArray
    hi: FloatArray
    n: IntArray

    def entry(self, at: int) -> dict[str, float]:
        """One estimate by name."""
        return {"value": float(self.value[at]), "lo": float(self.lo[at]), "hi": float(self.hi[at])}


def make_clusters(node: IntArray, *, rng: np.random.Generator) -> Clusters:
    """Put things of one node in one cluster; above 10,000 nodes, some nodes at random share a cluster.

    Parameters
    ----------
    node
        int64 of shape (things,): the node that things belong to, for an edge its source.
    rng
        Source of randomness.
    """
    nodes, place = np.unique(node, return_inverse=True)
    seed = int(rng.integers(2**63))
    if len(nodes) <= MOST_CLUSTERS:
        return Clusters(place, len(nodes), seed)
    shared = rng.permutation(len(nodes)) % MOST_CLUSTERS
    return Clusters(shared[place], MOST_CLUSTERS, seed)


def estimate_cells(values: FloatArray, cell: IntArray, cells: int, clusters: Clusters) -> Estimates:
    r"""Mean of each cell with its interval by a cluster bootstrap.

    Definition
        With S_g and N_g the sum and the number of a cell's values in cluster g, and w_g how often g is among as many
        clusters drawn with replacement as there are,

        .. math:: \frac{\sum_g w_g S_g}{\sum_g w_g N_g}

        over 1,000 draws of w; the interval is from the 2.5 to the 97.5 percentile. Draws without any of the cell's
        clusters are left out.

    Parameters
    ----------
    values
        float64 of shape (things,), within [0, 1]; no NaN.
    cell
        int64 of shape (things,): the cell of each.
    cells
        Number of cells.
    clusters
        Of the same things.

    Notes
    -----
    Where all draws agree (all hits or none, or one cluster only) a bootstrap says nothing; Wilson's interval with the
    clusters as trials stands instead: wide, and on the safe side. Cost O(draws · clusters + draws · things).

    References
    ----------
    Davison & Hinkley (1997), Bootstrap Methods and their Application, section 3.8; Cameron, Gelbach & Miller (2008),
    Bootstrap-based improvements for inference with clustered errors.

    Examples
    --------
    >>> clusters = Clusters(np.array([0, 0, 1]), 2, seed=0)
    >>> estimate_cells(np.array([1.0, 0.0, 0.0]), np.array([0, 0, 1]), 2, clusters).value
    array([0.5, 0. ])
    """
    n = np.bincount(cell, minlength=cells).astype(np.int64)
    sums = np.bincount(cell, weights=values, minlength=cells).astype(np.float64)
    value = _divide(sums, n.astype(np.float64))
    lo, hi = find_ends(draw_cells(values, cell, cells, clusters))
    groups = np.bincount(np.unique(cell * clusters.count + clusters.member) // max(clusters.count, 1), minlength=cells)
    low, high = wilson(value * groups, groups)
    told = hi - lo > 1e-12
    low, high = np.where(told, lo, low), np.where(told, hi, high)
    return Estimates(value, np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan), n)


def estimate_columns(values: FloatArray, clusters: Clusters) -> Estimates:
    """Mean of each column of (things, columns) with its interval; NaN entries are not counted."""
    return estimate_cells(*_as_cells(values, clusters))


def draw_columns(values: FloatArray, clusters: Clusters) -> FloatArray:
    """Resampled means of each column, (draws, columns); NaN entries are not counted."""
    return draw_cells(*_as_cells(values, clusters))


def draw_cells(values: FloatArray, cell: IntArray, cells: int, clusters: Clusters) -> FloatArray:
    """Resampled means of each cell, (draws, cells); NaN where the cell is empty."""
    shape = (cells, clusters.count)
    sums = csr_array((values, (cell, clusters.member)), shape=shape)
    counts = csr_array((np.ones(len(values)), (cell, clusters.member)), shape=shape)
    return np.concatenate([_divide(_weigh(sums, w), _weigh(counts, w)) for w in clusters.weights()])


def find_ends(draws: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The 2.5 and the 97.5 percentile of each column of (draws, columns) without NaN; NaN where nothing is left."""
    ends = np.full((2, draws.shape[1]), np.nan)
    there = ~np.isnan(draws).all(axis=0)
    if there.any():
        ends[:, there] = np.nanquantile(draws[:, there], ENDS, axis=0)
    return ends[0], ends[1]


def _weigh(sums: csr_array, weights: FloatArray) -> FloatArray:
    return np.asarray(sums @ weights.T).T


def _as_cells(values: FloatArray, clusters: Clusters) -> tuple[FloatArray, IntArray, int, Clusters]:
    thing, column = np.nonzero(~np.isnan(values))
    return values[thing, column], column, values.shape[1], clusters.take(thing)


def _divide(sums: FloatArray, counts: FloatArray) -> FloatArray:
    return np.asarray(np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0))
