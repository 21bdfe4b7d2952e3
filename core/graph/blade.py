"""The dual GNN: each node has a source and a target vector, and both flow along the edges, in turn."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from core.checks import check_between, check_count
from core.graph.data import BoolArray, Edges, Fold, Graph
from core.graph.hops import HopFactors, Propagation
from core.graph.item_inputs import encode_items
from core.graph.losses import Likelihood, Loss
from core.graph.neighbourhoods import Mode, Neighbourhood
from core.graph.propagate import propagate
from core.graph.scorers import ScoreArray
from core.graph.supervision import Negatives, draw_candidates, draw_folds, find_one_way
from core.graph.training import make_torch_generator, train_epochs
from core.jobs import Job

MOST_DIMENSIONS = 1_024
MOST_HOPS = 16
MOST_EPOCHS = 10_000
SPREAD = 0.3
SLOWEST = 0.05
EVERY = 5
PATIENCE = 4


def fit_blade(
    fold: Fold,
    *,
    dimensions: int = 64,
    hops: int = 2,
    own: float = 0.1,
    epochs: int = 60,
    folds: int = 4,
    learning_rate: float = 0.1,
    direction: float = 0.2,
    likelihood: Likelihood = "softmax",
    negatives: Negatives = "uniform",
    candidates: int = 500,
    neighbourhood: Mode = "full",
    budget: int = 10,
    popularity: float = 0.0,
    features: bool = False,
    rng: np.random.Generator,
) -> Job[HopFactors]:
    r"""Learn dual embeddings by propagation without non-linearities, a BLADE-style model.

    Definition
        With free vectors z^s, z^t of every node, Ã = D_out^{-1/2} A D_in^{-1/2}, H_s^0 = z^s, H_t^0 = z^t:

        .. math:: H_s^{l+1} = \tilde A H_t^l, \quad H_t^{l+1} = \tilde A^\top H_s^l, \quad
            \theta = \sum_{l=0}^{L} c_l H^l, \quad
            s(u \to v) = \theta^s_u \cdot \theta^t_v / \lVert\theta^t_v\rVert^\beta

        c_0 = ``own`` / (own + L), all other c_l = 1 / (own + L). The loss is that of :class:`core.graph.losses.Loss`,
        on a fold of the edges that the vectors don't flow along: see :func:`core.graph.supervision.draw_folds`.

    Parameters
    ----------
    fold
        Training edges; validation edges choose the epoch.
    dimensions
        d, the length of each vector.
    hops
        L, the length of the walks that a score is a sum over; 0 leaves the node's own vector.
    own
        Weight of a node's own vector beside that of each hop. Small values keep it from being learned by heart.
    epochs, folds, learning_rate
        Most passes over the edges; steps per pass; step size of Adam, which falls linearly to a twentieth.
    direction
        Weight λ of the direction term.
    likelihood, negatives, candidates
        Form of the likelihood, and how many targets stand in for all others in a step, drawn how.
    neighbourhood, budget
        See :class:`core.graph.neighbourhoods.Neighbourhood`.
    popularity
        β: 0 leaves popularity to the norm of the target vector, 1 removes it.
    features
        Whether the items' features and categories are added to the vectors that flow.

    Raises
    ------
    InputError
        An option is out of range.

    Notes
    -----
    The two published predecessors, DAEMON and BLADE, put a matrix and a ReLU between layers and unit norm after them;
    without all three the map is linear, and each score is a sum over hops and nodes. A step costs O(hops · edges · d +
    sources · candidates · d); a pass ``folds`` times that.

    References
    ----------
    Virinchi, Saladi & Mondal (2022), Recommending related products using graph neural networks in directed graphs
    (DAEMON), ECML-PKDD; Virinchi & Saladi (2023), BLADE, WSDM; He et al. (2020), LightGCN, SIGIR (mean over layers).
    """
    _check_options(dimensions, hops, epochs, folds, candidates, budget)
    check_between(own, 0, 100, name="weight of the own vector")
    check_between(learning_rate, 1e-6, 10, name="learning rate")
    check_between(direction, 0, 100, name="direction weight")
    check_between(popularity, 0, 2, name="popularity exponent")
    total = own + hops
    weights = (own / total, *[1 / total] * hops) if total > 0 else (1.0,)
    inputs = _Inputs.draw(fold.graph, dimensions, with_features=features, generator=make_torch_generator(rng))
    trainer = _Trainer(
        graph=fold.graph,
        adjacency=fold.graph.adjacency(),
        one_way=find_one_way(fold.graph),
        inputs=inputs,
        loss=Loss(likelihood, direction),
        neighbourhood=Neighbourhood(neighbourhood, budget),
        weights=weights,
        folds=folds,
        candidates=candidates,
        negatives=negatives,
        popularity=popularity,
        optimiser=torch.optim.Adam(inputs.parameters(), lr=learning_rate),
        steps=epochs * folds,
        rng=rng,
    )
    return (
        yield from train_epochs(
            fold,
            network="blade",
            run_epoch=trainer.run_epoch,
            embed=trainer.embed,
            epochs=epochs,
            every=EVERY,
            patience=PATIENCE,
            rng=rng,
        )
    )


def _check_options(dimensions: int, hops: int, epochs: int, folds: int, candidates: int, budget: int) -> None:
    check_count(dimensions, 1, MOST_DIMENSIONS, name="dimensions")
    check_count(hops, 0, MOST_HOPS, name="hops")
    check_count(epochs, 1, MOST_EPOCHS, name="epochs")
    check_count(folds, 1, 1_000, name="folds")
    check_count(candidates, 1, 1_000_000, name="candidates")
    check_count(budget, 1, 1_000, name="budget of neighbours")


@dataclass(frozen=True, slots=True, eq=False)
class _Inputs:
    """z of both roles: free vectors, and maybe a linear map of what is known of the items."""

    free: tuple[Tensor, Tensor]
    known: Tensor
    maps: tuple[Tensor, Tensor]

    @classmethod
    def draw(cls, graph: Graph, dimensions: int, *, with_features: bool, generator: torch.Generator) -> "_Inputs":
        known = torch.from_numpy(encode_items(graph.items)) if with_features else torch.zeros(graph.nodes, 0)
        shape = (graph.nodes, dimensions)
        free = tuple((torch.randn(shape, generator=generator) * SPREAD).requires_grad_() for _ in range(2))
        maps = tuple(torch.zeros(known.shape[1], dimensions).requires_grad_() for _ in range(2))
        return cls((free[0], free[1]), known, (maps[0], maps[1]))

    def parameters(self) -> list[Tensor]:
        return [*self.free, *(self.maps if self.known.shape[1] else ())]

    def vectors(self) -> tuple[Tensor, Tensor]:
        if not self.known.shape[1]:
            return self.free
        return self.free[0] + self.known @ self.maps[0], self.free[1] + self.known @ self.maps[1]


@dataclass(slots=True, eq=False)
class _Trainer:
    graph: Graph
    adjacency: csr_array
    one_way: BoolArray
    inputs: _Inputs
    loss: Loss
    neighbourhood: Neighbourhood
    weights: tuple[float, ...]
    folds: int
    candidates: int
    negatives: Negatives
    popularity: float
    optimiser: torch.optim.Adam
    steps: int
    rng: np.random.Generator
    done: int = 0

    def run_epoch(self) -> float:
        """One step per fold; returns the mean loss per edge."""
        total = 0.0
        first_rate = self.optimiser.defaults["lr"]
        for fold in draw_folds(self.graph, self.one_way, folds=self.folds, rng=self.rng):
            drawn = draw_candidates(
                self.graph, self.adjacency, count=self.candidates, kind=self.negatives, rng=self.rng
            )
            source, target = propagate(*self.inputs.vectors(), self._draw(fold.rest))
            found = self.loss.backward(source.detach(), target.detach(), fold, drawn)
            self.optimiser.zero_grad()
            torch.autograd.backward((source, target), (found.source, found.target))
            self.optimiser.param_groups[0]["lr"] = first_rate * max(SLOWEST, 1 - self.done / self.steps)
            self.optimiser.step()
            self.done += 1
            total += found.loss * len(fold.edges)
        return total / max(len(self.graph.edges), 1)

    def _draw(self, edges: Edges) -> Propagation:
        return self.neighbourhood.draw(edges, self.graph.nodes, self.weights, rng=self.rng)

    def embed(self) -> HopFactors:
        """The state with all training edges, as arrays of its own."""
        flow = self.neighbourhood.settle(self.graph.edges, self.graph.nodes, self.weights, rng=self.rng)
        base_source, base_target = (part.detach().numpy().copy() for part in self.inputs.vectors())
        source, target = flow.apply(base_source, base_target)
        return HopFactors(
            source=source,
            target=_divide_by_norm(target, self.popularity),
            base_source=base_source,
            base_target=base_target,
            out=flow.out,
            into=flow.into,
            weights=self.weights,
        )


def _divide_by_norm(target: ScoreArray, exponent: float) -> ScoreArray:
    norm = np.linalg.norm(target, axis=1, keepdims=True)
    divisor = np.where(norm > 0, norm, 1) ** exponent
    divided: ScoreArray = (target / divisor).astype(np.float32)
    return divided
