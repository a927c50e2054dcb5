"""A step that a GPU replays as one graph, without the host launching its parts."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from stgan._checks import check_positive
from stgan._trees import leaves

__all__ = ["CapturedStep"]

# A mapping of tensors, of nothing, or of more such mappings.
Inputs = Mapping[str, Any]


class CapturedStep:
    """Record what a training step does on a GPU, then replay it for other inputs.

    A step of a video GAN is a few thousand small launches, which a host that is slower than its
    GPU cannot make in time. The first calls run as they are, in a stream of their own, so that
    everything that is made once is there; the next is recorded; from then on a call copies its
    inputs to where those of the recording lie, and replays it.

    What is replayed is what the device did: Python around it is not run again. So the step must do
    the same every time, with tensors of the same shapes; wait for nothing; and leave alone what a
    recording cannot hold, such as a learning rate that changes or a penalty of every fourth step.
    Optimizers must be made with ``capturable=True``.

    Args:
        step: Called with the inputs, returns tensors by name.
        networks: Whose gradients the step makes; after every call they are those of this call.
        warmup: Calls that run as they are, before the one that is recorded.

    Raises:
        RuntimeError: If torch finds no CUDA device.
        ValueError: If ``warmup`` is not positive, or, in a call, if the names, shapes or types of
            the inputs are not those of the recorded ones.
        TypeError: If ``warmup`` is not an integer.

    Example:
        >>> device = "cuda" if torch.cuda.is_available() else "cpu"
        >>> discriminator = nn.Linear(4, 1, device=device)
        >>> optimizer = torch.optim.Adam(discriminator.parameters(), capturable=device == "cuda")
        >>> def step(inputs):
        ...     optimizer.zero_grad()
        ...     loss = discriminator(inputs["video"]).square().mean()
        ...     loss.backward()
        ...     optimizer.step()
        ...     return {"discriminator": loss.detach()}
        >>> take = CapturedStep(step, [discriminator]) if device == "cuda" else step
        >>> for _ in range(5):
        ...     losses = take({"video": torch.randn(8, 4, device=device)})
        >>> losses["discriminator"].shape
        torch.Size([])

    References:
        The PyTorch documentation, CUDA semantics, "Whole-network capture".
    """

    def __init__(
        self,
        step: Callable[[Inputs], Mapping[str, Tensor]],
        networks: Iterable[nn.Module],
        *,
        warmup: int = 3,
    ) -> None:
        if not torch.cuda.is_available():
            raise RuntimeError(
                "CapturedStep needs a GPU, and torch finds no CUDA device; call the step as it is"
            )
        self.step = step
        self.warmup = check_positive(warmup, "warmup")
        self._parameters = [p for network in networks for p in network.parameters()]
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: Inputs = {}
        self._outputs: dict[str, Tensor] = {}
        self._gradients: list[Tensor | None] = []

    @property
    def recorded(self) -> bool:
        """Whether calls are replays."""
        return self._graph is not None

    def __call__(self, inputs: Inputs) -> dict[str, Tensor]:
        """Take the step; what it returns is not written over by the next."""
        if self._calls < self.warmup:
            self._calls += 1
            return self._run_aside(inputs)
        if self._graph is None:
            self._record(inputs)
        copy_inputs(self._inputs, inputs)
        assert self._graph is not None
        self._graph.replay()
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = gradient
        return {name: value.clone() for name, value in self._outputs.items()}

    def _run_aside(self, inputs: Inputs) -> dict[str, Tensor]:
        # What torch makes at a first call in the stream of a recording must not be recorded.
        stream, main = torch.cuda.Stream(), torch.cuda.current_stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(main)
        with torch.cuda.stream(stream):
            outputs = dict(self.step(inputs))
        main.wait_stream(stream)
        return outputs

    def _record(self, inputs: Inputs) -> None:
        self._inputs = cloned(inputs)
        for parameter in self._parameters:
            parameter.grad = None
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = dict(self.step(self._inputs))
        self._gradients = [parameter.grad for parameter in self._parameters]


def cloned(inputs: Inputs) -> Inputs:
    """Copy all tensors of the inputs."""
    copies: Inputs = tree_map_only(Tensor, lambda tensor: tensor.detach().clone(), inputs)
    return copies


def copy_inputs(into: Inputs, inputs: Inputs) -> None:
    """Copy the tensors of some inputs into those of others, which must be alike."""
    places, values = leaves(into), leaves(inputs)
    if places.keys() != values.keys():
        raise ValueError(
            f"inputs must have the names of the recorded step, {', '.join(places)}, got "
            f"{', '.join(values)}; record another step for them"
        )
    for name, place in places.items():
        if _kind(place) != _kind(values[name]):
            raise ValueError(
                f"inputs{name} must be as in the recorded step, {_kind(place)}, got "
                f"{_kind(values[name])}; give batches of one size, or record another step"
            )
        if isinstance(place, Tensor):
            place.copy_(values[name], non_blocking=True)


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    return "none" if value is None else type(value).__name__
