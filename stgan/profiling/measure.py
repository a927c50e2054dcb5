"""Profiles: parameters, multiply-adds, memory and time of modules, alone or side by side."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from stgan._checks import check_positive
from stgan._trees import tensors
from stgan.profiling._calls import Call, Inputs, forked_rng, shapes_of
from stgan.profiling.counts import activation_bytes, multiply_adds

__all__ = ["Profile", "Seconds", "compare", "profile"]


@dataclass(frozen=True)
class Seconds:
    """Time of one pass over all rounds.

    Attributes:
        median: Half of the rounds took longer.
        minimum: The shortest.
        maximum: The longest.
    """

    median: float
    minimum: float
    maximum: float

    @classmethod
    def over(cls, rounds: list[float]) -> "Seconds":
        """Summarize the seconds of all rounds."""
        return cls(statistics.median(rounds), min(rounds), max(rounds))


@dataclass(frozen=True)
class Profile:
    """What one module costs on one input; plain data, see ``as_dict``.

    Attributes:
        name: What the module is called.
        parameters: Number of its parameters, shared ones once.
        multiply_adds: See :func:`multiply_adds`.
        activation_bytes: See :func:`activation_bytes`; ``None`` without a backward pass.
        output_shape: Shape of the output, or shapes in the structure of the output.
        forward_seconds: Time of the forward pass; of one without autograd if there is no backward
            pass.
        backward_seconds: Time of the backward pass to the parameters and inputs; ``None`` without,
            or where no gradient flows.
        device: Where it ran.
        dtype: Type of the floats, such as ``"float32"``.
        threads: Threads of the CPU that torch uses for one operation.
    """

    name: str
    parameters: int
    multiply_adds: int
    activation_bytes: int | None
    output_shape: Any
    forward_seconds: Seconds
    backward_seconds: Seconds | None
    device: str
    dtype: str
    threads: int

    def as_dict(self) -> dict[str, Any]:
        """Return the profile as dicts, tuples, strings and numbers, ready for JSON."""
        return asdict(self)

    def ratios(self, base: "Profile") -> dict[str, float | None]:
        """Return costs relative to those of ``base``: below 1 is less, or faster.

        Times are compared by their medians. ``None`` where either has no number, or base has 0.
        """
        mine, others = _costs(self), _costs(base)
        return {
            key: value / others[key] if value is not None and others[key] else None
            for key, value in mine.items()
        }


def _costs(profile: Profile) -> dict[str, Any]:
    backward = profile.backward_seconds
    return {
        "parameters": profile.parameters,
        "multiply_adds": profile.multiply_adds,
        "activation_bytes": profile.activation_bytes,
        "forward_seconds": profile.forward_seconds.median,
        "backward_seconds": None if backward is None else backward.median,
    }


def profile(
    module: nn.Module,
    inputs: Inputs,
    *,
    backward: bool = True,
    rounds: int = 5,
    warmup: int = 1,
    call: str = "forward",
) -> Profile:
    """Measure one module on one input.

    A copy runs in the mode, train or eval, of the module. The module, the inputs, gradients and
    the state of the random numbers stay as they are.

    Args:
        module: The module.
        inputs: One tensor, arguments by position in a tuple, or by name in a mapping. They also
            decide device and type.
        backward: Whether to measure a step of training: the activations kept and the backward
            pass to parameters and floating inputs. Otherwise forward runs without autograd.
        rounds: How often time is taken.
        warmup: Passes before that.
        call: The method that is called.

    Raises:
        ValueError: If ``rounds`` is not positive or ``warmup`` is negative.

    Example:
        >>> cost = profile(nn.Linear(10, 20), torch.zeros(3, 10), rounds=1)
        >>> cost.parameters, cost.multiply_adds, cost.activation_bytes, cost.output_shape
        (220, 600, 120, (3, 20))
    """
    (cost,) = compare(
        {type(module).__name__: module},
        inputs,
        backward=backward,
        rounds=rounds,
        warmup=warmup,
        call=call,
    )
    return cost


def compare(
    modules: Mapping[str, nn.Module],
    inputs: Inputs,
    *,
    backward: bool = True,
    rounds: int = 5,
    warmup: int = 1,
    call: str = "forward",
) -> tuple[Profile, ...]:
    """Measure several modules on the same input, in turn within every round.

    A drift of the machine's speed meets all of them, so the ratios of the times mean more than the
    times; see :meth:`Profile.ratios`.

    Args:
        modules: The modules by name; usually the first is what the others are compared with.
        inputs: As for :func:`profile`; likewise the others.
        backward: Whether to measure a step of training.
        rounds: How often time is taken of each.
        warmup: Passes of each before that.
        call: The method that is called.

    Raises:
        ValueError: If there is no module, ``rounds`` is not positive or ``warmup`` is negative.

    Example:
        >>> wide, narrow = compare(
        ...     {"wide": nn.Linear(10, 20), "narrow": nn.Linear(10, 5)}, torch.zeros(3, 10)
        ... )
        >>> narrow.ratios(wide)["multiply_adds"]
        0.25
    """
    check_positive(rounds, "rounds")
    if warmup < 0:
        raise ValueError(f"warmup must be at least 0, got {warmup}")
    if not modules:
        raise ValueError("modules must hold at least one module to measure, got none")
    runs = {
        name: Call(module, inputs, method=call, differentiable=backward)
        for name, module in modules.items()
    }
    device = next(iter(runs.values())).device
    times: dict[str, list[tuple[float, float | None]]] = {name: [] for name in runs}
    outputs: dict[str, Any] = {}
    with forked_rng(device):
        for index in range(warmup + rounds):
            for name, run in runs.items():
                forward, back, shapes = _timed(run, backward=backward)
                outputs[name] = shapes
                if index >= warmup:
                    times[name].append((forward, back))
    return tuple(
        Profile(
            name=name,
            parameters=sum(parameter.numel() for parameter in module.parameters()),
            multiply_adds=multiply_adds(module, inputs, call=call),
            activation_bytes=activation_bytes(module, inputs, call=call) if backward else None,
            output_shape=outputs[name],
            forward_seconds=Seconds.over([forward for forward, _ in times[name]]),
            backward_seconds=_over([back for _, back in times[name]]),
            device=str(runs[name].device),
            dtype=str(runs[name].dtype).removeprefix("torch."),
            threads=torch.get_num_threads(),
        )
        for name, module in modules.items()
    )


def _over(rounds: list[float | None]) -> Seconds | None:
    known = [seconds for seconds in rounds if seconds is not None]
    return Seconds.over(known) if known else None


def _timed(run: Call, *, backward: bool) -> tuple[float, float | None, Any]:
    """Seconds of the forward and of the backward pass, and the shapes of the output."""
    arguments = run.arguments()
    with torch.set_grad_enabled(backward):
        forward, output = _seconds(lambda: run(arguments), run.device)
    shapes = shapes_of(output)
    ends = [tensor for tensor in tensors(output).values() if tensor.requires_grad]
    if not ends:
        return forward, None, shapes
    slopes = [torch.ones_like(tensor) for tensor in ends]

    def back() -> tuple[Tensor, ...]:
        return torch.autograd.grad(ends, run.leaves, slopes, allow_unused=True)

    return forward, _seconds(back, run.device)[0], shapes


def _seconds(function: Callable[[], Any], device: torch.device) -> tuple[float, Any]:
    _wait_for(device)
    start = time.perf_counter()
    result = function()
    _wait_for(device)
    return time.perf_counter() - start, result


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
