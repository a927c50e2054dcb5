"""Inputs and weights of two types or devices, told in one sentence wherever torch refuses them."""

import functools
import inspect
from typing import Any

from torch import nn

from stgan._trees import floats

__all__ = ["tell_types"]


def tell_types(cls: type[nn.Module]) -> None:
    """Let a module say in one sentence that an input and a weight are of two types or devices.

    It is looked for only where torch has raised, so that it costs nothing where all is well.
    """
    forward: Any = cls.forward
    if getattr(forward, "_tells_types", False):  # inherited from a registered class
        return

    @functools.wraps(forward)
    def tells_types(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        try:
            return forward(self, *args, **kwargs)
        except RuntimeError:
            if (sentence := _mixed(self, (args, kwargs))) is None:
                raise
            raise TypeError(sentence) from None

    told: Any = tells_types
    told._tells_types = True
    told.__signature__ = inspect.signature(forward)
    cls.forward = told


def _mixed(module: nn.Module, inputs: Any) -> str | None:
    weights = [p for p in module.parameters() if p.is_floating_point()]
    for given in floats(inputs).values():
        for weight in weights:
            if (given.dtype, given.device) != (weight.dtype, weight.device):
                return (
                    f"input and weights of {type(module).__name__} must have one type and device, "
                    f"got {given.dtype} on {given.device} and {weight.dtype} on {weight.device}; "
                    f"convert one, such as by .to(...), or use torch.autocast"
                )
    return None
