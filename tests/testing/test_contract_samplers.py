"""Samplers return indices; what is asked of them is asked of drawn numbers of frames."""

from typing import Any

import pytest
import torch
from torch import Tensor

from stgan import Example
from stgan.testing import CHECKS, check_entry
from tests.testing.broken_entry import Register, broken_entry

Shape = tuple[int, ...]


class Picks:
    """A good sampler: one frame of each clip."""

    def __call__(
        self,
        num_clips: int,
        num_frames: int,
        *,
        generator: torch.Generator | None = None,
        device: Any = None,
    ) -> Tensor:
        # Named, even None keeps a batch of free size from being traced.
        source: Any = {} if generator is None else {"generator": generator}
        return torch.randint(num_frames, (num_clips, 1), **source).to(device)

    def output_shape(self, num_clips: int, num_frames: int) -> Shape:
        return num_clips, 1


class PicksTooFew(Picks):
    def output_shape(self, num_clips: int, num_frames: int) -> Shape:
        return num_clips, num_frames - 3


class PicksAfterTheEnd(Picks):
    def __call__(self, num_clips: int, num_frames: int, **options: Any) -> Tensor:
        return super().__call__(num_clips, num_frames, **options) + 1


class PicksFloats(Picks):
    def __call__(self, *args: Any, **options: Any) -> Tensor:
        return super().__call__(*args, **options).float()


class PicksOnTheCpu(Picks):
    def __call__(self, *args: Any, **options: Any) -> Tensor:
        return super().__call__(*args, **options | {"device": None})


class PicksAnything(Picks):
    def __call__(self, *args: Any, **options: Any) -> Tensor:
        return super().__call__(*args, **options | {"generator": None})


class PicksForOneBatch(Picks):
    def __call__(self, num_clips: int, num_frames: int, **options: Any) -> Tensor:
        generator = options.get("generator")
        drawn = torch.randint(num_frames, (num_clips, 1), generator=generator)
        return drawn.to(options.get("device"))


class PicksOtherwiseCompiled(Picks):
    def __call__(self, num_clips: int, num_frames: int, **options: Any) -> Tensor:
        indices = super().__call__(num_clips, num_frames, **options)
        return indices.flip(0) if torch.compiler.is_dynamo_compiling() else indices


class PicksFrom(Picks):
    """Begins at a frame that is set at building."""

    def __init__(self, first: int = 0) -> None:
        self.first = first

    def __call__(self, num_clips: int, num_frames: int, **options: Any) -> Tensor:
        indices = super().__call__(num_clips, num_frames, **options)
        return (indices + self.first) % num_frames


class PicksUnpickled(PicksFrom):
    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"first": 1}

    def __deepcopy__(self, memo: dict[int, Any]) -> "PicksFrom":
        return PicksFrom(self.first)


class PicksCopied(PicksFrom):
    def __deepcopy__(self, memo: dict[int, Any]) -> "PicksFrom":
        return PicksFrom(self.first + 1)


class PicksRandomly(PicksFrom):
    def __init__(self, first: int = 0) -> None:
        super().__init__(next(COUNTER))


COUNTER = iter(range(100))
SAMPLES = Example(inputs={"num_clips": "= N", "num_frames": "= T"})


def test_a_good_sampler_keeps_its_own_promises(register: Register) -> None:
    register("samplers", Picks, SAMPLES)
    results = check_entry("samplers", "own")
    asked = [check for check, result in results.items() if result == "yes"]
    assert asked == [
        "output_shape", "dtype", "deterministic", "pickle", "deepcopy", "config", "compile"
    ]  # fmt: skip
    others = {result for result in results.values() if result != "yes"}
    assert others == {"does not apply: samplers return indices and are no modules"}
    assert list(results) == list(CHECKS)


@pytest.mark.parametrize(
    ("cls", "check", "sentence"),
    [
        (PicksTooFew, "output_shape", "output_shape promises (1, -2), got (1, 1) from the call"),
        (PicksAfterTheEnd, "dtype", "indices must be in 0 to 3, got 1 to 4"),
        (PicksFloats, "dtype", "indices must be int64, got torch.float32"),
        (PicksOnTheCpu, "dtype", "indices must be on the device that is asked for, meta, got cpu"),
        (PicksAnything, "deterministic", "a generator of the same seed must give the same indices"),
        (PicksUnpickled, "pickle", "what comes out of a pickle must draw the same indices, got"),
        (PicksCopied, "deepcopy", "what comes out of a deep copy must draw the same indices, got"),
        (PicksForOneBatch, "compile", "must run, got "),
        (PicksOtherwiseCompiled, "compile", "the compiled sampler must draw the same indices, got"),
        (PicksRandomly, "config", "what comes out of the configuration must draw the same indices"),
    ],
)
def test_a_broken_sampler_is_caught(
    register: Register, cls: type, check: str, sentence: str
) -> None:
    register("samplers", cls, SAMPLES)
    failures = broken_entry("samplers")
    assert list(failures) == [check]
    assert sentence in failures[check]
