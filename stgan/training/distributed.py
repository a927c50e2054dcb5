"""Settings of distributed runs that GANs need."""

import inspect
from typing import Any

from torch.nn.parallel import DistributedDataParallel

__all__ = ["ddp_settings"]


def ddp_settings() -> dict[str, Any]:
    """Settings of ``DistributedDataParallel`` under which a discriminator may run twice in a step.

    By default the wrapper broadcasts all buffers before every forward pass. The usual step of a
    discriminator runs real clips, then generated ones, then goes back through both: the second
    broadcast overwrites what the first pass of batch normalization still needs, and torch raises.
    Without it buffers stay equal by themselves, since all processes begin with equal ones and see
    equal numbers: those of spectral normalization follow the weights, and those of batch
    normalization are equal under :func:`synchronize_batch_norm`.

    Returns:
        Keyword arguments, also for Fabric's ``DDPStrategy``; the name of the setting depends on the
        version of torch.

    Example:
        >>> list(ddp_settings().values())
        [False]

    References:
        pytorch/pytorch#175024: two forward passes through a wrapped batch norm raise since torch
        2.6.
    """
    known = inspect.signature(DistributedDataParallel).parameters
    name = "forward_sync_buffers"
    return {name if name in known else "broadcast_buffers": False}
