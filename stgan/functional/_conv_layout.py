"""The layout of clips in memory that convolutions run on."""

import torch
from torch import Tensor

__all__ = ["channels_last"]


def channels_last(video: Tensor) -> Tensor:
    """Lay out a video with the channels of a position side by side; a copy only if needed."""
    return video.contiguous(memory_format=torch.channels_last_3d)
