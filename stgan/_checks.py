"""Argument checks that every floor uses; each raises one sentence that says what to write."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from stgan.errors import ShapeError
from stgan.typing import Size2, Size3

__all__ = [
    "check_axes",
    "check_layout",
    "check_positive",
    "check_stride",
    "check_tensor",
    "pair",
    "triple",
]


def check_positive(value: int, name: str) -> int:
    """Return ``value`` if it is a positive integer; raise otherwise."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a positive integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return value


def _sizes(value: int | Sequence[int], name: str, axes: str, minimum: int) -> tuple[int, ...]:
    sizes = (value,) * len(axes) if isinstance(value, int) else tuple(value)
    wanted = f"an integer or ({', '.join(axes)})"
    if len(sizes) != len(axes) or any(isinstance(s, bool) or not isinstance(s, int) for s in sizes):
        raise TypeError(f"{name} must be {wanted}, got {value!r}")
    if min(sizes) < minimum:
        raise ValueError(f"{name} must be {wanted}, each at least {minimum}, got {value!r}")
    return sizes


def triple(value: Size3, name: str, *, minimum: int = 1) -> tuple[int, int, int]:
    """Spread an ``int`` over (T, H, W), or check a triple."""
    t, h, w = _sizes(value, name, "THW", minimum)
    return t, h, w


def pair(value: Size2, name: str, *, minimum: int = 1) -> tuple[int, int]:
    """Spread an ``int`` over (H, W), or check a pair."""
    h, w = _sizes(value, name, "HW", minimum)
    return h, w


def check_stride(kernel_size: Sequence[int], stride: Sequence[int]) -> None:
    """Refuse a transposed convolution that would leave holes between its kernels."""
    names = ("time", "height", "width")[-len(kernel_size) :]
    for axis, (k, s, where) in enumerate(zip(kernel_size, stride, names, strict=True)):
        if s > k:
            raise ValueError(
                f"stride {tuple(stride)} exceeds kernel_size {tuple(kernel_size)} along {where}, "
                f"which leaves outputs that no input reaches; raise kernel_size[{axis}] to at "
                f"least {s}"
            )


def check_layout(tensor: Tensor, layout: str, *, name: str, **sizes: int) -> None:
    """Check the axes of a tensor by its shape alone, so that it costs no device synchronization.

    Args:
        tensor: The tensor to check.
        layout: Axis letters separated by spaces, such as ``"N C T H W"``.
        name: What the tensor is called in the sentence of the error.
        **sizes: Sizes that named axes must have, such as ``C=3``.

    Raises:
        TypeError: If it is no tensor, such as features that are fused lazily.
        ShapeError: If the number of axes or a named size differs.
    """
    check_tensor(tensor, name)
    check_axes(tuple(tensor.shape), layout, name=name, **sizes)


def check_tensor(value: Any, name: str) -> None:
    """Refuse what is no tensor, such as features that are fused lazily."""
    if not isinstance(value, Tensor):
        way_out = "; call its materialize()" if hasattr(value, "materialize") else ""
        raise TypeError(f"{name} must be a tensor, got {type(value).__name__}{way_out}")


def check_axes(shape: tuple[int, ...], layout: str, *, name: str, **sizes: int) -> None:
    """Check a shape as :func:`check_layout` checks that of a tensor."""
    axes = layout.split()
    wrong = len(shape) != len(axes) or any(
        shape[axes.index(axis)] != size for axis, size in sizes.items()
    )
    if wrong:
        wanted = ", ".join(f"{axis}={sizes[axis]}" if axis in sizes else axis for axis in axes)
        raise ShapeError(f"{name} must be laid out as ({wanted}), got {shape}")
