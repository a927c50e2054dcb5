"""Looks at motion that need no network: energy, stillness, slices through time."""

from typing import Literal

from torch import Tensor

from stgan._deprecated import renamed
from stgan.errors import ShapeError
from stgan.metrics._inputs import check_clips, check_video
from stgan.metrics.motion import motion_energy
from stgan.registry import unknown_name

__all__ = ["is_static", "motion_energy_gap", "time_slice"]


def is_static(video: Tensor, threshold: float = 0.01) -> Tensor:
    """Whether a clip stands still: no frame differs from the first, by its most changed pixel.

    Args:
        video: In [-1, 1].
        threshold: Largest difference, averaged over channels, that is no motion, in [-1, 1]
            units. One step of a byte is 0.0078; compressed files need more.

    Shape:
        - Input: ``(N, C, T, H, W)``, T at least 2.
        - Output: ``(N,)`` bool.

    Raises:
        ShapeError: If the video has another layout or a single frame.
        TypeError: If it is not of a float type.
        ValueError: If the threshold is negative.

    Example:
        >>> clips = torch.zeros(2, 3, 4, 8, 8)
        >>> clips[1, :, 2, 0, 0] = 0.5
        >>> is_static(clips)
        tensor([ True, False])
    """
    check_clips(video, "video")
    if not threshold >= 0:
        raise ValueError(f"threshold must be at least 0, got {threshold}")
    if video.shape[2] < 2:
        raise ShapeError(f"video must have at least 2 frames to move, got {video.shape[2]}")
    changed = (video - video[:, :, :1]).abs().mean(dim=1)
    return changed.flatten(1).amax(dim=1) <= threshold


@renamed("0.2", generated="fake")
def motion_energy_gap(fake: Tensor, real: Tensor) -> Tensor:
    r"""How much more, or less, generated clips move than real ones on average.

    .. math:: \mathrm{mean}\,e(\mathrm{fake}) / \mathrm{mean}\,e(\mathrm{real}) - 1

    with e of :func:`stgan.metrics.motion_energy`: -1 for frozen clips, 0 for as much motion or
    flicker as the real ones have. The clips need not belong together.

    Args:
        fake: Generated clips, in [-1, 1].
        real: In [-1, 1].

    Shape:
        - Input: ``(N, C, T, H, W)`` and ``(M, C', T', H', W')``, each of at least 2 frames.
        - Output: a number.

    Raises:
        ShapeError: If a video has another layout or a single frame.
        TypeError: If one is not of a float type.
        ValueError: If no real clip moves.

    Example:
        >>> clips = torch.rand(4, 3, 8, 16, 16) * 2 - 1
        >>> motion_energy_gap(clips * 0.5, clips)
        tensor(-0.5000)

    References:
        None; a definition of this library.
    """
    for name, video in (("fake", fake), ("real", real)):
        check_clips(video, name)
    energy = motion_energy(real).mean()
    if not bool(energy > 0):
        raise ValueError("real must hold a clip that moves, got none to compare with")
    return motion_energy(fake).mean() / energy - 1


def time_slice(video: Tensor, position: int | None = None, axis: Literal["x", "y"] = "x") -> Tensor:
    """One line of every frame, stacked over time: motion at a glance.

    What stands still draws straight lines down the picture, what moves steadily slanted ones; a
    loop repeats, flicker is a horizontal stripe.

    Args:
        video: In any range.
        position: The row that is kept for ``"x"``, or the column for ``"y"``; ``None`` for the
            middle.
        axis: The axis of space that stays.

    Shape:
        - Input: ``(N, C, T, H, W)``
        - Output: ``(N, C, T, W)`` for ``"x"``, ``(N, C, T, H)`` for ``"y"``.

    Raises:
        ShapeError: If the video has another layout, or the position lies outside.
        TypeError: If it is not of a float type.
        UnknownNameError: If the axis is not known.

    Example:
        >>> time_slice(torch.zeros(2, 3, 16, 32, 48)).shape
        torch.Size([2, 3, 16, 48])

    References:
        Adelson and Bergen, Spatiotemporal energy models for the perception of motion, 1985.
    """
    check_video(video, "video")
    if axis not in ("x", "y"):
        raise unknown_name("a slice", axis, ("x", "y"), what="axis")
    cut = 3 if axis == "x" else 4
    size = video.shape[cut]
    position = size // 2 if position is None else position
    if not 0 <= position < size:
        raise ShapeError(f"position must lie between 0 and {size - 1}, got {position}")
    return video.select(cut, position)
