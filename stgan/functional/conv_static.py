"""Temporal convolution of features of which a part does not change in time.

A kernel that slides over a constant signal gives few distinct values: which of its taps meet a
frame is all that matters. So what is constant in time meets every tap once, instead of once for
every frame, and is neither repeated nor concatenated.

Tensor cores multiply what is saved in less time than a host takes to launch the saving: there the
features are concatenated, and one kernel does all.
"""

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from stgan.functional import _conv_cores
from stgan.functional._conv_layout import is_transformed
from stgan.functional._conv_share import check_features, split_weight, taps_met
from stgan.functional._matrix_product import linear
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
    is :math:`\sum_{k \in K_j} W_{\cdot \cdot k} \, a`, of which every product is computed once.

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
    check_features(features, weight.shape[1])
    if _conv_cores.has_tensor_cores(features.video):
        whole, weight = _conv_cores.materialize(features, weight, axis=1)
        return conv_3d(
            whole, weight, bias, stride=(stride, 1, 1), padding=(padding, 0, 0), causal=causal
        )
    own, *others = split_weight(features, weight, axis=1)
    video = conv_3d(
        features.video, own, bias, stride=(stride, 1, 1), padding=(padding, 0, 0), causal=causal
    )
    frames, taps = features.video.shape[2], weight.shape[2]
    front = taps - 1 if causal else padding
    sets = taps_met(frames, video.shape[2], taps, stride, front, "forward")
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
    static part :math:`a` in it is :math:`\sum_{k \in K_j} W_{\cdot \cdot k} \, a`, of which every
    product is computed once. With kernel 4, stride 2 and padding 1 four sums differ, however long
    the clip: that of the first frame, of the even and the odd frames, and of the last.

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
    check_features(features, weight.shape[0])
    if _conv_cores.has_tensor_cores(features.video):
        whole, weight = _conv_cores.materialize(features, weight, axis=0)
        return conv_transpose_3d(
            whole, weight, bias, stride=(stride, 1, 1), padding=(padding, 0, 0), causal=causal
        )
    own, *others = split_weight(features, weight, axis=0)
    video = conv_transpose_3d(
        features.video, own, bias, stride=(stride, 1, 1), padding=(padding, 0, 0), causal=causal
    )
    frames, taps = features.video.shape[2], weight.shape[2]
    sets = taps_met(frames, video.shape[2], taps, stride, padding, "transposed")
    return _add_static(video, features.statics, others, sets)


def _add_static(
    video: Tensor,
    statics: Sequence[Tensor],
    weights: Sequence[Tensor],
    sets: Sequence[tuple[int, ...]],
) -> Tensor:
    """Add to every frame the share of the static parts under the taps that this frame meets.

    Args:
        video: ``(N, C_out, T', H, W)``; changed.
        statics: ``(N, C, H, W)`` or ``(N, C)``.
        weights: For each of them ``(C, C_out, k, 1, 1)``.
        sets: The taps of every frame.
    """
    if not statics:
        return video
    # (N, H, W, C_out, k): one product for each tap, of which a phase sums those that it meets.
    products: Tensor | float = 0.0
    for static, weight in zip(statics, weights, strict=True):
        rows = static[:, None, None] if static.ndim == 2 else static.movedim(1, -1)
        product = linear(rows.flatten(0, 2), weight.flatten(1).mT)
        products = products + product.view(*rows.shape[:3], *weight.shape[1:3])
    assert isinstance(products, Tensor)
    by_tap = products.movedim(3, 1).unbind(-1)
    phases = [taps for taps in dict.fromkeys(sets) if taps]
    shares = [functools.reduce(torch.add, [by_tap[k] for k in taps]) for taps in phases]
    if torch.compiler.is_compiling() or is_transformed():
        still = torch.zeros_like(by_tap[0])
        known = dict(zip(phases, shares, strict=True))
        return video + torch.stack([known.get(taps, still) for taps in sets], dim=2)
    size = video.shape[3:]
    out: Tensor = _AddToFrames.apply(  # type: ignore[no-untyped-call]
        video,
        [_frames_with(taps, sets) for taps in phases],
        *[share.expand(-1, -1, *size).to(video.dtype) for share in shares],
    )
    return out


def _frames_with(taps: tuple[int, ...], sets: Sequence[tuple[int, ...]]) -> slice:
    """Return the frames that meet these taps, which lie at equal distances."""
    frames = [frame for frame, met in enumerate(sets) if met == taps]
    step = frames[1] - frames[0] if len(frames) > 1 else 1
    found = slice(frames[0], frames[-1] + 1, step)
    assert frames == list(range(len(sets)))[found]
    return found


class _AddToFrames(torch.autograd.Function):
    """Add each image to some frames of a video, in the memory of the video.

    Written as sums, the same would copy the video once to add, and torch would copy its gradient
    once for every slice that is changed in place: a tenth of the time of a decoder.
    """

    @staticmethod
    def forward(ctx: Any, video: Tensor, frames: Sequence[slice], *images: Tensor) -> Tensor:
        ctx.frames = frames
        ctx.mark_dirty(video)
        for chosen, image in zip(frames, images, strict=True):
            video[:, :, chosen] += image.unsqueeze(2)
        return video

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        # Frame after frame with its channels last, which is how the sum is fast.
        by_frame = gradient.movedim(1, -1)
        sums = [by_frame[:, chosen].sum(dim=1).movedim(-1, 1) for chosen in ctx.frames]
        return gradient, None, *sums
