"""Batch normalization over the batch of all processes, on any device."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from stgan._factories import check_module
from stgan.errors import ShapeError
from stgan.functional._precision import full_precision, without_autocast

__all__ = ["SynchronizedBatchNorm", "synchronize_batch_norm"]


class _SumOverProcesses(torch.autograd.Function):
    """Sum over all processes; so is the gradient, as each process used the sum."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _sum_over_processes(gradient)


def _sum_over_processes(tensor: Tensor) -> Tensor:
    total: Tensor = _SumOverProcesses.apply(tensor)  # type: ignore[no-untyped-call]
    return total


class SynchronizedBatchNorm(_BatchNorm):
    r"""Batch normalization whose mean and variance are those of the batches of all processes.

    In training mode, with :math:`x` the values of a channel in every process and :math:`n` their
    number,

    .. math:: m = \frac 1n \sum x, \qquad v = \frac 1n \sum (x - m)^2,

    each sum over all processes, of which every one must call it as often. The shares of the batch
    may differ in size. Alone, without ``torch.distributed``, or in evaluation mode, it is torch's
    batch normalization. Gradients, second ones too, go back through the sums.

    Args:
        num_features: Channels.
        eps: Added to the variance.
        momentum: Of the running statistics; ``None`` for their plain average.
        affine: Whether it has a weight and a bias.
        track_running_stats: Whether it has running statistics.

    Shape:
        - Input: ``(N, C, ...)``, any number of further axes
        - Output: the same

    Raises:
        ShapeError: If the input has no axis of channels.

    Example:
        >>> norm = SynchronizedBatchNorm(3)
        >>> norm(torch.randn(2, 3, 4, 8, 8)).mean().abs() < 1e-6
        tensor(True)

    Differs from the source:
        ``torch.nn.SyncBatchNorm`` has the same equations and runs on accelerators only; this one
        runs on whatever ``torch.distributed`` can sum over, gloo on a CPU included, in two sums in
        place of one gather.

    References:
        Ioffe and Szegedy, Batch Normalization, ICML 2015, algorithm 1.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2 or input.shape[1] != self.num_features:
            raise ShapeError(
                f"input must be laid out as (N, C={self.num_features}, ...), got "
                f"{tuple(input.shape)}"
            )

    def forward(self, input: Tensor) -> Tensor:
        """Normalize each channel."""
        of_batch = self.training or self.running_mean is None
        if not (of_batch and dist.is_available() and dist.is_initialized()):
            return super().forward(input)
        self._check_input_dim(input)
        if input.numel() // self.num_features * dist.get_world_size() < 2:
            raise ShapeError(
                f"input must hold more than 1 value of each channel in training, got "
                f"{tuple(input.shape)}; take a larger batch, or call eval()"
            )
        axes = [0, *range(2, input.ndim)]
        view = (1, -1, *[1] * (input.ndim - 2))
        with without_autocast(input):
            # Half precision cannot even count the values of a clip.
            x = full_precision(input)
            counted = torch.cat([x.sum(axes), x.new_full((1,), x.numel() / x.shape[1])])
            total = _sum_over_processes(counted)
            count = total[-1]
            mean = total[:-1] / count
            centered = x - mean.view(view)
            var = _sum_over_processes(centered.square().sum(axes)) / count
            if self.training:
                self._track(mean.detach(), var.detach() * count / (count - 1))
            x = centered * torch.rsqrt(var + self.eps).view(view)
            if self.affine:
                x = x * self.weight.view(view) + self.bias.view(view)
        return x.to(input.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, var: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share: Any = self.momentum
        if share is None:
            share = 1 / self.num_batches_tracked
        for running, new in ((self.running_mean, mean), (self.running_var, var)):
            running += share * (new.to(running.dtype) - running)


def synchronize_batch_norm(module: nn.Module) -> nn.Module:
    """Let all batch normalization in a network be over the batches of all processes.

    ``BatchNorm1d``, ``2d`` and ``3d`` inside become :class:`SynchronizedBatchNorm` where they are:
    parameters, buffers, names and hooks stay, and optimizers that know them go on. Call it on every
    process, and wrap the network in ``DistributedDataParallel`` with ``broadcast_buffers=False``
    afterwards: the statistics are equal everywhere, and a broadcast between the two forward passes
    of a discriminator's step would change what the first one needs for its backward pass.

    Args:
        module: The network; changed in place.

    Returns:
        The same network.

    Example:
        >>> network = nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4))
        >>> type(synchronize_batch_norm(network)[1]).__name__
        'SynchronizedBatchNorm'
    """
    check_module(module, "module")
    for part in module.modules():
        if type(part) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
            # The classes have one state and differ in which shapes they take.
            part.__class__ = SynchronizedBatchNorm
    return module
