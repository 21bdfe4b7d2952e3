"""Records of the graph: edges, items, the graph itself, and what an engine may learn from."""

from dataclasses import dataclass, replace
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from core.arrays import FloatArray, IntArray

BoolArray: TypeAlias = npt.NDArray[np.bool_]
TextArray: TypeAlias = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Ordered pairs of nodes: edge i goes from ``source[i]`` to ``target[i]``.

    Attributes
    ----------
    source, target
        int64 of shape (edges,): positions of nodes, from 0.
    """

    source: IntArray
    target: IntArray

    def __len__(self) -> int:
        return len(self.source)

    def reversed(self) -> Self:
        """The same pairs, the other way round."""
        return replace(self, source=self.target, target=self.source)

    def take(self, which: npt.NDArray[np.bool_] | IntArray) -> Self:
        """Some of the pairs, by mask or position."""
        return replace(self, source=self.source[which], target=self.target[which])

    def keys(self, nodes: int) -> IntArray:
        """One number per pair, source · nodes + target: equal where the pairs are."""
        return self.source * nodes + self.target


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """What is known of each node beside its edges; one entry per node.

    Attributes
    ----------
    title
        Text to show; the node's id where no title is known.
    category
        int64 of shape (nodes,): position in ``categories``.
    categories
        Names of categories; a node of unknown category has the entry ``(missing)``.
    features
        float64 of shape (nodes, features); NaN where unknown. No columns where the items have no features.
    feature_names
        Names of the columns of ``features``.
    listed
        bool of shape (nodes,): whether an item file names the node.
    """

    title: TextArray
    category: IntArray
    categories: tuple[str, ...]
    features: FloatArray
    feature_names: tuple[str, ...]
    listed: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A directed graph of products: u → v says that v is bought after u.

    Attributes
    ----------
    digest
        SHA-256 of what it was read from and how.
    name
        For display.
    ids
        Text of shape (nodes,): the ids of the files, sorted.
    edges
        Distinct pairs without self-loops, sorted by source, then target.
    weight
        float64 of shape (edges,), above 0; 1 where the file has no weights.
    time
        float64 of shape (edges,): UTC seconds since 1970; NaN where unknown.
    items
        What is known of each node.
    """

    digest: str
    name: str
    ids: TextArray
    edges: Edges
    weight: FloatArray
    time: FloatArray
    items: Items

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.ids)

    @property
    def out_degree(self) -> IntArray:
        """Edges that leave each node."""
        return np.bincount(self.edges.source, minlength=self.nodes).astype(np.int64)

    @property
    def in_degree(self) -> IntArray:
        """Edges that reach each node."""
        return np.bincount(self.edges.target, minlength=self.nodes).astype(np.int64)

    def adjacency(self) -> csr_array:
        """The 0/1 matrix A with A[u, v] = 1 for every edge u → v, float32 of shape (nodes, nodes)."""
        return make_adjacency(self.edges, self.nodes)

    def keep(self, which: BoolArray) -> Self:
        """The same nodes with some of the edges."""
        return replace(self, edges=self.edges.take(which), weight=self.weight[which], time=self.time[which])


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """What an engine may learn from.

    Attributes
    ----------
    graph
        All nodes, and the training edges only.
    validation
        Edges kept out of ``graph``: to stop a training, or to learn the weights of an ensemble. May be empty.
    """

    graph: Graph
    validation: Edges


def make_adjacency(edges: Edges, nodes: int) -> csr_array:
    """The 0/1 matrix of distinct edges, float32 of shape (nodes, nodes), columns sorted within a row.

    Examples
    --------
    >>> make_adjacency(Edges(np.array([0, 1]), np.array([1, 0])), 2).toarray()
    array([[0., 1.],
           [1., 0.]], dtype=float32)
    """
    ones = np.ones(len(edges), dtype=np.float32)
    matrix = csr_array((ones, (edges.source, edges.target)), shape=(nodes, nodes))
    matrix.sort_indices()
    return matrix
