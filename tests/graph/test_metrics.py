"""Metrics from ranks, by hand and against a slow list of each query."""

import numpy as np
import pytest

from core.graph.data import Edges
from core.graph.metrics import METRICS, measure_ranks
from core.graph.ranking import rank_edges
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph, table


def means(values):
    return dict(zip(METRICS, np.nanmean(values, axis=0), strict=True))


def test_five_nodes_with_ties_by_hand():
    """Node 0 is tested on 1 and 2, scores 2, 9, 7, 2 to 1, 2, 3, 4; node 4 on 0, all its scores alike.

    Ranks 2.5, 1, 2.5 (see the test of ranking). HR@5 = 1; MRR@20 = (0.4 + 1 + 0.4)/3 = 0.6.
    Query 0: R = 1 and 2.5 + 1 = 3.5: DCG 1/log2(2) + 1/log2(4.5) = 1.46084, ideal 1 + 1/log2(3) = 1.63093: 0.89571.
    Query 4: R = 2.5: 1/log2(3.5) = 0.55329. NDCG@10 = 0.72450.
    """
    scores = np.zeros((5, 5))
    scores[0] = [99, 2, 9, 7, 2]
    graph = make_graph([(0, 1), (0, 2), (4, 0)], 5)
    found = means(measure_ranks(rank_edges(table(scores), graph.edges, known=graph.adjacency()), graph.edges))
    assert found["HR@5"] == found["HR@20"] == found["Recall@10"] == 1
    assert found["MRR@20"] == pytest.approx(0.6)
    assert found["NDCG@10"] == pytest.approx(0.72450, abs=1e-5)


def test_cuts():
    """Ranks 5, 5.5, 10, 20, 20.5 of five queries: hits 1, 3, 4 of 5; MRR (1/5 + 1/5.5 + 1/10 + 1/20)/5."""
    edges = make_edges([(i, 9) for i in range(5)])
    found = means(measure_ranks(np.array([5, 5.5, 10, 20, 20.5]), edges))
    assert (found["HR@5"], found["HR@10"], found["HR@20"]) == (0.2, 0.6, 0.8)
    assert found["MRR@20"] == pytest.approx((1 / 5 + 1 / 5.5 + 1 / 10 + 1 / 20) / 5)
    assert found["Recall@10"] == 0.6


def test_a_perfect_list_has_ndcg_1_however_long():
    edges = make_edges([(0, v) for v in range(1, 14)])
    found = means(measure_ranks(np.ones(13), edges))
    assert found["NDCG@10"] == pytest.approx(1)
    assert found["Recall@10"] == pytest.approx(10 / 13)


def _by_list(scorer, graph, tested):
    """NDCG@10 and Recall@10 of each query from one sorted list of all candidates, without ties."""
    training = {(u, v) for u, v in zip(*map(np.ndarray.tolist, (graph.edges.source, graph.edges.target)), strict=True)}
    pairs = list(zip(tested.source.tolist(), tested.target.tolist(), strict=True))
    training -= set(pairs)
    ndcg, recall = [], []
    for u in sorted({u for u, _ in pairs}):
        wanted = {v for s, v in pairs if s == u}
        candidates = [v for v in range(graph.nodes) if v != u and (u, v) not in training]
        top = sorted(candidates, key=lambda v, u=u: -scorer.scores[u, v])[:10]
        gains = [1 / np.log2(i + 2) for i, v in enumerate(top) if v in wanted]
        ndcg.append(sum(gains) / sum(1 / np.log2(i + 2) for i in range(min(10, len(wanted)))))
        recall.append(len(gains) / len(wanted))
    return np.mean(ndcg), np.mean(recall)


@pytest.mark.parametrize("seed", range(10))
def test_queries_equal_a_sorted_list(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, 30, share=0.4)
    scorer = table(rng.permutation(900).reshape(30, 30).astype(float))
    tested = graph.edges.take(rng.random(len(graph.edges)) < 0.5)
    found = means(measure_ranks(rank_edges(scorer, tested, known=graph.adjacency()), tested))
    assert (found["NDCG@10"], found["Recall@10"]) == pytest.approx(_by_list(scorer, graph, tested))


def test_order_of_edges_does_not_matter():
    rng = np.random.default_rng(0)
    edges, ranks = Edges(rng.integers(0, 6, 40), rng.integers(0, 40, 40)), rng.integers(1, 30, 40).astype(float)
    order = rng.permutation(40)
    assert means(measure_ranks(ranks[order], edges.take(order))) == pytest.approx(means(measure_ranks(ranks, edges)))


def test_no_edges():
    assert measure_ranks(np.empty(0), make_edges([])).shape == (0, len(METRICS))
