"""Remember what an object was built from, so that it can be written down and built again."""

import contextlib
import functools
import inspect
from collections.abc import Collection
from typing import Any

from torch import nn

from stgan._excerpt import did_you_mean, nearest

__all__ = ["record_settings", "recorded_settings"]

_NAME = "_stgan_settings"


def record_settings(cls: type) -> None:
    """Let every instance of exactly this class keep the arguments of its constructor.

    They are noted as the instance is made, and the constructor stays as it was written. Arguments
    are kept complete, defaults included, so that an architecture stays what it was when a default
    changes. They live in the instance's own dictionary: they are copied and pickled with it, and
    are no part of the state dict. Wrong arguments are answered in the name of the class, wherever
    its constructor comes from.
    """
    constructor: Any = cls.__init__  # type: ignore[misc]  # the class itself is asked
    make: Any = cls.__new__
    signature = inspect.signature(constructor)
    if constructor in (object.__init__, nn.Module.__init__):
        # Without a constructor of its own, the class takes nothing, and says so.
        signature = signature.replace(parameters=[*signature.parameters.values()][:1])

    @functools.wraps(constructor)
    def note(kind: Any, *args: Any, **kwargs: Any) -> Any:
        made = make(kind) if make is object.__new__ else make(kind, *args, **kwargs)
        if kind is cls or kind.__init__ is constructor:
            try:
                settings = _complete(signature.bind(made, *args, **kwargs))
            except TypeError as error:
                # A copy is made without arguments, and then given what the original keeps.
                if args or kwargs:
                    raise TypeError(_refusal(kind, signature, str(error), kwargs)) from None
            else:
                made.__dict__.update({_NAME: settings} if kind is cls else {})
        return made

    note.__signature__ = signature  # type: ignore[attr-defined]  # of any function
    # A class written in C keeps nothing.
    with contextlib.suppress(TypeError):
        cls.__new__ = note  # type: ignore[method-assign, assignment]


def _complete(bound: inspect.BoundArguments) -> dict[str, Any]:
    bound.apply_defaults()
    settings: dict[str, Any] = {}
    for name, value in [*bound.arguments.items()][1:]:
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            settings |= value
        elif value or kind is not inspect.Parameter.VAR_POSITIONAL:  # no further ones, no setting
            settings[name] = value
    return settings


def _refusal(cls: type, signature: inspect.Signature, error: str, given: Collection[str]) -> str:
    """Return the sentence about wrong arguments of a constructor."""
    takes = [*signature.parameters.values()][1:]
    names = [parameter.name for parameter in takes]
    unknown = [name for name in given if name not in names]
    hint = did_you_mean(nearest(unknown[0], names)) if unknown else ""
    for index, parameter in enumerate(takes):
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            names.insert(index, "*")  # by keyword from here on, as in Python
            break
    return f"{cls.__name__}(): {error}; {hint}it takes {', '.join(names) or 'nothing'}"


def recorded_settings(instance: object) -> dict[str, Any] | None:
    """Return the arguments that built an instance of a registered class, or ``None``."""
    kept: dict[str, Any] | None = getattr(instance, "__dict__", {}).get(_NAME)
    return kept
