"""Temporal convolution of features of which a part does not change in time.

A kernel that slides over a constant signal gives few distinct values: which of its taps meet a
frame is all that matters. So what is constant in time passes the kernel once for every set of taps
instead of once for every frame, and is neither repeated nor concatenated.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from stgan._checks import check_layout
from stgan.functional.conv import conv_3d, conv_transpose_3d
from stgan.functional.fusion import FusedFeatures

__all__ = ["temporal_conv_fused", "temporal_conv_transpose_fused"]


def temporal_conv_fused(
    features: FusedFeatures,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    causal: bool = False,
) -> Tensor:
    r"""Convolution along time of features that are fused lazily.

    Equals :func:`conv_3d` of the materialized features. Frame :math:`j` of the output meets the
    taps :math:`K_j = \{k : 0 \le j s - p + k < T\}`, and the share of a static part :math:`a` in it
    is :math:`\sum_{k \in K_j} W_{\cdot \cdot k} \, a`, computed once for every distinct
    :math:`K_j`.

    Args:
        features: Of ``(N, C_in, T, H, W)``.
        weight: ``(C_out, C_in, k, 1, 1)``.
        bias: ``(C_out,)``.
        stride: Along time.
        padding: Along time; 0 if causal.
        causal: See :func:`conv_3d`.

    Returns:
        ``(N, C_out, T', H, W)``.

    Raises:
        ShapeError: If a static part does not fit the video, or as :func:`conv_3d`.

    Example:
        >>> from stgan.functional import FusedFeatures
        >>> features = FusedFeatures(torch.zeros(2, 4, 5, 8, 8), (torch.zeros(2, 3, 8, 8),))
        >>> temporal_conv_fused(features, torch.zeros(6, 7, 3, 1, 1), padding=1).shape
        torch.Size([2, 6, 5, 8, 8])
    """
    _check_features(features, weight.shape[1])
    own, *others = torch.split(weight, _widths(features), dim=1)
    video = conv_3d(
        features.video, own, bias, stride=(stride, 1, 1), padding=(padding, 0, 0), causal=causal
    )
    frames, taps = features.video.shape[2], weight.shape[2]
    front = taps - 1 if causal else padding
    sets = [
        tuple(k for k in range(taps) if 0 <= j * stride - front + k < frames)
        for j in range(video.shape[2])
    ]
    return _add_static(video, features.statics, [w.transpose(0, 1) for w in others], sets)


def temporal_conv_transpose_fused(
    features: FusedFeatures,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    causal: bool = False,
) -> Tensor:
    r"""Transposed convolution along time of features that are fused lazily.

    Equals :func:`conv_transpose_3d` of the materialized features. Frame :math:`j` of the output
    meets the taps :math:`K_j = \{j + p - i s : 0 \le i < T\} \cap [0, k)`, and the share of a
    static part :math:`a` in it is :math:`\sum_{k \in K_j} W_{\cdot \cdot k} \, a`, computed once
    for every distinct :math:`K_j`. With kernel 4, stride 2 and padding 1 there are four, however
    long the clip: the first frame, the even and the odd frames, the last.

    Args:
        features: Of ``(N, C_in, T, H, W)``.
        weight: ``(C_in, C_out, k, 1, 1)``.
        bias: ``(C_out,)``.
        stride: Along time.
        padding: Along time; trims each end of the output. 0 if causal.
        causal: See :func:`conv_transpose_3d`.

    Returns:
        ``(N, C_out, T', H, W)``.

    Raises:
        ShapeError: If a static part does not fit the video, or as :func:`conv_transpose_3d`.

    Example:
        >>> from stgan.functional import FusedFeatures
        >>> features = FusedFeatures(torch.zeros(2, 4, 5, 8, 8), (torch.zeros(2, 3),))
        >>> weight = torch.zeros(7, 6, 4, 1, 1)
        >>> temporal_conv_transpose_fused(features, weight, stride=2, padding=1).shape
        torch.Size([2, 6, 10, 8, 8])
    """
    _check_features(features, weight.shape[0])
    own, *others = torch.split(weight, _widths(features), dim=0)
    video = conv_transpose_3d(
        features.video, own, bias, stride=(stride, 1, 1), padding=(padding, 0, 0), causal=causal
    )
    frames, taps = features.video.shape[2], weight.shape[2]
    sets = [
        tuple(
            k
            for k in range(taps)
            if (j + padding - k) % stride == 0 and 0 <= (j + padding - k) // stride < frames
        )
        for j in range(video.shape[2])
    ]
    return _add_static(video, features.statics, others, sets)


def _widths(features: FusedFeatures) -> list[int]:
    return [features.video.shape[1], *(static.shape[1] for static in features.statics)]


def _check_features(features: FusedFeatures, channels: int) -> None:
    check_layout(features.video, "N C T H W", name="video")
    n, _, _, h, w = features.video.shape
    for static in features.statics:
        if static.ndim == 2:
            check_layout(static, "N C", name="a static stream", N=n)
        else:
            check_layout(static, "N C H W", name="a static stream", N=n, H=h, W=w)
    # Only the shape is read, which the fused features have as a tensor does.
    check_layout(features, "N C T H W", name="video", C=channels)  # type: ignore[arg-type]


def _add_static(
    video: Tensor,
    statics: Sequence[Tensor],
    weights: Sequence[Tensor],
    sets: Sequence[tuple[int, ...]],
) -> Tensor:
    """Add to every frame the share of the static parts under the taps that this frame meets.

    Args:
        video: ``(N, C_out, T', H, W)``.
        statics: ``(N, C, H, W)`` or ``(N, C)``.
        weights: For each of them ``(C, C_out, k, 1, 1)``.
        sets: The taps of every frame.
    """
    if not statics:
        return video
    phases = {taps: phase for phase, taps in enumerate(dict.fromkeys(sets))}
    meets = [[float(k in taps) for k in range(weights[0].shape[2])] for taps in phases]
    # Not made on the device: that would wait for all that is queued there.
    mask = torch.tensor(meets, dtype=weights[0].dtype).to(video.device, non_blocking=True)
    index = torch.tensor([phases[taps] for taps in sets]).to(video.device, non_blocking=True)
    shares = []
    for static, weight in zip(statics, weights, strict=True):
        kernel = torch.einsum("pk,cok->poc", mask, weight.flatten(2)).flatten(0, 1)
        if static.ndim == 2:
            share = F.linear(static, kernel)[..., None, None]
        else:
            share = F.conv2d(static, kernel[..., None, None])
        shares.append(rearrange(share, "n (p o) h w -> n o p h w", p=len(phases)))
    return video + sum(shares[1:], shares[0]).index_select(2, index)
