"""Activations that are computed again in the backward pass, in place of being kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from stgan._factories import check_module

__all__ = ["checkpoint_activations"]


def checkpoint_activations(*parts: nn.Module) -> None:
    """Keep only the inputs of parts of a network, and run them again when gradients are wanted.

    Values and gradients stay what they were, bit for bit on a CPU: random draws are repeated, and
    what a pass moves, as running statistics and the vectors of spectral normalization, is put back
    for the second run and moves once only. The price is one more forward pass of the parts; in
    evaluation mode and without gradients nothing changes. Second derivatives, as penalties on a
    slope need them, go through.

    Choose parts with large activations and small inputs, such as the stages of a decoder; one part
    that holds the whole network would save nothing at the peak.

    Args:
        *parts: Modules, changed in place. Their class gets a subclass of the same name; state
            dicts, parameters, hooks and copies stay as they were. torch cannot pickle such a module
            whole, only its state dict.

    Example:
        >>> network = nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(3)])
        >>> expected = network(torch.ones(2, 4))
        >>> checkpoint_activations(*network)
        >>> bool((network(torch.ones(2, 4)) == expected).all())
        True

    References:
        Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016; the second run is by
        ``torch.utils.checkpoint`` without reentrance.
    """
    for part in parts:
        check_module(part, "a part")
        if not isinstance(part, _Checkpointed):
            kind = type(part)
            part.__class__ = type(kind.__name__, (_Checkpointed, kind), {})


class _Checkpointed(nn.Module):
    """What a part with forgotten activations does before and after its own forward."""

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Run the part, and let its activations go."""
        run = super().forward
        if not (self.training and torch.is_grad_enabled()):
            return run(*inputs, **options)
        before: dict[tuple[nn.Module, str], Tensor] = {}
        return checkpoint(
            run,
            *inputs,
            use_reentrant=False,
            context_fn=lambda: (_remembering(self, before), _AsBefore(before)),
            **options,
        )


@contextmanager
def _remembering(part: nn.Module, before: dict[tuple[nn.Module, str], Tensor]) -> Iterator[None]:
    for module in part.modules():
        for name, buffer in module._buffers.items():
            if buffer is not None:
                before[module, name] = buffer.detach().clone()
    yield


class _AsBefore:
    """Buffers as they were before the first run; each derivative runs once more through this."""

    def __init__(self, before: dict[tuple[nn.Module, str], Tensor]) -> None:
        self._before = before
        self._now: list[dict[tuple[nn.Module, str], Tensor | None]] = []

    def __enter__(self) -> None:
        self._now.append({place: place[0]._buffers[place[1]] for place in self._before})
        for (module, name), buffer in self._before.items():
            module._buffers[name] = buffer.clone()

    def __exit__(self, *_: object) -> None:
        for (module, name), buffer in self._now.pop().items():
            module._buffers[name] = buffer
