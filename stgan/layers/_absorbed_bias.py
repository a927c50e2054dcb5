"""Biases of convolutions that the batch norm behind them takes out again.

Over the batch, a norm subtracts the mean, and with it whatever constant was added before: the bias
moves neither the output nor any gradient, and its own is zero. Adding it and summing up that zero
would be two passes over the memory of a clip. Only the running mean has to know of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["absorbs", "bias_left_out"]

# By type, not by class: what derives from them may use the mean otherwise.
_NORMS = (nn.BatchNorm3d, nn.SyncBatchNorm)


class _LeaveOut(torch.autograd.Function):
    """Pass a video on as it is; the bias gets the zeros that are its gradient.

    Without a part in the graph it would get none at all, for which optimizers pass it over, and
    ``DistributedDataParallel`` waits.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(video: Tensor, bias: Tensor) -> Tensor:
        return video.view_as(video)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        (bias,) = ctx.saved_tensors
        return gradient, torch.zeros_like(bias)

    @staticmethod
    def jvp(ctx: Any, video_tangent: Tensor, bias_tangent: Tensor) -> Tensor:
        return video_tangent.view_as(video_tangent)


def absorbs(norm: nn.Module, bias: Tensor | None) -> bool:
    """Whether a norm makes the same of its input with and without a bias."""
    if bias is None or type(norm) not in _NORMS or torch.compiler.is_compiling():
        return False
    return norm.training or norm.running_mean is None


@contextmanager
def bias_left_out(norm: nn.Module, video: Tensor, bias: Tensor) -> Iterator[Tensor]:
    """Let a norm see a video without a bias that it absorbs, and end as if it had been added.

    Args:
        norm: Called once inside.
        video: ``(N, C, T, H, W)``, to which the bias was not added.
        bias: ``(C,)``.
    """
    out: Tensor = _LeaveOut.apply(video, bias)  # type: ignore[no-untyped-call]
    yield out
    if norm.training and isinstance(norm.running_mean, Tensor):
        share: Any = norm.momentum
        if share is None:
            share = norm.num_batches_tracked.to(bias.dtype).reciprocal()  # type: ignore[operator]
        # Past autograd, as the norm itself moves it: the graph of an earlier pass names it, though
        # the gradients of a batch's own statistics do not read it.
        norm.running_mean.data.add_(bias.detach() * share)
