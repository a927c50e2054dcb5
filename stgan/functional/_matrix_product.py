"""Products with large matrices on a CPU, by the library that computes its convolutions.

For float32, torch asks another one (MKL), which on the CPUs that were measured runs at half the
rate of oneDNN's convolutions or less. That of oneDNN is as fast as they are, but torch calls it
only in programs that it has compiled: it has no derivatives of its own.

Under autocast products are left to torch, but for those of a few rows with a large matrix.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils import flop_counter

__all__ = ["linear"]

# Multiply-adds from which on the product is worth more than a detour of some ten microseconds.
_WORTHWHILE = 2**22

# Up to which rounding the weight to 16 bits takes longer than the product in 32.
_FEW_ROWS = 16

_PLAIN = (Tensor, nn.Parameter)
_ONEDNN: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
_WILL_RUN: Any = getattr(torch._C, "_will_engine_execute_node", None)


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``torch.nn.functional.linear``.

    Args:
        rows: ``(..., C_in)``.
        weight: ``(C_out, C_in)``, laid out by rows or, as the transpose of a matrix, by columns;
            its gradient is laid out alike.
        bias: ``(C_out,)``.
    """
    if _rounding_costs_more(rows, weight):
        with torch.autocast("cpu", enabled=False):
            full = linear(rows.float(), weight, bias)
        return full.to(torch.get_autocast_dtype("cpu"))
    if not _onednn_pays(rows, weight):
        return F.linear(rows, weight, bias)
    out: Tensor = _Linear.apply(rows.flatten(0, -2), weight)  # type: ignore[no-untyped-call]
    if rows.ndim > 2:
        out = torch.unflatten(out, 0, rows.shape[:-1])
    return out if bias is None else out + bias


def _rounding_costs_more(rows: Tensor, weight: Tensor) -> bool:
    """Whether autocast would spend more time on rounding a weight than it saves in products."""
    return (
        rows.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and _choosable(rows, weight)
        and rows.shape[:-1].numel() <= _FEW_ROWS
        and weight.dtype is torch.float32
    )


def _onednn_pays(rows: Tensor, weight: Tensor) -> bool:
    return (
        rows.device.type == "cpu"
        and bool(torch.backends.mkldnn.enabled)
        and not torch.is_autocast_enabled("cpu")
        and _choosable(rows, weight)
        and rows.dtype is weight.dtype is torch.float32
    )


def _choosable(rows: Tensor, weight: Tensor) -> bool:
    tracing = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    if _ONEDNN is None or tracing or torch.compiler.is_compiling():
        return False
    # Of tensors as they are: others, such as those without data, may not know what it is.
    if type(rows) not in _PLAIN or type(weight) not in _PLAIN:
        return False
    # For a single row no number of the weight is used twice, and memory is the limit.
    count = rows.shape[:-1].numel()
    return rows.ndim > 1 and count > 1 and count * weight.numel() >= _WORTHWHILE


class _Linear(torch.autograd.Function):
    """oneDNN's product with its derivatives, which are such products again."""

    @staticmethod
    def forward(rows: Tensor, weight: Tensor) -> Tensor:
        out: Tensor = _ONEDNN(rows, weight, None, "none", [], "")
        return out

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        rows, weight = ctx.saved_tensors
        of_rows = linear(gradient, weight.mT) if _asked_for(ctx, 0) else None
        if not _asked_for(ctx, 1):
            return of_rows, None
        if weight.stride(-1) == 1:
            return of_rows, linear(gradient.mT, rows.mT)
        return of_rows, linear(rows.mT, gradient.mT).mT

    @staticmethod
    def jvp(ctx: Any, rows_tangent: Tensor, weight_tangent: Tensor) -> Tensor:
        rows, weight = ctx.saved_tensors
        return linear(rows_tangent, weight) + linear(rows, weight_tangent)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, int | None], rows: Tensor, weight: Tensor
    ) -> tuple[Tensor, int]:
        # torch's own, since oneDNN knows of no further axis.
        rows, weight = (
            each if dim is None else each.movedim(dim, 0)
            for each, dim in zip((rows, weight), in_dims, strict=True)
        )
        return rows @ weight.mT, 0


def _asked_for(ctx: Any, index: int) -> bool:
    """Whether this backward pass wants the gradient of an input, as torch's operators know it.

    The slope of a discriminator along its clips, for one, asks for none of a weight.
    """
    node = ctx.next_functions[index][0]
    if not ctx.needs_input_grad[index] or node is None or _WILL_RUN is None:
        return bool(ctx.needs_input_grad[index])
    try:
        return bool(_WILL_RUN(node))
    except RuntimeError:  # a leaf that torch.autograd.grad is asked about
        return True


def _operations(rows: Sequence[int], weight: Sequence[int], *_: Any, **__: Any) -> int:
    return 2 * math.prod(rows) * weight[0]


# torch's counter of operations knows products by name, and not this one.
if _ONEDNN is not None and _ONEDNN not in flop_counter.flop_registry:
    flop_counter.register_flop_formula(_ONEDNN)(_operations)
