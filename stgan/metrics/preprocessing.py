"""From clips in [-1, 1] to what a network was trained on."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from stgan._checks import check_layout, pair
from stgan.functional import fold_time, unfold_time
from stgan.metrics._inputs import check_video
from stgan.registry import unknown_name
from stgan.typing import Size2

__all__ = ["RANGES", "RESIZES", "prepare_clips", "resize_rule"]

#: What happens to the aspect ratio.
RESIZES: tuple[str, ...] = ("squash", "crop")
#: Ranges of pixels that networks are trained on, each with scale and shift from [-1, 1].
RANGES: dict[str, tuple[float, float]] = {
    "[-1, 1]": (1.0, 0.0),
    "[0, 1]": (0.5, 0.5),
    "[0, 255]": (127.5, 127.5),
}


def prepare_clips(
    video: Tensor,
    *,
    size: Size2 | None = None,
    resize: str = "squash",
    range: str = "[-1, 1]",  # the word of the results
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Tensor:
    """Resize and rescale clips as the network that is to see them expects.

    Bilinear without antialias, corners not aligned, as the implementations of FVD have it. Bytes
    of another library's pictures may have been resized otherwise before; that shows in scores.

    Args:
        video: In [-1, 1].
        size: ``int`` or ``(height, width)``; ``None`` leaves the size as it is.
        resize: ``"squash"`` to the size whatever the aspect ratio, or ``"crop"``: the short side
            to it, then the center.
        range: A key of :data:`RANGES`.
        mean: Taken from each channel after that; ``None`` for 0.
        std: What it is then divided by; ``None`` for 1.

    Shape:
        - Input: ``(N, C, T, H, W)``
        - Output: ``(N, C, T, *size)``

    Raises:
        ShapeError: If the layout is another.
        TypeError: If the video is not of a float type.
        UnknownNameError: If ``resize`` or ``range`` is not known.

    Example:
        >>> prepare_clips(torch.zeros(1, 3, 2, 30, 40), size=16, range="[0, 255]")[0, 0, 0, 0, 0]
        tensor(127.5000)
    """
    check_video(video, "video")
    if resize not in RESIZES:
        raise unknown_name("resize", resize, RESIZES)
    if range not in RANGES:
        raise unknown_name("range", range, RANGES)
    if size is not None:
        video = _resized(video, pair(size, "size"), resize)
    scale, shift = RANGES[range]
    if (scale, shift) != (1.0, 0.0):
        video = video * scale + shift
    for values, invert in ((mean, False), (std, True)):
        if values is not None:
            row = video.new_tensor(list(values)).view(-1, 1, 1, 1)
            video = video / row if invert else video - row
    return video


def _resized(video: Tensor, size: tuple[int, int], resize: str) -> Tensor:
    height, width = video.shape[-2:]
    if (height, width) == size:
        return video
    inner = size
    if resize == "crop":
        factor = max(size[0] / height, size[1] / width)
        # One of the two is the goal; rounding must not take the other below its own.
        inner = (max(size[0], round(height * factor)), max(size[1], round(width * factor)))
    frames = F.interpolate(fold_time(video), size=inner, mode="bilinear", align_corners=False)
    top, left = (inner[0] - size[0]) // 2, (inner[1] - size[1]) // 2
    return unfold_time(
        frames[..., top : top + size[0], left : left + size[1]], num_frames=video.shape[2]
    )


def resize_rule(size: tuple[int, int] | None, resize: str) -> str:
    """Say in words how clips are resized, for the protocol."""
    if size is None:
        return "none"
    return f"bilinear {size[0]} x {size[1]}, {resize}"


def check_channels(video: Tensor, channels: int) -> None:
    """Refuse clips of another number of channels."""
    check_layout(video, "N C T H W", name="video", C=channels)
