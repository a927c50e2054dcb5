"""Downsampling that blurs before it drops, so that a small motion stays a small change."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from stgan._checks import check_positive, triple
from stgan.example import Example
from stgan.functional.resample import (
    blur_pool,
    check_frames,
    check_mirror,
    downsample_time,
    kaiser_taps,
)
from stgan.layers._video_shape import Shape5, video_shape
from stgan.registry import LAYERS
from stgan.typing import Size3

__all__ = ["BlurPool", "DownsampleKaiser"]


@LAYERS.register(
    "downsample_kaiser",
    source="Karras et al., StyleGAN3, NeurIPS 2021, Kaiser low-pass filters, here along time",
    shape="(N, C, T, H, W) -> (N, C, T / factor, H, W)",
    example=Example(
        settings={"factor": 2, "num_taps": 4}, inputs={"video": "N C T H W"}, steps={"T": 2}
    ),
)
class DownsampleKaiser(nn.Module):
    """Downsample along time after a low-pass filter, the twin of :class:`UpsampleKaiser`.

    See :func:`stgan.functional.downsample_time` and :func:`stgan.functional.kaiser_taps`. What is
    too fast for the coarse clip is taken out instead of appearing as a slow motion that is not
    there. Constants stay constant.

    Args:
        factor: Frames for which one is kept; T must be a multiple.
        num_taps: Output frames that the window spans.
        cutoff: Where the filter cuts, as a share of the highest frequency that the coarse clip
            can hold; at most 1.
        transition: Half the width of the transition band, as a share of the cutoff.

    Shape:
        - Input: ``(N, C, T, H, W)``
        - Output: ``(N, C, T / factor, H, W)``

    Raises:
        ValueError: If a number is not positive, or the cutoff is above 1.
        ShapeError: In ``forward``, if the input has another layout or T is no multiple.

    Example:
        >>> DownsampleKaiser(2)(torch.zeros(2, 3, 8, 8, 8)).shape
        torch.Size([2, 3, 4, 8, 8])

    Differs from the source:
        The ends are continued with the first and the last frame instead of padded with zeros.

    References:
        As :class:`UpsampleKaiser`. With ``cutoff=0.5, transition=3.0`` the filter is that by which
        the released code of LongVideoGAN (Brooks et al., NeurIPS 2022) halves the rate of codes.
    """

    taps: Tensor

    def __init__(
        self,
        factor: int = 2,
        num_taps: int = 6,
        *,
        cutoff: float = 1.0,
        transition: float = math.sqrt(2) - 1,
    ) -> None:
        super().__init__()
        taps = kaiser_taps(factor, num_taps, cutoff=cutoff, transition=transition)
        self.factor = check_positive(factor, "factor")
        self.num_taps = check_positive(num_taps, "num_taps")
        self.cutoff = cutoff
        # Not in the state dict: it follows from the settings.
        self.register_buffer("taps", taps.to(torch.get_default_dtype()), persistent=False)

    def forward(self, video: Tensor) -> Tensor:
        """Downsample ``(N, C, T, H, W)``."""
        return downsample_time(video, self.taps, self.factor)

    def output_shape(self, input_shape: tuple[int, ...]) -> Shape5:
        """Shape of the output for an input of ``(N, C, T, H, W)``."""
        n, c, t, h, w = video_shape(input_shape)
        check_frames(t, self.factor)
        return n, c, t // self.factor, h, w

    def extra_repr(self) -> str:
        """Factor, window and cutoff."""
        return f"{self.factor}, num_taps={self.num_taps}, cutoff={self.cutoff}"


@LAYERS.register(
    "blur_pool",
    source="Zhang, Making Convolutional Networks Shift-Invariant Again, ICML 2019",
    shape="(N, C, T, H, W) -> (N, C, T', H', W'), x' = x / s rounded up",
    example=Example(settings={"stride": (2, 1, 2)}, inputs={"video": "N C T H W"}),
)
class BlurPool(nn.Module):
    """Blur each strided axis with a small filter, then subsample it.

    See :func:`stgan.functional.blur_pool`. Put it behind a convolution of stride 1, where a strided
    convolution would alias.

    Args:
        stride: ``int`` or ``(t, h, w)``; axes with 1 are left alone.
        taps: Weights of the filter, the same for every axis; scaled to a sum of 1.
        padding_mode: ``"replicate"`` repeats the last value beyond the borders, ``"reflect"``
            mirrors there and needs sides larger than half the filter.

    Shape:
        - Input: ``(N, C, T, H, W)``
        - Output: ``(N, C, T', H', W')``, each side divided by its stride and rounded up

    Raises:
        ValueError: If a stride is not positive, the taps sum to nothing or the mode is not known.
        ShapeError: In ``forward``, if the input has another layout or is too small to be mirrored.

    Example:
        >>> BlurPool((1, 2, 2))(torch.zeros(2, 3, 4, 9, 8)).shape
        torch.Size([2, 3, 4, 5, 4])

    Differs from the source:
        Borders are replicated unless asked otherwise, since clips may be shorter than the filter.

    References:
        Zhang, Making Convolutional Networks Shift-Invariant Again, ICML 2019.
    """

    taps: Tensor

    def __init__(
        self,
        stride: Size3 = 2,
        *,
        taps: Sequence[float] = (1, 3, 3, 1),
        padding_mode: Literal["replicate", "reflect"] = "replicate",
    ) -> None:
        super().__init__()
        self.stride = triple(stride, "stride")
        if not taps or sum(taps) == 0:
            raise ValueError(f"taps must be numbers that do not sum to 0, got {taps!r}")
        if padding_mode not in ("replicate", "reflect"):
            raise ValueError(f"padding_mode must be 'replicate' or 'reflect', got {padding_mode!r}")
        self.padding_mode = padding_mode
        # Not in the state dict: it follows from the settings.
        weights = torch.tensor(taps, dtype=torch.get_default_dtype())
        self.register_buffer("taps", weights / weights.sum(), persistent=False)

    def forward(self, video: Tensor) -> Tensor:
        """Downsample ``(N, C, T, H, W)``."""
        return blur_pool(video, self.taps, stride=self.stride, padding_mode=self.padding_mode)

    def output_shape(self, input_shape: tuple[int, ...]) -> Shape5:
        """Shape of the output for an input of ``(N, C, T, H, W)``."""
        shape = video_shape(input_shape)
        check_mirror(shape[2:], self.taps.shape[0], self.stride, self.padding_mode)
        t, h, w = (-(-size // step) for size, step in zip(shape[2:], self.stride, strict=True))
        return *shape[:2], t, h, w

    def extra_repr(self) -> str:
        """Stride and borders."""
        return f"stride={self.stride}, padding_mode={self.padding_mode!r}"
