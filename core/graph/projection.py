"""A map of products: both of their vectors in one plane, and their neighbours where all dimensions count."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from core.arrays import FloatArray, IntArray
from core.checks import check_count
from core.graph.data import Graph
from core.graph.products import describe_products
from core.graph.ranking import rows_at_a_time
from core.graph.retrieve import top_k
from core.graph.scorers import Factors, ScoreArray, Scorer

NEIGHBOURS = 5
MOST = 2_000
RANK = 32
_SAME = 1e-6  # cosines nearer than float32 tells apart
_DECEIVES = "distances on the map deceive, the neighbours are found in all dimensions"
_ALIKE = "All vectors are the same: the engine tells no product from another."


@runtime_checkable
class Vectors(Protocol):
    """A scorer that has two vectors per node."""

    @property
    def source(self) -> ScoreArray:
        """θˢ, of shape (nodes, d)."""

    @property
    def target(self) -> ScoreArray:
        """θᵗ, of shape (nodes, d)."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Some products in the plane, once as a query (source role) and once as an answer (target role).

    Attributes
    ----------
    graph
        The graph.
    node
        int64 of shape (shown,): the nodes shown, sorted.
    source, target
        float64 of shape (shown, 2): coordinates of θˢ and θᵗ.
    share
        Part of the variance of all vectors shown that the plane keeps; NaN where they do not vary.
    alike_source, alike_target
        int64 of shape (shown, at most 5): positions in ``node`` of the most similar products shown by cosine of θˢ, and
        of θᵗ, in all dimensions, most similar first; -1 at the end where more products are as similar as there is room
        for, or where the vector is 0: then none of them is more alike than others.
    own
        Whether the vectors are the engine's; made from its scores otherwise.
    """

    graph: Graph
    node: IntArray
    source: FloatArray
    target: FloatArray
    share: float
    alike_source: IntArray
    alike_target: IntArray
    own: bool

    @property
    def note(self) -> str:
        """What the reader must know about the map."""
        kept = f"The plane keeps {self.share:.0%} of the variance: {_DECEIVES}." if self.share == self.share else _ALIKE
        shown = len(self.node)
        drawn = f" {shown:,} of {self.graph.nodes:,} products, drawn by degree." if shown < self.graph.nodes else ""
        made = "" if self.own else " The engine has no vectors: these are singular vectors of its scores."
        return f"{kept}{drawn}{made}"

    def frame(self) -> pd.DataFrame:
        """One line per product: node, id, title, category, both places, and the most similar products by id."""
        ids = self.graph.ids[self.node]
        return describe_products(self.graph, self.node).assign(
            source_x=self.source[:, 0],
            source_y=self.source[:, 1],
            target_x=self.target[:, 0],
            target_y=self.target[:, 1],
            alike_as_query=[", ".join(ids[alike[alike >= 0]]) for alike in self.alike_source],
            alike_as_answer=[", ".join(ids[alike[alike >= 0]]) for alike in self.alike_target],
        )


def project_spaces(graph: Graph, scorer: Scorer, *, limit: int = 800, rng: np.random.Generator) -> Projection:
    r"""Put both vectors of each product into the plane that keeps most of their variance.

    Definition
        Principal components of both roles in one space: with X the centred rows θˢ and θᵗ of the products shown, one
        below the other, and X = U Σ Vᵀ, the coordinates are the first two columns of X V, and their share of the
        variance is

        .. math:: (\sigma_1^2 + \sigma_2^2) / \sum_i \sigma_i^2

    Parameters
    ----------
    graph
        The graph: degrees and categories.
    scorer
        Of the same nodes. Where it has no vectors, singular vectors of the scores among the products shown, times the
        roots of the 32 largest singular values, take their place.
    limit
        Most products, 2 to 2,000. Where there are more, they are drawn with probabilities proportional to degree + 1.
    rng
        Draws them.

    Raises
    ------
    InputError
        No such limit.

    References
    ----------
    Jolliffe (2002), Principal Component Analysis, chapter 3.

    Notes
    -----
    The sign of each axis is such that its largest coordinate in size is positive.
    """
    check_count(limit, 2, MOST, name="number of products shown")
    degree = graph.in_degree + graph.out_degree + 1.0
    count = min(limit, graph.nodes)
    node = np.sort(rng.choice(graph.nodes, count, replace=False, p=degree / degree.sum()))
    own = isinstance(scorer, Vectors)
    vectors = (
        Factors(scorer.source[node], scorer.target[node]) if isinstance(scorer, Vectors) else _factorise(scorer, node)
    )
    both = np.concatenate([vectors.source, vectors.target]).astype(np.float64)
    both -= both.mean(axis=0)
    plane, share = _project(both)
    return Projection(
        graph=graph,
        node=node,
        source=plane[:count],
        target=plane[count:],
        share=share,
        alike_source=_find_alike(vectors.source),
        alike_target=_find_alike(vectors.target),
        own=own,
    )


def _factorise(scorer: Scorer, node: IntArray) -> Factors:
    """Vectors from the scores of some nodes among each other; what a node scores with itself does not count."""
    step = rows_at_a_time(scorer.nodes)
    blocks = [scorer.score_from(node[start : start + step])[:, node] for start in range(0, len(node), step)]
    scores = np.concatenate(blocks)
    np.fill_diagonal(scores, 0)
    left, size, right = np.linalg.svd(scores, full_matrices=False)
    root = np.sqrt(size[:RANK])
    return Factors(left[:, :RANK] * root, right[:RANK].T * root)


def _project(both: FloatArray) -> tuple[FloatArray, float]:
    _, size, axes = np.linalg.svd(both, full_matrices=False)
    plane = np.zeros((len(both), 2))
    plane[:, : len(axes[:2])] = both @ axes[:2].T
    largest = plane[np.abs(plane).argmax(axis=0), np.arange(2)]
    total = float((size**2).sum())
    share = float((size[:2] ** 2).sum()) / total if total else float("nan")
    return plane * np.where(largest < 0, -1, 1), share


def _find_alike(vectors: ScoreArray) -> IntArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(length > 0, length, 1)
    cosine: ScoreArray = (unit @ unit.T).astype(np.float32)
    np.fill_diagonal(cosine, -np.inf)
    best = top_k(cosine, NEIGHBOURS + 1)[:, : len(vectors) - 1]
    value = np.take_along_axis(cosine, best, axis=1)
    rest = value[:, [NEIGHBOURS]] if best.shape[1] > NEIGHBOURS else np.full((len(best), 1), -np.inf, np.float32)
    best, value = best[:, :NEIGHBOURS], value[:, :NEIGHBOURS]
    return np.where((value > rest + _SAME) & (length > 0), best, -1)
