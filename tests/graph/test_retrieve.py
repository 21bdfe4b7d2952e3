"""The best nodes of each query: by hand, against a full sort, ties, and what is never listed."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from core.graph.data import make_adjacency
from core.graph.retrieve import Backward, retrieve, top_k, towards
from tests.graph.tiny_graphs import make_edges, random_graph, random_table, table


def sort_slowly(row, k):
    return sorted(range(len(row)), key=lambda i: (-row[i], i))[:k]


@pytest.mark.parametrize("values", [2, 5, 10**6])
@pytest.mark.parametrize(("nodes", "k"), [(1, 1), (1, 5), (7, 3), (50, 50), (3000, 2), (3000, 40)])
def test_largest_scores_equal_a_full_sort(nodes, k, values):
    rng = np.random.default_rng(nodes + k + values)
    scores = rng.integers(0, values, (6, nodes)).astype(np.float32)
    scores[0] = 0  # all tie
    scores[1, nodes // 2 :] = -np.inf
    assert top_k(scores, k).tolist() == [sort_slowly(row, k) for row in scores.tolist()]


def test_no_rows_give_no_positions():
    assert top_k(np.zeros((0, 5), dtype=np.float32), 3).shape == (0, 3)


def test_five_nodes_by_hand():
    # After 0: 3 (9), then 1 and 4 tie at 5 (1 comes first by id), then 2 (1). The own score of 0, 99, does not count.
    scores = table([[99, 5, 1, 9, 5], *[[0] * 5] * 4])
    known = make_adjacency(make_edges([(0, 3), (0, 2)]), 5)[[0]]
    every = retrieve(scores, np.array([0]), k=2, known=known, with_known=True)
    assert (every.node.tolist(), every.rank.tolist(), every.score.tolist()) == ([3, 1], [1, 2], [9, 5])
    assert every.known.tolist() == [True, False]
    assert every.tied.tolist() == [1]  # node 4
    new = retrieve(scores, np.array([0]), k=2, known=known, with_known=False)
    assert new.node.tolist() == []  # only 1 and 4 are left, and they tie: nothing tells them apart
    assert new.tied.tolist() == [0]


@pytest.mark.parametrize("with_known", [True, False])
def test_lists_equal_brute_force(with_known):
    rng = np.random.default_rng(5)
    for _ in range(30):
        graph = random_graph(rng, 12)
        scorer, known = random_table(rng, 12, values=3), graph.adjacency()
        queries = rng.permutation(12)[:5]
        found = retrieve(scorer, queries, k=4, known=known[queries], with_known=with_known)
        expected = []
        for row, u in enumerate(queries.tolist()):
            out = [v for v in range(12) if v != u and (with_known or not known[u, v])]
            own = scorer.scores[u]
            if len({float(own[v]) for v in out}) < 2:
                continue
            best = sorted(out, key=lambda v: (-own[v], v))[:4]
            lowest = min(own[v] for v in out)
            if any(own[v] == lowest for v in out if v not in best):
                best = [v for v in best if own[v] > lowest]
            expected += [(row, i + 1, v, float(own[v]), bool(known[u, v])) for i, v in enumerate(best)]
            assert found.tied[row] == sum(own[v] == own[best[-1]] for v in out if v not in best)
        columns = (found.row, found.rank, found.node, found.score, found.known)
        assert list(zip(*(column.tolist() for column in columns), strict=True)) == expected


def test_who_ties_at_the_bottom_with_somebody_unlisted_is_not_recommended():
    # After 0: 3 (2), then 1, 2 and 4 at 0. A list of three would have to choose two of them; a list of four need not.
    scores, known = table([[0, 0, 0, 2, 0], *[[0] * 5] * 4]), csr_array((1, 5), dtype=np.float32)
    found = {k: retrieve(scores, np.array([0]), k=k, known=known, with_known=True).node.tolist() for k in (1, 3, 4)}
    assert found == {1: [3], 3: [3], 4: [3, 1, 2, 4]}


def test_one_node_has_nobody_to_recommend():
    known = csr_array((1, 1), dtype=np.float32)
    assert len(retrieve(table([[3]]), np.array([0]), k=5, known=known, with_known=True).node) == 0


def test_a_backward_scorer_is_the_transpose():
    scorer = random_table(np.random.default_rng(0), 6)
    backward, turned = Backward(scorer), table(scorer.scores.T)
    some = np.array([4, 1, 1])
    assert backward.nodes == 6
    assert np.array_equal(backward.score_from(some), turned.score_from(some))
    assert np.array_equal(backward.score_into(some), turned.score_into(some))
    assert np.array_equal(backward.score_pairs(some, some[::-1]), turned.score_pairs(some, some[::-1]))
    assert towards(scorer, "next") is scorer
