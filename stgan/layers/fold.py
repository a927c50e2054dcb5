"""Batch norms folded into convolutions, for inference."""

import copy
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize
from torch.nn.utils.fusion import fuse_conv_bn_weights

__all__ = ["HasNorms", "fold_batch_norms"]

Network = TypeVar("Network", bound=nn.Module)


@runtime_checkable
class HasNorms(Protocol):
    """A module that knows which of its norms follow a convolution; derive nothing, just answer."""

    def normalized_convs(self) -> Sequence[tuple[nn.Module, str]]:
        """Name convolutions whose output goes to a norm and nowhere else.

        Returns:
            Each convolution, with the name of the norm as an attribute of this module.
        """


@torch.no_grad()
def fold_batch_norms(network: Network) -> Network:
    r"""Return a copy for inference, with batch norms folded into the convolutions before them.

    In evaluation mode a batch norm is a scale and a shift of every channel,

    .. math:: \mathrm{norm}(W \ast x + b) = (s W) \ast x + s (b - \mu) + \beta,
        \qquad s = \gamma / \sqrt{\sigma^2 + \epsilon},

    so that the convolution can do its work. That saves a pass over every feature map, and the
    memory of its result. Spectral norm of such a convolution becomes part of its weight. Batch
    norms elsewhere and other norms stay as they are.

    Args:
        network: Any module; what is found are the convolutions of :mod:`stgan.layers`, stages of
            :mod:`stgan.blocks`, and modules of your own that have :class:`HasNorms`.

    Returns:
        A copy in evaluation mode that computes the same as the network does there. Its parameters
        take no gradient, and its state dict has other keys than that of the network.

    Example:
        >>> from stgan.layers import ConvTranspose1Plus2d
        >>> up = ConvTranspose1Plus2d(3, 4, kernel_size=4, stride=2, padding=1).eval()
        >>> fast, video = fold_batch_norms(up), torch.randn(1, 3, 2, 4, 4)
        >>> torch.allclose(fast(video), up(video), atol=1e-5)
        True
        >>> fast.norm
        Identity()

    References:
        Jacob et al., Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference, CVPR 2018, section 3.2 (equation 14).
    """
    folded = copy.deepcopy(network).eval().requires_grad_(False)
    for module in list(folded.modules()):
        if not isinstance(module, HasNorms):
            continue
        for conv, name in module.normalized_convs():
            norm = getattr(module, name)
            if isinstance(norm, _BatchNorm) and norm.running_mean is not None:
                _fold(conv, norm)
                setattr(module, name, nn.Identity())
    return folded


def _fold(conv: Any, norm: _BatchNorm) -> None:
    weight = conv.weight
    if parametrize.is_parametrized(conv):
        # torch's own removal changes the class, which the network that was copied still has.
        conv.__class__ = type(conv).__bases__[0]
        del conv.parametrizations
    # torch scales the first axis. In a transposed convolution, the outputs come second.
    turned = isinstance(conv, nn.ConvTranspose2d | nn.ConvTranspose3d)
    weight = _turned(weight, conv.groups) if turned else weight
    known: Any = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    weight, conv.bias = fuse_conv_bn_weights(weight, conv.bias, *known)
    conv.weight = nn.Parameter(_turned(weight, conv.groups) if turned else weight)
    conv.requires_grad_(False)


def _turned(weight: Tensor, groups: int) -> Tensor:
    """Exchange the channels of inputs and outputs, within each group."""
    return torch.unflatten(weight, 0, (groups, -1)).transpose(1, 2).flatten(0, 1)
