"""Sizes that the convolutions give, causal or not, and what their geometry must obey."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from torch import Tensor

from stgan._checks import check_stride, triple
from stgan.shapes import conv_size, conv_transpose_size
from stgan.typing import Size3

__all__ = ["Kind", "check_causal", "output_sizes", "resolve", "split_axes"]

#: Whether sizes shrink as those of a convolution, or grow as those of a transposed one, by which or
#: by resizing.
Kind: TypeAlias = Literal["forward", "transposed", "resized"]


def split_axes(
    sizes: tuple[int, int, int], neutral: int
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Give a temporal and a spatial step each its axes of a geometry, and none of the other's."""
    t, h, w = sizes
    return (t, neutral, neutral), (neutral, h, w)


def check_causal(
    kind: Kind, *, kernel_size: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> None:
    """Refuse a geometry that cannot be causal: time is padded or cropped by causality alone."""
    if padding[0]:
        raise ValueError(
            f"a causal convolution pads time by itself and only in front; set padding[0] to 0, "
            f"got padding {tuple(padding)}"
        )
    if kind == "transposed":
        check_stride(kernel_size, stride)


def output_sizes(
    sizes: Sequence[int],
    kind: Kind,
    *,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    causal: bool,
) -> tuple[int, ...]:
    """(T', H', W') of a convolution of (T, H, W); raises ShapeError where there is no output."""
    t, h, w = sizes
    if kind == "forward":
        front = kernel_size[0] - 1 if causal else 0
        return conv_size((t + front, h, w), kernel_size=kernel_size, stride=stride, padding=padding)
    grown = conv_transpose_size((t, h, w), kernel_size=kernel_size, stride=stride, padding=padding)
    return (t * stride[0], *grown[1:]) if causal else grown


def resolve(
    video: Tensor, weight: Tensor, stride: Size3, padding: Size3, kind: Kind, *, causal: bool
) -> tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, ...]]:
    """Check a convolution as a whole; return stride, padding and the sizes of its output."""
    kernel_size = tuple(weight.shape[2:])
    s, p = triple(stride, "stride"), triple(padding, "padding", minimum=0)
    if causal:
        check_causal(kind, kernel_size=kernel_size, stride=s, padding=p)
    sizes = output_sizes(
        video.shape[2:], kind, kernel_size=kernel_size, stride=s, padding=p, causal=causal
    )
    return s, p, sizes
