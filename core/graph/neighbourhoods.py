"""Whose vectors a node aggregates: a switch between four neighbourhoods, each another sparse matrix."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.sparse import csr_array

from core.arrays import IntArray
from core.graph.data import Edges
from core.graph.hops import Propagation
from core.graph.sampling import count_walks, fit_power_law, sample_entries
from core.graph.sparse import keep_entries, keep_largest, row_of_entry

Mode: TypeAlias = Literal["full", "uniform", "ppr", "adaptive"]

LEAST = 2
WALKS = 32
RESTART = 0.5
STEPS = 3


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    r"""How neighbourhoods are chosen.

    Definition
        ``full``: all neighbours. ``uniform``: ``budget`` of them, evenly. ``ppr``: the ``budget`` nodes that random
        walks with restart visit most. ``adaptive``: the budget of a node of degree d is

        .. math:: b(d) = b_0 + c \max(d, 1)^{-(\alpha - 1)}

        with the power-law exponent α of the degrees: c times the share of nodes that are at least as connected, so
        that a poorly connected node gets more; c is set so that all budgets add up to what ``uniform`` would use. A
        node with more neighbours than that keeps b(d) of them, the large entries of Ã likelier, divided by their
        probability; one with fewer keeps all, and fills the rest with what walks reach.

    Attributes
    ----------
    mode
        Which of the four.
    budget
        Neighbours per node; not read by ``full``.

    Notes
    -----
    BLADE adapts size and probability to the degree, but its formula is not public: this one is ours. ``full``,
    ``uniform`` and the sampled part of ``adaptive`` have Ã as their expected matrix; walks are another neighbourhood.

    References
    ----------
    Biased graph sampling for better related-product recommendation, amazon.science; BLADE, WSDM 2023 (the idea).
    """

    mode: Mode = "full"
    budget: int = 10

    def draw(self, edges: Edges, nodes: int, weights: tuple[float, ...], *, rng: np.random.Generator) -> Propagation:
        """Draw the neighbourhoods of both roles: targets of a source, and sources of a target."""
        full = Propagation.of_edges(edges, nodes, weights)
        if self.mode == "full":
            return full
        both = (full.out, full.into), (full.into, full.out)
        out, into = (self._draw_role(one, other, rng) for one, other in both)
        return Propagation.of(out, into, weights)

    def settle(self, edges: Edges, nodes: int, weights: tuple[float, ...], *, rng: np.random.Generator) -> Propagation:
        """The neighbourhoods to embed with once trained: what is sampled for speed is replaced by its expectation."""
        full = Propagation.of_edges(edges, nodes, weights)
        if self.mode in {"full", "uniform"}:
            return full
        both = (full.out, full.into), (full.into, full.out)
        reach = self._reach if self.mode == "adaptive" else self._draw_role
        out, into = (csr_array(reach(one, other, rng)) for one, other in both)
        return Propagation.of(out, into, weights)

    def _draw_role(self, out: csr_array, into: csr_array, rng: np.random.Generator) -> csr_array:
        if self.mode == "uniform":
            return sample_entries(out, np.full(out.shape[0], self.budget), by_size=False, rng=rng)
        if self.mode == "ppr":
            visits = count_walks(out, into, walks=WALKS, restart=RESTART, steps=STEPS, rng=rng)
            return _rescale(keep_largest(visits, self.budget), out)
        extended = self._reach(out, into, rng)
        budget = adapt_budget(np.diff(out.indptr), self.budget)
        few = (np.diff(out.indptr) <= budget)[row_of_entry(extended)]
        sampled = sample_entries(out, budget, by_size=True, rng=rng)
        crowded = (np.diff(out.indptr) > budget)[row_of_entry(sampled)]
        return csr_array(keep_entries(extended, few) + keep_entries(sampled, crowded))

    def _reach(self, out: csr_array, into: csr_array, rng: np.random.Generator) -> csr_array:
        """The full neighbourhood, and of nodes with room in their budget also what walks reach beyond it."""
        degree = np.diff(out.indptr)
        budget = adapt_budget(degree, self.budget)
        room = np.maximum(budget - degree, 0)
        visits = count_walks(out, into, walks=WALKS, restart=RESTART, steps=STEPS, rng=rng)
        beyond = visits - visits.multiply(out.astype(bool))
        beyond = _drop_zeros(csr_array(beyond))
        beyond = keep_largest(beyond, room)
        row = row_of_entry(beyond)
        beyond.data *= (np.asarray(out.sum(axis=1)).ravel() * (room / np.maximum(budget, 1)))[row].astype(np.float32)
        return csr_array(out + beyond)


def adapt_budget(degree: IntArray, budget: int) -> IntArray:
    """How many neighbours each node gets: see :class:`Neighbourhood`.

    Parameters
    ----------
    degree
        int64 of shape (nodes,).
    budget
        What an even rule would give each node at most.

    Returns
    -------
    int64 of shape (nodes,), at least 2 where there are edges, falling with the degree; 0 for nodes without edges. Their
    sum is that of min(degree, budget), or 2 per node where that is more, but for rounding.

    Examples
    --------
    >>> adapt_budget(np.array([0, 1, 2, 4, 40, 40]), 10).tolist()
    [0, 9, 7, 5, 3, 3]
    """
    some = degree > 0
    alpha = fit_power_law(degree)
    share = np.where(some, np.maximum(degree, 1).astype(np.float64) ** -min(alpha - 1, 50.0), 0.0)
    spare = np.minimum(degree, budget).sum() - LEAST * some.sum()
    scale = max(float(spare), 0.0) / max(float(share.sum()), 1e-300)
    return np.where(some, LEAST + np.rint(scale * share), 0).astype(np.int64)


def _rescale(chosen: csr_array, out: csr_array) -> csr_array:
    """Rows in proportion to ``chosen``, with the sums that the rows of ``out`` have."""
    wanted = np.asarray(out.sum(axis=1)).ravel()
    there = np.asarray(chosen.sum(axis=1)).ravel()
    factor = np.divide(wanted, there, out=np.zeros_like(wanted), where=there > 0)
    scaled = chosen.copy()
    scaled.data = (scaled.data * factor[row_of_entry(scaled)]).astype(np.float32)
    return scaled


def _drop_zeros(matrix: csr_array) -> csr_array:
    return keep_entries(matrix, matrix.data > 0)
