"""Call a module without leaving a trace in it, its inputs or the random numbers."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from stgan._trees import tensors

__all__ = ["Call", "Inputs", "forked_rng", "shapes_of"]

#: One tensor, arguments by position, or arguments by name.
Inputs: TypeAlias = Tensor | Sequence[Any] | Mapping[str, Any]


def shapes_of(value: Any) -> Any:
    """Return the structure of an output with shapes instead of tensors, as plain data.

    Args:
        value: Tensors in tuples, named or not, lists and mappings; numbers and text stay.

    Example:
        >>> shapes_of({"video": torch.zeros(2, 3), "steps": (torch.zeros(4), 5)})
        {'video': (2, 3), 'steps': ((4,), 5)}
    """
    if isinstance(value, Tensor):
        return tuple(value.shape)
    if isinstance(value, Mapping):
        return {str(key): shapes_of(item) for key, item in value.items()}
    if hasattr(value, "_asdict"):
        return shapes_of(value._asdict())
    if isinstance(value, tuple | list):
        return tuple(shapes_of(item) for item in value)
    return value if isinstance(value, bool | int | float | str | None) else type(value).__name__


@contextmanager
def forked_rng(device: torch.device) -> Iterator[None]:
    """Put the random numbers of the CPU, and of a GPU, back at the end."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


class Call:
    """A copy of a module together with copies of its inputs, to be called again and again.

    Args:
        module: The module; its copy keeps the mode, train or eval.
        inputs: As :func:`stgan.profiling.profile` takes them.
        method: The method to call; ``"forward"`` calls the module itself.
        differentiable: Whether floating inputs ask for a gradient, as they do inside a network.
    """

    def __init__(
        self, module: nn.Module, inputs: Inputs, *, method: str, differentiable: bool
    ) -> None:
        self.module = copy.deepcopy(module)
        self._function = self.module if method == "forward" else getattr(self.module, method)

        def leaf(tensor: Tensor) -> Tensor:
            kept = tensor.detach().clone()
            return kept.requires_grad_(differentiable and kept.is_floating_point())

        self.inputs = tree_map_only(Tensor, leaf, inputs)

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return fresh copies, so that a module may work in place as it does inside a network."""
        fresh = tree_map_only(Tensor, torch.clone, self.inputs)
        if isinstance(fresh, Mapping):
            return (), dict(fresh)
        return ((fresh,) if isinstance(fresh, Tensor) else tuple(fresh)), {}

    def __call__(self, arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
        """Run the method on what :meth:`arguments` returned."""
        args, kwargs = arguments
        return self._function(*args, **kwargs)

    @property
    def leaves(self) -> list[Tensor]:
        """Inputs and parameters that ask for a gradient."""
        return [tensor for tensor in self._tensors() if tensor.requires_grad]

    @property
    def device(self) -> torch.device:
        """Where the inputs are, or else the parameters."""
        return next((tensor.device for tensor in self._tensors()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """Type of the first floating input, or else parameter."""
        floats = [tensor.dtype for tensor in self._tensors() if tensor.is_floating_point()]
        return floats[0] if floats else torch.get_default_dtype()

    def _tensors(self) -> list[Tensor]:
        return [*tensors(self.inputs).values(), *self.module.parameters()]
