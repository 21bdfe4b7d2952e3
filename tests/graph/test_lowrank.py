"""Thin matrices of a square one, against the full decomposition."""

import numpy as np

from core.graph.lowrank import factorise
from core.jobs import finish


def run(matrix, dimensions, seed=0):
    return finish(
        factorise(
            lambda block: matrix @ block,
            lambda block: matrix.T @ block,
            nodes=len(matrix),
            dimensions=dimensions,
            rng=np.random.default_rng(seed),
        )
    )


def test_all_dimensions_give_the_matrix_back():
    matrix = np.random.default_rng(1).standard_normal((9, 9)).astype(np.float32)
    factors = run(matrix, 9)
    np.testing.assert_allclose(factors.source @ factors.target.T, matrix, atol=1e-5)


def test_few_dimensions_give_the_nearest_matrix_of_that_rank():
    rng = np.random.default_rng(2)
    left, right = (np.linalg.qr(rng.standard_normal((60, 60)))[0] for _ in range(2))
    values = 2.0 ** -np.arange(60)
    matrix = ((left * values) @ right.T).astype(np.float32)
    factors = run(matrix, 3)
    nearest = (left[:, :3] * values[:3]) @ right[:, :3].T
    np.testing.assert_allclose(factors.source @ factors.target.T, nearest, atol=1e-5)
    np.testing.assert_allclose((factors.source**2).sum(axis=0), values[:3], rtol=1e-4)
    np.testing.assert_allclose((factors.target**2).sum(axis=0), values[:3], rtol=1e-4)


def test_more_dimensions_than_nodes_are_cut():
    assert run(np.eye(2, dtype=np.float32), 128).source.shape == (2, 2)


def test_a_matrix_of_zeros_has_vectors_of_zeros():
    factors = run(np.zeros((5, 5), dtype=np.float32), 2)
    assert not factors.source.any() and not factors.target.any()
