"""How a convolution is computed on the tensor cores of a GPU.

They multiply blocks of channels that lie side by side in memory, and do nothing else well: clips
laid out otherwise are reordered around every kernel, and few channels, such as the three of a
picture, leave most of a block empty. So clips are laid out channels-last, and where a strided
convolution reads or writes few channels, the positions that its stride passes over become
channels too, and the stride is gone.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from stgan.functional._conv_layout import channels_last
from stgan.functional._conv_packed import convolve_packed
from stgan.functional.fusion import FusedFeatures

__all__ = ["convolve", "convolve_transposed", "has_tensor_cores", "materialize"]

# Channels that the cores multiply at once; with fewer, most of what they do is for nothing.
_BLOCK = 8


def has_tensor_cores(video: Tensor) -> bool:
    """Whether convolutions of a video run on tensor cores."""
    if video.device.type != "cuda":
        return False
    half = torch.is_autocast_enabled("cuda") or video.dtype in (torch.bfloat16, torch.float16)
    return half or (video.dtype is torch.float32 and torch.backends.cudnn.allow_tf32)


def convolve(
    video: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    groups: int,
) -> Tensor:
    """``torch.nn.functional.conv3d``."""
    if groups == 1 and not any(padding) and weight.shape[2:] == video.shape[2:]:
        # One position, as at the end of a discriminator: a product, without a convolution's
        # preparations.
        return F.linear(video.flatten(1), weight.flatten(1), bias)[..., None, None, None]
    even = all(k % s == 0 for k, s in zip(weight.shape[2:], stride, strict=True))
    if groups == 1 and even and max(stride) > 1 and video.shape[1] < _BLOCK:
        return convolve_packed(video, weight, bias, stride=stride, padding=padding)
    return F.conv3d(
        channels_last(video), weight, bias, stride=stride, padding=padding, groups=groups
    )


def convolve_transposed(
    video: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    groups: int,
) -> Tensor:
    """``torch.nn.functional.conv_transpose3d``."""
    if groups == 1 and max(stride) > 1 and weight.shape[1] < _BLOCK:
        axes = list(map(_Phases, weight.shape[2:], stride, padding))
        if all(map(_Phases.fits, axes)):
            return _convolve_phases(video, weight, bias, axes)
    return F.conv_transpose3d(
        channels_last(video), weight, bias, stride=stride, padding=padding, groups=groups
    )


def materialize(features: FusedFeatures, weight: Tensor, *, axis: int) -> tuple[Tensor, Tensor]:
    """Repeat and concatenate, with zeros up to a whole block of channels; and the kernel for it.

    Else the library would copy the features, in the forward pass and twice in the backward one, to
    put the same zeros behind them.

    Args:
        features: Of C channels.
        weight: Of a convolution.
        axis: Where the C channels of the input stand in the weight.
    """
    missing = -weight.shape[axis] % _BLOCK
    if missing:
        video, statics = features
        features = FusedFeatures(video, (*statics, video.new_zeros(len(video), missing)))
        weight = F.pad(weight, [0, 0] * (weight.ndim - 1 - axis) + [0, missing])
    return features.materialize(), weight


class _Phases:
    r"""What a transposed convolution along an axis is for every phase of its stride.

    With :math:`j = q s + r` in :math:`y_j = \sum_i W_{j + p - i s} x_i`, the phase :math:`r` of the
    output is :math:`\sum_d W_{r + p + d s} x_{q - d}`: a convolution over the places of the input,
    with :math:`d` from ``low`` to ``high`` for any phase, and zeros where a phase has no tap.
    """

    def __init__(self, kernel: int, stride: int, padding: int) -> None:
        self.stride = stride
        self.low = -((stride - 1 + padding) // stride)
        self.high = (kernel - 1 - padding) // stride
        self.pad = (
            -(padding + self.low * stride),
            stride * (self.high + 1) + padding - kernel,
        )
        # Of the output, beyond one whole block for each place of the input.
        self.extra = kernel - 2 * padding - stride

    def fits(self) -> bool:
        """Whether each place of the input has one whole block of the output."""
        return self.extra == 0 and self.high == -self.low


def _convolve_phases(
    video: Tensor, weight: Tensor, bias: Tensor | None, axes: Sequence[_Phases]
) -> Tensor:
    """Convolve all phases of the output as channels, then put each in its place."""
    blocks = {name: axis.stride for name, axis in zip("abd", axes, strict=True)}
    weight = F.pad(weight, [side for axis in reversed(axes) for side in axis.pad])
    weight = rearrange(weight, "i o (t a) (h b) (w d) -> (a b d o) i t h w", **blocks)
    if bias is not None:
        bias = bias.expand(math.prod(blocks.values()), -1).flatten()
    padding = [axis.high for axis in axes]
    out = F.conv3d(channels_last(video), weight.flip(2, 3, 4), bias, padding=padding)
    placed = rearrange(out, "n (a b d o) t h w -> n (t a) (h b) (w d) o", **blocks)
    return placed.movedim(-1, 1)
