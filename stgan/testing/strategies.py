"""Hypothesis strategies for clips, images, labels, logits and geometries.

Shapes are drawn and shrink; values of clips and images come from a drawn seed. Labels and logits
are drawn value by value.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from stgan._checks import as_integer, check_count
from stgan.config import make_inputs
from stgan.example import Example
from stgan.testing._inputs import step_and_least

__all__ = [
    "Geometry",
    "conv_geometries",
    "example_inputs",
    "images",
    "labels",
    "logits",
    "videos",
]

_SEEDS = st.integers(0, 2**32 - 1)


def _sizes(name: str, smallest: int, largest: int) -> st.SearchStrategy[int]:
    """Draw a size between bounds, which are checked when the strategy is made."""
    for bound in (smallest, largest):
        if as_integer(bound) is None:
            raise TypeError(f"min_{name} and max_{name} must be integers, got {bound!r}")
    if not 1 <= smallest <= largest:
        raise ValueError(
            f"min_{name} must be at least 1 and at most max_{name}, got {smallest} and {largest}"
        )
    return st.integers(smallest, largest)


def _count(name: str, value: int | None, largest: int = 4) -> st.SearchStrategy[int]:
    """Draw a count, or take the given one."""
    if value is None:
        return st.integers(1, largest)
    number = as_integer(value)
    if number is None:
        raise TypeError(f"{name} must be a positive integer or None, got {value!r}")
    if number < 1:
        raise ValueError(f"{name} must be a positive integer or None, got {value}")
    return st.just(number)


def _filled(
    axes: Sequence[st.SearchStrategy[int]], dtype: torch.dtype
) -> st.SearchStrategy[Tensor]:
    if not dtype.is_floating_point:
        raise ValueError(f"dtype must be one of floats, got {dtype}")

    def fill(shape: tuple[int, ...], seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.rand(shape, generator=generator, dtype=dtype) * 2 - 1

    return st.builds(fill, st.tuples(*axes), _SEEDS)


def videos(
    *,
    channels: int | None = None,
    min_batch: int = 1,
    max_batch: int = 3,
    min_frames: int = 1,
    max_frames: int = 6,
    min_side: int = 1,
    max_side: int = 7,
    dtype: torch.dtype = torch.float64,
) -> st.SearchStrategy[Tensor]:
    """Clips ``(N, C, T, H, W)`` with values in [-1, 1].

    Args:
        channels: C; ``None`` for 1 to 4.
        min_batch: Smallest N.
        max_batch: Largest N.
        min_frames: Smallest T.
        max_frames: Largest T.
        min_side: Smallest H and W.
        max_side: Largest H and W.
        dtype: Type of the values.

    Raises:
        ValueError: If a lower bound is not positive or exceeds its upper bound.

    Example:
        >>> from hypothesis import find
        >>> find(videos(channels=3), lambda video: True).shape
        torch.Size([1, 3, 1, 1, 1])
    """
    side = _sizes("side", min_side, max_side)
    axes = [
        _sizes("batch", min_batch, max_batch),
        _count("channels", channels),
        _sizes("frames", min_frames, max_frames),
    ]
    return _filled([*axes, side, side], dtype)


def images(
    *,
    channels: int | None = None,
    min_batch: int = 1,
    max_batch: int = 3,
    min_side: int = 1,
    max_side: int = 7,
    dtype: torch.dtype = torch.float64,
) -> st.SearchStrategy[Tensor]:
    """Images ``(N, C, H, W)`` with values in [-1, 1].

    Args:
        channels: C; ``None`` for 1 to 4.
        min_batch: Smallest N.
        max_batch: Largest N.
        min_side: Smallest H and W.
        max_side: Largest H and W.
        dtype: Type of the values.

    Raises:
        ValueError: If a lower bound is not positive or exceeds its upper bound.

    Example:
        >>> from hypothesis import find
        >>> find(images(min_side=2), lambda image: image.shape[1] == 3).shape
        torch.Size([1, 3, 2, 2])
    """
    side = _sizes("side", min_side, max_side)
    axes = [_sizes("batch", min_batch, max_batch), _count("channels", channels)]
    return _filled([*axes, side, side], dtype)


def labels(
    *,
    num_classes: int,
    batch: int | None = None,
    min_batch: int = 1,
    max_batch: int = 3,
    soft: bool = False,
    dtype: torch.dtype = torch.float64,
) -> st.SearchStrategy[Tensor]:
    """Class labels: ``(N,)`` integers, or soft rows ``(N, K)`` that sum to one.

    Args:
        num_classes: K.
        batch: N; ``None`` for one within the bounds.
        min_batch: Smallest N.
        max_batch: Largest N.
        soft: Whether to draw rows; some of them are one-hot.
        dtype: Type of the rows.

    Raises:
        ValueError: If a number is not positive, or a lower bound exceeds its upper bound.

    Example:
        >>> from hypothesis import find
        >>> find(labels(num_classes=6, batch=2), lambda label: label.max() > 3)
        tensor([0, 4])
    """
    _count("num_classes", num_classes)
    size = _sizes("batch", min_batch, max_batch) if batch is None else _count("batch", batch)
    if not soft:
        one = st.integers(0, num_classes - 1)
        return size.flatmap(lambda n: st.lists(one, min_size=n, max_size=n)).map(torch.tensor)
    if not dtype.is_floating_point:
        raise ValueError(f"dtype must be one of floats, got {dtype}")
    # A sure class and weights for all, so that no row is empty and the simplest is one-hot.
    row = st.tuples(st.integers(0, num_classes - 1), st.tuples(*[st.integers(0, 8)] * num_classes))

    def rows(drawn: list[tuple[int, tuple[int, ...]]]) -> Tensor:
        weights = torch.tensor([weights for _, weights in drawn], dtype=dtype)
        weights += torch.eye(num_classes, dtype=dtype)[[sure for sure, _ in drawn]]
        return weights / weights.sum(dim=1, keepdim=True)

    return size.flatmap(lambda n: st.lists(row, min_size=n, max_size=n)).map(rows)


def logits(
    *,
    min_size: int = 1,
    max_size: int = 8,
    bound: float = 1e4,
    dtype: torch.dtype = torch.float64,
) -> st.SearchStrategy[Tensor]:
    """Logits ``(N,)``; their values shrink towards zero, and the bounds are among them.

    Args:
        min_size: Smallest N.
        max_size: Largest N.
        bound: Largest absolute value.
        dtype: Type of the values.

    Raises:
        ValueError: If a size is not positive, the smallest exceeds the largest, or the bound is
            not a positive number.

    Example:
        >>> from hypothesis import find
        >>> find(logits(bound=100), lambda logit: logit.min() < -3).tolist()
        [-4.0]
    """
    _sizes("size", min_size, max_size)
    if not 0 < bound < math.inf:
        raise ValueError(f"bound must be a positive number, got {bound}")
    if not dtype.is_floating_point:
        raise ValueError(f"dtype must be one of floats, got {dtype}")
    values = st.lists(st.floats(-bound, bound), min_size=min_size, max_size=max_size)
    return values.map(lambda drawn: torch.tensor(drawn, dtype=dtype))


@dataclass(frozen=True)
class Geometry:
    """Geometry of a convolution, to be passed on with ``**vars(geometry)``.

    Attributes:
        kernel_size: ``(t, h, w)``.
        stride: ``(t, h, w)``.
        padding: ``(t, h, w)``.
    """

    kernel_size: tuple[int, int, int]
    stride: tuple[int, int, int]
    padding: tuple[int, int, int]


def conv_geometries(*, max_kernel: int = 4, transposed: bool = True) -> st.SearchStrategy[Geometry]:
    """Kernel, stride and padding that go together; no stride exceeds its kernel.

    Args:
        max_kernel: Largest side of a kernel.
        transposed: ``True`` for transposed convolutions, which then have an output for inputs of
            any size; ``False`` for ordinary ones, which have one for every input whose sides are
            at least ``max_kernel``.

    Raises:
        ValueError: If ``max_kernel`` is not positive.

    Example:
        >>> from hypothesis import find
        >>> find(conv_geometries(), lambda geometry: geometry.stride[0] == 2)
        Geometry(kernel_size=(2, 1, 1), stride=(2, 1, 1), padding=(0, 0, 0))
    """
    _count("max_kernel", max_kernel)

    def axis(kernel: int) -> st.SearchStrategy[tuple[int, int, int]]:
        most = (kernel - 1) // 2 if transposed else kernel // 2
        return st.tuples(st.just(kernel), st.integers(1, kernel), st.integers(0, most))

    one = st.integers(1, max_kernel).flatmap(axis)

    def geometry(*axes: tuple[int, int, int]) -> Geometry:
        kernel_size, stride, padding = zip(*axes, strict=True)
        return Geometry(kernel_size, stride, padding)

    return st.builds(geometry, one, one, one)


def example_inputs(
    example: Example, *, max_steps: int = 2, dtype: torch.dtype = torch.float32
) -> st.SearchStrategy[dict[str, Any]]:
    """Inputs of an example, by name, with sizes from the smallest that it allows.

    Args:
        example: Such as ``stgan.info("layers", "conv_transpose_1p2d").example``.
        max_steps: How many steps an axis may be longer than its smallest size; a step is 1
            wherever the example says nothing else.
        dtype: Type of the floats.

    Raises:
        ValueError: If ``max_steps`` is negative.

    Example:
        >>> from hypothesis import find
        >>> import stgan
        >>> example = stgan.info("blocks", "down_3d").example
        >>> find(example_inputs(example), lambda inputs: True)["x"].shape
        torch.Size([1, 3, 2, 2, 2])
    """
    max_steps = check_count(max_steps, "max_steps")
    sizes = {}
    for axis in example.axes:
        step, least = step_and_least(example, axis)
        sizes[axis] = st.sampled_from(range(least, least + max_steps * step + 1, step))
    return st.builds(
        lambda sizes, seed: make_inputs(example, sizes, seed=seed, dtype=dtype),
        st.fixed_dictionaries(sizes),
        _SEEDS,
    )
