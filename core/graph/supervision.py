"""What a learned engine learns from: folds of edges that leave the propagation, and negatives for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.sparse import csr_array, eye_array

from core.arrays import FloatArray, IntArray
from core.graph.data import BoolArray, Edges, Graph

Negatives: TypeAlias = Literal["uniform", "degree"]


@dataclass(frozen=True, slots=True, eq=False)
class Supervision:
    """One fold of the training edges.

    Attributes
    ----------
    edges
        The edges to predict, by source, then target.
    one_way
        bool of shape (edges,): whether the reverse is no training edge. Judged on the training graph alone.
    rest
        All other training edges: the only ones that vectors may flow along.
    """

    edges: Edges
    one_way: BoolArray
    rest: Edges


def find_one_way(graph: Graph) -> BoolArray:
    """Whether each edge has no reverse in the same graph, bool of shape (edges,).

    Notes
    -----
    With the split by pair a training edge whose reverse is held out does not exist, so that nothing held out is seen.
    """
    return ~np.isin(graph.edges.reversed().keys(graph.nodes), graph.edges.keys(graph.nodes))


def draw_folds(graph: Graph, one_way: BoolArray, *, folds: int, rng: np.random.Generator) -> Iterator[Supervision]:
    """Part the training edges at random by unordered pair, and hand out each part with the edges that remain.

    Notes
    -----
    Both directions of a pair leave the propagation together, as they do in the split by pair that the engine is
    measured with: the model learns under the conditions it is used in. One fold, or a graph of one pair, would leave
    nothing to flow along: then the edges to predict stay in.
    """
    edges = graph.edges
    low, high = np.minimum(edges.source, edges.target), np.maximum(edges.source, edges.target)
    pairs, place = np.unique(low * graph.nodes + high, return_inverse=True)
    parts = min(folds, len(pairs))
    part = (rng.permutation(len(pairs)) % max(parts, 1))[place]
    for number in range(parts):
        here = part == number
        yield Supervision(edges.take(here), one_way[here], edges.take(~here) if parts > 1 else edges)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Nodes that stand in for all nodes as targets that were not chosen.

    Attributes
    ----------
    nodes
        int64 of shape (candidates,), sorted, distinct.
    log_weight
        float64 of shape (candidates,): logarithm of the number of nodes that each stands for.
    excluded
        0/1 of shape (nodes, candidates): the known targets of a node, and itself, which are no negatives of it.
    """

    nodes: IntArray
    log_weight: FloatArray
    excluded: csr_array


def draw_candidates(
    graph: Graph, adjacency: csr_array, *, count: int, kind: Negatives, rng: np.random.Generator
) -> Candidates:
    """Draw targets that serve as negatives of all sources: uniformly, or more often the more edges reach them.

    Definition
        A node is drawn with a probability π ∝ 1, or ∝ √(in-degree + 1), and stands for 1/π nodes, so that a sum over
        candidates estimates the sum over all nodes. With as many candidates as nodes, each is there once.
    """
    nodes = graph.nodes
    if count >= nodes:
        chosen, log_weight = np.arange(nodes), np.zeros(nodes)
    elif kind == "uniform":
        chosen = np.sort(rng.choice(nodes, count, replace=False))
        log_weight = np.full(count, np.log(nodes / count))
    else:
        share = np.sqrt(graph.in_degree + 1.0)
        share = np.minimum(share * (count / share.sum()), 1.0)
        chosen = np.flatnonzero(rng.random(nodes) < share)
        chosen = chosen if len(chosen) else np.arange(1)
        log_weight = -np.log(share[chosen])
    itself = eye_array(nodes, dtype=np.float32, format="csr")
    return Candidates(chosen, log_weight, csr_array(adjacency[:, chosen] + itself[:, chosen]))
