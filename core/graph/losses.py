"""The asymmetric loss: a link is likelier than links to other targets, and than its own reverse."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from core.arrays import IntArray
from core.graph.supervision import Candidates, Supervision

Likelihood: TypeAlias = Literal["softmax", "logistic"]

ROWS = 2_048
NEGATIVES_PER_LINK = 10
_NEVER = -1e9


@dataclass(frozen=True, slots=True)
class Loss:
    r"""Link likelihood, negatives and direction, averaged over the edges of a fold.

    Definition
        With s_uv = θˢ_u · θᵗ_v, candidates C with weights w, and C_u those that are no known target of u:

        softmax: :math:`-\log \frac{e^{s_{uv}}}{e^{s_{uv}} + \sum_{z \in C_u} w_z e^{s_{uz}}}`;

        logistic: :math:`-\log\sigma(s_{uv}) - \frac{10}{|C_u|} \sum_{z \in C_u} \log\sigma(-s_{uz})`;

        and on one-way edges either adds the direction term :math:`-\lambda \log\sigma(-s_{vu})`.

    Attributes
    ----------
    likelihood
        Which of the two.
    direction
        λ, at least 0.

    Notes
    -----
    BLADE and DAEMON use the logistic form with a few negatives per edge. The reversed edge is the hardest negative.
    The reverse of a training edge is never a test edge where the split is by pair; what the direction term gains in
    HitRate there is in part this, see the documentation.
    """

    likelihood: Likelihood
    direction: float

    def backward(self, source: Tensor, target: Tensor, fold: Supervision, candidates: Candidates) -> "Gradients":
        """Loss of a fold and its gradients for given θ of both roles; blocks of 2,048 sources are scored at a time."""
        found = Gradients(0.0, torch.zeros_like(source), torch.zeros_like(target))
        chosen = torch.from_numpy(candidates.nodes)
        offered = _leaf(target, chosen)
        for block in _blocks(fold):
            self._add_block(found, source, target, offered, block, candidates)
        if offered.grad is not None:
            found.target.index_add_(0, chosen, offered.grad)
        count = max(len(fold.edges), 1)
        return Gradients(found.loss / count, found.source / count, found.target / count)

    def _add_block(
        self, found: "Gradients", source: Tensor, target: Tensor, offered: Tensor, block: "_Block", known: Candidates
    ) -> None:
        askers, answers = _leaf(source, block.rows), _leaf(target, block.target)
        scores = self._mask(askers @ offered.T, block, known)
        own = (askers[block.row] * answers).sum(1)
        loss = self._likelihood(scores, own, block, known)
        ends, starts = _leaf(source, block.target[block.one_way]), _leaf(target, block.source[block.one_way])
        if self.direction > 0:
            loss = loss - self.direction * logsigmoid(-(ends * starts).sum(1)).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        found.loss += float(loss.detach())
        for total, at, leaf in (
            (found.source, block.rows, askers),
            (found.target, block.target, answers),
            (found.source, block.target[block.one_way], ends),
            (found.target, block.source[block.one_way], starts),
        ):
            if leaf.grad is not None:
                total.index_add_(0, at, leaf.grad)

    def _mask(self, scores: Tensor, block: "_Block", known: Candidates) -> Tensor:
        """Scores without those of known targets: these are no negatives."""
        excluded = known.excluded[block.rows.numpy()].tocoo()
        at = tuple(torch.from_numpy(np.asarray(part, dtype=np.int64)) for part in (excluded.row, excluded.col))
        return scores.index_put(at, torch.tensor(_NEVER, dtype=scores.dtype))

    def _likelihood(self, scores: Tensor, own: Tensor, block: "_Block", known: Candidates) -> Tensor:
        if self.likelihood == "softmax":
            others = torch.logsumexp(scores + torch.from_numpy(known.log_weight).to(scores.dtype), 1)
            return softplus(others[block.row] - own).sum()
        negatives = (scores > _NEVER).sum(1).clamp(min=1)
        mean = softplus(scores).sum(1) / negatives
        return softplus(-own).sum() + NEGATIVES_PER_LINK * mean[block.row].sum()


@dataclass(slots=True, eq=False)
class Gradients:
    """A loss, and its gradients with regard to the vectors of both roles."""

    loss: float
    source: Tensor
    target: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Edges of a few sources: ``rows`` are distinct, and edge i leaves ``rows[row[i]]``."""

    rows: Tensor
    row: Tensor
    source: Tensor
    target: Tensor
    one_way: Tensor


def _blocks(fold: Supervision) -> Iterator[_Block]:
    source, target = fold.edges.source, fold.edges.target
    rows, row = np.unique(source, return_inverse=True)
    first: IntArray = np.searchsorted(row, np.arange(0, len(rows), ROWS)).astype(np.int64)
    for start, end, begin in zip(first, [*first[1:], len(source)], range(0, len(rows), ROWS), strict=True):
        some = slice(int(start), int(end))
        yield _Block(
            rows=torch.from_numpy(rows[begin : begin + ROWS]),
            row=torch.from_numpy(row[some] - begin),
            source=torch.from_numpy(source[some]),
            target=torch.from_numpy(target[some]),
            one_way=torch.from_numpy(fold.one_way[some]),
        )


def _leaf(vectors: Tensor, at: Tensor) -> Tensor:
    """Some of the vectors as a start of gradients, so that no gradient of the size of all vectors is made per block."""
    return vectors[at].detach().requires_grad_()
