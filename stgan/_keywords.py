"""Arguments that go by keyword, so that two of one kind cannot be swapped unseen."""

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["by_keyword"]

P = ParamSpec("P")
R = TypeVar("R")


def by_keyword(function: Callable[P, R]) -> Callable[P, R]:
    """Answer positional, missing and unknown arguments with what to write, and to whom.

    In the sentence stands the class of the instance, whichever base has the method.
    """
    parameters = inspect.signature(function).parameters
    keywords = [p for p in parameters.values() if p.kind is p.KEYWORD_ONLY]
    needed = [p.name for p in keywords if p.default is p.empty]
    places = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters.values())
    is_method = "self" in parameters
    takes = ", ".join(f"{p.name}=" for p in keywords)
    is_open = any(p.kind is p.VAR_KEYWORD for p in parameters.values())

    def told(args: tuple[object, ...]) -> str:
        if not is_method:
            return f"{function.__name__}()"
        return f"{type(args[0]).__name__}.{function.__name__}()"

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if len(args) > places:
            raise TypeError(
                f"{told(args)} takes {takes} by keyword, so that real and generated ones cannot be "
                f"swapped, got {len(args) - is_method} positional arguments"
            )
        fits = True
        for name in needed:
            fits = fits and name in kwargs
        for name in kwargs:
            fits = fits and (is_open or name in parameters)
        if not fits:
            missing = [f"{name}=" for name in needed if name not in kwargs]
            unknown = [] if is_open else [name for name in kwargs if name not in parameters]
            fault = f"takes no {unknown[0]}=" if unknown else f"needs {' and '.join(missing)}"
            raise TypeError(f"{told(args)} {fault}; it takes {takes}")
        return function(*args, **kwargs)

    return call
