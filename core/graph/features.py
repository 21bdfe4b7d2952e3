"""What the training edges and the items say of a pair beside the engines, each as a scorer of ordered pairs.

None of them looks whether v → u is an edge: where both directions of a pair fall in one fold, that would tell that
u → v is no test edge. A path u ← x → v and the like cannot run through that edge, for no product leads to itself.
"""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from scipy.sparse import csr_array, diags_array

from core.graph.data import Graph
from core.graph.item_inputs import standardise_features
from core.graph.parts import Bend
from core.graph.scorers import Factors, Product, ScoreArray, Scorer

Feature: TypeAlias = tuple[str, Scorer, Bend]

_MOST_CATEGORIES = 200


def make_features(graph: Graph) -> tuple[Feature, ...]:
    r"""Name, scorer and bend of each feature.

    Definition
        Degrees, with i and o the logarithms log(1 + d) of in- and out-degree: i_v, i_v², o_v, i_v o_u, i_v i_u.

        Common neighbours, weighted as Adamic & Adar (2003) by 1 / log(2 + d_x), in the four directions that a third
        product x can stand in: u → x → v, u → x ← v, u ← x → v, u ← x ← v.

        Category to category, where items have categories: the logarithm of how much more often training edges go from
        the category of u to that of v than if both ends were drawn by themselves,
        log((E_{ab} + 1) E / ((E_{a·} + 1)(E_{·b} + 1))).

        Likeness, where items have features: the cosine of both items' standardised features, unknown ones 0.

    References
    ----------
    Adamic & Adar (2003), Friends and neighbors on the web, Social Networks 25.
    """
    return (*_degrees(graph), *_common_neighbours(graph), *_categories(graph), *_likeness(graph))


def make_source_features(graph: Graph) -> tuple[Feature, ...]:
    """Features that are the same for all targets of a source: the logarithms of its degrees."""
    into, out, one = _log_degrees(graph)
    return (
        ("popularity of the source", Factors(into[:, None], one[:, None]), "plain"),
        ("targets of the source", Factors(out[:, None], one[:, None]), "plain"),
    )


def _log_degrees(graph: Graph) -> tuple[ScoreArray, ScoreArray, ScoreArray]:
    into, out = (np.log1p(degree.astype(np.float32)) for degree in (graph.in_degree, graph.out_degree))
    return into, out, np.ones_like(into)


def _degrees(graph: Graph) -> Iterator[Feature]:
    into, out, one = _log_degrees(graph)
    for name, source, target in (
        ("popularity of the target", one, into),
        ("popularity of the target, squared", one, into**2),
        ("targets of the target", one, out),
        ("popularity of the target × targets of the source", out, into),
        ("popularity of the target × popularity of the source", into, into),
    ):
        yield name, Factors(source[:, None], target[:, None]), "plain"


def _common_neighbours(graph: Graph) -> Iterator[Feature]:
    along = graph.adjacency()
    against = along.T.tocsr()
    rarity = diags_array((1 / np.log(2.0 + graph.in_degree + graph.out_degree)).astype(np.float32))
    steps = {"→": csr_array(along @ rarity), "←": csr_array(against @ rarity)}
    for first, left in steps.items():
        for second, right in (("→", along), ("←", against)):
            yield f"common neighbours u {first} x {second} v", Product(left, right), "log"


def _categories(graph: Graph) -> Iterator[Feature]:
    category, count = graph.items.category, len(graph.items.categories)
    if not 2 <= count <= _MOST_CATEGORIES:
        return
    pairs = category[graph.edges.source] * count + category[graph.edges.target]
    edges = np.bincount(pairs, minlength=count * count).reshape(count, count).astype(np.float64)
    odds = np.log((edges + 1) * max(edges.sum(), 1) / np.outer(edges.sum(axis=1) + 1, edges.sum(axis=0) + 1))
    nodes = graph.nodes
    member = csr_array((np.ones(nodes, dtype=np.float32), (np.arange(nodes), category)), shape=(nodes, count))
    yield "category to category", Product(member, odds.astype(np.float32)[:, category]), "plain"


def _likeness(graph: Graph) -> Iterator[Feature]:
    if not np.isfinite(graph.items.features).any():
        return
    standard = standardise_features(graph.items)
    length = np.linalg.norm(standard, axis=1, keepdims=True)
    unit: ScoreArray = (standard / np.where(length > 0, length, 1.0)).astype(np.float32)
    yield "likeness of the items", Factors(unit, unit), "plain"
