"""Why a product is recommended: the parts that its score consists of, and the edges that support it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.arrays import FloatArray, IntArray
from core.errors import InputError
from core.graph.adjacent import check_node, edges_after, edges_before
from core.graph.data import Graph, TextArray
from core.graph.products import describe_products
from core.graph.scorers import Scorer
from core.graph.terms import Explainable, Terms

MOST_LISTED = 20
NO_PARTS = (
    "The score is the product of two learned vectors: no decomposition over neighbours exists. The paths below "
    "support it, but are not what it was computed from."
)


@dataclass(frozen=True, slots=True, eq=False)
class Support:
    r"""What the graph itself says of a pair u → v: its strongest links through other products.

    Definition
        ``path``: u → x → v. ``shared next``: u → x ← v. ``shared before``: u ← x → v. ``co-bought``: u → x ← y → v, one
        line per x. A link with edge weights w₁ … w_m through products z has the strength

        .. math:: (w_1 \cdots w_m)^{1/m} \prod_z 1 / \log(1 + \deg z)

        and a line the sum over its links: a link through a rare product says more than one through a bestseller.

    Attributes
    ----------
    graph
        The graph.
    kind
        Text of shape (lines,): which of the four; at most 20 lines of each, strongest first.
    node
        int64 of shape (lines,): the product x.
    count
        int64 of shape (lines,): links of the line; the number of y, or 1.
    strength
        float64 of shape (lines,): as defined; to compare lines of one kind.
    links
        How many links of each kind there are, listed or not.

    References
    ----------
    Adamic & Adar (2003), Friends and neighbors on the web (the weight of a shared neighbour).
    """

    graph: Graph
    kind: TextArray
    node: IntArray
    count: IntArray
    strength: FloatArray
    links: dict[str, int]

    def frame(self) -> pd.DataFrame:
        """One line per kind and product: kind, id, title, category, links, strength."""
        described = describe_products(self.graph, self.node)
        return described.assign(kind=self.kind, links=self.count, strength=self.strength)[
            ["kind", *described.columns, "links", "strength"]
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The score of one pair, taken apart.

    Attributes
    ----------
    graph
        The graph.
    source, target
        Positions of u and v.
    score
        score(u → v).
    terms
        Parts whose sum is the score, largest in size first.
    support
        What the graph says of the pair.
    """

    graph: Graph
    source: int
    target: int
    score: float
    terms: Terms
    support: Support

    def frame(self) -> pd.DataFrame:
        """One line per part: part, node (missing where it goes through none), id, title, category, value."""
        terms = self.terms
        described = describe_products(self.graph, terms.node)
        described = described.where(pd.Series(terms.through), axis=0)
        described["node"] = described["node"].astype("Int64")
        described.insert(0, "part", terms.part)
        return described.assign(value=terms.value)

    def by_part(self) -> pd.DataFrame:
        """One line per kind of part, largest in size first: part, terms (how many), value (their sum)."""
        told = pd.DataFrame({"part": self.terms.part, "value": self.terms.value})
        summed = told.groupby("part", sort=False)["value"].agg(["size", "sum"])
        summed = summed.sort_values("sum", key=np.abs, ascending=False, kind="stable").reset_index()
        return summed.rename(columns={"size": "terms", "sum": "value"})


def explain(graph: Graph, scorer: Scorer, source: int, target: int) -> Explanation:
    """Take score(source → target) apart, exactly where the scorer is a sum, and list what the graph says of the pair.

    Parameters
    ----------
    graph
        The graph whose edges count as support: the one that the scorer learned from.
    scorer
        Of the same nodes. One with a method ``terms`` is taken apart; of any other, the score is the only part.
    source, target
        Positions of two different products.

    Raises
    ------
    InputError
        No such node, or one node twice.

    Notes
    -----
    Cost O(edges), for the edges that reach the target are searched in all of them.
    """
    check_node(graph, source), check_node(graph, target)
    if source == target:
        raise InputError("A product is not recommended with itself.", fix="Choose two different products.")
    score = float(scorer.score_pairs(np.array([source]), np.array([target]))[0])
    if isinstance(scorer, Explainable):
        terms = scorer.terms(source, target).sorted()
    else:
        terms = Terms.named(np.array(["whole score"], dtype=object), np.array([score]), note=NO_PARTS)
    return Explanation(graph, source, target, score, terms, find_support(graph, source, target))


def find_support(graph: Graph, source: int, target: int) -> Support:
    """The strongest links between two products through others, see :class:`Support`."""
    edges, weight = graph.edges, graph.weight
    rarity = 1 / np.log1p(np.maximum(graph.in_degree + graph.out_degree, 1))
    after = [_Side(edges.target[at], weight[at]) for at in (edges_after(graph, u) for u in (source, target))]
    before = [_Side(edges.source[at], weight[at]) for at in (edges_before(graph, u) for u in (source, target))]
    found = {
        "path": _meet(after[0], before[1], rarity),
        "shared next": _meet(after[0], after[1], rarity),
        "shared before": _meet(before[0], before[1], rarity),
        "co-bought": _meet_twice(graph, after[0].without(target), before[1].without(source), rarity),
    }
    lines = {kind: lines.strongest() for kind, lines in found.items()}
    return Support(
        graph=graph,
        kind=np.repeat(np.array(list(lines), dtype=object), [len(part.node) for part in lines.values()]),
        node=np.concatenate([part.node for part in lines.values()]),
        count=np.concatenate([part.count for part in lines.values()]),
        strength=np.concatenate([part.strength for part in lines.values()]),
        links={kind: int(part.count.sum()) for kind, part in found.items()},
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """The neighbours of one product on one side, sorted, with the weights of the edges to them."""

    node: IntArray
    weight: FloatArray

    def without(self, node: int) -> "_Side":
        kept = self.node != node
        return _Side(self.node[kept], self.weight[kept])


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    node: IntArray
    count: IntArray
    strength: FloatArray

    def strongest(self) -> "_Lines":
        order = np.lexsort((self.node, -self.strength))[:MOST_LISTED]
        return _Lines(self.node[order], self.count[order], self.strength[order])


def _meet(one: _Side, other: _Side, rarity: FloatArray) -> _Lines:
    """Links of two edges that meet in one product."""
    node, i, j = np.intersect1d(one.node, other.node, assume_unique=True, return_indices=True)
    strength = np.sqrt(one.weight[i] * other.weight[j]) * rarity[node]
    return _Lines(node, np.ones(len(node), dtype=np.int64), strength)


def _meet_twice(graph: Graph, ends: _Side, starts: _Side, rarity: FloatArray) -> _Lines:
    """Links of three edges: to x among ``ends``, back to y among ``starts``, and on from y."""
    edge, y = _edges_of(graph, starts.node)
    x = np.searchsorted(ends.node, graph.edges.target[edge])
    met = np.append(ends.node, -1)[x] == graph.edges.target[edge]
    edge, x, y = edge[met], x[met], y[met]
    strength = np.cbrt(ends.weight[x] * graph.weight[edge] * starts.weight[y])
    strength *= rarity[ends.node[x]] * rarity[starts.node[y]]
    count = np.bincount(x, minlength=len(ends.node))
    total: FloatArray = np.bincount(x, weights=strength, minlength=len(ends.node)).astype(np.float64)
    return _Lines(ends.node[count > 0], count[count > 0], total[count > 0])


def _edges_of(graph: Graph, nodes: IntArray) -> tuple[IntArray, IntArray]:
    """Positions of all edges that leave some nodes, and for each the position in ``nodes``."""
    first = np.searchsorted(graph.edges.source, nodes)
    degree = np.searchsorted(graph.edges.source, nodes, side="right") - first
    which = np.repeat(np.arange(len(nodes)), degree)
    within = np.arange(len(which)) - np.repeat(np.cumsum(degree) - degree, degree)
    return first[which] + within, which
