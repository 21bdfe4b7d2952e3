"""Popularity: in-degree, of training edges only."""

import numpy as np

from core.graph.data import Fold
from core.graph.popularity import fit_popularity
from core.jobs import finish
from tests.graph.tiny_graphs import make_edges, make_graph


def test_every_source_sees_the_in_degree_of_the_training_edges():
    fold = Fold(make_graph([(0, 1), (2, 1), (1, 2)], 4), make_edges([(3, 0)]))
    scorer = finish(fit_popularity(fold, rng=np.random.default_rng(0)))
    assert scorer.score_from(np.array([0, 3])).tolist() == [[0, 2, 1, 0]] * 2
