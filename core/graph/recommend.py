"""What is bought next after a product, or before it; and what a model that cannot tell the two would have said."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd

from core.arrays import FloatArray, IntArray
from core.checks import check_count
from core.errors import InputError
from core.graph.adjacent import as_row, check_node, edges_after, edges_before
from core.graph.data import BoolArray, Edges, Graph, make_adjacency
from core.graph.products import describe_products
from core.graph.ranking import rank_edges
from core.graph.retrieve import Direction, retrieve, towards
from core.graph.scorers import ScoreArray, Scorer

MOST = 1_000
STATUS = ("new", "known edge", "known reverse", "both")


@dataclass(frozen=True, slots=True, eq=False)
class Recommendations:
    """A ranked list for one product, best first; every pair is read in the direction of the question.

    Attributes
    ----------
    graph
        The graph with the known edges.
    query
        Position of the product.
    direction
        ``next``: a pair goes from the query to the item. ``before``: from the item to the query.
    node
        int64 of shape (items,): what is recommended.
    score, reverse
        float32 of shape (items,): score of the pair, and of the same pair the other way round.
    reverse_rank
        float64 of shape (items,): rank of the query if the item were asked the same question, among all other nodes;
        ties count half.
    known, known_reverse
        bool of shape (items,): whether the pair, and the pair the other way round, are edges.
    tied
        How many nodes that are not listed have the score of the last one that is.
    """

    graph: Graph
    query: int
    direction: Direction
    node: IntArray
    score: ScoreArray
    reverse: ScoreArray
    reverse_rank: FloatArray
    known: BoolArray
    known_reverse: BoolArray
    tied: int

    @property
    def degree(self) -> int:
        """Known edges of the query in the direction of the question."""
        return len(_known_edges(self.graph, self.query, self.direction))

    @property
    def note(self) -> str:
        """What the reader must know about the list; empty if nothing."""
        if not len(self.node):
            return "The engine cannot tell products apart here: all scores are equal, or no candidate is left."
        notes = []
        if not self.degree:
            notes.append(f"No product is known to be bought {_AS_KNOWN[self.direction]}: the list is inferred.")
        if self.tied:
            notes.append(f"{self.tied:,} more products have the score of the last one; the first by id are listed.")
        return " ".join(notes)

    def frame(self) -> pd.DataFrame:
        """One line per item: rank, id, title, category, both scores and their difference, degrees, status."""
        return _rank(self.graph, self.node).assign(
            score=self.score,
            reverse_score=self.reverse,
            asymmetry=self.score - self.reverse,
            reverse_rank=self.reverse_rank,
            in_degree=self.graph.in_degree[self.node],
            out_degree=self.graph.out_degree[self.node],
            status=[STATUS[i] for i in self.known + 2 * self.known_reverse],
        )


_AS_KNOWN = {"next": "after this one", "before": "before this one"}


def recommend(
    graph: Graph, scorer: Scorer, node: int, *, k: int, direction: Direction, with_known: bool = True
) -> Recommendations:
    """The k products that are likeliest bought after a product (``next``), or before it (``before``).

    Definition
        ``next`` sorts v by score(u → v), ``before`` sorts v by score(v → u): the same question in the reversed graph.

    Parameters
    ----------
    graph
        The graph whose edges count as known.
    scorer
        Of the same nodes.
    node
        Position of the product u.
    k
        From 1 to 1,000; fewer are returned where there are fewer candidates.
    direction
        What is asked.
    with_known
        Whether known edges are listed too.

    Raises
    ------
    InputError
        No such node, k or direction; a scorer of other nodes; a score that is not a number.

    Notes
    -----
    Ties are broken by id. A product of which the engine knows nothing (all scores equal) gets an empty list and a note.
    Cost O(k · scoring): each item is asked in turn where it would place the query.
    """
    _check_question(graph, scorer, k, direction)
    query = np.array([check_node(graph, node)])
    asked = towards(scorer, direction)
    known = as_row(_known_edges(graph, node, direction), of=graph.nodes)
    found = retrieve(asked, query, k=k, known=known, with_known=with_known)
    queries = np.full(len(found.node), node)
    nothing = make_adjacency(Edges(queries[:0], queries[:0]), graph.nodes)
    return Recommendations(
        graph=graph,
        query=node,
        direction=direction,
        node=found.node,
        score=found.score,
        reverse=asked.score_pairs(found.node, queries),
        reverse_rank=rank_edges(asked, Edges(found.node, queries), known=nothing),
        known=found.known,
        known_reverse=np.isin(found.node, _known_edges(graph, node, _OPPOSITE[direction])),
        tied=int(found.tied[0]),
    )


_OPPOSITE: dict[Direction, Direction] = {"next": "before", "before": "next"}


def _check_question(graph: Graph, scorer: Scorer, k: int, direction: Direction) -> None:
    check_count(k, 1, MOST, name="number of recommendations")
    if direction not in get_args(Direction):
        raise InputError(f"There is no direction {str(direction)[:40]!r}.", fix="Choose next or before.")
    if scorer.nodes != graph.nodes:
        raise InputError(
            f"The model knows {scorer.nodes:,} products, the graph has {graph.nodes:,}.",
            fix="Use the graph that the model was trained on.",
        )


def _known_edges(graph: Graph, node: int, direction: Direction) -> IntArray:
    """The nodes on the other side of the known edges, sorted."""
    if direction == "next":
        return graph.edges.target[edges_after(graph, node)]
    return graph.edges.source[edges_before(graph, node)]


def _rank(graph: Graph, nodes: IntArray) -> pd.DataFrame:
    frame = describe_products(graph, nodes)
    frame.insert(0, "rank", np.arange(1, len(nodes) + 1))
    return frame


@dataclass(frozen=True, slots=True, eq=False)
class SymmetricList:
    """What one embedding per product would have recommended, next to what the directed model says of the same items.

    Attributes
    ----------
    directed
        The directed list.
    node
        int64 of shape (items,): the items of the symmetric list, best first.
    score
        float32 of shape (items,): symmetric score.
    forward, reverse
        float32 of shape (items,): directed score of the pair in the direction of the question, and the other way.
    """

    directed: Recommendations
    node: IntArray
    score: ScoreArray
    forward: ScoreArray
    reverse: ScoreArray

    @property
    def absent(self) -> BoolArray:
        """Which items the directed list does not have."""
        return ~np.isin(self.node, self.directed.node)

    @property
    def wrong_way(self) -> BoolArray:
        """For which items the directed model finds the opposite direction likelier."""
        return self.reverse > self.forward

    def frame(self) -> pd.DataFrame:
        """One line per item: rank, id, title, category, the three scores, and the two marks."""
        return _rank(self.directed.graph, self.node).assign(
            symmetric_score=self.score,
            score=self.forward,
            reverse_score=self.reverse,
            absent=self.absent,
            wrong_way=self.wrong_way,
        )


def recommend_symmetric(scorer: Scorer, directed: Recommendations, *, k: int, with_known: bool = True) -> SymmetricList:
    """The list of a model with one vector per product, as near to the directed model as such a model can be.

    Definition
        With one embedding e per product, score(u, v) = e_u · e_v = score(v, u). The symmetric matrix nearest to the
        directed scores S, in every unitarily invariant norm, is

        .. math:: (S + S^T) / 2

        and some embedding attains it off the diagonal, for a multiple of the identity makes it positive semidefinite.

    Parameters
    ----------
    scorer
        The directed model.
    directed
        Its list, to compare with.
    k
        From 1 to 1,000.
    with_known
        Whether known edges, in the direction of the question, are listed too.

    References
    ----------
    Fan & Hoffman (1955), Some metric inequalities in the space of matrices, theorem 2.

    Notes
    -----
    The same list answers both questions, next and before: that is its fault.
    """
    graph, query, direction = directed.graph, directed.query, directed.direction
    _check_question(graph, scorer, k, direction)
    known = as_row(_known_edges(graph, query, direction), of=graph.nodes)
    found = retrieve(_Symmetrised(scorer), np.array([query]), k=k, known=known, with_known=with_known)
    asked, queries = towards(scorer, direction), np.full(len(found.node), query)
    forward, reverse = asked.score_pairs(queries, found.node), asked.score_pairs(found.node, queries)
    return SymmetricList(directed, found.node, found.score, forward, reverse)


@dataclass(frozen=True, slots=True, eq=False)
class _Symmetrised:
    """The mean of both directions."""

    directed: Scorer

    @property
    def nodes(self) -> int:
        return self.directed.nodes

    def score_from(self, sources: IntArray) -> ScoreArray:
        return (self.directed.score_from(sources) + self.directed.score_into(sources)) / np.float32(2)

    def score_into(self, targets: IntArray) -> ScoreArray:
        return self.score_from(targets)

    def score_pairs(self, sources: IntArray, targets: IntArray) -> ScoreArray:
        both_ways = self.directed.score_pairs(sources, targets) + self.directed.score_pairs(targets, sources)
        return both_ways / np.float32(2)
