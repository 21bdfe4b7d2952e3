"""DAEMON to the letter of its paper, for comparison: matrices, ReLU and unit norm between the layers."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize

from core.checks import check_between, check_count
from core.graph.data import Fold, make_adjacency
from core.graph.hops import Propagation
from core.graph.propagate import propagate
from core.graph.scorers import Factors
from core.graph.supervision import find_one_way
from core.graph.training import draw_batches, make_torch_generator, train_epochs
from core.jobs import Job

_EVERY = 5
_PATIENCE = 4


def fit_daemon(
    fold: Fold,
    *,
    dimensions: int = 64,
    layers: int = 2,
    epochs: int = 30,
    batch: int = 8_192,
    negatives: int = 5,
    learning_rate: float = 1e-2,
    rng: np.random.Generator,
) -> Job[Factors]:
    r"""DAEMON (literal): the published equations, on co-purchase edges only, with learned vectors in place of features.

    Definition
        With one matrix W^l per layer for both roles, x / ‖x‖ after each layer, and plain sums over neighbours:

        .. math:: (h^s_u)^l = \mathrm{ReLU}\Big(\sum_{(u,v) \in E} (h^t_v)^{l-1} W^l\Big), \quad
            (h^t_u)^l = \mathrm{ReLU}\Big(\sum_{(v,u) \in E} (h^s_v)^{l-1} W^l\Big)

        .. math:: -\sum_{(u,v) \in E} \Big[\log\sigma(s_{uv}) + \sum_{z}^{n_k} \log\sigma(1 - s_{uz})\Big]
            - \sum_{(u,v) \in E, (v,u) \notin E} \big[\log\sigma(s_{uv}) + \log\sigma(1 - s_{vu})\big]

    Parameters
    ----------
    fold
        Training edges; validation edges choose the epoch.
    dimensions, layers
        d and L; the paper has 64 and 3.
    epochs, batch, learning_rate
        Most passes, edges per step, and step size of Adam; the paper has 30, 1,024 and 10⁻⁴.
    negatives
        n_k, uniform nodes per edge, not stated in the paper.

    Raises
    ------
    InputError
        An option is out of range.

    Notes
    -----
    Differences from the paper: no co-view edges, no attributes, full neighbourhoods in place of samples of 20, 10, 10,
    larger batches and steps. With unit vectors σ(1 − s) lies in [0.50, 0.88]: scores cannot be driven far apart, and
    without attributes it ranks well below the dual GNN. The direction term judges one-way edges on the training graph.

    References
    ----------
    Virinchi, Saladi & Mondal (2022), Recommending related products using graph neural networks in directed graphs,
    ECML-PKDD.
    """
    check_count(dimensions, 1, 1_024, name="dimensions")
    check_count(layers, 1, 16, name="layers")
    check_count(epochs, 1, 10_000, name="epochs")
    check_count(batch, 1, 1 << 30, name="batch")
    check_count(negatives, 1, 1_000, name="negatives")
    check_between(learning_rate, 1e-6, 10, name="learning rate")
    graph, edges, generator = fold.graph, fold.graph.edges, make_torch_generator(rng)
    one_way = find_one_way(graph)
    forward = _Layers.draw(fold, dimensions, layers, generator)
    optimiser = torch.optim.Adam(forward.parameters(), lr=learning_rate)

    def run_epoch() -> float:
        total = 0.0
        for some in draw_batches(len(edges), batch, rng=rng):
            u, v = torch.from_numpy(edges.source[some]), torch.from_numpy(edges.target[some])
            others = torch.from_numpy(rng.integers(graph.nodes, size=(len(some), negatives)))
            loss = _loss(*forward.embed(), u, v, others, torch.from_numpy(one_way[some])) / len(some)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += float(loss.detach()) * len(some)
        return total / max(len(edges), 1)

    def embed() -> Factors:
        source, target = forward.embed()
        return Factors(source.detach().numpy().copy(), target.detach().numpy().copy())

    return (
        yield from train_epochs(
            fold,
            network="daemon",
            run_epoch=run_epoch,
            embed=embed,
            epochs=epochs,
            every=_EVERY,
            patience=_PATIENCE,
            rng=rng,
        )
    )


def _loss(source: Tensor, target: Tensor, u: Tensor, v: Tensor, others: Tensor, one_way: Tensor) -> Tensor:
    scores = (source[u] * target[v]).sum(1)
    negative = torch.einsum("ed,ekd->ek", source[u], target[others])
    kept = others != u[:, None]
    reverse = (source[v[one_way]] * target[u[one_way]]).sum(1)
    likelihood = logsigmoid(scores).sum() + logsigmoid(1 - negative)[kept].sum()
    direction = logsigmoid(scores[one_way]).sum() + logsigmoid(1 - reverse).sum()
    return -(likelihood + direction)


class _Layers:
    """Input vectors X, and W of every layer."""

    def __init__(self, inputs: Tensor, matrices: list[Tensor], flow: Propagation) -> None:
        self.inputs, self.matrices, self.flow = inputs, matrices, flow

    @classmethod
    def draw(cls, fold: Fold, dimensions: int, layers: int, generator: torch.Generator) -> "_Layers":
        inputs = normalize(torch.randn((fold.graph.nodes, dimensions), generator=generator)).requires_grad_()
        spread = (2 / dimensions) ** 0.5
        shape = (dimensions, dimensions)
        matrices = [(torch.randn(shape, generator=generator) * spread).requires_grad_() for _ in range(layers)]
        out = make_adjacency(fold.graph.edges, fold.graph.nodes)
        into = out.T.tocsr()
        return cls(inputs, matrices, Propagation(out, into, into, out, (0.0, 1.0)))

    def parameters(self) -> list[Tensor]:
        return [self.inputs, *self.matrices]

    def embed(self) -> tuple[Tensor, Tensor]:
        source = target = self.inputs
        for matrix in self.matrices:
            source, target = propagate(source @ matrix, target @ matrix, self.flow)
            source, target = normalize(torch.relu(source)), normalize(torch.relu(target))
        return source, target
