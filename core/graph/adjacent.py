"""The edges that touch one node, without a matrix of the whole graph."""

import numpy as np
from scipy.sparse import csr_array

from core.arrays import IntArray
from core.checks import check_count
from core.graph.data import Graph


def check_node(graph: Graph, node: int) -> int:
    """Return ``node`` if it is the position of a node.

    Raises
    ------
    InputError
        It is not.
    """
    return check_count(node, 0, graph.nodes - 1, name="product's position")


def edges_after(graph: Graph, node: int) -> IntArray:
    """Positions of the edges that leave a node, by target. Cost O(log edges + degree)."""
    first, end = np.searchsorted(graph.edges.source, [node, node + 1])
    return np.arange(first, end)


def edges_before(graph: Graph, node: int) -> IntArray:
    """Positions of the edges that reach a node, by source. Cost O(edges)."""
    return np.flatnonzero(graph.edges.target == node)


def as_row(nodes: IntArray, *, of: int) -> csr_array:
    """A 0/1 matrix of one row with ``of`` columns that marks distinct, sorted nodes."""
    ones = np.ones(len(nodes), dtype=np.float32)
    return csr_array((ones, nodes, np.array([0, len(nodes)])), shape=(1, of))
