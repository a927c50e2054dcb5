"""Argument checks that every floor uses; each raises one sentence that says what to write."""

import operator
from collections.abc import Callable, Sequence
from typing import Any, Literal, NoReturn, TypeAlias

import torch
from torch import Tensor

from stgan._excerpt import excerpt
from stgan.errors import ShapeError
from stgan.typing import Size2, Size3

__all__ = [
    "LARGEST_PIXEL",
    "MixedTypesError",
    "as_integer",
    "check_axes",
    "check_count",
    "check_floats",
    "check_layout",
    "check_positive",
    "check_stride",
    "doubled_widths",
    "mixed_types",
    "pair",
    "plain_integers",
    "refuse_mixed",
    "triple",
]

#: Far outside of [-1, 1], but not out of reach of a network without a bound at its end.
LARGEST_PIXEL = 10.0
Kind: TypeAlias = Literal["float", "integer", "real", "boolean", "any"]


def as_integer(value: Any) -> int | None:
    """Return a whole number, such as one of NumPy, as a plain ``int``; ``None`` for all else.

    Booleans are none: ``True`` in the place of a number is a mistake.
    """
    if type(value) is int or isinstance(value, torch.SymInt):  # of a traced program: stays free
        return value  # type: ignore[return-value]
    if isinstance(value, bool) or getattr(value, "dtype", None) is torch.bool:
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def plain_integers(value: Any) -> Any:
    """Return integers of NumPy, alone or in plain containers, as ``int``; all else as it is."""
    if type(value) in (tuple, list):
        return type(value)(map(plain_integers, value))
    if type(value) is dict:
        return {key: plain_integers(item) for key, item in value.items()}
    number = None if isinstance(value, Tensor) else as_integer(value)
    return value if number is None else number


def check_positive(value: int, name: str) -> int:
    """Return ``value`` as a plain ``int`` if it is a positive integer; raise otherwise."""
    number = as_integer(value)
    if number is None:
        raise TypeError(f"{name} must be a positive integer, got {excerpt(value)}")
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {number}")
    return number


def check_count(value: int, name: str, *, minimum: int = 0) -> int:
    """Return ``value`` as a plain ``int`` if it is an integer of at least ``minimum``."""
    number = as_integer(value)
    if number is None:
        raise TypeError(f"{name} must be an integer, at least {minimum}, got {excerpt(value)}")
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {number}")
    return number


def doubled_widths(base_channels: int, max_channels: int, count: int) -> list[int]:
    """Widths of so many stages: each twice as wide as the one before, up to a bound."""
    first = check_positive(base_channels, "base_channels")
    most = check_positive(max_channels, "max_channels")
    return [min(first << index, most) for index in range(count)]


def _sizes(value: int | Sequence[int], name: str, axes: str, minimum: int) -> tuple[int, ...]:
    try:
        given = [*value]  # type: ignore[misc]
    except TypeError:  # no sequence
        given = [value] * len(axes)
    # Loops and no calls where all is well: a convolution asks at every step.
    sizes: list[int] = []
    for size in given:
        number = size if type(size) is int else as_integer(size)
        if number is not None:
            sizes.append(number)
    if len(given) != len(axes) or len(sizes) != len(axes):
        wanted = f"an integer or ({', '.join(axes)})"
        raise TypeError(f"{name} must be {wanted}, got {excerpt(value)}")
    if min(sizes) < minimum:
        wanted = f"an integer or ({', '.join(axes)})"
        raise ValueError(f"{name} must be {wanted}, each at least {minimum}, got {excerpt(value)}")
    return tuple(sizes)


def triple(value: Size3, name: str, *, minimum: int = 1) -> tuple[int, int, int]:
    """Spread an integer over (T, H, W), or check a triple; plain ``int`` come out."""
    # What a module has spread already, at every step of a training.
    if type(value) is tuple and [*map(type, value)] == [int] * 3 and min(value) >= minimum:
        return value
    t, h, w = _sizes(value, name, "THW", minimum)
    return t, h, w


def pair(value: Size2, name: str, *, minimum: int = 1) -> tuple[int, int]:
    """Spread an integer over (H, W), or check a pair; plain ``int`` come out."""
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


class MixedTypesError(TypeError):
    """Two tensors that must have one type and device have not; a module says it in its name."""


def refuse_mixed(names: str, *tensors: Tensor) -> None:
    """Refuse tensors of several types or devices, unless autocast makes them one.

    Called only where two differ, so that it costs nothing where all is well.
    """
    if not torch.is_autocast_enabled(tensors[0].device.type):
        raise MixedTypesError(mixed_types(names, *tensors))


def mixed_types(names: str, *tensors: Tensor) -> str:
    """Return the sentence about tensors of several types or devices."""
    got = " and ".join(dict.fromkeys(f"{one.dtype} on {one.device}" for one in tensors))
    return (
        f"{names} must have one type and device, got {got}; convert one, such as by .to(...), or "
        f"use torch.autocast"
    )


_KINDS: dict[str, Callable[[Tensor], bool]] = {
    "float": Tensor.is_floating_point,
    "integer": lambda x: not (x.is_floating_point() or x.is_complex() or x.dtype is torch.bool),
    "real": lambda x: not (x.is_complex() or x.dtype is torch.bool),
    "boolean": lambda x: x.dtype is torch.bool,
    "any": lambda x: True,
}


def check_layout(
    tensor: Tensor, layout: str, *, name: str, kind: Kind = "float", **sizes: int
) -> None:
    """Check type and axes of a tensor without its values, so that no device is waited for.

    Args:
        tensor: The tensor to check.
        layout: Axis letters separated by spaces, such as ``"N C T H W"``.
        name: What the tensor is called in the sentence of the error.
        kind: The types that it may have; ``"real"`` are floats and integers.
        **sizes: Sizes that named axes must have, such as ``C=3``.

    Raises:
        TypeError: If it is no tensor, such as features that are fused lazily, or of another type.
        ShapeError: If the number of axes or a named size differs.
    """
    if not isinstance(tensor, Tensor):
        _refuse(tensor, name, kind, picture=True)
    # What check_axes asks, without a call: a training step checks some fifty tensors.
    shape, axes = tensor.shape, layout.split()
    fits = len(shape) == len(axes)
    for axis, size in sizes.items():
        fits = fits and shape[axes.index(axis)] == size
    if not fits:
        check_axes(shape, layout, name=name, **sizes)
    if not _KINDS[kind](tensor):
        _refuse(tensor, name, kind, picture=layout.endswith("H W"))


def check_floats(value: Any, name: str, *, picture: bool = True) -> None:
    """Refuse what is no tensor of floats; bytes would be taken for values in [-1, 1]."""
    if not isinstance(value, Tensor) or not value.is_floating_point():
        _refuse(value, name, "float", picture=picture)


def _refuse(value: Any, name: str, kind: Kind, *, picture: bool) -> NoReturn:
    if not isinstance(value, Tensor):
        way_out = "; call its materialize()" if hasattr(value, "materialize") else ""
        raise TypeError(f"{name} must be a tensor, got {type(value).__name__}{way_out}")
    if kind == "float" and picture:
        raise TypeError(
            f"{name} must be of a float type with values in [-1, 1], got {value.dtype}; convert "
            f"bytes by stgan.io.from_uint8"
        )
    article = "an" if kind == "integer" else "a"
    way_out = "; convert it by .float()" if kind == "float" else ""
    raise TypeError(f"{name} must be of {article} {kind} type, got {value.dtype}{way_out}")


def check_axes(shape: Sequence[int], layout: str, *, name: str, **sizes: int) -> None:
    """Check a shape as :func:`check_layout` checks that of a tensor."""
    axes = layout.split()
    wrong = len(shape) != len(axes)
    if not wrong:
        for axis, size in sizes.items():
            wrong = wrong or shape[axes.index(axis)] != size
    if wrong:
        wanted = ", ".join(f"{axis}={sizes[axis]}" if axis in sizes else axis for axis in axes)
        raise ShapeError(f"{name} must be laid out as ({wanted}), got {tuple(shape)}")
