"""The tensors of inputs and outputs, however they are nested in what torch's pytree knows.

That is lists, tuples, named ones too, dicts, and what their owners register there; ``None`` is a
leaf.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import keystr, tree_flatten_with_path, tree_map_with_path

__all__ = ["floats", "leaves", "mapped", "shapes", "tensors"]


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Return all that is no container by the path to each."""
    return {path + keystr(keys): leaf for keys, leaf in tree_flatten_with_path(value)[0]}


def tensors(value: Any, path: str = "") -> dict[str, Tensor]:
    """Return the tensors in a value by the path to each."""
    return {where: one for where, one in leaves(value, path).items() if isinstance(one, Tensor)}


def floats(value: Any, path: str = "") -> dict[str, Tensor]:
    """Return the tensors of floating-point numbers in a value by the path to each."""
    return {where: one for where, one in tensors(value, path).items() if one.is_floating_point()}


def mapped(change: Callable[[str, Any], Any], value: Any, path: str = "") -> Any:
    """Copy the containers of a value, with every tensor and every module in them changed."""

    def one(keys: Any, leaf: Any) -> Any:
        kept = not isinstance(leaf, Tensor | nn.Module)
        return leaf if kept else change(path + keystr(keys), leaf)

    return tree_map_with_path(one, value)


def shapes(value: Any) -> Any:
    """Replace every tensor by its shape, and containers by plain tuples and dicts.

    What ``output_shape`` promises is brought into the same form, so that both can be compared.
    """
    if isinstance(value, Tensor | torch.Size):
        return tuple(int(size) for size in (value.shape if isinstance(value, Tensor) else value))
    if isinstance(value, Mapping):
        return {key: shapes(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return tuple(shapes(item) for item in value)
    return value
