"""Changes to whole clips: one number a clip, the same in all of its frames."""

import torch
from torch import Tensor

from stgan._checks import Kind, check_layout
from stgan.errors import ShapeError

__all__ = ["adjust_luma_chroma", "cut_out", "flip_clips", "jitter_color", "translate_clips"]


def flip_clips(video: Tensor, flipped: Tensor, *, axis: int) -> Tensor:
    """Mirror some clips of a batch along an axis.

    Args:
        video: ``(N, C, T, H, W)``.
        flipped: ``(N,)`` booleans: which clips to mirror.
        axis: Of the video: 2 plays a clip backwards, 4 swaps left and right.

    Returns:
        The shape of the video; clips that are not flipped stay as they are, bit for bit.

    Raises:
        ShapeError: If the video or ``flipped`` has another layout.

    Example:
        >>> video = torch.tensor([[1.0, 2, 3], [1, 2, 3]]).reshape(2, 1, 3, 1, 1)
        >>> flip_clips(video, torch.tensor([True, False]), axis=2).squeeze()
        tensor([[3., 2., 1.],
                [1., 2., 3.]])
    """
    check_layout(video, "N C T H W", name="video")
    return torch.where(_per_clip(flipped, video, "flipped", "boolean"), video.flip(axis), video)


def jitter_color(
    video: Tensor, *, brightness: Tensor, saturation: Tensor, contrast: Tensor
) -> Tensor:
    r"""Shift the brightness, then scale the saturation, then the contrast, of every clip.

    .. math::
        x' = x + b, \qquad
        x'' = \bar{x}'_C + s \, (x' - \bar{x}'_C), \qquad
        y = \bar{x}''_{CHW} + c \, (x'' - \bar{x}''_{CHW})

    with the mean over the channels of a pixel, :math:`\bar{x}_C`, and over a whole frame,
    :math:`\bar{x}_{CHW}`. Values are not clamped.

    Args:
        video: ``(N, C, T, H, W)``, :math:`x`.
        brightness: ``(N,)``, :math:`b`; 0 changes nothing.
        saturation: ``(N,)``, :math:`s`; 1 changes nothing, 0 makes gray.
        contrast: ``(N,)``, :math:`c`; 1 changes nothing.

    Returns:
        The shape of the video.

    Raises:
        ShapeError: If the video or a number has another layout.

    Example:
        >>> video = torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 1, 1, 1, 3)
        >>> one = torch.ones(1)
        >>> jitter_color(video, brightness=0.5 * one, saturation=one, contrast=0.5 * one).squeeze()
        tensor([0.0000, 0.5000, 1.0000])

    References:
        Zhao et al., Differentiable Augmentation for Data-Efficient GAN Training, NeurIPS 2020,
        section 3.2 and released code.
    """
    check_layout(video, "N C T H W", name="video")
    b, s, c = (
        _per_clip(number, video, name)
        for name, number in (
            ("brightness", brightness),
            ("saturation", saturation),
            ("contrast", contrast),
        )
    )
    video = video + b
    gray = video.mean(1, keepdim=True)
    video = gray + s * (video - gray)
    mean = video.mean((1, 3, 4), keepdim=True)
    return mean + c * (video - mean)


def translate_clips(video: Tensor, shift: Tensor) -> Tensor:
    """Move every clip by whole pixels; what comes in is zero.

    Args:
        video: ``(N, C, T, H, W)``.
        shift: ``(N, 2)`` integers: pixels downwards, then to the right.

    Returns:
        The shape of the video.

    Raises:
        ShapeError: If the video or the shift has another layout.

    Example:
        >>> video = torch.arange(1.0, 4).reshape(1, 1, 1, 1, 3)
        >>> translate_clips(video, torch.tensor([[0, 1]])).squeeze()
        tensor([0., 1., 2.])

    References:
        Zhao et al., Differentiable Augmentation for Data-Efficient GAN Training, NeurIPS 2020,
        section 3.2 (translation).
    """
    check_layout(video, "N C T H W", name="video")
    for axis, pixels in zip((3, 4), _two_per_clip(shift, video, "shift").long(), strict=True):
        size = video.shape[axis]
        source = torch.arange(size, device=video.device) - pixels[:, None]  # (N, size)
        view = [-1, 1, 1, 1, 1]
        view[axis] = size
        index = source.clamp(0, size - 1).view(view).expand(-1, *video.shape[1:])
        seen = ((source >= 0) & (source < size)).view(view)
        video = torch.where(seen, video.gather(axis, index), 0)
    return video


def cut_out(video: Tensor, center: Tensor, size: tuple[int, int]) -> Tensor:
    """Set a rectangle of every clip to zero, the same in all frames.

    Args:
        video: ``(N, C, T, H, W)``.
        center: ``(N, 2)`` integers: row and column; of an even size, the pixel after the middle.
            What lies beyond the border is cut off.
        size: Height and width of the rectangle.

    Returns:
        The shape of the video.

    Raises:
        ShapeError: If the video or the center has another layout.

    Example:
        >>> cut_out(torch.ones(1, 1, 1, 1, 5), torch.tensor([[0, 3]]), (1, 2)).squeeze()
        tensor([1., 1., 0., 0., 1.])

    References:
        DeVries and Taylor, Improved Regularization of Convolutional Neural Networks with Cutout,
        2017; as in Zhao et al., NeurIPS 2020, section 3.2.
    """
    check_layout(video, "N C T H W", name="video")
    rows, columns = (
        _within(middle, long, video.shape[axis])
        for middle, long, axis in zip(
            _two_per_clip(center, video, "center"), size, (3, 4), strict=True
        )
    )
    hole = rows[:, :, None] & columns[:, None, :]
    return torch.where(hole[:, None, None], 0, video)


def _within(middle: Tensor, long: int, size: int) -> Tensor:
    """Which of ``size`` pixels lie within ``long`` ones around the middle; ``(N, size)``."""
    first = middle.long()[:, None] - long // 2
    pixel = torch.arange(size, device=middle.device)
    return (pixel >= first) & (pixel < first + long)


def adjust_luma_chroma(
    video: Tensor,
    *,
    brightness: Tensor,
    contrast: Tensor,
    luma_sign: Tensor,
    hue: Tensor,
    saturation: Tensor,
) -> Tensor:
    r"""Change the gray part of every clip, and turn and scale what is beside it.

    Five affine maps of the colors, one after the other: a shift along the gray axis, a scaling, a
    reflection at the plane without luma, a rotation about the gray axis, a scaling of what is
    orthogonal to it. With the luma :math:`m`, the mean of the channels, and the gray axis
    :math:`v = (1, 1, 1) / \sqrt{3}` they are

    .. math::
        y = f \, c \, (m + b) + s \, c \, \bigl(
        \cos\theta \, (x - m) + \sin\theta \; v \times (x - m) \bigr)

    Values are not clamped.

    Args:
        video: ``(N, 3, T, H, W)``, or gray ``(N, 1, T, H, W)``, which has luma only.
        brightness: ``(N,)``, :math:`b`; 0 changes nothing.
        contrast: ``(N,)``, :math:`c`; 1 changes nothing.
        luma_sign: ``(N,)``, :math:`f`; 1 changes nothing, -1 flips light and dark.
        hue: ``(N,)``, :math:`\theta` in radians; 0 changes nothing.
        saturation: ``(N,)``, :math:`s`; 1 changes nothing, 0 makes gray.

    Returns:
        The shape of the video.

    Raises:
        ShapeError: If the video has neither one channel nor three, or a number another layout.

    Example:
        >>> red, one = torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1, 1), torch.ones(1)
        >>> adjust_luma_chroma(
        ...     red, brightness=0 * one, contrast=one, luma_sign=one, hue=torch.pi * 2 / 3 * one,
        ...     saturation=one,
        ... ).squeeze().abs().round(decimals=4)
        tensor([0., 1., 0.])

    References:
        Karras et al., Training Generative Adversarial Networks with Limited Data, NeurIPS 2020,
        appendix B, color transformations.
    """
    check_layout(video, "N C T H W", name="video")
    if video.shape[1] not in (1, 3):
        raise ShapeError(
            f"video must have 3 channels, or 1 if it is gray, to have its colors changed, got "
            f"{tuple(video.shape)}"
        )
    b, c, f, angle, s = (
        _per_clip(number, video, name)
        for name, number in (
            ("brightness", brightness),
            ("contrast", contrast),
            ("luma_sign", luma_sign),
            ("hue", hue),
            ("saturation", saturation),
        )
    )
    luma = video.mean(1, keepdim=True)
    chroma = video - luma
    # The cross product with (1, 1, 1) / sqrt(3); of one channel it is zero, as its chroma is.
    across = (chroma.roll(1, 1) - chroma.roll(-1, 1)) / 3**0.5
    return f * c * (luma + b) + s * c * (angle.cos() * chroma + angle.sin() * across)


def _per_clip(number: Tensor, video: Tensor, name: str, kind: Kind = "float") -> Tensor:
    """View one number a clip so that it meets the axes of a video."""
    check_layout(number, "N", name=name, kind=kind, N=video.shape[0])
    return number[:, None, None, None, None]


def _two_per_clip(numbers: Tensor, video: Tensor, name: str) -> Tensor:
    """Two numbers a clip, one after the other: ``(2, N)``."""
    check_layout(numbers, "N C", name=name, kind="integer", N=video.shape[0], C=2)
    return numbers.T
