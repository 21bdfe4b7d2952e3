"""The map of products: a plane by hand, neighbours in all dimensions, the sample, and engines without vectors."""

import numpy as np
import pytest

from core.errors import InputError
from core.graph.projection import project_spaces
from core.graph.scorers import Factors
from tests.graph.tiny_graphs import make_graph, random_graph, table


def random_vectors(nodes, d, seed=0):
    rng = np.random.default_rng(seed)
    return Factors(*(rng.standard_normal((nodes, d)).astype(np.float32) for _ in range(2)))


def project(graph, scorer, limit=800, seed=0):
    return project_spaces(graph, scorer, limit=limit, rng=np.random.default_rng(seed))


def test_a_plane_by_hand():
    # Rows θˢ: (2, 0), (-2, 0); θᵗ: (0, 1), (0, -1). Centred already; squares 8 along one axis, 2 along the other.
    scorer = Factors(np.array([[2, 0], [-2, 0]], np.float32), np.array([[0, 1], [0, -1]], np.float32))
    found = project(make_graph([(0, 1)], 2), scorer)
    assert found.source == pytest.approx(np.array([[2, 0], [-2, 0]]))
    assert found.target == pytest.approx(np.array([[0, 1], [0, -1]]))
    assert found.share == 1
    assert found.alike_source.tolist() == [[1], [0]]


def test_the_share_is_that_of_the_two_largest_components():
    # Squares 2·9, 2·4 and 2·1 along three axes: the plane keeps 26 of 28.
    axes = np.diag([3.0, 2.0, 1.0]).astype(np.float32)
    found = project(make_graph([(0, 1)], 3), Factors(axes, -axes))
    assert found.share == pytest.approx(26 / 28)
    assert "93%" in found.note


def test_neighbours_are_those_by_cosine_in_all_dimensions():
    scorer = random_vectors(40, 12)
    found = project(random_graph(np.random.default_rng(1), 40), scorer)
    assert found.node.tolist() == list(range(40))
    for vectors, alike in ((scorer.source, found.alike_source), (scorer.target, found.alike_target)):
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        for i in range(40):
            order = sorted((j for j in range(40) if j != i), key=lambda j: -float(unit[i] @ unit[j]))
            assert alike[i].tolist() == order[:5]
    frame = found.frame()
    assert frame["alike_as_query"][0] == ", ".join(f"n{i}" for i in found.alike_source[0])
    assert frame["source_x"].tolist() == found.source[:, 0].tolist()


def test_rotating_all_vectors_leaves_the_map():
    scorer = random_vectors(30, 6)
    turn, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((6, 6)))
    turned = Factors((scorer.source @ turn).astype(np.float32), (scorer.target @ turn).astype(np.float32))
    graph = random_graph(np.random.default_rng(1), 30)
    one, other = project(graph, scorer), project(graph, turned)
    assert other.source == pytest.approx(one.source, abs=1e-4)
    assert other.target == pytest.approx(one.target, abs=1e-4)


def test_products_of_high_degree_are_drawn_more_often():
    graph = make_graph([(0, v) for v in range(1, 100)], 200)
    drawn = np.zeros(200)
    for seed in range(60):
        found = project(graph, random_vectors(200, 3), limit=20, seed=seed)
        assert len(np.unique(found.node)) == 20
        drawn[found.node] += 1
    assert drawn[0] > 50  # degree 99
    assert drawn[1:100].mean() > 1.5 * drawn[100:].mean()  # degree 1 against 0
    assert "20 of 200 products, drawn by degree" in found.note


def test_an_engine_without_vectors_gets_singular_vectors_of_its_scores():
    vectors = random_vectors(30, 4)
    scores = vectors.score_from(np.arange(30))
    np.fill_diagonal(scores, 0)
    found = project(random_graph(np.random.default_rng(1), 30), table(scores))
    assert not found.own
    assert "no vectors" in found.note
    left, size, right = np.linalg.svd(scores)
    both = np.concatenate([left * np.sqrt(size), right.T * np.sqrt(size)])
    spread = np.linalg.svd(both - both.mean(axis=0), compute_uv=False) ** 2
    assert found.share == pytest.approx(spread[:2].sum() / spread.sum(), rel=1e-4)


@pytest.mark.parametrize("d", [1, 2])
def test_vectors_that_hardly_vary(d):
    graph = make_graph([(0, 1)], 4)
    found = project(graph, Factors(np.ones((4, d), np.float32), np.ones((4, d), np.float32)))
    assert np.isnan(found.share)
    assert found.source == pytest.approx(np.zeros((4, 2)))
    popular = Factors(np.ones((4, 1), np.float32), np.arange(4, dtype=np.float32)[:, None])
    assert project(graph, popular).target[:, 1].tolist() == [0] * 4
    assert "All vectors are the same" in found.note


def test_products_that_vectors_do_not_tell_apart_are_not_called_most_alike():
    """0 to 6 point one way, and each has six others as near; 7 and 8 another; 9 nowhere."""
    vectors = np.zeros((10, 2), np.float32)
    vectors[:7, 0], vectors[7:9, 1] = np.arange(1, 8), 1
    found = project(make_graph([(0, 1)], 10), Factors(vectors, vectors))
    assert (found.alike_source[:7] == -1).all()
    assert found.alike_source[7].tolist() == [8, -1, -1, -1, -1]  # the next seven are all at a right angle
    assert (found.alike_target[9] == -1).all()
    assert found.frame()["alike_as_query"].tolist() == [""] * 7 + ["n8", "n7", ""]


def test_one_product_alone():
    found = project(make_graph([], 1), random_vectors(1, 3))
    assert found.frame()["alike_as_query"].tolist() == [""]


@pytest.mark.parametrize("limit", [1, 2001])
def test_wrong_limits_are_refused(limit):
    with pytest.raises(InputError, match="number of products shown"):
        project(make_graph([], 3), random_vectors(3, 3), limit=limit)
