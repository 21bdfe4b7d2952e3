"""What a graph looks like before anything learns from it, and what may be wrong with it."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import connected_components

from core.arrays import IntArray
from core.graph.data import Cleaning, Graph
from core.graph.split import has_edges

ORDERED_SHARE: Final = 0.99  # of the edges from the lower to the higher id, from which on the order is no chance
FEW_EDGES: Final = 50  # below it one order or one way may be chance
SPARSE_DEGREE: Final = 2.0
SWAPPED_RATIO: Final = 1.5  # of the largest out-degree to the largest in-degree
ALONE_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Extreme:
    """The node of the largest degree."""

    degree: int
    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Health:
    """Counts of a graph, and warnings in plain words.

    Attributes
    ----------
    nodes, edges
        Products, and edges after cleaning.
    mean_degree
        Edges per product that has any.
    one_way
        Share of the edges whose reverse is no edge.
    reciprocal_pairs
        Pairs of products with edges both ways.
    max_out, max_in
        Product with most edges out, and with most edges in; the first by id among equals.
    no_out, no_in, alone
        Share of the products without an edge out, without an edge in, and without any.
    components, largest
        Groups of products that edges connect whatever their direction, and the share of the products in the largest.
    ascending
        Share of the edges that lead from a lower to a higher id: as numbers where all ids are, else as text.
    listed
        Products that an item file names; 0 where there is none.
    cleaning
        What was set right while the graph was read.
    """

    nodes: int
    edges: int
    mean_degree: float
    one_way: float
    reciprocal_pairs: int
    max_out: Extreme
    max_in: Extreme
    no_out: float
    no_in: float
    alone: float
    components: int
    largest: float
    ascending: float
    listed: int
    cleaning: Cleaning

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may be wrong, in plain words, most serious first."""
        return tuple(filter(None, (warn(self) for warn in (_symmetric, _one_per_pair, _swapped, *_LESSER))))

    def frame(self) -> pd.DataFrame:
        """One row per count: ``measure``, ``value``, ``product`` (title of the product it is about, or empty)."""
        cleaning = self.cleaning
        rows: list[tuple[str, float, str]] = [
            ("products", self.nodes, ""),
            ("edges", self.edges, ""),
            ("edges per connected product", self.mean_degree, ""),
            ("share of one-way edges", self.one_way, ""),
            ("pairs with edges both ways", self.reciprocal_pairs, ""),
            ("largest out-degree", self.max_out.degree, self.max_out.title),
            ("largest in-degree", self.max_in.degree, self.max_in.title),
            ("share of products without an edge out", self.no_out, ""),
            ("share of products without an edge in", self.no_in, ""),
            ("share of products without any edge", self.alone, ""),
            ("weak components", self.components, ""),
            ("share of products in the largest component", self.largest, ""),
            ("share of edges from a lower to a higher id", self.ascending, ""),
            ("duplicate edges merged", cleaning.duplicates, ""),
            ("self-loops dropped", cleaning.self_loops, ""),
            ("edge rows left out", sum(rows for _, rows in cleaning.excluded), ""),
            ("item rows left out", sum(rows for _, rows in cleaning.excluded_items), ""),
            ("products in the item file", self.listed, ""),
            ("products that the item file misses", cleaning.unlisted, ""),
            ("titles cut short", cleaning.titles_cut, ""),
        ]
        return pd.DataFrame(rows, columns=["measure", "value", "product"])

    def to_json(self) -> dict[str, Any]:
        """Plain values, the warnings among them."""
        return asdict(self) | {"warnings": list(self.warnings)}


def measure_health(graph: Graph) -> Health:
    """Count what a graph consists of, and warn of what may be wrong with it.

    Definition
    ----------
    An edge is one-way where its reverse is no edge. Components are those of the graph without directions.

    Notes
    -----
    Cost O(edges log edges).
    """
    out, into = graph.out_degree, graph.in_degree
    reciprocal = int(has_edges(graph, graph.edges.reversed()).sum())
    count, label = connected_components(graph.adjacency(), directed=True, connection="weak")
    rank = _rank_ids(graph)
    edges = len(graph.edges)
    return Health(
        nodes=graph.nodes,
        edges=edges,
        mean_degree=edges / max(int(((out + into) > 0).sum()), 1),
        one_way=(edges - reciprocal) / max(edges, 1),
        reciprocal_pairs=reciprocal // 2,
        max_out=_find_extreme(graph, out),
        max_in=_find_extreme(graph, into),
        no_out=float((out == 0).mean()),
        no_in=float((into == 0).mean()),
        alone=float(((out + into) == 0).mean()),
        components=int(count),
        largest=int(np.bincount(label).max()) / graph.nodes,
        ascending=int((rank[graph.edges.source] < rank[graph.edges.target]).sum()) / max(edges, 1),
        listed=int(graph.items.listed.sum()),
        cleaning=graph.cleaning,
    )


def _find_extreme(graph: Graph, degree: IntArray) -> Extreme:
    node = int(degree.argmax())
    return Extreme(int(degree[node]), str(graph.ids[node]), str(graph.items.title[node]))


def _rank_ids(graph: Graph) -> IntArray:
    """What ids are ordered by: their numbers where all are whole numbers, else their text."""
    try:
        return graph.ids.astype(np.int64)
    except (ValueError, OverflowError):
        return np.arange(graph.nodes)


def _symmetric(health: Health) -> str:
    if health.cleaning.undirected:
        rest = " The direction of the other edges is all that can be learned." if health.one_way else ""
        return (
            "The file holds undirected edges; each was read as two, one each way. They do not tell which product comes "
            f"first.{rest}"
        )
    if health.edges >= FEW_EDGES and health.one_way <= 1 - ORDERED_SHARE:
        every = "Every edge has" if health.one_way == 0 else f"{1 - health.one_way:.1%} of the edges have"
        return (
            f"{every} a reverse: the file looks like an undirected graph written both ways. There is no direction to "
            "learn from it; export the pairs in the order in which they were bought."
        )
    return ""


def _one_per_pair(health: Health) -> str:
    if health.edges < FEW_EDGES:
        return ""
    ordered = max(health.ascending, 1 - health.ascending)
    if ordered >= ORDERED_SHARE:
        which = "lower to the higher" if health.ascending > 0.5 else "higher to the lower"
        pairs = health.reciprocal_pairs
        mutual = "No pair has" if not pairs else "1 pair has" if pairs == 1 else f"{pairs:,} pairs have"
        return (
            f"{mutual} edges both ways, and {ordered:.1%} of the edges lead from the {which} id: the file looks "
            "like an undirected graph with one row per pair. Its direction would then be the order of the ids and mean "
            "nothing; export both directions, each where it was bought."
        )
    if health.one_way < 1:
        return ""
    return (
        "No pair of products has edges both ways. Most shops have some; check that the export did not keep one row per "
        "pair, which would make the direction a matter of chance."
    )


def _swapped(health: Health) -> str:
    if health.edges < FEW_EDGES or health.max_out.degree < SWAPPED_RATIO * health.max_in.degree:
        return ""
    return (
        f"The largest out-degree ({health.max_out.degree:,}) is above the largest in-degree ({health.max_in.degree:,})."
        " Usually many products lead to one popular accessory, and no product leads to as many: source and target may "
        "be swapped. To tell, look at one pair that you know: if the case leads to the phone, swap the direction."
    )


def _sparse(health: Health) -> str:
    if health.mean_degree >= SPARSE_DEGREE:
        return ""
    return (
        f"There are {health.mean_degree:.2g} edges per connected product. With so few, neighbours of neighbours tell "
        "little, and metrics have wide intervals; give a longer period, or a lower cut below which pairs are dropped."
    )


def _unlisted(health: Health) -> str:
    if not health.cleaning.unlisted:
        return ""
    return (
        f"The item file misses {health.cleaning.unlisted:,} of {health.nodes:,} products; they are shown by their id, "
        "have no features, and their category is (missing). If these are many, check that both files write ids alike."
    )


def _alone(health: Health) -> str:
    if health.alone < ALONE_SHARE:
        return ""
    return (
        f"{health.alone:.0%} of the products have no edge. Only what is known of them as items can lead to them; check "
        "that the edges and the items write ids alike."
    )


def _left_out(health: Health) -> str:
    if not health.cleaning.excluded:
        return ""
    reasons = "; ".join(f"{reason}: {rows:,}" for reason, rows in health.cleaning.excluded)
    return f"Rows of edges were left out ({reasons})."


_LESSER = (_sparse, _unlisted, _alone, _left_out)
