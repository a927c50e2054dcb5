r"""A weight divided by its largest singular value, with a derivative of few passes over memory.

With unit vectors :math:`u, v` that are held still and :math:`\sigma = u^\top W v`, the gradient of
:math:`W / \sigma` is

.. math:: \frac{1}{\sigma} \left(G - \frac{\langle G, W \rangle}{\sigma} u v^\top\right)

for the gradient :math:`G` of what comes out. On its way there autograd alone makes three tensors
as large as the weight, and this makes one.
"""

from collections.abc import Sequence
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

__all__ = ["as_matrix", "divide_by_sigma"]


def as_matrix(weight: Tensor, axis: int, groups: int) -> Tensor:
    """Return a weight as one row for every channel of the output."""
    if axis == 0:
        return weight.flatten(1)
    return rearrange(weight, "(g i) o ... -> (g o) (i ...)", g=groups)


def divide_by_sigma(weight: Tensor, u: Tensor, v: Tensor, *, axis: int, groups: int) -> Tensor:
    r"""Return :math:`W / (u^\top W v)`, of which only the weight is learned.

    Args:
        weight: Of a layer.
        u: One number for each row of its matrix.
        v: One for each column.
        axis: Where the channels of the output stand in the weight.
        groups: Of a transposed convolution.
    """
    if torch.compiler.is_compiling():
        return weight * _inverse(weight, u, v, axis, groups)
    out: Tensor = _Divide.apply(weight, u, v, axis, groups)[0]  # type: ignore[no-untyped-call]
    return out


def _inverse(weight: Tensor, u: Tensor, v: Tensor, axis: int, groups: int) -> Tensor:
    return torch.dot(u, as_matrix(weight, axis, groups) @ v).reciprocal()


def _beside(
    u: Tensor, v: Tensor, taps: Sequence[int], axis: int, groups: int
) -> tuple[Tensor, Tensor]:
    """Lay both vectors along the axes of a weight, ``(groups, channels, channels, *taps)``."""
    rows, columns = torch.unflatten(u, 0, (groups, -1)), torch.unflatten(v, 0, (-1, *taps))
    ones = [1] * len(taps)
    if axis == 0:
        return torch.unflatten(rows, 1, (-1, 1, *ones)), columns[None, None]
    return torch.unflatten(rows, 1, (1, -1, *ones)), columns[None, :, None]


class _Divide(torch.autograd.Function):
    """Return the quotient, and one over sigma as a number that the backward pass needs."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        weight: Tensor, u: Tensor, v: Tensor, axis: int, groups: int
    ) -> tuple[Tensor, Tensor]:
        inverse = _inverse(weight, u, v, axis, groups)
        return weight * inverse, inverse

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        weight, u, v, ctx.axis, ctx.groups = inputs
        inverse = output[1]
        ctx.mark_non_differentiable(inverse)
        ctx.save_for_backward(weight, u, v, inverse)
        ctx.save_for_forward(weight, u, v, inverse)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Any) -> tuple[Tensor, None, None, None, None]:
        weight, u, v, inverse = ctx.saved_tensors
        second = torch.is_grad_enabled()  # derivatives, to which sigma belongs
        if second:
            inverse = _inverse(weight, u, v, ctx.axis, ctx.groups)
        share = torch.dot(gradient.flatten(), weight.flatten()) * inverse.square()
        rows, columns = _beside(u, v, weight.shape[2:], ctx.axis, ctx.groups)
        out = gradient * inverse
        grouped = torch.unflatten(out, 0, (ctx.groups, -1))
        if second:
            out = torch.addcmul(grouped, rows * -share, columns).flatten(0, 1)
        else:
            grouped.addcmul_(rows * -share, columns)
        return out, None, None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: Any) -> tuple[Tensor, None]:
        weight, u, v, inverse = ctx.saved_tensors
        moved = torch.dot(u, as_matrix(tangent, ctx.axis, ctx.groups) @ v)
        return (tangent - weight * (moved * inverse)) * inverse, None
