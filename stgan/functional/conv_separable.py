"""Depthwise-separable convolutions of videos, forward and transposed."""

from collections.abc import Callable

import torch
from torch import Tensor

from stgan.functional.conv import conv_3d, conv_transpose_3d
from stgan.functional.fusion import FusedFeatures
from stgan.typing import Size3

__all__ = ["compose_separable_kernel", "conv_separable", "conv_transpose_separable"]


def conv_separable(
    video: Tensor | FusedFeatures,
    depthwise_weight: Tensor,
    pointwise_weight: Tensor,
    depthwise_bias: Tensor | None = None,
    pointwise_bias: Tensor | None = None,
    *,
    stride: Size3 = 1,
    padding: Size3 = 0,
    between: Callable[[Tensor], Tensor] | None = None,
    causal: bool = False,
) -> Tensor:
    r"""Convolve every channel by itself, then mix the channels.

    With :math:`\ast` for a convolution, :math:`\odot` for one within each channel and
    :math:`\sigma` for ``between``,

    .. math:: y = W_p \ast \sigma(W_d \odot x + b_d) + b_p .

    Channels are mixed at the size of the output, which a stride has made smaller.

    Args:
        video: ``(N, C_in, T, H, W)``, or features that are fused lazily.
        depthwise_weight: ``(C_in, 1, k_t, k_h, k_w)``.
        pointwise_weight: ``(C_out, C_in, 1, 1, 1)``.
        depthwise_bias: ``(C_in,)``.
        pointwise_bias: ``(C_out,)``.
        stride: ``int`` or ``(t, h, w)``, of the first step.
        padding: ``int`` or ``(t, h, w)``, of the first step.
        between: Applied between the two steps; must keep the shape.
        causal: See :func:`conv_3d`.

    Returns:
        ``(N, C_out, T', H', W')``, as :func:`conv_3d`.

    Raises:
        ShapeError: As :func:`conv_3d`.

    Example:
        >>> video = torch.zeros(2, 4, 6, 8, 8)
        >>> depthwise, pointwise = torch.zeros(4, 1, 3, 3, 3), torch.zeros(5, 4, 1, 1, 1)
        >>> conv_separable(video, depthwise, pointwise, stride=2, padding=1).shape
        torch.Size([2, 5, 3, 4, 4])

    References:
        Howard et al., MobileNets, 2017, section 3.1; Chollet, Xception, CVPR 2017.
    """
    hidden = conv_3d(
        video,
        depthwise_weight,
        depthwise_bias,
        stride=stride,
        padding=padding,
        groups=depthwise_weight.shape[0],
        causal=causal,
    )
    if between is not None:
        hidden = between(hidden)
    return conv_3d(hidden, pointwise_weight, pointwise_bias)


def conv_transpose_separable(
    video: Tensor | FusedFeatures,
    pointwise_weight: Tensor,
    depthwise_weight: Tensor,
    pointwise_bias: Tensor | None = None,
    depthwise_bias: Tensor | None = None,
    *,
    stride: Size3 = 1,
    padding: Size3 = 0,
    between: Callable[[Tensor], Tensor] | None = None,
    causal: bool = False,
) -> Tensor:
    r"""Mix the channels, then upsample every channel by itself.

    With :math:`\odot^\top` for a transposed convolution within each channel,

    .. math:: y = W_d \odot^\top \sigma(W_p \ast x + b_p) + b_d .

    This is :func:`conv_separable` turned around, and the cheap order: channels are mixed at the
    size of the input, which is smaller, and the kernel slides over the channels of the output,
    which are usually fewer.

    Args:
        video: ``(N, C_in, T, H, W)``, or features that are fused lazily.
        pointwise_weight: ``(C_out, C_in, 1, 1, 1)``.
        depthwise_weight: ``(C_out, 1, k_t, k_h, k_w)``.
        pointwise_bias: ``(C_out,)``.
        depthwise_bias: ``(C_out,)``.
        stride: ``int`` or ``(t, h, w)``, of the second step.
        padding: ``int`` or ``(t, h, w)``, of the second step; trims each end of the output.
        between: Applied between the two steps; must keep the shape.
        causal: See :func:`conv_transpose_3d`.

    Returns:
        ``(N, C_out, T', H', W')``, as :func:`conv_transpose_3d`.

    Raises:
        ShapeError: As :func:`conv_transpose_3d`.

    Example:
        >>> video = torch.zeros(2, 8, 3, 4, 4)
        >>> pointwise, depthwise = torch.zeros(5, 8, 1, 1, 1), torch.zeros(5, 1, 4, 4, 4)
        >>> conv_transpose_separable(video, pointwise, depthwise, stride=2, padding=1).shape
        torch.Size([2, 5, 6, 8, 8])

    References:
        Chollet, Xception, CVPR 2017; Howard et al., MobileNets, 2017, section 3.1 (the forward
        convolution, of which this is the transpose).
    """
    hidden = conv_3d(video, pointwise_weight, pointwise_bias)
    if between is not None:
        hidden = between(hidden)
    return conv_transpose_3d(
        hidden,
        depthwise_weight,
        depthwise_bias,
        stride=stride,
        padding=padding,
        groups=depthwise_weight.shape[0],
        causal=causal,
    )


def compose_separable_kernel(
    depthwise_weight: Tensor, pointwise_weight: Tensor, *, transposed: bool = False
) -> Tensor:
    r"""Dense kernel that equals a depthwise and a pointwise kernel in a row.

    Forward :math:`W_{o c k} = (W_p)_{o c} (W_d)_{c k}`, transposed
    :math:`W_{c o k} = (W_p)_{o c} (W_d)_{o k}`.

    Args:
        depthwise_weight: ``(C, 1, k_t, k_h, k_w)``, with the channels of the input, or, transposed,
            of the output.
        pointwise_weight: ``(C_out, C_in, 1, 1, 1)``.
        transposed: Whether for :func:`conv_transpose_separable`.

    Returns:
        ``(C_out, C_in, k_t, k_h, k_w)``, or, transposed, ``(C_in, C_out, k_t, k_h, k_w)``.

    Example:
        >>> compose_separable_kernel(torch.ones(4, 1, 3, 3, 3), torch.ones(5, 4, 1, 1, 1)).shape
        torch.Size([5, 4, 3, 3, 3])
    """
    pattern = "othw,oc->cothw" if transposed else "cthw,oc->octhw"
    return torch.einsum(pattern, depthwise_weight.squeeze(1), pointwise_weight.flatten(1))
