"""LightGCN on the bipartite double cover: the peer of the dual GNN, as published but for the two roles."""

import numpy as np
import torch
from torch.nn.functional import softplus

from core.checks import check_between, check_count
from core.graph.data import Fold
from core.graph.hops import HopFactors, Propagation
from core.graph.propagate import propagate
from core.graph.training import draw_batches, make_torch_generator, train_epochs
from core.jobs import Job

_SPREAD = 0.1
_EVERY = 5
_PATIENCE = 4


def fit_lightgcn(
    fold: Fold,
    *,
    dimensions: int = 64,
    hops: int = 2,
    epochs: int = 60,
    batch: int = 16_384,
    learning_rate: float = 0.02,
    decay: float = 1e-4,
    rng: np.random.Generator,
) -> Job[HopFactors]:
    r"""LightGCN with each product as two nodes: one that leads on, in the place of a user, and one that is led to.

    Definition
        .. math:: \theta = \frac{1}{L+1} \sum_{l=0}^{L} H^l, \qquad
            \min \sum_{u \to v} -\log\sigma(s_{uv} - s_{uz}) + \tfrac{\lambda}{2} (\lVert z^s_u\rVert^2 +
            \lVert z^t_v\rVert^2 + \lVert z^t_z\rVert^2)

        H as in :func:`core.graph.blade.fit_blade`, z a uniform node per edge: He et al. (2020), equations 3, 4 and 15.

    Parameters
    ----------
    fold
        Training edges; validation edges choose the epoch.
    dimensions, hops
        d and L.
    epochs, batch, learning_rate
        Most passes, edges per step, and step size of Adam.
    decay
        λ.

    Raises
    ------
    InputError
        An option is out of range.

    Notes
    -----
    Unlike the dual GNN it has neither folds nor a direction term, and ranks each target against one other. Batches and
    steps are larger than the published ones, so that it trains in as much time.

    References
    ----------
    He et al. (2020), LightGCN: simplifying and powering graph convolution network for recommendation, SIGIR.
    """
    check_count(dimensions, 1, 1_024, name="dimensions")
    check_count(hops, 0, 16, name="hops")
    check_count(epochs, 1, 10_000, name="epochs")
    check_count(batch, 1, 1 << 30, name="batch")
    check_between(learning_rate, 1e-6, 10, name="learning rate")
    check_between(decay, 0, 1, name="decay")
    graph, edges, generator = fold.graph, fold.graph.edges, make_torch_generator(rng)
    flow = Propagation.of_edges(edges, graph.nodes, (1 / (hops + 1),) * (hops + 1))
    source, target = (
        (torch.randn((graph.nodes, dimensions), generator=generator) * _SPREAD).requires_grad_() for _ in range(2)
    )
    optimiser = torch.optim.Adam([source, target], lr=learning_rate)

    def run_epoch() -> float:
        total = 0.0
        for some in draw_batches(len(edges), batch, rng=rng):
            u, v = torch.from_numpy(edges.source[some]), torch.from_numpy(edges.target[some])
            other = torch.from_numpy(rng.integers(graph.nodes, size=len(some)))
            left, right = propagate(source, target, flow)
            margin = (left[u] * (right[v] - right[other])).sum(1)
            size = source[u].square().sum() + target[v].square().sum() + target[other].square().sum()
            loss = (softplus(-margin).sum() + decay / 2 * size) / len(some)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += float(loss.detach()) * len(some)
        return total / max(len(edges), 1)

    def embed() -> HopFactors:
        base = source.detach().numpy().copy(), target.detach().numpy().copy()
        return HopFactors(*flow.apply(*base), *base, flow.out, flow.into, flow.weights)

    return (
        yield from train_epochs(
            fold,
            network="lightgcn",
            run_epoch=run_epoch,
            embed=embed,
            epochs=epochs,
            every=_EVERY,
            patience=_PATIENCE,
            rng=rng,
        )
    )
