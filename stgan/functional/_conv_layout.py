"""The layout of clips in memory that convolutions run on."""

import torch
from torch import Tensor

__all__ = ["channels_last", "is_transformed"]


def channels_last(video: Tensor) -> Tensor:
    """Lay out a video with the channels of a position side by side; a copy only if needed."""
    if is_transformed():
        return video
    return video.contiguous(memory_format=torch.channels_last_3d)


def is_transformed() -> bool:
    """Whether a transform of ``torch.func`` is at work: under ``vmap`` layouts are not known.

    A compiled program is asked nothing of the kind.
    """
    if torch.compiler.is_compiling():
        return False
    active = getattr(torch._C, "_are_functorch_transforms_active", None)
    return bool(active and active())
