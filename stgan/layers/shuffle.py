"""Pixel shuffle in time and space."""

import math

from torch import Tensor, nn

from stgan._checks import triple
from stgan.example import Example
from stgan.functional.shuffle import (
    check_channels,
    check_sides,
    pixel_shuffle,
    pixel_unshuffle,
)
from stgan.layers._video_shape import Shape5, video_shape
from stgan.registry import LAYERS
from stgan.typing import Size3

__all__ = ["PixelShuffle3d", "PixelUnshuffle3d"]


class _Shuffle(nn.Module):
    def __init__(self, scale: Size3 = 2) -> None:
        super().__init__()
        self.scale = triple(scale, "scale")

    def extra_repr(self) -> str:
        """Factors of the three axes."""
        return f"scale={self.scale}"


@LAYERS.register(
    "pixel_shuffle",
    source="Shi et al., ESPCN, CVPR 2016, equation 4",
    shape="(N, C t h w, T, H, W) -> (N, C, T t, H h, W w)",
    example=Example(settings={"scale": (2, 1, 2)}, inputs={"video": "N C T H W"}, steps={"C": 4}),
)
class PixelShuffle3d(_Shuffle):
    """Upsample by laying groups of channels out in time and space.

    See :func:`stgan.functional.pixel_shuffle`, which also tells the order of the channels.

    Args:
        scale: ``int`` or ``(t, h, w)``.

    Shape:
        - Input: ``(N, C t h w, T, H, W)``
        - Output: ``(N, C, T t, H h, W w)``

    Raises:
        ValueError: If a factor is not positive.
        ShapeError: In ``forward``, if the channels are no multiple of the product of the scale.

    Example:
        >>> PixelShuffle3d((2, 1, 2))(torch.zeros(2, 12, 4, 8, 8)).shape
        torch.Size([2, 3, 8, 8, 16])

    References:
        Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
        Convolutional Neural Network, CVPR 2016, equation 4.
    """

    def forward(self, video: Tensor) -> Tensor:
        """Upsample ``(N, C t h w, T, H, W)``."""
        return pixel_shuffle(video, self.scale)

    def output_shape(self, input_shape: tuple[int, ...]) -> Shape5:
        """Shape of the output for an input of ``(N, C t h w, T, H, W)``."""
        n, c, *sides = video_shape(input_shape)
        check_channels(input_shape, self.scale)
        t, h, w = (side * factor for side, factor in zip(sides, self.scale, strict=True))
        return n, c // math.prod(self.scale), t, h, w


@LAYERS.register(
    "pixel_unshuffle",
    source="Shi et al., ESPCN, CVPR 2016, equation 4, backwards",
    shape="(N, C, T t, H h, W w) -> (N, C t h w, T, H, W)",
    example=Example(
        settings={"scale": (2, 1, 2)}, inputs={"video": "N C T H W"}, steps={"T": 2, "W": 2}
    ),
)
class PixelUnshuffle3d(_Shuffle):
    """Downsample without loss, by folding neighboring frames and pixels into channels.

    See :func:`stgan.functional.pixel_unshuffle`.

    Args:
        scale: ``int`` or ``(t, h, w)``.

    Shape:
        - Input: ``(N, C, T t, H h, W w)``
        - Output: ``(N, C t h w, T, H, W)``

    Raises:
        ValueError: If a factor is not positive.
        ShapeError: In ``forward``, if a side is no multiple of its factor.

    Example:
        >>> PixelUnshuffle3d((2, 1, 2))(torch.zeros(2, 3, 8, 8, 16)).shape
        torch.Size([2, 12, 4, 8, 8])

    References:
        As :class:`PixelShuffle3d`.
    """

    def forward(self, video: Tensor) -> Tensor:
        """Downsample ``(N, C, T t, H h, W w)``."""
        return pixel_unshuffle(video, self.scale)

    def output_shape(self, input_shape: tuple[int, ...]) -> Shape5:
        """Shape of the output for an input of ``(N, C, T t, H h, W w)``."""
        n, c, *sides = video_shape(input_shape)
        check_sides(input_shape, self.scale)
        t, h, w = (side // factor for side, factor in zip(sides, self.scale, strict=True))
        return n, c * math.prod(self.scale), t, h, w
