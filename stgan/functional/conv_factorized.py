"""Factorized convolutions: one step along time and one over space, in either order."""

from collections.abc import Callable

import torch
from torch import Tensor

from stgan._checks import triple
from stgan.errors import ShapeError
from stgan.functional._conv_geometry import split_axes
from stgan.functional.conv import conv_3d, conv_transpose_3d
from stgan.functional.conv_static import temporal_conv_fused, temporal_conv_transpose_fused
from stgan.functional.fusion import FusedFeatures
from stgan.typing import Size3

__all__ = [
    "compose_kernels",
    "conv_1p2d",
    "conv_2p1d",
    "conv_transpose_1p2d",
    "conv_transpose_2p1d",
]


def conv_1p2d(
    video: Tensor | FusedFeatures,
    temporal_weight: Tensor,
    spatial_weight: Tensor,
    temporal_bias: Tensor | None = None,
    spatial_bias: Tensor | None = None,
    *,
    stride: Size3 = 1,
    padding: Size3 = 0,
    between: Callable[[Tensor], Tensor] | None = None,
    causal: bool = False,
) -> Tensor:
    r"""Convolution along time, then over space.

    With :math:`\ast` for a convolution and :math:`\sigma` for ``between``,

    .. math:: y = W_s \ast_{h,w} \sigma(W_t \ast_t x + b_t) + b_s .

    Without ``between`` and ``temporal_bias`` this equals one dense :func:`conv_3d` with the kernel
    of :func:`compose_kernels`. (A temporal bias would meet the borders differently.)

    Args:
        video: ``(N, C_in, T, H, W)``, or features that are fused lazily, of which the static part
            passes the temporal step as in :func:`temporal_conv_fused`.
        temporal_weight: ``(C_mid, C_in, k_t, 1, 1)``.
        spatial_weight: ``(C_out, C_mid, 1, k_h, k_w)``.
        temporal_bias: ``(C_mid,)``.
        spatial_bias: ``(C_out,)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``; zeros at each end. 0 along time if causal.
        between: Applied between the two steps, usually a norm and an activation; must keep the
            shape.
        causal: See :func:`conv_3d`.

    Returns:
        ``(N, C_out, T', H', W')``, as :func:`conv_3d`.

    Raises:
        ShapeError: As :func:`conv_3d`.

    Example:
        >>> video = torch.zeros(2, 4, 6, 8, 8)
        >>> temporal, spatial = torch.zeros(5, 4, 3, 1, 1), torch.zeros(3, 5, 1, 3, 3)
        >>> conv_1p2d(video, temporal, spatial, stride=2, padding=1).shape
        torch.Size([2, 3, 3, 4, 4])
    """
    stride_t, stride_hw = split_axes(triple(stride, "stride"), 1)
    padding_t, padding_hw = split_axes(triple(padding, "padding", minimum=0), 0)
    if isinstance(video, FusedFeatures):
        hidden = temporal_conv_fused(
            video,
            temporal_weight,
            temporal_bias,
            stride=stride_t[0],
            padding=padding_t[0],
            causal=causal,
        )
    else:
        hidden = conv_3d(
            video,
            temporal_weight,
            temporal_bias,
            stride=stride_t,
            padding=padding_t,
            causal=causal,
        )
    if between is not None:
        hidden = between(hidden)
    return conv_3d(hidden, spatial_weight, spatial_bias, stride=stride_hw, padding=padding_hw)


def conv_2p1d(
    video: Tensor | FusedFeatures,
    spatial_weight: Tensor,
    temporal_weight: Tensor,
    spatial_bias: Tensor | None = None,
    temporal_bias: Tensor | None = None,
    *,
    stride: Size3 = 1,
    padding: Size3 = 0,
    between: Callable[[Tensor], Tensor] | None = None,
    causal: bool = False,
) -> Tensor:
    r"""Convolution over space, then along time.

    With :math:`\ast` for a convolution and :math:`\sigma` for ``between``,

    .. math:: y = W_t \ast_t \sigma(W_s \ast_{h,w} x + b_s) + b_t .

    Without ``between`` and ``spatial_bias`` this equals one dense :func:`conv_3d` with the kernel
    of :func:`compose_kernels`.

    Args:
        video: ``(N, C_in, T, H, W)``, or features that are fused lazily.
        spatial_weight: ``(C_mid, C_in, 1, k_h, k_w)``.
        temporal_weight: ``(C_out, C_mid, k_t, 1, 1)``.
        spatial_bias: ``(C_mid,)``.
        temporal_bias: ``(C_out,)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``; zeros at each end. 0 along time if causal.
        between: Applied between the two steps, usually a norm and an activation; must keep the
            shape.
        causal: See :func:`conv_3d`.

    Returns:
        ``(N, C_out, T', H', W')``, as :func:`conv_3d`.

    Raises:
        ShapeError: As :func:`conv_3d`.

    Example:
        >>> video = torch.zeros(2, 4, 6, 8, 8)
        >>> spatial, temporal = torch.zeros(5, 4, 1, 3, 3), torch.zeros(3, 5, 3, 1, 1)
        >>> conv_2p1d(video, spatial, temporal, stride=2, padding=1).shape
        torch.Size([2, 3, 3, 4, 4])

    References:
        Tran et al., A Closer Look at Spatiotemporal Convolutions, CVPR 2018, section 3.5 (R(2+1)D).
    """
    stride_t, stride_hw = split_axes(triple(stride, "stride"), 1)
    padding_t, padding_hw = split_axes(triple(padding, "padding", minimum=0), 0)
    hidden = conv_3d(video, spatial_weight, spatial_bias, stride=stride_hw, padding=padding_hw)
    if between is not None:
        hidden = between(hidden)
    return conv_3d(
        hidden,
        temporal_weight,
        temporal_bias,
        stride=stride_t,
        padding=padding_t,
        causal=causal,
    )


def conv_transpose_1p2d(
    video: Tensor | FusedFeatures,
    temporal_weight: Tensor,
    spatial_weight: Tensor,
    temporal_bias: Tensor | None = None,
    spatial_bias: Tensor | None = None,
    *,
    stride: Size3 = 1,
    padding: Size3 = 0,
    between: Callable[[Tensor], Tensor] | None = None,
    causal: bool = False,
) -> Tensor:
    r"""Transposed convolution along time, then over space.

    With :math:`\ast^\top` for a transposed convolution and :math:`\sigma` for ``between``,

    .. math:: y = W_s \ast^\top_{h,w} \sigma(W_t \ast^\top_{t} x + b_t) + b_s .

    Without ``between`` and ``temporal_bias`` this equals one dense :func:`conv_transpose_3d`
    with the kernel of :func:`compose_kernels`. (A temporal bias would meet the borders
    differently.)

    Args:
        video: ``(N, C_in, T, H, W)``, or features that are fused lazily, of which the static part
            passes the temporal step as in :func:`temporal_conv_transpose_fused`.
        temporal_weight: ``(C_in, C_mid, k_t, 1, 1)``.
        spatial_weight: ``(C_mid, C_out, 1, k_h, k_w)``.
        temporal_bias: ``(C_mid,)``.
        spatial_bias: ``(C_out,)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``; trims each end of the output. 0 along time if causal.
        between: Applied between the two steps, usually a norm and an activation; must keep the
            shape.
        causal: See :func:`conv_transpose_3d`.

    Returns:
        ``(N, C_out, T', H', W')``, as :func:`conv_transpose_3d`.

    Raises:
        ShapeError: As :func:`conv_transpose_3d`.

    Example:
        >>> video = torch.zeros(2, 8, 4, 8, 8)
        >>> temporal, spatial = torch.zeros(8, 6, 4, 1, 1), torch.zeros(6, 3, 1, 4, 4)
        >>> conv_transpose_1p2d(video, temporal, spatial, stride=2, padding=1).shape
        torch.Size([2, 3, 8, 16, 16])

    References:
        Wang et al., ImaGINator, WACV 2020, abstract (transposed (1+2)D convolution); released code,
        ``model/networks.py``, ``DecBlock``.
    """
    stride_t, stride_hw = split_axes(triple(stride, "stride"), 1)
    padding_t, padding_hw = split_axes(triple(padding, "padding", minimum=0), 0)
    if isinstance(video, FusedFeatures):
        hidden = temporal_conv_transpose_fused(
            video,
            temporal_weight,
            temporal_bias,
            stride=stride_t[0],
            padding=padding_t[0],
            causal=causal,
        )
    else:
        hidden = conv_transpose_3d(
            video,
            temporal_weight,
            temporal_bias,
            stride=stride_t,
            padding=padding_t,
            causal=causal,
        )
    if between is not None:
        hidden = between(hidden)
    return conv_transpose_3d(
        hidden, spatial_weight, spatial_bias, stride=stride_hw, padding=padding_hw
    )


def conv_transpose_2p1d(
    video: Tensor | FusedFeatures,
    spatial_weight: Tensor,
    temporal_weight: Tensor,
    spatial_bias: Tensor | None = None,
    temporal_bias: Tensor | None = None,
    *,
    stride: Size3 = 1,
    padding: Size3 = 0,
    between: Callable[[Tensor], Tensor] | None = None,
    causal: bool = False,
) -> Tensor:
    r"""Transposed convolution over space, then along time.

    With :math:`\ast^\top` for a transposed convolution and :math:`\sigma` for ``between``,

    .. math:: y = W_t \ast^\top_{t} \sigma(W_s \ast^\top_{h,w} x + b_s) + b_t .

    Without ``between`` and ``spatial_bias`` this equals one dense :func:`conv_transpose_3d` with
    the kernel of :func:`compose_kernels`.

    Args:
        video: ``(N, C_in, T, H, W)``, or features that are fused lazily.
        spatial_weight: ``(C_in, C_mid, 1, k_h, k_w)``.
        temporal_weight: ``(C_mid, C_out, k_t, 1, 1)``.
        spatial_bias: ``(C_mid,)``.
        temporal_bias: ``(C_out,)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``; trims each end of the output. 0 along time if causal.
        between: Applied between the two steps, usually a norm and an activation; must keep the
            shape.
        causal: See :func:`conv_transpose_3d`.

    Returns:
        ``(N, C_out, T', H', W')``, as :func:`conv_transpose_3d`.

    Raises:
        ShapeError: As :func:`conv_transpose_3d`.

    Example:
        >>> video = torch.zeros(2, 8, 4, 8, 8)
        >>> spatial, temporal = torch.zeros(8, 6, 1, 4, 4), torch.zeros(6, 3, 4, 1, 1)
        >>> conv_transpose_2p1d(video, spatial, temporal, stride=2, padding=1).shape
        torch.Size([2, 3, 8, 16, 16])

    References:
        Wang et al., G3AN, CVPR 2020; released code, ``model/ops.py``, the order ``2p1d``.
    """
    stride_t, stride_hw = split_axes(triple(stride, "stride"), 1)
    padding_t, padding_hw = split_axes(triple(padding, "padding", minimum=0), 0)
    hidden = conv_transpose_3d(
        video, spatial_weight, spatial_bias, stride=stride_hw, padding=padding_hw
    )
    if between is not None:
        hidden = between(hidden)
    return conv_transpose_3d(
        hidden,
        temporal_weight,
        temporal_bias,
        stride=stride_t,
        padding=padding_t,
        causal=causal,
    )


def compose_kernels(
    first_weight: Tensor, second_weight: Tensor, *, transposed: bool = False
) -> Tensor:
    r"""Dense kernel that equals a temporal and a spatial kernel in a row, in either order.

    Forward :math:`W_{o i t h w} = \sum_m (V_2)_{o m t h w} (V_1)_{m i t h w}` for first and second
    kernels :math:`V_1, V_2`, transposed :math:`W_{i o t h w} = \sum_m (V_1)_{i m t h w}
    (V_2)_{m o t h w}`; along every axis one of the two has size 1.

    Args:
        first_weight: ``(C_mid, C_in, k_t, 1, 1)`` or ``(C_mid, C_in, 1, k_h, k_w)``; transposed,
            with the two channels swapped.
        second_weight: The other kernel, from ``C_mid`` to ``C_out``.
        transposed: Whether of transposed convolutions, whose weights have the channels of the
            input first.

    Returns:
        ``(C_out, C_in, k_t, k_h, k_w)``; transposed, ``(C_in, C_out, k_t, k_h, k_w)``.

    Raises:
        ShapeError: If both kernels have a size above 1 along the same axis.

    Example:
        >>> compose_kernels(torch.ones(5, 2, 1, 3, 3), torch.ones(4, 5, 3, 1, 1)).shape
        torch.Size([4, 2, 3, 3, 3])
    """
    for a, b in zip(first_weight.shape[2:], second_weight.shape[2:], strict=True):
        if a > 1 and b > 1:
            raise ShapeError(
                f"one of two kernels in a row must have size 1 along every axis, got "
                f"{tuple(first_weight.shape)} and {tuple(second_weight.shape)}"
            )
    pattern = "imthw,mothw->iothw" if transposed else "mithw,omthw->oithw"
    return torch.einsum(pattern, first_weight, second_weight)
