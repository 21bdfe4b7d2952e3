"""What was found about a product, in plain sentences. Titles come from outside: show the text as text."""

import numpy as np

from core.arrays import IntArray
from core.graph.compare import Difference
from core.graph.data import Graph
from core.graph.direction import MEASURES, DirectionResult
from core.graph.explain import Explanation
from core.graph.recommend import Recommendations, SymmetricList
from core.graph.split import Split

TOP = 10
LONGEST = 70
NAMED = 3


def suggest_products(graph: Graph, *, limit: int) -> IntArray:
    """Products to begin with: those that lead to most more products than lead to them; ties by id."""
    return np.argsort(graph.in_degree - graph.out_degree, kind="stable")[:limit]


def name_product(graph: Graph, node: int) -> str:
    """The title, cut at 70 characters."""
    title = str(graph.items.title[node])
    return title if len(title) <= LONGEST else f"{title[: LONGEST - 1]}…"


def state_asymmetry(recommendations: Recommendations, place: int) -> str:
    """What one line of a list says both ways round.

    Parameters
    ----------
    recommendations
        The list.
    place
        Position in it, from 0.

    Notes
    -----
    The place is that in the list, which may leave known edges out; the rank is that of the query among all products,
    were the item asked the same question. One recommends the other where that is at most 10.
    """
    graph, item = recommendations.graph, int(recommendations.node[place])
    query, other = name_product(graph, recommendations.query), name_product(graph, item)
    rank, back = place + 1, float(recommendations.reverse_rank[place])
    said = _WAYS[recommendations.direction]
    ranks = f"place {rank:,} in the list one way, rank {back:,.10g} of {graph.nodes - 1:,} the other"
    if rank <= TOP and back <= TOP:
        return f"Both ways: {said['does'].format(query, other)}, and {said['does'].format(other, query)} ({ranks})."
    if rank <= TOP:
        return f"{said['does'].format(query, other)}; {said['does not'].format(other, query)}: {ranks}."
    if back <= TOP:
        return f"{said['does not'].format(query, other)}; {said['does'].format(other, query)}: {ranks}."
    return f"Neither is among the other's first {TOP}: {query} and {other}, {ranks}."


_WAYS = {
    "next": {"does": "{} recommends {}", "does not": "{} does not recommend {}"},
    "before": {"does": "{} is recommended by {}", "does not": "{} is not recommended by {}"},
}


def state_symmetric(found: SymmetricList) -> str:
    """What a model without direction gets wrong, next to the directed one."""
    if not len(found.node):
        return "It has no list for this product either."
    wrong = np.flatnonzero(found.wrong_way)
    if not len(wrong):
        absent = int(found.absent.sum())
        return (
            f"Of its {len(found.node)} products none lies the wrong way round by the directed scores; {absent} of them "
            f"{'is' if absent == 1 else 'are'} not in the directed list."
        )
    graph = found.directed.graph
    shown = "; ".join(name_product(graph, node) for node in found.node[wrong[:NAMED]].tolist())
    rest = f"; and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    way = "comes before rather than after" if found.directed.direction == "next" else "comes after rather than before"
    lie = "lies" if len(wrong) == 1 else "lie"
    return (
        f"{len(wrong)} of its {len(found.node)} products {lie} the wrong way round; by the directed scores such a "
        f"product {way} this one: {shown}{rest}."
    )


def state_terms(explanation: Explanation) -> str:
    """How many parts a score has, and how much the largest explain."""
    terms = explanation.terms
    count = len(terms.value)
    if not count:
        return "The score is 0: no part of it is different from 0."
    if not terms.through.any():
        return terms.note or f"The score {explanation.score:.4g} has {count:,} parts, none of them a product."
    largest = float(terms.value[:NAMED].sum())
    return (
        f"The score {explanation.score:.4g} is the sum of {count:,} parts; the {min(NAMED, count)} largest add up to "
        f"{largest:.4g}. {terms.note}".strip()
    )


def state_support(explanation: Explanation) -> str:
    """How many links of each kind the graph has between the two products."""
    links = explanation.support.links
    return (
        f"Paths through one product: {links['path']:,}. Products that both lead to: {links['shared next']:,}. Products "
        f"that lead to both: {links['shared before']:,}. Links through shared targets: {links['co-bought']:,}."
    )


def state_difference(difference: Difference, mine: str, theirs: str) -> str:
    """One engine against another in one metric."""
    size = f"{difference.difference:+.3f} ({difference.lo:+.3f} to {difference.hi:+.3f})"
    if difference.verdict == "no difference shown":
        return f"{mine} against {theirs}, {difference.metric}: no difference shown, {size}."
    return f"{mine} is {difference.verdict} than {theirs} in {difference.metric}: {size}."


def state_direction(direction: DirectionResult, title: str) -> str:
    """Whether an engine tells directions better than the in-degree alone, by the direction AUC."""
    at = MEASURES.index("direction AUC")
    found, gain = direction.engine.entry(at), direction.gains[at]
    if not direction.engine.n[at]:
        return f"{title}: no test edge is one-way, so nothing is known of the direction."
    shown = "no difference shown" if gain.verdict == "no difference shown" else f"{gain.verdict} than it"
    return (
        f"{title}: direction AUC {found['value']:.3f} ({found['lo']:.3f} to {found['hi']:.3f}) on "
        f"{direction.engine.n[at]:,} one-way test edges; the in-degree alone {gain.other:.3f}: {shown}, "
        f"{gain.difference:+.3f} ({gain.lo:+.3f} to {gain.hi:+.3f})."
    )


def state_split(split: Split) -> str:
    """How the edges were parted, and whether the test leaks."""
    size = f"{len(split.test):,} test edges of {len(np.unique(split.test.source)):,} products"
    if split.kind == "pair":
        return (
            f"Split by pair: {size}; both directions of a pair are on the same side, so that none gives the other away."
        )
    share = f"{split.reverse_in_train:.0%} of them have their reverse in training"
    if split.kind == "edge":
        return f"Split by edge, which LEAKS: {size}, {share}. To compare with papers; trust the split by pair."
    return f"Split by time: {size}, the latest ones; {share}, as it would be in use."
