"""Whether this CPU is one to compute in bf16 on."""

import functools

import torch
import torch.nn.functional as F

from benchmarks._measure import Options, Ratio, ratio, take_turns

__all__ = ["bf16_gain", "has_bf16"]

# Twice the rate of float32 is what instructions for matrices give; below this a CPU has no bf16 to
# speak of.
_GAIN = 1.5


def bf16_gain(options: Options) -> Ratio:
    """How many times faster than float32 this CPU convolves in bf16.

    Instructions for bf16 are no proof: where they are not those for matrices, it may be slower;
    where there are none, it is many times slower.
    """
    weight, image = torch.randn(256, 256, 3, 3), torch.randn(1, 256, 32, 32)
    operands = {
        dtype: [x.to(dtype).contiguous(memory_format=torch.channels_last) for x in (image, weight)]
        for dtype in (torch.float32, torch.bfloat16)
    }
    runs = {
        str(dtype): functools.partial(F.conv2d, *given, padding=1)
        for dtype, given in operands.items()
    }
    return ratio(*take_turns(runs, options).values())


def has_bf16(gain: Ratio) -> bool:
    """Whether a gain is one that training in bf16 could build on."""
    return gain.median >= _GAIN
