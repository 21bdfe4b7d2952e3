"""What could stand in a product's place: products that lead where it leads."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from core.arrays import IntArray
from core.checks import check_count
from core.graph.adjacent import check_node
from core.graph.data import Graph
from core.graph.parts import Ensemble
from core.graph.products import describe_products
from core.graph.projection import Vectors
from core.graph.recommend import MOST
from core.graph.scorers import Product, ScoreArray, Scorer

DUAL = "blade"


@dataclass(frozen=True, slots=True, eq=False)
class Substitutes:
    """Products alike in the role of a source, most alike first.

    Attributes
    ----------
    graph
        The graph.
    node
        int64 of shape (found,).
    likeness
        float32 of shape (found,): cosine with the product asked for, above 0.
    """

    graph: Graph
    node: IntArray
    likeness: ScoreArray

    def frame(self) -> pd.DataFrame:
        """One line per product: rank, node, id, title, category, likeness, degrees."""
        graph, node = self.graph, self.node
        found = describe_products(graph, node).assign(
            likeness=self.likeness, in_degree=graph.in_degree[node], out_degree=graph.out_degree[node]
        )
        found.insert(0, "rank", np.arange(1, len(node) + 1))
        return found


def find_substitutes(graph: Graph, scorer: Scorer, node: int, *, k: int) -> Substitutes:
    r"""The k products that are read most like a product when they are asked what comes next.

    Definition
        .. math:: \cos(\theta^s_u, \theta^s_v)

        A scorer that is a product of matrices reads a source as its row of the left one. Of an ensemble it is the dual
        network, or the first member with such rows. Where vectors have unit length, as DAEMON's,
        this is its θˢ·θˢ; elsewhere the length is left out, since it carries popularity.

    Parameters
    ----------
    graph
        The graph.
    scorer
        Of the same nodes.
    node
        Position of u.
    k
        From 1 to 1,000; fewer are returned where fewer have a cosine above 0, and none where the scorer tells no
        sources apart.

    Raises
    ------
    InputError
        No such node or k.

    References
    ----------
    Virinchi, Saladi & Mondal (2022), Recommending related products using graph neural networks in directed graphs
    (DAEMON), ECML-PKDD.

    Notes
    -----
    Rivals that share accessories are alike here, and so is an accessory that leads to the same others; products whose
    accessories fit nothing else are alike to no rival. Cost O(nodes · d). Ties are broken by id.
    """
    check_count(k, 1, MOST, name="number of products")
    check_node(graph, node)
    rows = _find_rows(scorer)
    likeness = np.zeros(graph.nodes, dtype=np.float32) if rows is None else _measure_cosines(rows, node)
    others = np.delete(np.arange(graph.nodes), node)
    if likeness[others].min(initial=np.inf) == likeness[others].max(initial=-np.inf):
        others = others[:0]
    best = others[np.argsort(-likeness[others], kind="stable")[:k]]
    best = best[likeness[best] > 0]
    return Substitutes(graph, best, likeness[best])


def _find_rows(scorer: Scorer) -> "csr_array | ScoreArray | None":
    """What a scorer reads of each source."""
    if isinstance(scorer, Vectors):
        return scorer.source
    if isinstance(scorer, Product):
        return scorer.left
    if isinstance(scorer, Ensemble):
        members = sorted(scorer.parts, key=lambda part: part.name != DUAL)  # stable: engines come before features
        rows = (_find_rows(part.scorer) for part in members)
        return next((found for found in rows if found is not None), None)
    return None


def _measure_cosines(rows: "csr_array | ScoreArray", node: int) -> ScoreArray:
    """Cosine of each row with one of them; 0 where either is 0."""
    if isinstance(rows, csr_array):
        inner, squares = (rows @ rows[[node]].T).toarray().ravel(), rows.multiply(rows).sum(axis=1)
    else:
        inner, squares = rows @ rows[node], np.einsum("ij,ij->i", rows, rows)
    length = np.sqrt(np.asarray(squares, dtype=np.float64))
    size = length * length[node]
    cosines: ScoreArray = np.divide(inner, size, out=np.zeros(len(size)), where=size > 0).astype(np.float32)
    return cosines
