"""The precision in which losses are computed."""

import torch
from torch import Tensor

__all__ = ["full_precision"]


def full_precision(tensor: Tensor) -> Tensor:
    """Raise half precision to float32, and leave any other type as it is.

    Squares of logits leave the range of float16, and means over a clip the digits of bfloat16.
    """
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
