"""Records of the graph: edges, items, the graph itself, and what an engine may learn from."""

from dataclasses import dataclass, replace
from typing import Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from core.arrays import FloatArray, IntArray

BoolArray: TypeAlias = npt.NDArray[np.bool_]
TextArray: TypeAlias = npt.NDArray[np.object_]

_SWAPPED: Final = int("5e0c" * 16, 16)  # digest ⊕ this is the digest of the same graph the other way round


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


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What was set right while a graph was read.

    Attributes
    ----------
    duplicates
        Edges merged into another one of the same source and target: weights are summed, the latest time is kept.
    self_loops
        Edges dropped because they lead from a product to itself.
    excluded, excluded_items
        (reason, rows of the edges, or of the items, left out for it).
    unlisted
        Nodes that the item file misses; 0 where there is none.
    titles_cut
        Titles cut to their longest length.
    undirected
        Whether the file held undirected edges, each of which is read as two.
    """

    duplicates: int = 0
    self_loops: int = 0
    excluded: tuple[tuple[str, int], ...] = ()
    excluded_items: tuple[tuple[str, int], ...] = ()
    unlisted: int = 0
    titles_cut: int = 0
    undirected: bool = False

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """Rebuild the record from its stored fields."""
        pairs = {role: tuple((str(why), int(rows)) for why, rows in found[role]) for role in _PAIRS}
        return cls(**found | pairs)


_PAIRS = ("excluded", "excluded_items")


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
    cleaning
        What was set right while it was read.
    """

    digest: str
    name: str
    ids: TextArray
    edges: Edges
    weight: FloatArray
    time: FloatArray
    items: Items
    cleaning: Cleaning = Cleaning()

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

    def joined(self) -> Self:
        """The same edges, all of them for training; weight and time of validation edges are not known: 1 and NaN."""
        graph, added = self.graph, self.validation
        source, target = (
            np.concatenate([getattr(edges, end) for edges in (graph.edges, added)]) for end in ("source", "target")
        )
        every = Edges(source, target)
        order = np.unique(every.keys(graph.nodes), return_index=True)[1]
        weight = np.concatenate([graph.weight, np.ones(len(added))])[order]
        time = np.concatenate([graph.time, np.full(len(added), np.nan)])[order]
        return replace(
            self,
            graph=replace(graph, edges=every.take(order), weight=weight, time=time),
            validation=added.take(np.arange(0)),
        )


def swap_direction(graph: Graph) -> Graph:
    """The same graph with every edge the other way round; swapping twice gives the first one back.

    Its digest is another one, which tells the direction: :func:`core.graph.stored.find_graph` knows both.

    Notes
    -----
    Cost O(edges log edges).
    """
    turned = graph.edges.reversed()
    order = np.argsort(turned.keys(graph.nodes))
    return replace(
        graph,
        digest=swap_digest(graph.digest),
        edges=turned.take(order),
        weight=graph.weight[order],
        time=graph.time[order],
    )


def swap_digest(digest: str) -> str:
    """The digest of the same graph the other way round; its own inverse.

    Examples
    --------
    >>> swap_digest(swap_digest("ab" * 32)) == "ab" * 32
    True
    """
    return f"{int(digest, 16) ^ _SWAPPED:064x}"


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
