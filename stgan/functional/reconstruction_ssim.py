"""Structural similarity of frames, and of clips as volumes, as losses."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stgan._checks import check_positive, triple
from stgan.functional._precision import full_precision, without_autocast
from stgan.functional.reconstruction import check_clips, reduce_clips
from stgan.typing import Reduction, Size3

__all__ = ["check_window", "ssim_2d_loss", "ssim_3d_loss", "ssim_smallest"]

_SIGMA = 1.5
_C1, _C2 = 0.01**2, 0.03**2


def check_window(window_size: Size3) -> tuple[int, int, int]:
    """Spread a window over (T, H, W), and refuse even ones, which have no middle.

    Example:
        >>> check_window((3, 11, 11))
        (3, 11, 11)
    """
    window = triple(window_size, "window_size")
    if any(side % 2 == 0 for side in window):
        raise ValueError(f"window_size must be odd, got {window_size}")
    return window


def ssim_smallest(window: Sequence[int]) -> tuple[int, int, int]:
    """Least (T, H, W) at whose borders a window can be reflected.

    Example:
        >>> ssim_smallest((1, 11, 11))
        (1, 6, 6)
    """
    t, h, w = (side // 2 + 1 for side in window)
    return t, h, w


def _window_matrix(side: int, window: int, like: Tensor) -> Tensor:
    """``(side, side)``: row i holds the weights of all places in the window around place i."""
    offsets = torch.arange(window, device=like.device) - window // 2
    taps = torch.exp(-offsets.to(like.dtype).square() / (2 * _SIGMA**2))
    # Reflected at the first place, then at the last.
    places = (torch.arange(side, device=like.device)[:, None] + offsets).abs()
    places = side - 1 - (side - 1 - places).abs()
    weights = (taps / taps.sum()).expand(side, -1)
    return weights.new_zeros(side, side).scatter_add(1, places, weights)


def _blur(video: Tensor, window: Sequence[int]) -> Tensor:
    """Average with a Gaussian window, one axis after the other; borders are reflected.

    Products with banded matrices: on a CPU some twenty times as fast as convolutions of a single
    channel, and on a GPU not rounded to TF32, which variances would not survive.
    """
    t, h, w = (
        _window_matrix(side, taps, video)
        for side, taps in zip(video.shape[2:], window, strict=True)
    )
    video = h @ (video @ w.T)
    return video if window[0] == 1 else torch.einsum("st,ncthw->ncshw", t, video)


def _ssim_loss(fake: Tensor, real: Tensor, window: Sequence[int], reduction: Reduction) -> Tensor:
    check_clips(fake, real, smallest=ssim_smallest(window))
    with without_autocast(fake):
        # From [-1, 1] to [0, 1], where the constants are at home.
        x, y = (full_precision(video) / 2 + 0.5 for video in (fake, real))
        moments = [_blur(m, window) for m in (x, y, x * x, y * y, x * y)]
        mean_x, mean_y = moments[:2]
        xx, yy, xy = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
        var_x, var_y, cov = moments[2] - xx, moments[3] - yy, moments[4] - xy
        similarity = ((2 * xy + _C1) * (2 * cov + _C2)) / ((xx + yy + _C1) * (var_x + var_y + _C2))
        return reduce_clips(1 - similarity, reduction)


def ssim_2d_loss(
    fake: Tensor, real: Tensor, *, window_size: int = 11, reduction: Reduction = "mean"
) -> Tensor:
    r"""One minus the structural similarity of frames, each by itself.

    .. math::

       1 - \operatorname{mean} \frac{(2 \mu_x \mu_y + c_1)(2 \sigma_{xy} + c_2)}
       {(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)}

    :math:`\mu`, :math:`\sigma^2` and :math:`\sigma_{xy}` are means, variances and covariance in a
    Gaussian window of standard deviation 1.5 around every pixel of every color channel. Pixels
    are brought from [-1, 1] to [0, 1] first, so :math:`c_1 = 0.01^2` and :math:`c_2 = 0.03^2`.
    Borders are reflected, so that every pixel counts. The loss is in [0, 2].

    Args:
        fake: ``(N, C, T, H, W)``, in [-1, 1], H and W more than half the window.
        real: The same shape, in [-1, 1].
        window_size: Taps of the window, odd.
        reduction: Of the ``(N,)`` values, each a mean over frames, channels and pixels.

    Raises:
        ShapeError: If the shapes differ or frames are too small for the window.
        ValueError: If the window is even.

    Example:
        >>> real = torch.zeros(2, 3, 4, 16, 16)
        >>> round(ssim_2d_loss(fake=real + 0.2, real=real).item(), 3)
        0.016

    References:
        Wang et al., Image quality assessment, IEEE TIP 2004, equation 13.
    """
    side = check_positive(window_size, "window_size")
    return _ssim_loss(fake, real, check_window((1, side, side)), reduction)


def ssim_3d_loss(
    fake: Tensor, real: Tensor, *, window_size: Size3 = (3, 11, 11), reduction: Reduction = "mean"
) -> Tensor:
    """One minus the structural similarity of clips as volumes: windows reach over time too.

    The formula is that of :func:`ssim_2d_loss` with a window over (T, H, W), whose standard
    deviation is 1.5 along each axis. Motion that differs within the window costs as structure.

    Args:
        fake: ``(N, C, T, H, W)``, in [-1, 1], each axis more than half the window.
        real: The same shape, in [-1, 1].
        window_size: ``int`` or ``(t, h, w)``, odd; with t = 1 it is :func:`ssim_2d_loss`.
        reduction: Of the ``(N,)`` values, each a mean over frames, channels and pixels.

    Raises:
        ShapeError: If the shapes differ or a side is too small for the window.
        ValueError: If the window is even.

    Example:
        >>> real = torch.zeros(2, 3, 4, 16, 16)
        >>> round(ssim_3d_loss(fake=real + 0.2, real=real).item(), 3)
        0.016

    References:
        Wang et al., Image quality assessment, IEEE TIP 2004, equation 13; Zeng and Wang, 3D-SSIM
        for video quality assessment, ICIP 2012, for windows over time.
    """
    return _ssim_loss(fake, real, check_window(window_size), reduction)
