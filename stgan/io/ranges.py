"""Between bytes and the library's range: [-1, 1] and 0 to 255."""

import math
import warnings

import torch
from torch import Tensor

from stgan._checks import LARGEST_PIXEL

__all__ = ["from_uint8", "to_uint8"]


def from_uint8(video: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Map bytes to [-1, 1]: 0 becomes -1, 255 becomes 1.

    Args:
        video: ``torch.uint8`` of any shape.
        dtype: Floating-point type of the result. The arithmetic is done in at least 32 bits and
            rounded once, so that :func:`to_uint8` returns every byte in every type.

    Raises:
        TypeError: If ``video`` is not ``torch.uint8`` or ``dtype`` is not a floating-point type.

    Example:
        >>> from_uint8(torch.tensor([0, 255], dtype=torch.uint8))
        tensor([-1.,  1.])
    """
    if video.dtype != torch.uint8:
        raise TypeError(f"from_uint8 takes a torch.uint8 tensor, got {video.dtype}")
    if not dtype.is_floating_point:
        raise TypeError(f"dtype must be a floating-point type such as torch.float32, got {dtype}")
    wide = torch.promote_types(dtype, torch.float32)
    return (video.to(wide) / 127.5 - 1).to(dtype)


def to_uint8(video: Tensor) -> Tensor:
    """Map [-1, 1] to bytes: ``clamp((x + 1) / 2)`` times 255, rounded to the nearest.

    The mapping never looks at the smallest or largest value of the clip, so two clips that were
    written apart stay comparable; what lies outside of [-1, 1] saturates. Values beyond 10, such as
    those of floats in [0, 255], are saturated with a warning, which Python shows once.

    Args:
        video: Floating-point tensor of any shape.

    Raises:
        TypeError: If ``video`` is not floating point.
        ValueError: If a value is NaN or infinite.

    Example:
        >>> to_uint8(torch.tensor([-1.0, 0.0, 1.0, 3.0]))
        tensor([  0, 128, 255, 255], dtype=torch.uint8)
    """
    if not video.is_floating_point():
        raise TypeError(f"to_uint8 takes a floating-point tensor in [-1, 1], got {video.dtype}")
    wide = video.detach().to(torch.promote_types(video.dtype, torch.float32))
    low, high = wide.aminmax() if wide.numel() else (wide.new_zeros(()),) * 2
    largest = float(torch.maximum(-low, high))
    if not math.isfinite(largest):
        bad = int((~wide.isfinite()).sum())
        raise ValueError(
            f"video must be finite to become bytes, got {bad} of {wide.numel()} values NaN or "
            f"infinite; find where they arise before writing"
        )
    if largest > LARGEST_PIXEL:
        warnings.warn(
            f"a video holds values beyond {LARGEST_PIXEL:g}, far outside of [-1, 1], and what lies "
            f"outside saturates; convert bytes by stgan.io.from_uint8, floats in [0, 255] by "
            f"x / 127.5 - 1",
            stacklevel=2,
        )
    return ((wide + 1) / 2).clamp(0, 1).mul(255).round().to(torch.uint8)
