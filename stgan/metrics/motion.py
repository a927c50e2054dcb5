"""Whether a generated clip moves, and where it should.

Most pixels of most clips stand still, so a metric over whole frames hardly notices a generator
that repeats its input. These look at the rest.
"""

import torch
from torch import Tensor

from stgan._checks import check_positive
from stgan._deprecated import renamed
from stgan.errors import ShapeError
from stgan.functional._precision import full_precision
from stgan.metrics._inputs import check_clips, check_same_shape

__all__ = ["first_frame_control", "motion_energy", "moving_region", "moving_region_error"]


def moving_region(real: Tensor, threshold: float = 0.1) -> Tensor:
    """Where a clip differs from its own first frame.

    Args:
        real: Video in [-1, 1].
        threshold: A pixel belongs to the region if its difference from the first frame, averaged
            over channels, is larger than this, in [-1, 1] units.

    Shape:
        - Input: ``(N, C, T, H, W)``
        - Output: ``(N, T, H, W)`` bool, false throughout the first frame.

    Raises:
        ShapeError: If the video has another layout.
        TypeError: If it is not of a float type.
        ValueError: If the threshold is negative.

    Example:
        >>> clip = torch.zeros(1, 3, 2, 2, 2)
        >>> clip[:, :, 1, 0, 0] = 1
        >>> moving_region(clip)[0, 1]
        tensor([[ True, False],
                [False, False]])

    References:
        None; a definition of this library.
    """
    check_clips(real, "real")
    if not threshold >= 0:
        raise ValueError(f"threshold must be at least 0, got {threshold}")
    return (real - real[:, :, :1]).abs().mean(dim=1) > threshold


@renamed("0.2", generated="fake")
def moving_region_error(fake: Tensor, real: Tensor, threshold: float = 0.1) -> Tensor:
    """Mean absolute difference within the region where the real clip moves.

    A clip in which nothing moves has no such region and gets NaN, not a flattering 0: average
    with ``.nanmean()``.

    Args:
        fake: Generated video in [-1, 1].
        real: The true continuation of the same first frame, in [-1, 1].
        threshold: As in :func:`moving_region`, which is taken of ``real``.

    Shape:
        - Input: ``(N, C, T, H, W)`` each.
        - Output: ``(N,)``, in [-1, 1] units, from 0 to 2, or NaN.

    Raises:
        ShapeError: If the layouts differ.
        TypeError: If a video is not of a float type.
        ValueError: If the threshold is negative.

    Example:
        >>> real = torch.zeros(2, 3, 2, 4, 4)
        >>> real[0, :, 1, :2] = 0.5  # the second clip stands still
        >>> moving_region_error(torch.zeros_like(real), real)
        tensor([0.5000,    nan])

    References:
        None; a definition of this library.
    """
    check_same_shape(fake, real)
    fake, real = full_precision(fake), full_precision(real)
    region = moving_region(real, threshold)
    difference = (fake - real).abs().mean(dim=1)
    # 0 / 0 is the NaN that the docstring promises.
    return (difference * region).sum(dim=(1, 2, 3)) / region.sum(dim=(1, 2, 3))


def first_frame_control(first: Tensor, num_frames: int) -> Tensor:
    """The clip that a generator must beat: its first frame, repeated.

    Args:
        first: An image, or a video of which the first frame is taken.
        num_frames: Frames of the result.

    Shape:
        - Input: ``(N, C, H, W)`` or ``(N, C, T, H, W)``
        - Output: ``(N, C, num_frames, H, W)``

    Raises:
        ShapeError: If ``first`` has neither layout.
        ValueError: If ``num_frames`` is not positive.

    Example:
        >>> first_frame_control(torch.rand(2, 3, 8, 8), 16).shape
        torch.Size([2, 3, 16, 8, 8])
    """
    check_positive(num_frames, "num_frames")
    if first.ndim not in (4, 5):
        raise ShapeError(
            f"first must be an image (N, C, H, W) or a video (N, C, T, H, W), "
            f"got {tuple(first.shape)}"
        )
    image = first[:, :, 0] if first.ndim == 5 else first
    return image.unsqueeze(2).repeat(1, 1, num_frames, 1, 1)


def motion_energy(video: Tensor) -> Tensor:
    r"""Mean absolute difference of neighboring frames, :math:`\mathrm{mean}\,|x_{t+1} - x_t|`.

    0 for a frozen clip; for a generated one to be compared with that of real clips, since
    flickering raises it too.

    Args:
        video: In [-1, 1].

    Shape:
        - Input: ``(N, C, T, H, W)``, T at least 2.
        - Output: ``(N,)``, in [-1, 1] units a frame.

    Raises:
        ShapeError: If the video has another layout or a single frame.
        TypeError: If it is not of a float type.

    Example:
        >>> ramp = torch.linspace(-1, 1, 5).view(1, 1, 5, 1, 1).expand(1, 3, 5, 4, 4)
        >>> motion_energy(ramp)
        tensor([0.5000])
    """
    check_clips(video, "video")
    if video.shape[2] < 2:
        raise ShapeError(f"video must have at least 2 frames to move, got {video.shape[2]}")
    return torch.diff(video, dim=2).abs().mean(dim=(1, 2, 3, 4))
