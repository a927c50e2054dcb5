"""Frames to the wanted size, by squashing or by cropping."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["RESIZES", "resize_frames"]

#: What happens to the aspect ratio.
RESIZES: tuple[str, ...] = ("squash", "crop")


def resize_frames(video: Tensor, image_size: tuple[int, int], *, resize: str) -> Tensor:
    """Resize all frames of a clip, bilinear with antialias.

    Args:
        video: ``(3, T, H, W)``, ``torch.uint8``.
        image_size: ``(H', W')``.
        resize: ``"squash"`` ignores the aspect ratio; ``"crop"`` keeps it, fills the wanted size
            and cuts what stands out equally from both ends.

    Returns:
        ``(3, T, H', W')``, ``torch.uint8``; the input itself if it has that size.

    Example:
        >>> video = torch.zeros(3, 2, 30, 40, dtype=torch.uint8)
        >>> resize_frames(video, (16, 16), resize="crop").shape
        torch.Size([3, 2, 16, 16])
    """
    height, width = video.shape[-2:]
    goal_height, goal_width = image_size
    if (height, width) == image_size:
        return video
    size = image_size
    if resize == "crop":
        factor = max(goal_height / height, goal_width / width)
        # One of the two is the goal; rounding must not take the other below its own.
        size = (
            max(goal_height, round(height * factor)),
            max(goal_width, round(width * factor)),
        )
    frames = video.transpose(0, 1).float()
    if size != (height, width):
        frames = F.interpolate(
            frames, size=size, mode="bilinear", align_corners=False, antialias=True
        )
    top, left = (size[0] - goal_height) // 2, (size[1] - goal_width) // 2
    frames = frames[..., top : top + goal_height, left : left + goal_width]
    return frames.round().clamp(0, 255).to(torch.uint8).transpose(0, 1).contiguous()
