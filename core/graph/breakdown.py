"""Where an engine is good: by degree of query and target, by reciprocity, and from category to category."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.arrays import FloatArray, IntArray
from core.graph.compare import Difference, compare_values
from core.graph.data import BoolArray
from core.graph.metrics import METRICS
from core.graph.resample import Clusters, Estimates, estimate_cells, estimate_columns
from core.graph.split import Split, has_edges

SHOWN = ("HR@10", "MRR@20")
QUERY_DEGREES, TARGET_DEGREES = (0, 3, 10, 30), (0, 3, 10)
SLICES = (
    *(("query out-degree", group) for group in ("0–2", "3–9", "10–29", "30+")),
    *(("target in-degree", group) for group in ("0–2", "3–9", "10+")),
    *(("edge", group) for group in ("one-way", "reciprocal")),
)
SLICE_COLUMNS = ("metric", "by", "group", "value", "lo", "hi", "n")
MOST_CATEGORIES = 15
OTHER = "(other)"
FEWEST = 30


@dataclass(frozen=True, slots=True, eq=False)
class Breakdown:
    """Accuracy in parts of the test edges.

    Attributes
    ----------
    slices
        HR@10 of every slice in ``SLICES``, then MRR@20 of every slice.
    categories
        Names of categories: the 15 with most test edges, the rest together as ``(other)``.
    pairs
        HR@10 of test edges from each category (row) to each (column), row by row.
    """

    slices: Estimates
    categories: tuple[str, ...]
    pairs: Estimates

    def frame(self) -> pd.DataFrame:
        """One row per metric and slice: metric, by, group, value, lo, hi, n."""
        names = [(metric, *where) for metric in SHOWN for where in SLICES]
        return _join(pd.DataFrame(names, columns=SLICE_COLUMNS[:3]), self.slices)

    def category_frame(self) -> pd.DataFrame:
        """One row per ordered pair of categories: source, target, value, lo, hi, n; shown where n is at least 30."""
        names = [(source, target) for source in self.categories for target in self.categories]
        frame = _join(pd.DataFrame(names, columns=["source", "target"]), self.pairs)
        return frame.assign(shown=frame["n"] >= FEWEST)


def _join(names: pd.DataFrame, estimates: Estimates) -> pd.DataFrame:
    return names.assign(value=estimates.value, lo=estimates.lo, hi=estimates.hi, n=estimates.n)


def break_down(split: Split, values: FloatArray, clusters: Clusters) -> Breakdown:
    """HR@10 and MRR@20 with intervals by degree, reciprocity and category.

    Definition
        Degrees are of the training graph: what the engine knew. One-way and reciprocal are of the whole graph.

    Parameters
    ----------
    split
        Edges and the whole graph.
    values
        float64 of shape (test edges, metrics): from ``measure_ranks``.
    clusters
        Of the test edges, by source.

    Notes
    -----
    Degree is a weak predictor of how well an edge is found; neighbourhood overlap predicts it better. A slice of few
    edges has a wide interval, not a hidden one; in the matrix of categories, cells below 30 edges are masked.

    References
    ----------
    Wang et al. (2024), A topological perspective on demystifying GNN-based link prediction performance.
    """
    categories, cell = _pair_categories(split)
    hits = values[:, METRICS.index("HR@10")]
    return Breakdown(
        slices=estimate_columns(slice_values(split, values), clusters),
        categories=categories,
        pairs=estimate_cells(hits, cell, len(categories) ** 2, clusters),
    )


def compare_slices(split: Split, values: FloatArray, other: FloatArray, clusters: Clusters) -> tuple[Difference, ...]:
    """Two engines on the same test edges, paired, in every slice and both metrics."""
    names = [f"{metric}, {by} {group}" for metric in SHOWN for by, group in SLICES]
    return compare_values(slice_values(split, values), slice_values(split, other), clusters, names=names)


def slice_values(split: Split, values: FloatArray) -> FloatArray:
    """Both metrics of each edge once per slice, (edges, metrics · slices), NaN where the edge is outside the slice."""
    training, test = split.fold.graph, split.test
    query = np.searchsorted(QUERY_DEGREES, training.out_degree[test.source], side="right") - 1
    target = np.searchsorted(TARGET_DEGREES, training.in_degree[test.target], side="right") - 1
    mutual = has_edges(split.graph, test.reversed())
    inside = np.column_stack([_spread(query, 4), _spread(target, 3), _spread(mutual.astype(np.int64), 2)])
    columns = [values[:, [METRICS.index(metric)]] for metric in SHOWN]
    return np.column_stack([np.where(inside, column, np.nan) for column in columns])


def _spread(code: IntArray, codes: int) -> BoolArray:
    return np.asarray(code[:, None] == np.arange(codes))


def _pair_categories(split: Split) -> tuple[tuple[str, ...], IntArray]:
    """Names of the categories that are kept, and the cell of each test edge in their matrix."""
    items, test = split.graph.items, split.test
    ends = items.category[np.concatenate([test.source, test.target])]
    edges = np.bincount(ends, minlength=len(items.categories))
    most = np.sort(np.argsort(-edges, kind="stable")[:MOST_CATEGORIES])
    code = np.full(len(items.categories), len(most))
    code[most] = np.arange(len(most))
    names = [items.categories[i] for i in most] + [OTHER] * (len(most) < len(items.categories))
    placed = code[items.category]
    return tuple(names), placed[test.source] * len(names) + placed[test.target]
