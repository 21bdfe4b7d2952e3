"""Co-citation, against the dense formula."""

import numpy as np
import pytest

from core.errors import InputError
from core.graph.cocitation import fit_cocitation
from core.graph.data import Edges, Fold
from core.jobs import finish
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph


def fit(graph, **options):
    return finish(fit_cocitation(Fold(graph, make_edges([])), rng=np.random.default_rng(0), **options))


def naive(adjacency, exponent, shrinkage):
    scores, degree = np.zeros_like(adjacency), adjacency.sum(axis=0) + shrinkage
    nodes = len(adjacency)
    for u in range(nodes):
        for v in range(nodes):
            for x in np.flatnonzero(adjacency[u]):
                shared = float((adjacency[:, x] * adjacency[:, v]).sum())
                if x != v and shared:
                    scores[u, v] += shared / (degree[x] * degree[v]) ** exponent
    return scores


def test_by_hand():
    # 0 → 2, 1 → 2, 1 → 3: targets 2 and 3 share the source 1; their degrees are 2 and 1.
    # Node 0 has the target 2, so its score to 3 is 1 / √(2·1), and to 2 itself 0.
    scores = fit(make_graph([(0, 2), (1, 2), (1, 3)], 4)).score_from(np.array([0, 1]))
    half = 0.5**0.5
    np.testing.assert_allclose(scores, [[0, 0, 0, half], [0, 0, half, half]], rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("exponent", "shrinkage"), [(0.5, 0.0), (0.3, 2.0), (0.0, 0.0), (1.0, 5.0)])
def test_against_the_sum_written_out(seed, exponent, shrinkage):
    graph = random_graph(np.random.default_rng(seed), 12)
    scorer = fit(graph, exponent=exponent, shrinkage=shrinkage)
    expected = naive(graph.adjacency().toarray().astype(float), exponent, shrinkage)
    np.testing.assert_allclose(scorer.score_from(np.arange(12)), expected, rtol=1e-5, atol=1e-6)


def test_neighbours_that_are_not_kept_count_for_nothing():
    graph = random_graph(np.random.default_rng(3), 12, share=0.5)
    whole, cut = fit(graph).right.toarray(), fit(graph, neighbours=2).right.toarray()
    assert ((cut > 0).sum(axis=1) <= 2).all()
    assert (cut.max(axis=1) == whole.max(axis=1)).all()


def test_the_reverse_edge_plays_no_part():
    pairs = [(0, 1), (2, 1), (2, 3), (0, 4)]
    without, with_reverse = make_graph(pairs, 5), make_graph([*pairs, (3, 0)], 5)
    zero, three = np.array([0]), np.array([3])
    assert fit(without).score_pairs(zero, three) == fit(with_reverse).score_pairs(zero, three) > 0


def test_without_edges_every_score_is_zero():
    graph = make_graph(Edges(np.array([], np.int64), np.array([], np.int64)), 3)
    assert not fit(graph).score_from(np.arange(3)).any()


@pytest.mark.parametrize("options", [{"exponent": 1.5}, {"shrinkage": -1.0}, {"neighbours": 0}])
def test_options_out_of_range(options):
    with pytest.raises(InputError, match=next(iter(options))):
        fit(random_graph(np.random.default_rng(0), 4), **options)
