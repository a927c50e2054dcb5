"""Walk through the tensors of inputs and outputs, however they are nested."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["floats", "mapped", "shapes", "tensors", "walk"]


def _inside(value: Any) -> list[tuple[str, Any]] | None:
    """Return names and items of a container; ``None`` for anything else."""
    if isinstance(value, Mapping):
        return [(f"[{key!r}]", item) for key, item in value.items()]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return [(f".{name}", getattr(value, name)) for name in value._fields]
    if isinstance(value, tuple | list):
        return [(f"[{index}]", item) for index, item in enumerate(value)]
    if is_dataclass(value) and not isinstance(value, type):
        return [(f".{field.name}", getattr(value, field.name)) for field in fields(value)]
    return None


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every item that is no container itself, with the path to it."""
    inside = _inside(value)
    if inside is None:
        yield path, value
        return
    for name, item in inside:
        yield from walk(item, path + name)


def tensors(value: Any, path: str = "") -> dict[str, Tensor]:
    """Return the tensors in a value by the path to each."""
    return {where: item for where, item in walk(value, path) if isinstance(item, Tensor)}


def floats(value: Any, path: str = "") -> dict[str, Tensor]:
    """Return the tensors of floating-point numbers in a value by the path to each."""
    return {where: item for where, item in tensors(value, path).items() if item.is_floating_point()}


def mapped(change: Callable[[str, Any], Any], value: Any, path: str = "") -> Any:
    """Copy the containers of a value, with every tensor and every module in them changed."""
    if isinstance(value, Tensor | nn.Module):
        return change(path, value)
    inside = _inside(value)
    if inside is None:
        return value
    items = [mapped(change, item, path + name) for name, item in inside]
    if isinstance(value, Mapping):
        return dict(zip(value, items, strict=True))
    if is_dataclass(value):
        names = [field.name for field in fields(value)]
        return replace(value, **dict(zip(names, items, strict=True)))  # type: ignore[type-var]
    if hasattr(value, "_fields"):
        return type(value)(*items)
    return type(value)(items)


def shapes(value: Any) -> Any:
    """Replace every tensor by its shape, and containers by plain tuples and dicts.

    What ``output_shape`` promises is brought into the same form, so that both can be compared.
    """
    if isinstance(value, Tensor | torch.Size):
        return tuple(int(size) for size in (value.shape if isinstance(value, Tensor) else value))
    inside = _inside(value)
    if inside is None:
        return value
    if isinstance(value, tuple | list):
        return tuple(shapes(item) for _, item in inside)
    keys = value if isinstance(value, Mapping) else (name[1:] for name, _ in inside)
    return {key: shapes(item) for key, (_, item) in zip(keys, inside, strict=True)}
