"""Beyond accuracy: what the lists of all products together look like. Names as in torch_geometric.metrics."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from core.arrays import IntArray
from core.graph.data import BoolArray, Edges, Graph
from core.graph.ranking import most_queries, rows_at_a_time
from core.graph.retrieve import retrieve
from core.graph.scorers import Scorer
from core.jobs import Job, Progress

LIST = 10


@dataclass(frozen=True, slots=True)
class Beyond:
    """Lists of at most 10 new recommendations per query, all together.

    Attributes
    ----------
    queries
        Nodes that were asked: all, or of large graphs as many at random as ``most_queries`` tells.
    served
        Share of them with a list.
    coverage
        Share of all nodes that are in some list.
    gini
        Gini coefficient of how often each node is recommended: 0 all alike, near 1 a few nodes only.
    average_popularity, catalogue_popularity
        Mean training in-degree of what is recommended, and of all nodes.
    personalization
        1 - mean cosine similarity between the lists of two queries; 0 where all get the same.
    reciprocal
        Share of recommendations A → B, B asked too, where A is in the list of B. NaN without any.
    """

    queries: int
    served: float
    coverage: float
    gini: float
    average_popularity: float
    catalogue_popularity: float
    personalization: float
    reciprocal: float

    def frame(self) -> pd.DataFrame:
        """One row: the fields."""
        return pd.DataFrame([asdict(self)])


def measure_lists(scorer: Scorer, training: Graph, *, rng: np.random.Generator) -> Job[Beyond]:
    r"""Coverage, Gini, popularity, personalization and reciprocity of top-10 lists.

    Definition
        A list holds the best nodes that are not yet training targets of the query. With c_1 ≤ … ≤ c_n how often each
        node is recommended,

        .. math:: G = \frac{2 \sum_i i\, c_i}{n \sum_i c_i} - \frac{n + 1}{n}

    Parameters
    ----------
    scorer
        An engine that was fitted on ``training``.
    training
        Graph of the training edges.
    rng
        Draws the queries of a large graph (``most_queries``); coverage and Gini are then of their lists only.

    Notes
    -----
    A query of which the engine knows nothing (all candidates tie) has no list. Other ties are broken by id, so where an
    engine finds fewer than 10 candidates, the first ids fill its lists. Cost O(queries · scoring).

    References
    ----------
    Jannach et al. (2015), What recommenders recommend, UMUAI 25.
    """
    nodes = training.nodes
    queries = np.arange(nodes)
    if nodes > most_queries(nodes):
        queries = np.sort(rng.choice(nodes, most_queries(nodes), replace=False))
    known, rows = training.adjacency(), rows_at_a_time(nodes)
    found: list[Edges] = []
    for start in range(0, len(queries), rows):
        asked = queries[start : start + rows]
        lists = retrieve(scorer, asked, k=LIST, known=known[asked], with_known=False)
        found.append(Edges(asked[lists.row], lists.node))
        yield Progress(min(start + rows, len(queries)) / len(queries), "recommending")
    pairs = Edges(np.concatenate([f.source for f in found]), np.concatenate([f.target for f in found]))
    return describe_lists(pairs, queries, training)


def describe_lists(pairs: Edges, queries: IntArray, training: Graph) -> Beyond:
    """The measures, from recommendations query → node and the queries that were asked."""
    nodes, in_degree = training.nodes, training.in_degree
    times = np.bincount(pairs.target, minlength=nodes)
    length = np.bincount(pairs.source, minlength=nodes)[queries]
    asked_back = np.isin(pairs.target, queries)
    mutual = np.isin(pairs.reversed().keys(nodes), pairs.keys(nodes))
    return Beyond(
        queries=len(queries),
        served=float((length > 0).mean()),
        coverage=float((times > 0).mean()),
        gini=_gini(times),
        average_popularity=_mean(in_degree[pairs.target]),
        catalogue_popularity=_mean(in_degree),
        personalization=_personalize(pairs, nodes),
        reciprocal=_mean(mutual[asked_back]),
    )


def _mean(values: "IntArray | BoolArray") -> float:
    return float(values.mean()) if len(values) else float("nan")


def _gini(times: IntArray) -> float:
    n, total = len(times), int(times.sum())
    if not total:
        return float("nan")
    return float(2 * (np.arange(1, n + 1) @ np.sort(times)) / (n * total) - (n + 1) / n)


def _personalize(pairs: Edges, nodes: int) -> float:
    """With unit vectors x of the lists, the mean of x·y over pairs is (|Σx|² - lists) / (lists · (lists - 1))."""
    length = np.bincount(pairs.source, minlength=nodes)
    lists = int((length > 0).sum())
    if lists < 2:
        return float("nan")
    total = np.bincount(pairs.target, weights=1 / np.sqrt(length[pairs.source]), minlength=nodes)
    return float(1 - (total @ total - lists) / (lists * (lists - 1)))
