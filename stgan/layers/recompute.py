"""Activations that are computed again in the backward pass instead of being kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgan._factories import check_module

__all__ = ["can_recompute", "recompute_activations", "recomputed"]


def recompute_activations(network: nn.Module, *, enabled: bool = True) -> int:
    """Let convolutions of two steps compute what lies between the steps again, when it is needed.

    Between its steps a convolution keeps two wide tensors for the backward pass: what goes into the
    norm and what comes out of the activation. The second follows from the first at the price of a
    norm, so only the first is kept. Values and gradients stay the same, bit for bit.

    Args:
        network: Changed in place: every convolution of :mod:`stgan.layers` with two steps in it.
            Between them must stand a batch, group or instance norm and a leaky ReLU or ReLU in
            place; elsewhere this has no effect. Neither has it in compiled programs, which decide
            for themselves what they keep.
        enabled: Whether to recompute from now on.

    Returns:
        How many convolutions were switched.

    Example:
        >>> from stgan.layers import ConvTranspose1Plus2d
        >>> recompute_activations(ConvTranspose1Plus2d(8, 4, kernel_size=4, stride=2, padding=1))
        1

    Note:
        Saved tensors are handled by hooks, of which torch calls the innermost only: what lies
        between the steps is then not seen by :func:`stgan.profiling.activation_bytes`.

    References:
        Rota Bulò et al., In-Place Activated BatchNorm, CVPR 2018, section 3 (who invert the
        activation instead, which needs scales that are not near zero); Chen et al., Training Deep
        Nets with Sublinear Memory Cost, 2016.
    """
    check_module(network, "network")
    found = [module for module in network.modules() if hasattr(module, "_recompute")]
    for module in found:
        module._recompute = enabled  # type: ignore[assignment]
    return len(found)


class _Kept(NamedTuple):
    """Stands for a view of the activation."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int


def can_recompute(norm: nn.Module, act: nn.Module) -> bool:
    """Tell whether norm and activation may run a second time, and hold one tensor between them."""
    fixed = isinstance(norm, nn.BatchNorm3d | nn.GroupNorm) or (
        isinstance(norm, nn.InstanceNorm3d) and not norm.track_running_stats
    )
    in_place = isinstance(act, nn.LeakyReLU | nn.ReLU) and act.inplace
    return fixed and in_place and torch.is_grad_enabled() and not torch.compiler.is_compiling()


@contextmanager
def recomputed(norm: nn.Module, act: nn.Module, hidden: Tensor) -> Iterator[Tensor]:
    """Normalize and activate; what runs inside does not keep the result, but how to get it again.

    Args:
        norm: The norm; its statistics move once.
        act: The activation, which acts in place.
        hidden: What they are applied to; it is kept.
    """
    # The memory of the result, held until the end so that no other tensor has the same address.
    out: list[Tensor] = []

    def pack(tensor: Tensor) -> Any:
        if not out or tensor.untyped_storage().data_ptr() != out[0].untyped_storage().data_ptr():
            return tensor
        return _Kept(tuple(tensor.shape), tensor.stride(), tensor.storage_offset())  # type: ignore[arg-type]

    def unpack(kept: Any) -> Tensor:
        if not isinstance(kept, _Kept):
            return cast(Tensor, kept)
        with torch.no_grad():
            again: Tensor = act(_normalized(norm, hidden))
        return again.as_strided(kept.size, kept.stride, kept.offset)

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        out.append(norm(hidden))
        out[0] = act(out[0])
        yield out[0]
        out.clear()


def _normalized(norm: nn.Module, x: Tensor) -> Tensor:
    """Normalize once more, without touching running statistics."""
    if isinstance(norm, nn.BatchNorm3d) and (norm.training or norm.running_mean is None):
        return F.batch_norm(x, None, None, norm.weight, norm.bias, training=True, eps=norm.eps)
    out: Tensor = norm(x)
    return out
