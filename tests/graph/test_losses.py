"""The asymmetric loss, against the same formulas written edge by edge."""

import numpy as np
import pytest
import torch

from core.graph import losses
from core.graph.losses import Loss
from core.graph.supervision import Supervision, draw_candidates, draw_folds, find_one_way
from tests.graph.tiny_graphs import make_graph, random_graph


def setting(seed=0, nodes=9, share=0.3):
    graph = random_graph(np.random.default_rng(seed), nodes, share=share)
    generator = torch.Generator().manual_seed(seed)
    vectors = [torch.randn((nodes, 3), generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2)]
    fold = next(draw_folds(graph, find_one_way(graph), folds=2, rng=np.random.default_rng(seed)))
    return graph, fold, vectors


def softplus(x):
    return torch.nn.functional.softplus(x)


def naive(likelihood, direction, graph, fold, source, target):
    known = set(zip(graph.edges.source.tolist(), graph.edges.target.tolist(), strict=True))
    total = torch.zeros((), dtype=torch.float64)
    for u, v, one_way in zip(fold.edges.source, fold.edges.target, fold.one_way, strict=True):
        own = source[u] @ target[v]
        others = [source[u] @ target[z] for z in range(graph.nodes) if (int(u), z) not in known and z != u]
        if likelihood == "softmax":
            total = total - own + torch.logsumexp(torch.stack([own, *others]), 0)
        else:
            total = total + softplus(-own) + 10 * sum(softplus(other) for other in others) / len(others)
        if one_way:
            total = total + direction * softplus(source[v] @ target[u])
    return total / len(fold.edges)


@pytest.mark.parametrize("likelihood", ["softmax", "logistic"])
@pytest.mark.parametrize("rows", [2, 2_048])
def test_equals_the_formula_and_its_gradient(likelihood, rows, monkeypatch):
    monkeypatch.setattr(losses, "ROWS", rows)
    graph, fold, (source, target) = setting()
    known = draw_candidates(graph, graph.adjacency(), count=9, kind="uniform", rng=np.random.default_rng(0))
    expected = naive(likelihood, 0.7, graph, fold, source, target)
    expected.backward()
    found = Loss(likelihood, 0.7).backward(source.detach(), target.detach(), fold, known)
    assert found.loss == pytest.approx(expected.item())
    np.testing.assert_allclose(found.source, source.grad, atol=1e-10)
    np.testing.assert_allclose(found.target, target.grad, atol=1e-10)


def test_new_numbers_for_the_nodes_renumber_the_gradients():
    graph, fold, (source, target) = setting(1)
    new = np.random.default_rng(5).permutation(9)
    old = np.argsort(new)
    pairs = sorted(zip(new[fold.edges.source].tolist(), new[fold.edges.target].tolist(), strict=True))
    moved_graph = make_graph(list(zip(new[graph.edges.source], new[graph.edges.target], strict=True)), 9)
    edges = make_graph(pairs, 9).edges
    reverse = ~np.isin(edges.reversed().keys(9), moved_graph.edges.keys(9))
    known = [
        draw_candidates(one, one.adjacency(), count=9, kind="uniform", rng=np.random.default_rng(0))
        for one in (graph, moved_graph)
    ]
    before = Loss("softmax", 0.5).backward(source.detach(), target.detach(), fold, known[0])
    after = Loss("softmax", 0.5).backward(
        source.detach()[old], target.detach()[old], Supervision(edges, reverse, edges), known[1]
    )
    np.testing.assert_allclose(after.source[new], before.source, atol=1e-10)
    np.testing.assert_allclose(after.target[new], before.target, atol=1e-10)


def test_direction_pushes_only_the_reverse_of_one_way_edges_down():
    graph = make_graph([(0, 1), (1, 0), (0, 2)], 3)
    fold = Supervision(graph.edges, find_one_way(graph), graph.edges)
    source, target = torch.ones(3, 1), torch.ones(3, 1)
    known = draw_candidates(graph, graph.adjacency(), count=3, kind="uniform", rng=np.random.default_rng(0))
    without, with_it = (Loss("softmax", weight).backward(source, target, fold, known) for weight in (0.0, 1.0))
    # 2 → 0 alone: the derivative of softplus(s) at s = 1 is σ(1), over three edges
    pull = torch.sigmoid(torch.ones(())) / 3
    np.testing.assert_allclose(with_it.source - without.source, [[0], [0], [pull]], atol=1e-6)
    np.testing.assert_allclose(with_it.target - without.target, [[pull], [0], [0]], atol=1e-6)


def test_a_source_that_knows_every_target_has_no_negatives():
    graph = make_graph([(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)], 3)
    fold = Supervision(graph.edges, find_one_way(graph), graph.edges)
    known = draw_candidates(graph, graph.adjacency(), count=3, kind="uniform", rng=np.random.default_rng(0))
    found = Loss("softmax", 0.2).backward(torch.ones(3, 2), torch.ones(3, 2), fold, known)
    assert found.loss == pytest.approx(0, abs=1e-6)
    assert torch.isfinite(found.source).all()
