"""Remember what an object was built from, so that it can be written down and built again."""

import contextlib
import functools
import inspect
import types
from collections.abc import Collection
from typing import Any, TypeVar, get_args

from torch import nn

from stgan._excerpt import did_you_mean, nearest

__all__ = ["OwnDefaults", "record_settings", "recorded_settings"]

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


class OwnDefaults:
    """Let the header of a subclass set defaults and types of the constructor that it inherits.

    Classes over other axes then share one constructor: ``class Frames(Base[Size2], size=64)``.
    """

    def __init_subclass__(cls, **defaults: Any) -> None:
        super().__init_subclass__()
        bases = vars(cls).get("__orig_bases__", ())
        filled = next(filter(None, map(get_args, bases)), ())
        if "__init__" in vars(cls) or not (defaults or filled):
            return
        constructor: Any = cls.__init__
        parameters = [*inspect.signature(constructor).parameters]
        if unknown := [name for name in defaults if name not in parameters]:
            raise TypeError(f"the constructor of {cls.__name__} takes no {', '.join(unknown)}")
        code, usual = constructor.__code__, constructor.__defaults__ or ()
        positional = parameters[: code.co_argcount]
        last = positional[len(positional) - len(usual) :]
        own = types.FunctionType(
            code,
            constructor.__globals__,
            "__init__",
            tuple(map(defaults.get, last, usual)),
            constructor.__closure__,
        )
        functools.update_wrapper(own, constructor, updated=())
        del own.__wrapped__  # type: ignore[attr-defined]  # whose defaults would be shown for its own
        by_keyword = constructor.__kwdefaults__ or {}
        own.__kwdefaults__ = {name: defaults.get(name, by_keyword[name]) for name in by_keyword}
        hints = own.__annotations__
        own.__annotations__ = {name: _filled(hint, filled) for name, hint in hints.items()}
        own.__qualname__ = f"{cls.__qualname__}.__init__"
        own.own_defaults = defaults  # type: ignore[attr-defined]  # for the documentation
        cls.__init__ = own  # type: ignore[method-assign]


def _filled(hint: Any, types: tuple[Any, ...]) -> Any:
    """Put types into a hint with type variables."""
    if isinstance(hint, TypeVar):
        return types[0]
    return hint[types] if getattr(hint, "__parameters__", ()) else hint


def recorded_settings(instance: object) -> dict[str, Any] | None:
    """Return the arguments that built an instance of a registered class, or ``None``."""
    kept: dict[str, Any] | None = getattr(instance, "__dict__", {}).get(_NAME)
    return kept
