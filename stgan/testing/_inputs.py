"""Inputs of a call: brought into order, told apart, and looked up in their layouts."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from stgan.example import Example

__all__ = ["Inputs", "layout_words", "named", "split", "step_and_least"]

#: Inputs by name; where a method has no names for them, by number.
Inputs = dict[int | str, Any]


def named(inputs: Any, method: Callable[..., Any]) -> Inputs:
    """Bring inputs into the order of a method, by name as far as it has names."""
    parameters = inspect.signature(method).parameters
    if isinstance(inputs, Tensor):
        inputs = (inputs,)
    if isinstance(inputs, tuple) and not hasattr(inputs, "_fields"):
        usual = inspect.Parameter.POSITIONAL_OR_KEYWORD
        names = [name for name, parameter in parameters.items() if parameter.kind is usual]
        if len(names) < len(inputs):
            return dict(enumerate(inputs))
        return dict(zip(names, inputs, strict=False))
    if isinstance(inputs, Mapping):
        order = list(parameters)
        rank = {name: order.index(name) if name in order else len(order) for name in inputs}
        return {name: inputs[name] for name in sorted(inputs, key=rank.__getitem__)}
    raise TypeError(
        f"inputs must be a tensor, a tuple of positional inputs or a mapping of named ones, got "
        f"{type(inputs).__name__}"
    )


def split(inputs: Inputs) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and named inputs."""
    return (
        tuple(value for key, value in inputs.items() if isinstance(key, int)),
        {key: value for key, value in inputs.items() if isinstance(key, str)},
    )


def step_and_least(example: Example, axis: str) -> tuple[int, int]:
    """Return the step between sizes of an axis, and the smallest that is a multiple of it."""
    step = example.steps.get(axis, 1)
    return step, -(-example.smallest.get(axis, 1) // step) * step


def layout_words(layouts: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the words of every layout by the name of the input."""

    def listed(layout: Any, path: str) -> dict[str, list[str]]:
        if isinstance(layout, tuple):
            return {
                name: words
                for index, one in enumerate(layout)
                for name, words in listed(one, f"{path}[{index}]").items()
            }
        # A mapping describes a part, which has no axes.
        return {} if isinstance(layout, Mapping) else {path: layout.partition("<")[0].split()}

    return {n: words for key, layout in layouts.items() for n, words in listed(layout, key).items()}
