"""The neighbourhood of one product as a small picture: what is bought before on the left, next on the right."""

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
import pandas as pd

from core.arrays import FloatArray, IntArray
from core.checks import check_count
from core.graph.adjacent import as_row, check_node, edges_after, edges_before
from core.graph.data import BoolArray, Graph, TextArray
from core.graph.products import describe_products
from core.graph.retrieve import Direction, retrieve, towards
from core.graph.scorers import Scorer

NEIGHBOURS = 8  # of a product, on either side
RECOMMENDED = 4  # likewise
FEWEST, MOST = 20, 200
MOST_ARROWS = 300
BEND = 0.2  # of the distance between two columns
SIDES: tuple[Direction, Direction] = ("next", "before")


@dataclass(frozen=True, slots=True, eq=False)
class Ego:
    """What to draw around a product; positions of nodes in the picture are called places.

    Attributes
    ----------
    graph
        The graph.
    node
        int64 of shape (shown,): the nodes shown; place 0 is the centre.
    role
        Text of shape (shown,): ``centre``, or what the node is to the product that brought it in: ``next``, ``before``,
        ``both``, ``recommended next``, ``recommended before``.
    opened
        bool of shape (shown,): the centre, and the nodes whose own neighbours are shown.
    layer
        int64 of shape (shown,): steps after the centre in the order of buying, below 0 before it.
    x, y
        float64 of shape (shown,): layers from left to right.
    tail, head
        int64 of shape (arrows,): places; every arrow touches an opened node.
    side
        Text of shape (arrows,): ``next`` if the arrow leaves the opened node, ``before`` if it reaches it.
    known
        bool of shape (arrows,): whether it is an edge; a recommendation otherwise.
    mutual
        bool of shape (arrows,): whether there is an edge the other way round too.
    strength
        float64 of shape (arrows,): weight of the edge, or score of the recommendation.
    hidden
        Neighbours of opened nodes that are not shown.
    """

    graph: Graph
    node: IntArray
    role: TextArray
    opened: BoolArray
    layer: IntArray
    x: FloatArray
    y: FloatArray
    tail: IntArray
    head: IntArray
    side: TextArray
    known: BoolArray
    mutual: BoolArray
    strength: FloatArray
    hidden: int

    def frame(self) -> pd.DataFrame:
        """One line per arrow: ids and titles of both ends, what it is, weight or score, whether it goes both ways."""
        tail, head = self.node[self.tail], self.node[self.head]
        title = self.graph.items.title
        return pd.DataFrame(
            {
                "from": self.graph.ids[tail],
                "from_title": title[tail],
                "to": self.graph.ids[head],
                "to_title": title[head],
                "what": np.where(self.known, "known edge", "recommended"),
                "strength": self.strength,
                "both_ways": self.mutual,
            }
        )

    def node_frame(self) -> pd.DataFrame:
        """One line per node: node, id, title, category, role, layer, degrees in the whole graph."""
        return describe_products(self.graph, self.node).assign(
            role=self.role,
            layer=self.layer,
            in_degree=self.graph.in_degree[self.node],
            out_degree=self.graph.out_degree[self.node],
        )


def ego_network(
    graph: Graph, scorer: Scorer | None, centre: int, *, expanded: Sequence[int] = (), limit: int = 100
) -> Ego:
    """The strongest neighbours and recommendations of a product, and of those of them that were opened.

    Parameters
    ----------
    graph
        The graph.
    scorer
        Of the same nodes: brings in up to 4 new recommendations per side and orders edges of equal weight. None: edges
        alone.
    centre
        Position of the product.
    expanded
        Positions of the nodes to open, in the order of the clicks; those not in the picture by then are ignored.
    limit
        Most nodes, 20 to 200.

    Raises
    ------
    InputError
        No such node or limit.

    Notes
    -----
    Each opened node brings its 8 strongest edges on either side (by weight, then score, then id). Edges are drawn
    between opened and shown nodes only, at most 300: never the whole graph. What is bought before a next product stands
    in the column of the centre, as it has a neighbour in common with it. Layout: ``networkx.multipartite_layout``, its
    columns bent; no random numbers are drawn. Cost O(opened · (edges + scoring)).
    """
    check_count(limit, FEWEST, MOST, name="number of products shown")
    picture = _Picture([check_node(graph, centre)], ["centre"], [0], {centre: 0})
    opened: list[int] = []
    wishes: list[_Wish] = []
    for hub in [centre, *expanded]:
        if hub in picture.place and hub not in opened:
            opened.append(hub)
            for wish in _wish(graph, scorer, hub):
                wishes.append(wish)
                picture.add(wish, limit)
    arrows = _draw_arrows(graph, picture, opened, wishes)
    node, layer = np.array(picture.node), np.array(picture.layer)
    x, y = _lay_out(layer)
    neighbours = [np.concatenate(_neighbours(graph, hub)) for hub in opened]
    return Ego(
        graph=graph,
        node=node,
        role=np.array(picture.role, dtype=object),
        opened=np.isin(node, opened),
        layer=layer,
        x=x,
        y=y,
        tail=np.array([picture.place[node] for node in arrows["tail"]], dtype=np.int64),
        head=np.array([picture.place[node] for node in arrows["head"]], dtype=np.int64),
        side=arrows["side"].to_numpy(dtype=object),
        known=arrows["known"].to_numpy(dtype=np.bool_),
        mutual=arrows["mutual"].to_numpy(dtype=np.bool_),
        strength=arrows["strength"].to_numpy(dtype=np.float64),
        hidden=len(np.setdiff1d(np.concatenate(neighbours), node)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    """Nodes that an opened node brings in on one side, best first."""

    hub: int
    side: Direction
    recommended: bool
    node: IntArray
    strength: FloatArray
    mutual: BoolArray

    def role(self, at: int) -> str:
        if self.recommended:
            return f"recommended {self.side}"
        return "both" if self.mutual[at] else self.side


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """Nodes in the order in which they came in; they grow together."""

    node: list[int]
    role: list[str]
    layer: list[int]
    place: dict[int, int]

    def add(self, wish: _Wish, limit: int) -> None:
        step = 1 if wish.side == "next" else -1
        layer = self.layer[self.place[wish.hub]] + step
        for at, node in enumerate(wish.node.tolist()):
            if node not in self.place and len(self.node) < limit:
                self.place[node] = len(self.node)
                self.node.append(node)
                self.role.append(wish.role(at))
                self.layer.append(layer)


def _neighbours(graph: Graph, node: int) -> tuple[IntArray, IntArray]:
    return graph.edges.target[edges_after(graph, node)], graph.edges.source[edges_before(graph, node)]


def _weights(graph: Graph, node: int) -> tuple[FloatArray, FloatArray]:
    return graph.weight[edges_after(graph, node)], graph.weight[edges_before(graph, node)]


def _wish(graph: Graph, scorer: Scorer | None, hub: int) -> list[_Wish]:
    """The strongest edges of a node on both sides, then what is recommended on both."""
    found = dict(zip(SIDES, _neighbours(graph, hub), strict=True))
    weight = dict(zip(SIDES, _weights(graph, hub), strict=True))
    wishes = []
    for side, other in zip(SIDES, reversed(SIDES), strict=True):
        node = found[side]
        score = np.zeros(len(node))
        if scorer is not None:
            score = towards(scorer, side).score_pairs(np.full(len(node), hub), node).astype(np.float64)
        order = np.lexsort((node, -score, -weight[side]))[:NEIGHBOURS]
        mutual = np.isin(node[order], found[other])
        wishes.append(_Wish(hub, side, False, node[order], weight[side][order], mutual))
    if scorer is not None:
        for side in SIDES:
            known = as_row(found[side], of=graph.nodes)
            new = retrieve(towards(scorer, side), np.array([hub]), k=RECOMMENDED, known=known, with_known=False)
            wishes.append(
                _Wish(hub, side, True, new.node, new.score.astype(np.float64), np.zeros(len(new.node), dtype=bool))
            )
    return wishes


def _draw_arrows(graph: Graph, picture: _Picture, opened: list[int], wishes: list[_Wish]) -> pd.DataFrame:
    """Edges between opened and shown nodes, then recommendations; an arrow that two opened nodes share comes once."""
    parts = []
    for hub in opened:
        found, weights = _neighbours(graph, hub), _weights(graph, hub)
        for side, node, weight, others in zip(SIDES, found, weights, reversed(found), strict=True):
            mutual = np.isin(node, others)
            parts.append(
                _point(hub, side, node, known=True, mutual=mutual, strength=weight).sort_values(
                    "strength", ascending=False, kind="stable"
                )
            )
    parts += [
        _point(wish.hub, wish.side, wish.node, known=False, mutual=wish.mutual, strength=wish.strength)
        for wish in wishes
        if wish.recommended
    ]
    arrows = pd.concat(parts, ignore_index=True)
    shown = arrows["tail"].isin(picture.node) & arrows["head"].isin(picture.node)
    return arrows[shown].drop_duplicates(["tail", "head"]).head(MOST_ARROWS)


def _point(
    hub: int, side: Direction, node: IntArray, *, known: bool, mutual: BoolArray, strength: FloatArray
) -> pd.DataFrame:
    here = np.full(len(node), hub)
    tail, head = (here, node) if side == "next" else (node, here)
    arrows = {"tail": tail, "head": head, "side": side, "known": known, "mutual": mutual, "strength": strength}
    return pd.DataFrame(arrows)


def _lay_out(layer: IntArray) -> tuple[FloatArray, FloatArray]:
    """Coordinates of the places: an arc per layer in order of arrival, the centre in the middle of its own."""
    beside = np.flatnonzero(layer == 0)[1:].tolist()
    half = len(beside) // 2
    columns = {at: np.flatnonzero(layer == at).tolist() for at in np.unique(layer).tolist()}
    columns[0] = [*beside[:half], 0, *beside[half:]]
    drawn = nx.Graph()
    drawn.add_nodes_from(range(len(layer)))
    position = nx.multipartite_layout(drawn, subset_key=columns)
    x, y = np.array([position[place] for place in range(len(layer))], dtype=np.float64).T
    return x + _bend(layer, x, y, beside), -y


def _bend(layer: IntArray, x: FloatArray, y: FloatArray, beside: list[int]) -> FloatArray:
    """Steps aside that keep arrows within a column off the nodes between: arcs outwards, a zigzag around the centre."""
    step = float(np.ptp(x)) / max(int(np.ptp(layer)), 1)
    aside: FloatArray = np.sign(layer) * (1 - (y / max(float(np.abs(y).max()), 1.0)) ** 2)
    aside[beside] = np.where(np.arange(len(beside)) % 2, -1.0, 1.0)
    return BEND * step * aside
