"""Former names of arguments, which work for one more minor release."""

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["renamed"]

P = ParamSpec("P")
R = TypeVar("R")


def renamed(removed_in: str, **former: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that takes arguments by their former names too, with a warning.

    Args:
        removed_in: The version that takes the former names no more.
        **former: The present name, by the former one.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for old in former.keys() & kwargs.keys():
                warnings.warn(
                    f"{function.__qualname__}({old}=) is {former[old]}= now; the former name is "
                    f"removed in stgan {removed_in}",
                    DeprecationWarning,
                    stacklevel=2,
                )
                if former[old] in kwargs:
                    raise TypeError(f"{old} is the former name of {former[old]}; pass only one")
                kwargs[former[old]] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate
