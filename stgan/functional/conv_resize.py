"""Upsampling by resizing, then a convolution."""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from stgan._checks import check_layout, triple
from stgan.functional._conv_geometry import check_causal, output_sizes
from stgan.functional.conv import conv_3d
from stgan.functional.fusion import FusedFeatures
from stgan.typing import Size3

__all__ = ["check_resize_mode", "resize_conv", "resized_padding", "resized_to_convolve"]


def check_resize_mode(mode: str, *, causal: bool) -> None:
    """Refuse an unknown mode, and a linear one where it would look ahead."""
    if mode not in ("nearest", "linear"):
        raise ValueError(f"mode must be 'nearest' or 'linear', got {mode!r}")
    if causal and mode == "linear":
        raise ValueError(
            "linear resizing mixes in the next frame, which a causal convolution must not see; "
            "use mode='nearest'"
        )


def resize_conv(
    video: Tensor | FusedFeatures,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: Size3 = 1,
    padding: Size3 = 0,
    mode: Literal["nearest", "linear"] = "nearest",
    causal: bool = False,
) -> Tensor:
    r"""Resize a video to the size of a transposed convolution, then convolve it with stride 1.

    With :math:`R` for the resizing to the size that a transposed convolution of the same kernel,
    stride and padding gives,

    .. math:: y_{o j} = b_o + \sum_{c, k} W_{o c k} \, (R x)_{c,\, j - \lfloor (k' - 1) / 2 \rfloor
        + k}

    along every axis of kernel size :math:`k'`: as many zeros around as keep the size, with the
    odd one of an even kernel behind. Away from the borders every output is the sum of all taps,
    whatever its place, where a transposed convolution whose kernel is no multiple of its stride
    has more taps at some places than at others, which shows as a checkerboard.

    Args:
        video: ``(N, C_in, T, H, W)``, or features that are fused lazily.
        weight: ``(C_out, C_in, k_t, k_h, k_w)``.
        bias: ``(C_out,)``.
        stride: ``int`` or ``(t, h, w)``; of the transposed convolution that is replaced.
        padding: ``int`` or ``(t, h, w)``; likewise. 0 along time if causal.
        mode: ``"nearest"`` takes the pixel whose middle is nearest, ``"linear"`` blends between
            the middles of neighbors, in time and space.
        causal: Whether a frame may only depend on frames at or before its time: every frame is
            shown ``stride`` times, and all zeros along time stand in front.

    Returns:
        ``(N, C_out, T', H', W')``, each side by :func:`stgan.shapes.conv_transpose_size`; if
        causal, :math:`T' = T s_t`.

    Raises:
        ShapeError: If the video has no five axes or other than ``C_in`` channels, or if the padding
            leaves nothing to resize to.
        ValueError: If the mode is not known, or time is padded or resized linearly although the
            convolution is causal.

    Example:
        >>> video, weight = torch.zeros(2, 4, 3, 8, 8), torch.zeros(3, 4, 4, 4, 4)
        >>> resize_conv(video, weight, stride=2, padding=1).shape
        torch.Size([2, 3, 6, 16, 16])

    References:
        Odena et al., Deconvolution and Checkerboard Artifacts, Distill 2016, section "Better
        Upsampling".
    """
    if isinstance(video, FusedFeatures):
        video = video.materialize()
    check_layout(video, "N C T H W", name="video", C=weight.shape[1])
    kernel_size = tuple(weight.shape[2:])
    resized = resized_to_convolve(
        video, kernel_size, stride=stride, padding=padding, mode=mode, causal=causal
    )
    return conv_3d(
        resized, weight, bias, padding=resized_padding(kernel_size, causal=causal), causal=causal
    )


def resized_padding(kernel_size: Sequence[int], *, causal: bool) -> tuple[int, int, int]:
    """Zeros at each end that the convolution of a resized video adds by itself."""
    t, h, w = ((side - 1) // 2 for side in kernel_size)
    return (0 if causal else t, h, w)


def resized_to_convolve(
    video: Tensor,
    kernel_size: tuple[int, ...],
    *,
    stride: Size3,
    padding: Size3,
    mode: Literal["nearest", "linear"],
    causal: bool,
) -> Tensor:
    """Resize a video, and put the odd zero of an even kernel behind it, for :func:`resize_conv`."""
    check_resize_mode(mode, causal=causal)
    s, p = triple(stride, "stride"), triple(padding, "padding", minimum=0)
    if causal:
        check_causal("resized", kernel_size=kernel_size, stride=s, padding=p)
    sizes = output_sizes(
        video.shape[2:], "resized", kernel_size=kernel_size, stride=s, padding=p, causal=causal
    )
    if mode == "nearest":
        # Not torch's "nearest", which rounds towards the front and is half a pixel off.
        video = F.interpolate(video, size=sizes, mode="nearest-exact")
    else:
        video = F.interpolate(video, size=sizes, mode="trilinear", align_corners=False)
    behind = [1 - side % 2 for side in kernel_size]
    if causal:
        behind[0] = 0
    if any(behind):
        # torch's pad begins with the last axis.
        video = F.pad(video, [side for n in reversed(behind) for side in (0, n)])
    return video
