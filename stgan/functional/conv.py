"""Dense convolutions of videos, forward and transposed, which can be causal in time."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from stgan._checks import check_layout
from stgan.functional._conv_forms import convolve, convolve_transposed
from stgan.functional._conv_geometry import Kind, resolve
from stgan.functional._conv_share import check_features, split_weight, static_share
from stgan.functional.fusion import FusedFeatures
from stgan.typing import Size3

__all__ = ["conv_3d", "conv_transpose_3d"]


def conv_3d(
    video: Tensor | FusedFeatures,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: Size3 = 1,
    padding: Size3 = 0,
    groups: int = 1,
    causal: bool = False,
) -> Tensor:
    r"""Convolution over time and space; causal, if asked.

    .. math:: y_{o j} = b_o + \sum_{c, k} W_{o c k} \, x_{c,\, j s - p + k}

    along every axis. A causal one takes :math:`p_t = k_t - 1` in front and nothing behind, so that
    frame :math:`j` of the output sees no frame of the input after :math:`j s_t`: the output of the
    first frames of a clip is the beginning of the output of the clip.

    Args:
        video: ``(N, C_in, T, H, W)``, or features that are fused lazily.
        weight: ``(C_out, C_in / groups, k_t, k_h, k_w)``.
        bias: ``(C_out,)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``; zeros at each end. 0 along time if causal.
        groups: Of channels that do not mix, as in ``torch.nn.functional.conv3d``.
        causal: Whether a frame may only depend on frames at or before its time.

    Returns:
        ``(N, C_out, T', H', W')``, each side by :func:`stgan.shapes.conv_size`; if causal,
        :math:`T' = \lfloor (T - 1) / s_t \rfloor + 1`.

    Raises:
        ShapeError: If the video has no five axes, other than ``C_in`` channels, or is too small.
        ValueError: If time is padded although the convolution is causal.

    Example:
        >>> video, weight = torch.zeros(2, 4, 7, 8, 8), torch.zeros(3, 4, 3, 3, 3)
        >>> conv_3d(video, weight, stride=(2, 1, 1), padding=(0, 1, 1), causal=True).shape
        torch.Size([2, 3, 4, 8, 8])

    References:
        van den Oord et al., WaveNet, 2016, section 2.1 (causal convolution).
    """
    moving, own, still = _apart(video, weight, axis=1, groups=groups)
    check_layout(moving, "N C T H W", name="video", C=own.shape[1] * groups)
    s, p, sizes = resolve(moving, own, stride, padding, "forward", causal=causal)
    front = (weight.shape[2] - 1, *p[1:]) if causal else p
    padded = F.pad(moving, (0, 0, 0, 0, front[0], 0)) if causal and front[0] else moving
    out = convolve(padded, own, bias, stride=s, padding=p, groups=groups)
    return _add_shares(out, moving, still, "forward", sizes, s, front)


def conv_transpose_3d(
    video: Tensor | FusedFeatures,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: Size3 = 1,
    padding: Size3 = 0,
    groups: int = 1,
    causal: bool = False,
) -> Tensor:
    r"""Transposed convolution over time and space; causal, if asked.

    .. math:: y_{o j} = b_o + \sum_{c, i} W_{c o,\, j + p - i s} \, x_{c i}

    along every axis. A causal one trims nothing in front and all that lies after the
    :math:`s_t` frames of the last input frame, so that frame :math:`j` of the output sees no frame
    of the input after :math:`j / s_t`.

    Args:
        video: ``(N, C_in, T, H, W)``, or features that are fused lazily.
        weight: ``(C_in, C_out / groups, k_t, k_h, k_w)``.
        bias: ``(C_out,)``.
        stride: ``int`` or ``(t, h, w)``.
        padding: ``int`` or ``(t, h, w)``; trims each end of the output. 0 along time if causal.
        groups: Of channels that do not mix, as in ``torch.nn.functional.conv_transpose3d``.
        causal: Whether a frame may only depend on frames at or before its time.

    Returns:
        ``(N, C_out, T', H', W')``, each side by :func:`stgan.shapes.conv_transpose_size`; if
        causal, :math:`T' = T s_t`.

    Raises:
        ShapeError: If the video has no five axes or other than ``C_in`` channels, or if the padding
            trims everything away.
        ValueError: If time is padded, or the stride exceeds the kernel, although the convolution
            is causal.

    Example:
        >>> video, weight = torch.zeros(2, 4, 3, 8, 8), torch.zeros(4, 3, 4, 4, 4)
        >>> conv_transpose_3d(video, weight, stride=2, padding=(0, 1, 1), causal=True).shape
        torch.Size([2, 3, 6, 16, 16])
    """
    moving, own, still = _apart(video, weight, axis=0, groups=groups)
    check_layout(moving, "N C T H W", name="video", C=own.shape[0])
    s, p, sizes = resolve(moving, own, stride, padding, "transposed", causal=causal)
    out = convolve_transposed(moving, own, bias, stride=s, padding=p, groups=groups)
    if causal:
        out = out[:, :, : sizes[0]]
    return _add_shares(out, moving, still, "transposed", sizes, s, p)


def _apart(
    video: Tensor | FusedFeatures, weight: Tensor, *, axis: int, groups: int
) -> tuple[Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
    """Return what moves and its kernel, and what stands still, each part with its kernel."""
    if not isinstance(video, FusedFeatures):
        return video, weight, []
    if groups > 1 or not video.statics:
        return video.materialize(), weight, []
    check_features(video, weight.shape[axis])
    own, *others = split_weight(video, weight, axis=axis)
    return video.video, own, list(zip(video.statics, others, strict=True))


def _add_shares(
    out: Tensor,
    moving: Tensor,
    still: list[tuple[Tensor, Tensor]],
    kind: Kind,
    sizes: Sequence[int],
    stride: Sequence[int],
    front: Sequence[int],
) -> Tensor:
    for static, weight in still:
        out = out + static_share(
            static,
            weight,
            kind=kind,
            sizes=moving.shape[2:],
            out_sizes=sizes,
            stride=stride,
            front=front,
        )
    return out
