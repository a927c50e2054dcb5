"""Sampling a clip finer or coarser, along time and over space.

Every linear resampler here is one matrix per axis, which it gets by resampling the unit vectors.
Multiplying by it beats a convolution with one channel several times over, needs no padded copy of
the clip, gives the same gradients on every run and can be differentiated as often as one likes.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor

from stgan._checks import check_layout, check_positive, triple
from stgan.errors import ShapeError
from stgan.typing import Size3

__all__ = [
    "blur_pool",
    "downsample_time",
    "kaiser_taps",
    "upsample_linear",
    "upsample_nearest",
    "upsample_time",
]

_ALONG = {2: "ncthw,to->ncohw", 3: "ncthw,ho->nctow", 4: "ncthw,wo->nctho"}


def upsample_nearest(video: Tensor, scale: Size3) -> Tensor:
    """Repeat frames, rows and columns.

    Args:
        video: ``(N, C, T, H, W)``.
        scale: ``int`` or ``(t, h, w)``; how often each is shown.

    Returns:
        ``(N, C, T t, H h, W w)``.

    Example:
        >>> upsample_nearest(torch.arange(2.0).reshape(1, 1, 2, 1, 1), (2, 1, 1)).flatten()
        tensor([0., 0., 1., 1.])
    """
    check_layout(video, "N C T H W", name="video")
    a, b, d = factors = triple(scale, "scale")
    # On a CPU torch's own is several times faster backward. But it rounds its positions: those of a
    # factor that is no power of two may be one off.
    exact = all(factor & (factor - 1) == 0 for factor in factors)
    if exact and video.device.type == "cpu" and video.is_floating_point():
        return F.interpolate(video, scale_factor=[float(factor) for factor in factors])
    # One axis after the other: a gradient is summed over one of them several times faster.
    video = repeat(video, "n c t h w -> n c t h (w d)", d=d)
    video = repeat(video, "n c t h w -> n c t (h b) w", b=b)
    return repeat(video, "n c t h w -> n c (t a) h w", a=a)


def upsample_linear(video: Tensor, scale: Size3) -> Tensor:
    r"""Interpolate linearly between the centers of frames and pixels.

    Output :math:`j` of an axis with factor :math:`f` lies at :math:`u = (j + 1/2) / f - 1/2` of the
    input, as with ``align_corners=False`` in torch:

    .. math:: y_j = \sum_i \max(0, 1 - |u - i|)\, x_i ,

    where the first and the last input reach on beyond the border, so that constants stay constant.

    Args:
        video: ``(N, C, T, H, W)``.
        scale: ``int`` or ``(t, h, w)``; axes with 1 are left alone.

    Returns:
        ``(N, C, T t, H h, W w)``.

    Example:
        >>> upsample_linear(torch.arange(2.0).reshape(1, 1, 2, 1, 1), (2, 1, 1)).flatten()
        tensor([0.0000, 0.2500, 0.7500, 1.0000])
    """
    check_layout(video, "N C T H W", name="video")
    for axis, factor in enumerate(triple(scale, "scale"), start=2):
        if factor > 1:
            units = _units(video, axis)
            matrix = F.interpolate(units, scale_factor=factor, mode="linear", align_corners=False)
            video = _multiply(video, matrix.squeeze(1), axis)
    return video


def kaiser_window(num_taps: int, transition: float, device: str | None = None) -> Tensor:
    """Kaiser window, float64, whose low-pass has a transition band of so many cycles a sample.

    References:
        Kaiser, Nonrecursive digital filter design using the I0-sinh window function, ISCAS 1974.
    """
    attenuation = 2.285 * (num_taps - 1) * 2 * math.pi * transition + 7.95
    if attenuation > 50:
        beta = 0.1102 * (attenuation - 8.7)
    else:
        above = max(0.0, attenuation - 21)
        beta = 0.5842 * above**0.4 + 0.07886 * above
    return torch.kaiser_window(
        num_taps, periodic=False, beta=beta, dtype=torch.float64, device=device
    )


def kaiser_taps(
    factor: int,
    num_taps: int = 6,
    *,
    cutoff: float = 1.0,
    transition: float = math.sqrt(2) - 1,
) -> Tensor:
    r"""Low-pass filter for resampling by an integer factor: a sinc in a Kaiser window.

    With :math:`f` the factor, :math:`n` taps in all and the cutoff :math:`c`, tap :math:`m` at
    :math:`x_m = (m - (n - 1)/2) / f` coarse frames from the center is

    .. math:: h_m \propto \operatorname{sinc}(c\, x_m)
              I_0 \left( \beta \sqrt{1 - (2 m / (n - 1) - 1)^2} \right), \qquad
              \sum_m h_m = 1 .

    Kaiser's rule gives :math:`\beta` from the attenuation
    :math:`A = 2.285\,(n - 1)\, 2 \pi c d / f + 7.95` dB that :math:`n` taps reach with a transition
    :math:`d`.

    Args:
        factor: Fine frames for a coarse one.
        num_taps: Coarse frames that the window spans; more are sharper and ring longer.
        cutoff: Where the filter cuts, as a share of the highest frequency that the coarse clip
            can hold; at most 1.
        transition: Half the width of the transition band, as a share of the cutoff.

    Returns:
        ``(n,)`` in float64, symmetric; n is ``factor * num_taps``, or one less where only that can
        be centered (odd factor, even ``num_taps``).

    Raises:
        ValueError: If a number is not positive, or the cutoff is above 1.

    Example:
        >>> kaiser_taps(2, 2).mul(100).round()
        tensor([12., 37., 37., 12.], dtype=torch.float64)

    References:
        Karras et al., Alias-Free Generative Adversarial Networks, NeurIPS 2021, appendix C.
        Kaiser, Nonrecursive digital filter design using the I0-sinh window function, ISCAS 1974.
        ``kaiser_taps(2, 6, cutoff=0.5, transition=3.0)`` is the filter by which the released code
        of LongVideoGAN (Brooks et al., NeurIPS 2022) halves the rate of latent codes.
    """
    check_positive(factor, "factor")
    check_positive(num_taps, "num_taps")
    if not 0 < cutoff <= 1:
        raise ValueError(f"cutoff must be above 0 and at most 1, got {cutoff}")
    if not transition > 0:
        raise ValueError(f"transition must be above 0, got {transition}")
    n = factor + 2 * (factor * (num_taps - 1) // 2)
    x = (torch.arange(n, dtype=torch.float64) - (n - 1) / 2) / factor
    taps = torch.sinc(cutoff * x) * kaiser_window(n, cutoff * transition / factor)
    return taps / taps.sum()


def upsample_time(video: Tensor, taps: Tensor, factor: int) -> Tensor:
    r"""Upsample along time with a given low-pass filter.

    Between frames, :math:`f - 1` zeros are put in; the filter :math:`h` smooths the result:

    .. math:: y_j = \frac{\sum_i x_i h_{j - f i + (n - f)/2}}{\sum_i h_{j - f i + (n - f)/2}} .

    The division makes constants stay constant for each of the :math:`f` phases, whatever the
    filter. Beyond its ends the clip goes on with its first and its last frame. Output :math:`j`
    lies at :math:`(j + 1/2) / f - 1/2` of the input. Taps of ones give :func:`upsample_nearest`.

    Args:
        video: ``(N, C, T, H, W)``.
        taps: ``(n,)``, at least ``factor``, and more by an even number.
        factor: Frames for a frame.

    Returns:
        ``(N, C, T factor, H, W)``.

    Raises:
        ShapeError: If the taps do not fit the factor.

    Example:
        >>> clip = torch.tensor([0.0, 0, 1, 0]).reshape(1, 1, 4, 1, 1)
        >>> upsample_time(clip, torch.tensor([1.0, 3, 3, 1]), factor=2).flatten()
        tensor([0.0000, 0.0000, 0.0000, 0.2500, 0.7500, 0.7500, 0.2500, 0.0000])

    References:
        Karras et al., Alias-Free Generative Adversarial Networks, NeurIPS 2021 (upsampling as
        interpolation), here along time.
    """
    check_layout(video, "N C T H W", name="video")
    side = _side(taps, factor)
    if factor == 1 and side == 0:
        return video
    # Cut into phases: the rows belong to the outputs of one input, the columns to inputs.
    frames = -(-side // factor)
    whole = F.pad(taps, (frames * factor - side,) * 2)
    phases = rearrange(whole, "(k p) -> p k", p=factor).flip(1)
    phases = (phases / phases.sum(dim=1, keepdim=True)).to(video).unsqueeze(1)
    units = F.pad(_units(video, 2), (frames, frames), mode="replicate")
    matrix = rearrange(F.conv1d(units, phases), "i p t -> i (t p)")
    return _multiply(video, matrix, 2)


def downsample_time(video: Tensor, taps: Tensor, factor: int) -> Tensor:
    r"""Filter along time and keep one frame in ``factor``.

    .. math:: y_i = \frac{\sum_m h_m x_{f i + m - (n - f)/2}}{\sum_m h_m} .

    Frame :math:`i` lies in the middle of the :math:`f` frames for which it stands. Beyond its ends
    the clip goes on with its first and its last frame. Away from them this is the transpose of
    :func:`upsample_time`, divided by the factor.

    Args:
        video: ``(N, C, T, H, W)``, T a multiple of ``factor``.
        taps: ``(n,)``, at least ``factor``, and more by an even number.
        factor: Frames for which one is kept.

    Returns:
        ``(N, C, T / factor, H, W)``.

    Raises:
        ShapeError: If T is no multiple of the factor, or the taps do not fit it.

    Example:
        >>> clip = torch.tensor([0.0, 0, 1, 1]).reshape(1, 1, 4, 1, 1)
        >>> downsample_time(clip, torch.tensor([1.0, 3, 3, 1]), factor=2).flatten()
        tensor([0.1250, 0.8750])

    References:
        As :func:`upsample_time`.
    """
    check_layout(video, "N C T H W", name="video")
    side = _side(taps, factor)
    check_frames(video.shape[2], factor)
    if factor == 1 and side == 0:
        return video
    return _multiply(video, _filtered_units(video, 2, taps, factor, (side, side), "replicate"), 2)


def blur_pool(
    video: Tensor,
    taps: Tensor,
    *,
    stride: Size3 = 2,
    padding_mode: Literal["replicate", "reflect"] = "replicate",
) -> Tensor:
    r"""Blur each strided axis, then keep every so many of its frames, rows or columns.

    .. math:: y_i = \frac{\sum_m h_m x_{s i + m - \lfloor (n - 1) / 2 \rfloor}}{\sum_m h_m}

    Args:
        video: ``(N, C, T, H, W)``.
        taps: ``(n,)``, such as the binomial 1, 3, 3, 1; scaled to a sum of 1.
        stride: ``int`` or ``(t, h, w)``; axes with 1 are not blurred.
        padding_mode: What lies beyond the borders: ``"replicate"`` repeats the last value,
            ``"reflect"`` mirrors there.

    Returns:
        ``(N, C, T', H', W')``, each side divided by its stride and rounded up.

    Raises:
        ShapeError: If a side is too small to be mirrored.

    Example:
        >>> row = torch.tensor([0.0, 0, 0, 1, 1, 1]).reshape(1, 1, 1, 1, 6)
        >>> blur_pool(row, torch.tensor([1.0, 2, 1]), stride=(1, 1, 2)).flatten()
        tensor([0.0000, 0.2500, 1.0000])

    References:
        Zhang, Making Convolutional Networks Shift-Invariant Again, ICML 2019 (BlurPool).
    """
    check_layout(video, "N C T H W", name="video")
    n = taps.shape[0]
    padding = (n - 1) // 2, n // 2
    steps = triple(stride, "stride")
    check_mirror(video.shape[2:], n, steps, padding_mode)
    for axis, step in enumerate(steps, start=2):
        if step > 1:
            matrix = _filtered_units(video, axis, taps, step, padding, padding_mode)
            video = _multiply(video, matrix, axis)
    return video


def check_frames(num_frames: int, factor: int) -> None:
    """Refuse a number of frames of which a part would be left over."""
    if num_frames % factor:
        raise ShapeError(
            f"the frames of a video must be a multiple of factor {factor}, got {num_frames}"
        )


def check_mirror(
    size: Sequence[int], num_taps: int, stride: tuple[int, int, int], padding_mode: str
) -> None:
    """Refuse a ``(T, H, W)`` in which a strided axis is too small to be mirrored."""
    least = num_taps // 2 + 1
    if padding_mode == "reflect" and any(
        side < least and step > 1 for side, step in zip(size, stride, strict=True)
    ):
        raise ShapeError(
            f"the (T, H, W) of a video must be at least {least} where it is mirrored for "
            f"{num_taps} taps and stride {stride}, got {tuple(size)}; use "
            f"padding_mode='replicate'"
        )


def _side(taps: Tensor, factor: int) -> int:
    """Taps on each side of the ones that belong to a coarse frame alone."""
    check_positive(factor, "factor")
    side, odd = divmod(taps.shape[0] - factor, 2)
    if taps.ndim != 1 or odd or side < 0:
        raise ShapeError(
            f"taps must be (n,), n as large as factor {factor} or larger by an even number, got "
            f"{tuple(taps.shape)}"
        )
    return side


def _units(video: Tensor, axis: int) -> Tensor:
    """Return the unit vectors of an axis, as a batch with one channel."""
    size = video.shape[axis]
    return torch.eye(size, dtype=video.dtype, device=video.device).unsqueeze(1)


def _filtered_units(
    video: Tensor, axis: int, taps: Tensor, stride: int, padding: tuple[int, int], mode: str
) -> Tensor:
    kernel = (taps / taps.sum()).to(video).reshape(1, 1, -1)
    return F.conv1d(F.pad(_units(video, axis), padding, mode=mode), kernel, stride=stride).squeeze(
        1
    )


def _multiply(video: Tensor, matrix: Tensor, axis: int) -> Tensor:
    return torch.einsum(_ALONG[axis], video, matrix)
