"""The one place that knows how to draw stgan's inputs: shapes shrink, values come from a seed."""

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor

SEEDS = st.integers(0, 2**32 - 1)


def _filled(shape: tuple[int, ...], seed: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=dtype) * 2 - 1


@st.composite
def videos(
    draw: st.DrawFn,
    *,
    channels: int | None = None,
    min_batch: int = 1,
    max_batch: int = 3,
    min_frames: int = 1,
    max_frames: int = 6,
    min_side: int = 1,
    max_side: int = 7,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Clips ``(N, C, T, H, W)`` in [-1, 1]."""
    shape = (
        draw(st.integers(min_batch, max_batch)),
        draw(st.integers(1, 4)) if channels is None else channels,
        draw(st.integers(min_frames, max_frames)),
        draw(st.integers(min_side, max_side)),
        draw(st.integers(min_side, max_side)),
    )
    return _filled(shape, draw(SEEDS), dtype)


@dataclass(frozen=True)
class Geometry:
    """Kernel, stride and padding of a transposed convolution, each ``(t, h, w)``."""

    kernel_size: tuple[int, int, int]
    stride: tuple[int, int, int]
    padding: tuple[int, int, int]


@st.composite
def conv_geometries(draw: st.DrawFn, *, max_kernel: int = 4) -> Geometry:
    """Valid geometries only: strides up to the kernel, paddings that leave an output of size 1."""
    axes = []
    for _ in range(3):
        kernel = draw(st.integers(1, max_kernel))
        axes.append((kernel, draw(st.integers(1, kernel)), draw(st.integers(0, (kernel - 1) // 2))))
    kernels, strides, paddings = zip(*axes, strict=True)
    return Geometry(kernels, strides, paddings)


@st.composite
def label_batches(draw: st.DrawFn, *, batch: int, num_classes: int) -> Tensor:
    """Class indices ``(N,)``."""
    classes = st.integers(0, num_classes - 1)
    return torch.tensor(draw(st.lists(classes, min_size=batch, max_size=batch)))
