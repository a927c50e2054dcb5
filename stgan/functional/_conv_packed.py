"""A strided convolution as one without a stride, over blocks of positions.

A block has as many as the stride passes over, and they become channels: the few of a picture are
then enough for kernels that multiply many at once.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from stgan.functional._conv_layout import channels_last

__all__ = ["convolve_packed"]


def convolve_packed(
    video: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: Sequence[int],
    padding: Sequence[int],
) -> Tensor:
    """``torch.nn.functional.conv3d`` with kernels that are multiples of their strides."""
    pads: list[int] = []
    for size, k, s, p in zip(video.shape[2:], weight.shape[2:], stride, padding, strict=True):
        count = (size + 2 * p - k) // s + 1
        # Exactly what the windows cover; torch's pad begins with the last axis, and trims below 0.
        pads = [p, (count - 1) * s + k - size - p, *pads]
    blocks = dict(zip("abd", stride, strict=True))
    cut = "(t a) (h b) (w d) -> {} (c a b d) t h w"
    video = rearrange(F.pad(video, pads), f"n c {cut.format('n')}", **blocks)
    weight = rearrange(weight, f"o c {cut.format('o')}", **blocks)
    return F.conv3d(channels_last(video), weight, bias)
