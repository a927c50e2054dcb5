"""Scores of which rounding would make others."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from stgan.functional._precision import without_autocast

__all__ = ["unrounded"]


@contextmanager
def unrounded(tensor: Tensor) -> Iterator[None]:
    """Keep autocast and TF32 from rounding the factors of convolutions.

    A small variance, as SSIM takes it from the difference of two large sums, would not survive.
    """
    allowed = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        with without_autocast(tensor):
            yield
    finally:
        torch.backends.cudnn.allow_tf32 = allowed
