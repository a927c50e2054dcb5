"""How close generated frames come to the real ones, frame by frame."""

from typing import Literal

import torch
from torch import Tensor

from stgan._deprecated import renamed
from stgan._torchvision import ensure_torchvision
from stgan.errors import ShapeError
from stgan.metrics._inputs import check_same_shape
from stgan.metrics._precision import unrounded
from stgan.registry import unknown_name

__all__ = ["MAX_PSNR", "SSIM_WINDOWS", "check_frames_left", "check_windows", "frame_scores"]

#: Upper bound of a frame's PSNR in dB, which an identical frame reaches instead of infinity.
MAX_PSNR = 100.0
# Which windows of SSIM count, and what a protocol says of them.
SSIM_WINDOWS = {"all": "one around each pixel, border reflected", "inside": "inside the frame"}
_SSIM_WINDOW = 11
# Frames scored at once: SSIM holds five blurred copies of each.
_FRAMES_AT_ONCE = 256


def check_windows(ssim_windows: str) -> None:
    """Refuse windows of SSIM that are neither all nor those inside of a frame."""
    if ssim_windows not in SSIM_WINDOWS:
        raise unknown_name("SSIM", ssim_windows, SSIM_WINDOWS, what="windows")


def check_frames_left(frames: int, *, skip_first: bool) -> int:
    """Return how many frames are skipped, unless those are all."""
    if frames <= int(skip_first):
        raise ShapeError(
            f"no frame is left to score, the videos have {frames} and the first is skipped; "
            f"pass skip_first=False"
        )
    return int(skip_first)


@renamed("0.2", generated="fake")
def frame_scores(
    fake: Tensor,
    real: Tensor,
    *,
    skip_first: bool = True,
    ssim_windows: Literal["all", "inside"] = "all",
) -> dict[str, Tensor]:
    """PSNR, SSIM and L1 of every frame, averaged over the frames of each clip.

    Compare the result with that of :func:`stgan.metrics.first_frame_control`: where little moves,
    repeating the first frame scores high on all three.

    - ``psnr``: of each frame over its pixels and channels, on [0, 1], in dB, at most
      :data:`MAX_PSNR`; the mean over frames of the logarithm, not the logarithm of the mean.
    - ``ssim``: 11 x 11 Gaussian window of sigma 1.5, K = (0.01, 0.03), data range 1, each color
      channel by itself, then their mean over all windows: those that reach over the border see
      it reflected.
    - ``l1``: mean absolute difference in [-1, 1] units, from 0 to 2.

    Args:
        fake: Generated video in [-1, 1].
        real: The true continuation of the same first frame, in [-1, 1].
        skip_first: Leave out the first frame, which the generator was given.
        ssim_windows: ``"all"``, one around each pixel, or ``"inside"``: only those that lie within
            the frame, as in the validation of ImaGINator and in the original SSIM.

    Shape:
        - Input: ``(N, C, T, H, W)`` each, H and W at least 11.
        - Output: ``(N,)`` each, float32 (float64 for float64 input).

    Raises:
        ShapeError: If the layouts differ, frames are smaller than the window of SSIM, or no frame
            is left.
        TypeError: If a video is not of a float type.
        UnknownNameError: If ``ssim_windows`` is neither of the two.
        ValueError: If a video is not finite or lies far outside of [-1, 1].

    Example:
        >>> real = torch.zeros(2, 3, 4, 16, 16)
        >>> scores = frame_scores(real + 0.2, real)
        >>> {name: round(score[0].item(), 3) for name, score in scores.items()}
        {'psnr': 20.0, 'ssim': 0.984, 'l1': 0.2}

    References:
        Wang et al., Image quality assessment, IEEE TIP 2004, for SSIM. Both scores are those of
        ``torchmetrics.functional.image``.
    """
    check_same_shape(fake, real)
    check_windows(ssim_windows)
    n, _, t, h, w = real.shape
    if min(h, w) < _SSIM_WINDOW:
        raise ShapeError(
            f"frames must be at least {_SSIM_WINDOW} x {_SSIM_WINDOW}, the window of SSIM, "
            f"got {h} x {w}"
        )
    first = check_frames_left(t, skip_first=skip_first)
    ensure_torchvision()
    from torchmetrics.functional.image import (
        peak_signal_noise_ratio,
        structural_similarity_index_measure,
    )

    dtype = torch.float64 if real.dtype == torch.float64 else torch.float32
    frames = [
        video[:, :, first:].to(dtype).transpose(1, 2).flatten(0, 1).add(1).div(2)
        for video in (fake, real)
    ]
    psnr, ssim, l1 = [], [], []
    for ours, true in zip(*(torch.split(video, _FRAMES_AT_ONCE) for video in frames), strict=True):
        psnr.append(
            peak_signal_noise_ratio(ours, true, data_range=1.0, reduction="none", dim=(1, 2, 3))
        )
        with unrounded(ours):
            similarity, windows = structural_similarity_index_measure(
                ours,
                true,
                sigma=1.5,
                kernel_size=_SSIM_WINDOW,
                data_range=1.0,
                reduction="none",
                return_full_image=True,
            )
        if ssim_windows == "inside":
            reach = _SSIM_WINDOW // 2
            similarity = windows[:, :, reach:-reach, reach:-reach].mean(dim=(1, 2, 3))
        # In flat places rounding takes up to 1e-3 from what is 1 exactly.
        equal = (ours == true).flatten(1).all(dim=1)
        ssim.append(torch.where(equal, torch.ones_like(similarity), similarity))
        l1.append((ours - true).abs().mean(dim=(1, 2, 3)) * 2)
    per_frame = {
        "psnr": torch.cat(psnr).clamp(max=MAX_PSNR),
        "ssim": torch.cat(ssim),
        "l1": torch.cat(l1),
    }
    return {name: scores.view(n, t - first).mean(dim=1) for name, scores in per_frame.items()}
