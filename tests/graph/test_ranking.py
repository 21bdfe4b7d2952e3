"""Filtered realistic ranks: by hand, against a slow obvious version, and what they must not depend on."""

import numpy as np
import pytest

from core.errors import InputError
from core.graph import ranking
from core.graph.data import Edges, make_adjacency
from core.graph.ranking import most_queries, rank_edges, rank_in_blocks
from core.jobs import Progress
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph, random_table, table


def rank_slowly(scorer, edges, graph):
    """Sort the candidates in every order of ties there is: the mean of the best and the worst place."""
    known = set(zip(graph.edges.source.tolist(), graph.edges.target.tolist(), strict=True))
    ranks = []
    for u, v in zip(edges.source.tolist(), edges.target.tolist(), strict=True):
        own = scorer.scores[u, v]
        others = [scorer.scores[u, w] for w in range(graph.nodes) if w not in (u, v) and (u, w) not in known]
        best, worst = 1 + sum(s > own for s in others), 1 + sum(s >= own for s in others)
        ranks.append((best + worst) / 2)
    return np.array(ranks)


def test_five_nodes_with_ties_by_hand():
    """Node 0 knows 1 and 2, tested 1 and 2. Candidates beside 1 are 3, 4 (scores 7, 2): 2 stands below 7, ties 2.

    Edge 0 → 1, score 2: one above, one equal: 1 + 1 + 1/2 = 2.5. Edge 0 → 2, score 9: rank 1.
    Edge 4 → 0, score 0 like all others, candidates beside it 1, 2, 3: 1 + 3/2 = 2.5.
    """
    scores = np.zeros((5, 5))
    scores[0] = [99, 2, 9, 7, 2]
    graph = make_graph([(0, 1), (0, 2), (4, 0)], 5)
    assert rank_edges(table(scores), graph.edges, known=graph.adjacency()).tolist() == [2.5, 1, 2.5]


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_slow_version(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, int(rng.integers(2, 15)), share=rng.uniform(0.05, 0.7))
    scorer = random_table(rng, graph.nodes)
    edges = graph.edges.take(rng.permutation(len(graph.edges))[: rng.integers(1, len(graph.edges) + 1)])
    assert np.array_equal(rank_edges(scorer, edges, known=graph.adjacency()), rank_slowly(scorer, edges, graph))


def test_small_blocks_give_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    graph = random_graph(rng, 20)
    scorer = random_table(rng, 20)
    at_once = rank_edges(scorer, graph.edges, known=graph.adjacency())
    monkeypatch.setattr(ranking, "CELLS", 60)
    monkeypatch.setattr(ranking, "COMPARED", 30)
    job = rank_in_blocks(scorer, graph.edges, known=graph.adjacency())
    shares = [report.share for report in iter_reports(job)]
    assert len(shares) == 7  # 20 sources, 3 at a time
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert np.array_equal(rank_edges(scorer, graph.edges, known=graph.adjacency()), at_once)


def iter_reports(job):
    for report in job:
        assert isinstance(report, Progress)
        yield report


def test_a_positive_of_another_fold_is_no_candidate():
    """0 → 2 outscores 0 → 1; once 0 → 2 is known, 0 → 1 is first."""
    scorer = table([[0, 1, 2, 0], [0] * 4, [0] * 4, [0] * 4])
    tested = make_edges([(0, 1)])
    alone, both = (make_adjacency(make_edges(pairs), 4) for pairs in ([(0, 1)], [(0, 1), (0, 2)]))
    assert rank_edges(scorer, tested, known=alone).tolist() == [2]
    assert rank_edges(scorer, tested, known=both).tolist() == [1]


def test_an_edge_that_is_not_known_does_not_tie_with_itself():
    scorer, none = table([[0, 1, 0], [0] * 3, [0] * 3]), make_adjacency(make_edges([]), 3)
    assert rank_edges(scorer, make_edges([(0, 1)]), known=none).tolist() == [1]


def test_equal_scores_stand_in_the_middle():
    """9 candidates beside the true one, all equal: 1 + 9/2 - one is u itself, so 8: 5."""
    graph = make_graph([(0, 1)], 10)
    assert rank_edges(table(np.ones((10, 10))), graph.edges, known=graph.adjacency()).tolist() == [5]


@pytest.mark.parametrize("low", [-np.inf, -1e30])
def test_an_engine_may_give_minus_infinity(low):
    """Everything but node 3 is -inf for node 0: the true one ties with node 2, below node 3: 1 + 1 + 1/2."""
    graph = make_graph([(0, 1)], 4)
    scorer = table([[low, low, low, 1], [0] * 4, [0] * 4, [0] * 4])
    assert rank_edges(scorer, graph.edges, known=graph.adjacency()).tolist() == [2.5]


def test_a_score_that_is_no_number_is_refused():
    graph = make_graph([(0, 1)], 3)
    with pytest.raises(InputError, match="not a number"):
        rank_edges(table(np.full((3, 3), np.nan)), graph.edges, known=graph.adjacency())


def test_no_edges_have_no_ranks():
    graph = make_graph([(0, 1)], 2)
    assert rank_edges(table(np.ones((2, 2))), make_edges([]), known=graph.adjacency()).shape == (0,)


def test_order_of_edges_does_not_matter():
    rng = np.random.default_rng(1)
    graph = random_graph(rng, 12)
    scorer = random_table(rng, 12)
    order = rng.permutation(len(graph.edges))
    ranks = rank_edges(scorer, graph.edges, known=graph.adjacency())
    assert np.array_equal(rank_edges(scorer, graph.edges.take(order), known=graph.adjacency()), ranks[order])


def test_names_of_nodes_do_not_matter():
    rng = np.random.default_rng(2)
    graph, scorer = random_graph(rng, 12), random_table(rng, 12)
    new = rng.permutation(12)  # node i is called new[i]
    edges = Edges(new[graph.edges.source], new[graph.edges.target])
    scores = np.empty_like(scorer.scores)
    scores[np.ix_(new, new)] = scorer.scores
    moved = rank_edges(table(scores), edges, known=make_adjacency(edges, 12))
    assert np.array_equal(moved, rank_edges(scorer, graph.edges, known=graph.adjacency()))


@pytest.mark.parametrize(("nodes", "queries"), [(1, 2_000_000_000), (100_000, 20_000), (10_000_000, 1_000)])
def test_queries_that_a_large_graph_affords(nodes, queries):
    assert most_queries(nodes) == queries
