"""Factorized transposed convolution as a function, its mid width and its dense equal."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from stgan._checks import check_layout, triple
from stgan.typing import MidChannels, Size3

__all__ = ["compose_1p2d_kernel", "conv_transpose_1p2d", "factorized_mid_channels"]


def factorized_mid_channels(
    rule: MidChannels, *, in_channels: int, out_channels: int, kernel_size: Size3
) -> int:
    r"""Channels between the temporal and the spatial step of a (1+2)D convolution.

    With kernel :math:`(t, h, w)`, :math:`d^2 = h w`, and :math:`c_i`, :math:`c_o` channels:

    - ``int``: that many.
    - ``"out"``: :math:`c_o`, the cheapest, as in the code of G3AN (Wang et al. 2020).
    - ``"match"``: :math:`\lfloor t d^2 c_i c_o / (t c_i + d^2 c_o) \rfloor`, so that both steps
      together have the weights of one dense 3-D kernel. The idea is that of R(2+1)D (Tran et al.,
      CVPR 2018), in the order time, then space.
    - ``"released"``: :math:`c_o d^2 (t - 1) / t`, which gives the literal widths 4096, 3072, 1536,
      768 and 36 in the published code of ImaGINator. It does not match parameters: with these
      widths the factorized decoder has 2.2 times the weights of the dense one.

    Args:
        rule: A width, or the name of a rule.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: ``int`` or ``(t, h, w)``.

    Raises:
        ValueError: If the rule is not known, or gives no channel at all.

    Example:
        >>> factorized_mid_channels("released", in_channels=618, out_channels=512,
        ...                         kernel_size=(2, 4, 4))
        4096
        >>> factorized_mid_channels("match", in_channels=618, out_channels=512,
        ...                         kernel_size=(2, 4, 4))
        1073
    """
    t, h, w = triple(kernel_size, "kernel_size")
    area = h * w
    if isinstance(rule, int) and not isinstance(rule, bool):
        width = rule
    elif rule == "out":
        width = out_channels
    elif rule == "match":
        width = t * area * in_channels * out_channels // (t * in_channels + area * out_channels)
    elif rule == "released":
        width = out_channels * area * (t - 1) // t
    else:
        raise ValueError(
            f"mid_channels must be a positive integer, 'out', 'match' or 'released', got {rule!r}"
        )
    if width < 1:
        raise ValueError(
            f"mid_channels {rule!r} gives {width} channels for kernel_size {(t, h, w)}; use a "
            f"positive integer or 'out'"
        )
    return width


def conv_transpose_1p2d(
    video: Tensor,
    temporal_weight: Tensor,
    spatial_weight: Tensor,
    temporal_bias: Tensor | None = None,
    spatial_bias: Tensor | None = None,
    *,
    stride: Size3 = 1,
    padding: Size3 = 0,
    between: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    r"""Transposed convolution along time, then over space.

    With :math:`\ast^\top` for a transposed convolution and :math:`\sigma` for ``between``,

    .. math:: y = W_s \ast^\top_{h,w} \sigma(W_t \ast^\top_{t} x + b_t) + b_s .

    Without ``between`` and ``temporal_bias`` this equals one dense ``conv_transpose3d`` with the
    kernel of :func:`compose_1p2d_kernel`. (A temporal bias would meet the borders differently.)

    Args:
        video: ``(N, C_in, T, H, W)``.
        temporal_weight: ``(C_in, C_mid, k_t, 1, 1)``.
        spatial_weight: ``(C_mid, C_out, 1, k_h, k_w)``.
        temporal_bias: ``(C_mid,)``.
        spatial_bias: ``(C_out,)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``; trims each end of the output.
        between: Applied between the two steps, usually a norm and an activation; must keep the
            shape.

    Returns:
        ``(N, C_out, T', H', W')``, each side by :func:`stgan.shapes.conv_transpose_size`.

    Raises:
        ShapeError: If the video has no five axes or other than ``C_in`` channels.

    Example:
        >>> video = torch.zeros(2, 8, 4, 8, 8)
        >>> temporal, spatial = torch.zeros(8, 6, 4, 1, 1), torch.zeros(6, 3, 1, 4, 4)
        >>> conv_transpose_1p2d(video, temporal, spatial, stride=2, padding=1).shape
        torch.Size([2, 3, 8, 16, 16])

    References:
        Wang et al., ImaGINator, WACV 2020, abstract (transposed (1+2)D convolution); released code,
        ``model/networks.py``, ``DecBlock``.
    """
    check_layout(video, "N C T H W", name="video", C=temporal_weight.shape[0])
    s, p = triple(stride, "stride"), triple(padding, "padding", minimum=0)
    hidden = F.conv_transpose3d(
        video, temporal_weight, temporal_bias, stride=(s[0], 1, 1), padding=(p[0], 0, 0)
    )
    if between is not None:
        hidden = between(hidden)
    return F.conv_transpose3d(
        hidden, spatial_weight, spatial_bias, stride=(1, *s[1:]), padding=(0, *p[1:])
    )


def compose_1p2d_kernel(temporal_weight: Tensor, spatial_weight: Tensor) -> Tensor:
    r"""Dense kernel that equals a temporal and a spatial transposed kernel in a row.

    .. math:: W_{i o t h w} = \sum_m (W_t)_{i m t} (W_s)_{m o h w}

    Args:
        temporal_weight: ``(C_in, C_mid, k_t, 1, 1)``.
        spatial_weight: ``(C_mid, C_out, 1, k_h, k_w)``.

    Returns:
        ``(C_in, C_out, k_t, k_h, k_w)``.

    Example:
        >>> compose_1p2d_kernel(torch.ones(2, 5, 4, 1, 1), torch.ones(5, 3, 1, 4, 4)).shape
        torch.Size([2, 3, 4, 4, 4])
    """
    return torch.einsum("imt,mohw->iothw", temporal_weight.flatten(2), spatial_weight.squeeze(2))
