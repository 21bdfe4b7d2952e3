"""Direction: AUC and accuracy by hand and by brute force, the baseline, reciprocal pairs, and the interval."""

import numpy as np
import pytest

from core.graph import direction, resample
from core.graph.data import Fold
from core.graph.direction import measure_direction, score_edges, tell_apart
from core.graph.ranking import rank_edges
from core.graph.resample import estimate_columns, make_clusters
from core.graph.split import Split, split_graph
from tests.graph.tiny_graphs import make_edges, make_graph, random_graph, random_table, table


def rng(seed=0):
    return np.random.default_rng(seed)


def split_by_hand(training, tested, nodes):
    graph = make_graph([*training, *tested], nodes)
    fold = Fold(make_graph(training, nodes), make_edges([]))
    return Split("pair", graph, fold, make_edges(tested), 0.0)


def measured(scorer, split):
    ranks = rank_edges(scorer, split.test, known=split.graph.adjacency())
    return measure_direction(scorer, split, ranks, make_clusters(split.test.source, rng=rng()))


def test_by_hand_beside_the_in_degree():
    """Training 2 → 1, 3 → 1, 3 → 0: in-degrees 1, 2, 0, 0. Tested one-way 0 → 1, 2 → 3; reciprocal 0 ↔ 2.

    Scores: 0 → 1 is 5 (back 1), 2 → 3 is 2 (back 3): accuracy 1/2; 5 > 1, 5 > 3, 2 > 1, 2 < 3: AUC 3/4.
    In-degree: 0 → 1 is 2 (back 1), 2 → 3 is 0 (back 0): accuracy 3/4; 2 > 1, 2 > 0, 0 < 1, 0 = 0: AUC 5/8.
    """
    split = split_by_hand([(2, 1), (3, 1), (3, 0)], [(0, 1), (2, 3), (0, 2), (2, 0)], 4)
    scores = np.zeros((4, 4))
    scores[0, 1], scores[1, 0], scores[2, 3], scores[3, 2] = 5, 1, 2, 3
    found = measured(table(scores), split)
    assert found.engine.value.tolist() == [0.75, 0.5]
    assert found.baseline.value.tolist() == [0.625, 0.75]
    assert [gain.difference for gain in found.gains] == [0.125, -0.25]
    assert found.engine.n.tolist() == [2, 2]
    assert found.both.n.tolist() == [1]


@pytest.mark.parametrize("seed", range(10))
def test_equals_all_comparisons(seed):
    forward, backward = rng(seed).integers(0, 6, 20).astype(float), rng(seed + 50).integers(0, 5, 20).astype(float)
    won = (forward[:, None] > backward) + 0.5 * (forward[:, None] == backward)
    assert tell_apart(forward, backward).mean(axis=0) == pytest.approx([won.mean(), np.diag(won).mean()])


def test_a_symmetric_engine_knows_no_direction():
    graph = random_graph(rng(1), 20, share=0.3)
    split = split_graph(graph, rng=rng(1))
    scores = rng(2).random((20, 20))
    found = measured(table(scores + scores.T), split)
    assert found.engine.value == pytest.approx([0.5, 0.5])


def test_reversal_turns_it_round():
    split = split_graph(random_graph(rng(3), 20), rng=rng(3))
    scorer = random_table(rng(4), 20)
    one, back = measured(scorer, split), measured(table(scorer.scores.T), split)
    assert one.engine.value == pytest.approx(1 - back.engine.value)


def test_both_directions_in_the_top():
    """30 nodes. 0 ↔ 1 both first; of 2 ↔ 3 one way stands below 28 others: one pair of two."""
    scores = np.zeros((30, 30))
    scores[0, 1] = scores[1, 0] = scores[2, 3] = 1
    scores[3] = 1
    scores[3, 2] = 0
    found = measured(table(scores), split_by_hand([(4, 5)], [(0, 1), (1, 0), (2, 3), (3, 2)], 30))
    assert (found.both.value[0], found.both.n[0]) == (0.5, 2)
    assert found.engine.n.tolist() == [0, 0]
    assert np.isnan(found.engine.value).all()


@pytest.mark.parametrize("seed", range(5))
def test_both_directions_equal_a_loop(seed):
    split = split_graph(random_graph(rng(seed), 30, share=0.5), test=0.5, rng=rng(seed))
    scorer = random_table(rng(seed), 30)
    ranks = rank_edges(scorer, split.test, known=split.graph.adjacency())
    place = dict(zip(zip(split.test.source.tolist(), split.test.target.tolist(), strict=True), ranks, strict=True))
    pairs = [(u, v) for u, v in place if u < v and (v, u) in place]
    expected = np.mean([place[u, v] <= 10 and place[v, u] <= 10 for u, v in pairs])
    assert measured(scorer, split).both.value[0] == pytest.approx(expected)


def test_the_interval_of_the_auc_covers(monkeypatch):
    """300 worlds of 60 sources with 1 to 8 edges; the scores of one source share a shift. True AUC Φ(1/√(2·1.25)).

    95 % ± 4 points by source; edges by themselves are too sure.
    """
    monkeypatch.setattr(resample, "DRAWS", 300)
    truth, generator = 0.7365, rng(5)
    held = np.zeros(2)
    for _ in range(300):
        node = np.repeat(np.arange(60), generator.integers(1, 9, 60))
        shift = generator.normal(0, 1, (60, 2))[node]
        forward = 1 + shift[:, 0] + generator.normal(0, 0.5, len(node))
        backward = shift[:, 1] + generator.normal(0, 0.5, len(node))
        for i, clusters in enumerate([node, np.arange(len(node))]):
            found = estimate_columns(tell_apart(forward, backward)[:, :1], make_clusters(clusters, rng=generator))
            held[i] += found.lo[0] <= truth <= found.hi[0]
    assert 0.90 <= held[0] / 300 <= 0.99
    assert held[1] / 300 < 0.85


def test_pairs_are_scored_some_at_a_time(monkeypatch):
    scorer, edges = random_table(rng(), 9), random_graph(rng(), 9).edges
    at_once = score_edges(scorer, edges)
    monkeypatch.setattr(direction, "CELLS", 20)
    assert np.array_equal(score_edges(scorer, edges), at_once)
    assert np.array_equal(at_once, scorer.scores[edges.source, edges.target])


def test_frame():
    found = measured(random_table(rng(), 20), split_graph(random_graph(rng(), 20), rng=rng()))
    frame = found.frame()
    assert frame["measure"].tolist() == ["direction AUC", "pairwise accuracy", "both directions in the top 10"]
    assert frame.loc[0, "difference"] == pytest.approx(frame.loc[0, "value"] - frame.loc[0, "baseline"])
    assert frame.loc[1, "difference_lo"] == found.gains[1].lo
    assert np.isnan(frame.loc[2, "baseline"])
