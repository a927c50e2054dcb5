"""The precision in which losses are computed."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.amp.autocast_mode import is_autocast_available

from stgan._checks import check_floats

__all__ = ["full_precision", "without_autocast"]


def full_precision(tensor: Tensor, name: str = "") -> Tensor:
    """Raise half precision to float32, and leave any other type as it is.

    Squares of logits leave the range of float16, and means over a clip the digits of bfloat16.

    Args:
        tensor: Any.
        name: What it is called in the sentence by which all but floats are refused; empty if that
            was checked before.
    """
    if name:
        check_floats(tensor, name, picture=False)
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def without_autocast(tensor: Tensor) -> AbstractContextManager[object]:
    """Keep autocast from rounding the factors of products on the device of a tensor."""
    kind = tensor.device.type
    # The device without data knows no autocast.
    return torch.autocast(kind, enabled=False) if is_autocast_available(kind) else nullcontext()
