"""Channels that become frames and pixels, and the way back."""

import math
from collections.abc import Sequence

from einops import rearrange
from torch import Tensor

from stgan._checks import check_layout, triple
from stgan.errors import ShapeError
from stgan.typing import Size3

__all__ = ["pixel_shuffle", "pixel_unshuffle"]


def pixel_shuffle(video: Tensor, scale: Size3) -> Tensor:
    """Lay groups of channels out in time and space.

    With ``scale`` (a, b, d), channel ``((c a + i) b + j) d + k`` of the input at (t, h, w) becomes
    channel c of the output at (t a + i, h b + j, w d + k). For a = 1 this is
    ``torch.nn.functional.pixel_shuffle`` of every frame.

    Args:
        video: ``(N, C a b d, T, H, W)``.
        scale: ``int`` or ``(t, h, w)``.

    Returns:
        ``(N, C, T a, H b, W d)``.

    Raises:
        ShapeError: If the channels are no multiple of the product of the scale.

    Example:
        >>> pixel_shuffle(torch.arange(4.0).reshape(1, 4, 1, 1, 1), (2, 1, 2)).squeeze()
        tensor([[0., 1.],
                [2., 3.]])

    References:
        Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
        Convolutional Neural Network, CVPR 2016, equation 4.
    """
    check_layout(video, "N C T H W", name="video")
    a, b, d = triple(scale, "scale")
    check_channels(video.shape, (a, b, d))
    return rearrange(video, "n (c a b d) t h w -> n c (t a) (h b) (w d)", a=a, b=b, d=d)


def pixel_unshuffle(video: Tensor, scale: Size3) -> Tensor:
    """Undo :func:`pixel_shuffle`: fold neighboring frames and pixels into channels.

    Args:
        video: ``(N, C, T a, H b, W d)``.
        scale: ``int`` or ``(t, h, w)``.

    Returns:
        ``(N, C a b d, T, H, W)``.

    Raises:
        ShapeError: If a side is no multiple of its scale.

    Example:
        >>> pixel_unshuffle(torch.zeros(2, 3, 4, 8, 8), (1, 2, 2)).shape
        torch.Size([2, 12, 4, 4, 4])

    References:
        As :func:`pixel_shuffle`.
    """
    check_layout(video, "N C T H W", name="video")
    a, b, d = triple(scale, "scale")
    check_sides(video.shape, (a, b, d))
    return rearrange(video, "n c (t a) (h b) (w d) -> n (c a b d) t h w", a=a, b=b, d=d)


def check_channels(shape: Sequence[int], scale: tuple[int, int, int]) -> None:
    """Refuse channels of which some would be left over."""
    product = math.prod(scale)
    if shape[1] % product:
        raise ShapeError(
            f"the channels of a video must be a multiple of {product} for scale {scale}, got "
            f"{tuple(shape)}"
        )


def check_sides(shape: Sequence[int], scale: tuple[int, int, int]) -> None:
    """Refuse sides of which frames or pixels would be left over."""
    if any(size % factor for size, factor in zip(shape[2:], scale, strict=True)):
        raise ShapeError(
            f"the (T, H, W) of a video must be multiples of scale {scale}, got {tuple(shape)}"
        )
