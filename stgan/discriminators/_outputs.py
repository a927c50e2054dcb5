"""What networks say: how they are asked for it, the names of its parts, means over frames."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from einops import rearrange
from torch import Tensor, nn

__all__ = [
    "Opinion",
    "Shapes",
    "StreamOutput",
    "check_detailed",
    "each_part",
    "judge",
    "mean_over_frames",
    "parts",
    "promise",
]


class StreamOutput(NamedTuple):
    """All that a stream has to say of its input.

    Attributes:
        logits: ``(N,)``, or a map of them.
        predictions: What the head predicts besides, by name; empty for most.
        features: Output of every stage, fine to coarse, such as for feature matching.
    """

    logits: Tensor
    predictions: dict[str, Tensor]
    features: tuple[Tensor, ...]


#: What a network inside returns: logits or all that it has to say, alone or by names.
Opinion: TypeAlias = Tensor | StreamOutput | dict[str, Tensor] | dict[str, StreamOutput]
#: The shape of logits, or shapes by the names of the logits.
Shapes: TypeAlias = tuple[int, ...] | dict[str, tuple[int, ...]]


def check_detailed(network: nn.Module, who: str) -> None:
    """Refuse to ask a network for details that it has not learned to tell."""
    parameters = inspect.signature(network.forward).parameters
    # What wraps a network, such as for several devices, takes any keyword and passes it on.
    wraps = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    if "detailed" not in parameters and not wraps:
        raise ValueError(
            f"{who}, a {type(network).__name__}, tells nothing but logits; drop detailed=True, or "
            f"let its forward take detailed= and return a StreamOutput"
        )


def judge(network: nn.Module, x: Tensor, label: Tensor | None, *, detailed: bool = False) -> Any:
    """Call a network, with the label only where there is one."""
    if detailed:
        check_detailed(network, "the network inside")
    options = {"detailed": True} if detailed else {}
    return network(x, **options) if label is None else network(x, label, **options)


def promise(network: nn.Module, shape: tuple[int, ...]) -> Shapes:
    """Ask a network what it makes of a shape; what it names keeps its names."""
    answer: Any = network.output_shape
    shapes: Shapes = each_part(answer(shape), tuple)
    return shapes


def each_part(answer: Any, change: Callable[[Any], Any]) -> Any:
    """Change what a network returns, each of several by itself."""
    if isinstance(answer, Mapping):
        return {name: each_part(part, change) for name, part in answer.items()}
    return change(answer)


def parts(name: str, answer: Any) -> dict[str, Any]:
    """Name what a network returns: by its own name, or each of several under it."""
    if not isinstance(answer, Mapping):
        return {name: answer}
    named: dict[str, Any] = {}
    for part, output in answer.items():
        named |= parts(f"{name}.{part}", output)
    return named


def mean_over_frames(output: Tensor | StreamOutput, num_clips: int, num_frames: int) -> Any:
    """Average logits and predictions of frames over those of a clip."""

    def mean(values: Tensor) -> Tensor:
        return rearrange(values, "(n k) ... -> n k ...", n=num_clips, k=num_frames).mean(dim=1)

    if isinstance(output, Tensor):
        return mean(output)
    predictions = {name: mean(values) for name, values in output.predictions.items()}
    return output._replace(logits=mean(output.logits), predictions=predictions)
