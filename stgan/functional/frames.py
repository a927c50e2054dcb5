"""Time folded into the batch, and frames picked out of clips."""

import torch
from einops import rearrange
from torch import Tensor

from stgan._checks import check_layout, check_positive
from stgan.errors import ShapeError

__all__ = ["fold_time", "take_frames", "unfold_time"]


def fold_time(video: Tensor) -> Tensor:
    """Make a batch of frames from a batch of clips, frames of a clip in a row.

    Args:
        video: ``(N, C, T, H, W)``.

    Returns:
        ``(N * T, C, H, W)``.

    Example:
        >>> fold_time(torch.zeros(2, 3, 4, 8, 8)).shape
        torch.Size([8, 3, 8, 8])
    """
    check_layout(video, "N C T H W", name="video")
    return rearrange(video, "n c t h w -> (n t) c h w")


def unfold_time(images: Tensor, num_frames: int) -> Tensor:
    """Undo :func:`fold_time`.

    Args:
        images: ``(N * T, C, H, W)``.
        num_frames: Number of frames, T.

    Returns:
        ``(N, C, T, H, W)``.

    Raises:
        ShapeError: If the batch is no multiple of ``num_frames``.

    Example:
        >>> unfold_time(torch.zeros(8, 3, 8, 8), num_frames=4).shape
        torch.Size([2, 3, 4, 8, 8])
    """
    check_layout(images, "N C H W", name="images")
    num_frames = check_positive(num_frames, "num_frames")
    if images.shape[0] % num_frames:
        raise ShapeError(
            f"images must come in clips of {num_frames} frames, got {images.shape[0]} of them"
        )
    return rearrange(images, "(n t) c h w -> n c t h w", t=num_frames)


def take_frames(video: Tensor, indices: Tensor) -> Tensor:
    """Pick frames of each clip by its own indices.

    Args:
        video: ``(N, C, T, H, W)``.
        indices: ``(N, k)`` integers in [0, T).

    Returns:
        ``(N, C, k, H, W)``, in the order of the indices.

    Raises:
        ShapeError: If the indices are not ``(N, k)``.
        ValueError: If an index is out of range. Values are looked at on the CPU only, since a look
            would halt a GPU; there, torch's own device assertion stops the program.

    Example:
        >>> video = torch.arange(4.0).reshape(1, 1, 4, 1, 1)
        >>> take_frames(video, torch.tensor([[3, 1]])).flatten()
        tensor([3., 1.])
    """
    check_layout(video, "N C T H W", name="video")
    check_layout(indices, "N k", name="indices", kind="integer", N=video.shape[0])
    n, c, t, h, w = video.shape
    if indices.device.type == "cpu" and not torch.compiler.is_compiling() and indices.numel():
        low, high = indices.aminmax()
        if low < 0 or high >= t:
            wrong = int(low) if low < 0 else int(high)
            raise ValueError(
                f"index {wrong} is out of range for clips of {t} frames; use 0 to {t - 1}"
            )
    index = indices[:, None, :, None, None].expand(n, c, indices.shape[1], h, w)
    return torch.gather(video, 2, index)
