"""The step of torch, against finite differences."""

import numpy as np
import torch

from core.graph.hops import Propagation, normalise_edges
from core.graph.propagate import propagate
from tests.graph.tiny_graphs import random_graph


def test_gradient_equals_finite_differences():
    rng = np.random.default_rng(0)
    out, into = (normalise_edges(random_graph(rng, 6).edges, 6).astype(np.float64) for _ in range(2))
    flow = Propagation.of(out, into, (0.1, 0.4, 0.3, 0.2))
    source, target = (torch.from_numpy(rng.standard_normal((6, 2))).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(lambda s, t: propagate(s, t, flow), (source, target))


def test_a_part_that_is_not_used_has_a_gradient_too():
    rng = np.random.default_rng(1)
    flow = Propagation.of_edges(random_graph(rng, 5).edges, 5, (0.5, 0.5))
    source, target = (torch.from_numpy(rng.random((5, 2), dtype=np.float32)).requires_grad_() for _ in range(2))
    propagate(source, target, flow)[0].sum().backward()
    expected = flow.apply_turned(np.ones((5, 2), np.float32), np.zeros((5, 2), np.float32))
    np.testing.assert_allclose(source.grad, expected[0], atol=1e-6)
    np.testing.assert_allclose(target.grad, expected[1], atol=1e-6)
