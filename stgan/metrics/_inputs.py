"""What every metric checks at its door."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from stgan._checks import LARGEST_PIXEL, check_layout
from stgan.errors import ShapeError

__all__ = [
    "check_clips",
    "check_correction",
    "check_finite",
    "check_outputs",
    "check_returned",
    "check_same_shape",
    "check_video",
]

# Larger numbers count as infinite: their powers overflow float64.
_LARGEST_FEATURE = 1e30
_CLIPS_SHOWN = 5


def check_video(video: Tensor, name: str, layout: str = "N C T H W") -> None:
    """Refuse anything but float clips, by shape and type alone, so that networks can call it."""
    check_layout(video, layout, name=name)


def check_clips(video: Tensor, name: str, layout: str = "N C T H W") -> None:
    """Refuse what is no batch of clips in [-1, 1], by its values too; a clip may overshoot."""
    check_video(video, name, layout)
    if 0 in video.shape:
        raise ShapeError(f"{name} must not be empty, got {tuple(video.shape)}")
    if video.is_meta or torch.compiler.is_compiling():
        return
    low, high = (float(bound) for bound in video.detach().aminmax())
    if -LARGEST_PIXEL <= low <= high <= LARGEST_PIXEL:
        return
    check_finite(video, name)
    raise ValueError(
        f"{name} must lie in [-1, 1], got values from {low:.4g} to {high:.4g}; convert bytes by "
        f"stgan.io.from_uint8, floats in [0, 255] by x / 127.5 - 1"
    )


def check_same_shape(fake: Tensor, real: Tensor) -> None:
    """Refuse two batches of clips that cannot be compared pixel by pixel."""
    check_clips(fake, "fake")
    check_clips(real, "real")
    if fake.shape != real.shape:
        raise ShapeError(
            f"fake and real must have one shape, got {tuple(fake.shape)} and {tuple(real.shape)}"
        )


def check_finite(rows: Tensor, name: str) -> None:
    """Refuse NaN and infinite numbers, and say in which clips they are."""
    # In half precision the bound itself would be infinite.
    wide = rows.detach().to(torch.promote_types(rows.dtype, torch.float32))
    wrong = ~(wide.flatten(1).abs() <= _LARGEST_FEATURE).all(dim=1)
    if wrong.any():
        numbers = wrong.nonzero().flatten().tolist()
        raise ValueError(
            f"{name} must be finite, got NaN, infinite or overflowing values in "
            f"{_clips(numbers)} of {len(rows)}; find where they arise"
        )


def check_correction(correction: int) -> None:
    """Refuse what is neither the variance of a sample nor that of a population."""
    if correction not in (0, 1):
        raise ValueError(f"correction must be 0 or 1, got {correction!r}")


def check_returned(found: Any, name: str, what: str = "features") -> Tensor:
    """Return what a network made of clips if it is a tensor."""
    if not isinstance(found, Tensor):
        raise TypeError(
            f"{name} must return one tensor of {what}, got {type(found).__name__}; wrap it in a "
            f"module that returns them alone"
        )
    return found


def check_outputs(
    found: Any, count: int, name: str, length: int | None = None, what: str = "features"
) -> Tensor:
    """Return what a network made of so many clips if it is rows ``(N, D)`` of finite numbers."""
    shape = tuple(check_returned(found, name, what).shape)
    if len(shape) != 2 or shape[0] != count or shape[1] != (length or shape[1]) or not shape[1]:
        wanted = f"(N={count}, D{f'={length}' if length else ''})"
        raise ShapeError(f"{name} must return {what} {wanted}, got {shape}")
    if not found.is_floating_point():
        raise TypeError(f"{name} must return {what} of a float type, got {found.dtype}")
    check_finite(found, f"{what} of {name}")
    rows: Tensor = found
    return rows


def _clips(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_CLIPS_SHOWN]))
    more = len(numbers) - _CLIPS_SHOWN
    return f"clip{'s' if len(numbers) > 1 else ''} {shown}{f' and {more} more' * (more > 0)}"
