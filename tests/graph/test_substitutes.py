"""What could stand in a product's place: by hand, and in the shop."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from core.errors import InputError
from core.graph.blade import fit_blade
from core.graph.data import Fold
from core.graph.load import load_sample
from core.graph.parts import Ensemble, Part
from core.graph.recommend import recommend
from core.graph.scorers import Factors, Product
from core.graph.substitutes import find_substitutes
from core.jobs import finish
from core.settings import Settings
from tests.graph.tiny_graphs import Table, make_edges, make_graph

GRAPH = make_graph([(0, 4), (1, 4), (2, 3)], 5)
# cosines with row 0, (3, 4): of (6, 8) 1, of (4, 3) 24/25, of (-3, -4) -1, of 0 nothing
SOURCE = np.array([[3, 4], [4, 3], [6, 8], [-3, -4], [0, 0]], dtype=np.float32)
TARGET = np.arange(10, dtype=np.float32).reshape(5, 2)


def test_by_hand():
    frame = find_substitutes(GRAPH, Factors(SOURCE, TARGET), 0, k=4).frame()
    assert frame["id"].tolist() == ["n2", "n1"]  # the length does not count, and nothing is alike below 0
    assert frame["likeness"].tolist() == pytest.approx([1, 24 / 25])
    assert frame[["rank", "in_degree", "out_degree"]].to_numpy().tolist() == [[1, 0, 1], [2, 0, 1]]
    assert find_substitutes(GRAPH, Factors(SOURCE, TARGET), 0, k=1).node.tolist() == [2]


def test_what_tells_no_sources_apart_has_none():
    for scorer in (Factors(np.ones((5, 1), np.float32), TARGET[:, :1]), Table(np.ones((5, 5), np.float32))):
        assert len(find_substitutes(GRAPH, scorer, 0, k=4).frame()) == 0
    assert len(find_substitutes(GRAPH, Factors(SOURCE, TARGET), 4, k=4).node) == 0  # its vector is 0


def test_a_product_of_matrices_has_rows_and_an_ensemble_those_of_its_network():
    through = Product(csr_array(SOURCE), TARGET.T.copy())
    expected = find_substitutes(GRAPH, Factors(SOURCE, TARGET), 0, k=4)
    assert find_substitutes(GRAPH, through, 0, k=4).node.tolist() == expected.node.tolist()
    parts = [("cocitation", Product(csr_array(SOURCE[::-1].copy()), TARGET.T.copy())), ("blade", through)]
    total = Ensemble(tuple(Part(name, scorer, "root", 1.0, 1.0) for name, scorer in parts), "all", (), ())
    assert find_substitutes(GRAPH, total, 0, k=4).likeness == pytest.approx(expected.likeness)


@pytest.mark.parametrize(("node", "k"), [(5, 3), (-1, 3), (0, 0)])
def test_refuses(node, k):
    with pytest.raises(InputError):
        find_substitutes(GRAPH, Factors(SOURCE, TARGET), node, k=k)


def test_a_camera_stands_in_for_a_camera_and_leads_to_none(shared_settings: Settings):
    graph = finish(load_sample(shared_settings))
    scorer = finish(fit_blade(Fold(graph, make_edges([])), epochs=4, rng=np.random.default_rng(0)))
    cameras = graph.items.category == graph.items.categories.index("Cameras")
    alike, after = [], []
    for node in np.flatnonzero(cameras & (graph.out_degree >= 5))[:20].tolist():
        alike.append(cameras[find_substitutes(graph, scorer, node, k=10).node].mean())
        after.append(cameras[recommend(graph, scorer, node, k=10, direction="next").node].mean())
    assert np.mean(alike) > 0.8
    assert np.mean(after) < 0.2
