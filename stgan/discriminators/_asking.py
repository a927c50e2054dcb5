"""How one stream of several is asked: with what it takes of a batch, for one logit of each clip."""

from typing import Any

import torch
from torch import Tensor, nn

from stgan.discriminators._outputs import check_detailed, mean_over_frames, parts
from stgan.discriminators.stream_spec import StreamSpec
from stgan.errors import ShapeError
from stgan.functional.frames import fold_time
from stgan.functional.one_hot import as_label

__all__ = ["ask_stream", "is_conditioned"]


def ask_stream(
    name: str,
    spec: StreamSpec,
    network: nn.Module,
    seen: Tensor,
    *,
    label: Tensor | None,
    image: Tensor | None,
    indices: Tensor | None,
    condition: Tensor | None,
    detailed: bool,
) -> dict[str, Any]:
    """Call the network of a stream with the frames that it sees ``(N, C, k, H, W)``.

    Returns:
        Logits of the clips, or with ``detailed`` a ``StreamOutput``, under the stream's name, or
        several under names such as ``"motion.1"``.

    Raises:
        ShapeError: If it returns other than one logit per sample.
    """
    n, t = seen.shape[0], seen.shape[2]
    frames = spec.takes == "frames"
    if frames:
        seen = fold_time(seen)
        if label is not None:
            label = as_label(label, seen.device).repeat_interleave(t, dim=0)
        condition = None if condition is None else condition.repeat_interleave(t, dim=0)
    if detailed:
        check_detailed(network, f"the {name} stream")
    options: dict[str, Any] = {"detailed": True} if detailed else {}
    if condition is not None and is_conditioned(spec):
        options["condition"] = condition
    if spec.timed:
        every = torch.arange(t, device=seen.device).expand(n, -1)
        options["indices"] = every if indices is None else indices
    if spec.with_image and image is not None:
        options["image"] = image
    given = () if label is None or not spec.labeled else (label,)
    outputs = parts(name, network(seen, *given, **options))
    for part, output in outputs.items():
        _check_logits(part, output, n * t if frames else n, bool(spec.patch))
    if not frames:
        return outputs
    return {part: mean_over_frames(output, n, t) for part, output in outputs.items()}


def is_conditioned(spec: StreamSpec) -> bool:
    """Whether a condition, where one is given, is passed on to the network."""
    if spec.conditioned is None:
        return bool(getattr(spec.network, "condition_dim", 0))
    return spec.conditioned


def _check_logits(name: str, output: Any, count: int, patch: bool) -> None:
    shape = tuple((output if isinstance(output, Tensor) else output.logits).shape)
    if shape[:1] != (count,) or (len(shape) > 1 and not patch):
        raise ShapeError(
            f"the {name} stream must return one logit per sample, ({count},), got {shape}; "
            f"average its map, give it inputs of its own size, or say patch=True in its StreamSpec"
        )
