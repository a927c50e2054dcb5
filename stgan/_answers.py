"""Wrong calls of parts, answered in one sentence and in the name of the caller's class."""

import functools
import inspect
import types
from typing import Any

from torch import nn

from stgan._checks import MixedTypesError, mixed_types
from stgan._trees import floats

__all__ = ["answer_calls"]


def answer_calls(cls: type, *names: str) -> None:
    """Let methods of a class say what is wrong with a call of theirs.

    They say that arguments are missing or unknown in the name of the instance's class, where Python
    names the one in which the method is written; and, of a module, that an input and a weight are
    of two types or devices. Both are looked for only where something was raised, so that it costs
    nothing where all is well.

    Args:
        cls: The class; what it inherits is answered for, too.
        *names: Of the methods; those that the class does not have, or has from torch, are left out.
    """
    for name in names:
        method = getattr(cls, name, None)
        if (
            isinstance(method, types.FunctionType)
            and not method.__module__.startswith("torch.")
            and not hasattr(method, "_answers")  # inherited from a class that answers
        ):
            setattr(cls, name, _answering(method, name))


def _answering(method: types.FunctionType, name: str) -> Any:
    signature = inspect.signature(method)

    @functools.wraps(method)
    def answering(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except (TypeError, RuntimeError) as error:
            if isinstance(error, RuntimeError | MixedTypesError):
                sentence = _mixed(self, (args, kwargs))
            else:
                sentence = _unbound(f"{type(self).__name__}.{name}", signature, self, args, kwargs)
            if sentence is None:
                raise
            raise TypeError(sentence) from None

    answering._answers = True  # type: ignore[attr-defined]  # of any function
    return answering


def _unbound(
    name: str, signature: inspect.Signature, owner: Any, args: Any, kwargs: Any
) -> str | None:
    try:
        signature.bind(owner, *args, **kwargs)
    except TypeError as error:
        return f"{name}() {error}"
    return None


def _mixed(module: Any, inputs: Any) -> str | None:
    if not isinstance(module, nn.Module):
        return None
    weights = [p for p in module.parameters() if p.is_floating_point()]
    for given in floats(inputs).values():
        for weight in weights:
            if (given.dtype, given.device) != (weight.dtype, weight.device):
                return mixed_types(f"input and weights of {type(module).__name__}", given, weight)
    return None
