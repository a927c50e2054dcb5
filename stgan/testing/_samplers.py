"""Checks of frame samplers, which return indices and are no modules."""

import copy
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from stgan._trees import shapes
from stgan.config import build, to_config
from stgan.testing._subject import require

__all__ = ["SAMPLER_CHECKS", "SamplerSubject"]


class SamplerSubject:
    """A sampler with the number of clips and of frames that it is asked for.

    Args:
        sampler: Called as ``sampler(num_clips, num_frames, generator=..., device=...)``.
        inputs: The two numbers, by name.
        seed: Of the generator.
    """

    def __init__(self, sampler: Any, inputs: Mapping[str, int], *, seed: int = 0) -> None:
        self.sampler, self.inputs, self.seed = sampler, dict(inputs), seed
        self.name = type(sampler).__name__

    def draw(self, sampler: Callable[..., Any] | None = None, **options: Any) -> Tensor:
        """Draw indices from the sampler, or another, with a fresh generator of the same seed."""
        generator = torch.Generator().manual_seed(self.seed)
        return (sampler or self.sampler)(**self.inputs, generator=generator, **options)


def check_output_shape(subject: SamplerSubject) -> None:
    """``output_shape`` answers without drawing what a call then returns."""
    answer = getattr(subject.sampler, "output_shape", None)
    if not callable(answer):
        raise AssertionError(f"{subject.name} must have a method output_shape, got none")
    promised, got = shapes(answer(*subject.inputs.values())), shapes(subject.draw())
    require(promised == got, f"output_shape promises {promised}, got {got} from the call")


def check_dtype(subject: SamplerSubject) -> None:
    """Indices are int64, within the clip, and on the device that is asked for."""
    for indices in (subject.draw(), subject.draw(device="cpu")):
        frames = subject.inputs["num_frames"]
        require(indices.dtype is torch.int64, f"indices must be int64, got {indices.dtype}")
        low, high = int(indices.min()), int(indices.max())
        require(
            low >= 0 and high < frames,
            f"indices must be in 0 to {frames - 1}, got {low} to {high}",
        )
    there = subject.draw(device="meta").device.type
    require(there == "meta", f"indices must be on the device that is asked for, meta, got {there}")


def check_deterministic(subject: SamplerSubject) -> None:
    """Generators of the same seed give the same indices."""
    first, second = subject.draw(), subject.draw()
    require(
        torch.equal(first, second),
        f"a generator of the same seed must give the same indices, got {first.tolist()} and "
        f"{second.tolist()}",
    )


def check_pickle(subject: SamplerSubject) -> None:
    """What comes out of a pickle draws the same indices."""
    _require_same(subject, pickle.loads(pickle.dumps(subject.sampler)), "a pickle")


def check_deepcopy(subject: SamplerSubject) -> None:
    """A deep copy draws the same indices."""
    _require_same(subject, copy.deepcopy(subject.sampler), "a deep copy")


def check_config(subject: SamplerSubject) -> None:
    """Written down as plain data and built again, it draws the same indices."""
    _require_same(subject, build(to_config(subject.sampler)), "the configuration")


def check_compile(subject: SamplerSubject) -> None:
    """Compiled without a graph break, it draws the same indices, for another number of clips too.

    The numbers are torch's own, since torch traces no generator.
    """

    def indices(clips: Tensor) -> Tensor:
        return subject.sampler(clips.shape[0], frames, device=clips.device)

    frames, usual = subject.inputs["num_frames"], subject.inputs["num_clips"]
    torch.compiler.reset()
    try:
        compiled = torch.compile(indices, fullgraph=True, backend="aot_eager")
        for clips in (torch.empty(n) for n in (usual, usual + 3)):
            torch.manual_seed(subject.seed)
            mine = indices(clips)
            torch.manual_seed(subject.seed)
            _require_equal("the compiled sampler", compiled(clips), mine)
    finally:
        torch.compiler.reset()


def _require_same(subject: SamplerSubject, twin: Any, what: str) -> None:
    # Also one that draws from elsewhere must draw the same; that it does so is another check's.
    torch.manual_seed(subject.seed)
    mine = subject.draw()
    torch.manual_seed(subject.seed)
    _require_equal(f"what comes out of {what}", subject.draw(twin), mine)


def _require_equal(who: str, got: Tensor, expected: Tensor) -> None:
    require(
        torch.equal(got, expected),
        f"{who} must draw the same indices, got {got.tolist()} for {expected.tolist()}",
    )


SAMPLER_CHECKS = {
    "output_shape": check_output_shape,
    "dtype": check_dtype,
    "deterministic": check_deterministic,
    "pickle": check_pickle,
    "deepcopy": check_deepcopy,
    "config": check_config,
    "compile": check_compile,
}
