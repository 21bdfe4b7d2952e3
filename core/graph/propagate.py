"""Dual propagation as a step of torch that knows its own gradient."""

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from core.graph.hops import Propagation


class _Propagate(torch.autograd.Function):
    """A linear map, so that its backward pass is its transpose and nothing needs to be kept."""

    @staticmethod
    def forward(ctx: Any, source: Tensor, target: Tensor, propagation: Propagation) -> tuple[Tensor, Tensor]:
        """θ of both roles."""
        ctx.propagation = propagation
        return _to_tensors(propagation.apply(source.detach().numpy(), target.detach().numpy()))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor, None]:
        """Gradients with regard to z, for gradients with regard to θ."""
        propagation: Propagation = ctx.propagation
        return *_to_tensors(propagation.apply_turned(source.numpy(), target.numpy())), None


def _to_tensors(pair: tuple[Any, Any]) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(pair[0]), torch.from_numpy(pair[1])


def propagate(source: Tensor, target: Tensor, propagation: Propagation) -> tuple[Tensor, Tensor]:
    """θ of both roles for the vectors z of both roles, differentiable; see :class:`Propagation`.

    Notes
    -----
    torch multiplies a sparse matrix in rows in milliseconds, but takes a second to go back through it; here both
    directions multiply by rows that stand ready.
    """
    return cast("tuple[Tensor, Tensor]", _Propagate.apply(source, target, propagation))  # type: ignore[no-untyped-call]
