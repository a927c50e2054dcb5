"""Remember what an object was built from, so that it can be written down and built again."""

import contextlib
import functools
import inspect
from typing import Any

from torch import nn

__all__ = ["record_settings", "recorded_settings"]

_NAME = "_stgan_settings"


def record_settings(cls: type) -> None:
    """Let every instance of exactly this class keep the arguments of its constructor.

    Arguments are kept complete, defaults included, so that an architecture stays what it was when
    a default changes. They live in the instance's own dictionary: they are copied and pickled
    with it, and are no part of the state dict.
    """
    original = cls.__init__  # type: ignore[misc]  # the class itself is asked, not an instance
    signature = inspect.signature(original)

    @functools.wraps(original)
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if type(self) is cls:
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            settings: dict[str, Any] = {}
            for name, value in [*bound.arguments.items()][1:]:
                if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                    settings |= value
                # A class without a constructor shows the open one of its base.
                elif (
                    value or signature.parameters[name].kind is not inspect.Parameter.VAR_POSITIONAL
                ):
                    settings[name] = value
            object.__setattr__(self, _NAME, settings)

    if original in (object.__init__, nn.Module.__init__):
        # Without a constructor of its own, the class takes nothing, and says so.
        construct.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        )
    # A class written in C keeps nothing.
    with contextlib.suppress(TypeError):
        cls.__init__ = construct  # type: ignore[misc]


def recorded_settings(instance: object) -> dict[str, Any] | None:
    """Return the arguments that built an instance of a registered class, or ``None``."""
    kept: dict[str, Any] | None = getattr(instance, "__dict__", {}).get(_NAME)
    return kept
