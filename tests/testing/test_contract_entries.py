"""Registered entries are built from their examples and checked with what the examples know."""

import random
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stgan import Example
from stgan._checks import check_layout
from stgan.errors import ShapeError
from stgan.testing import CHECKS, check_entry
from tests.testing.broken_entry import Register, broken_entry

Shape = tuple[int, ...]
CLIP = Example(settings={"channels": 3}, inputs={"video": "N 3 T H W"})


class Halve(nn.Module):
    """Every second pixel of every channel, scaled."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, video: Tensor) -> Any:
        check_layout(video, "N C T H W", name="video", C=self.channels)
        return video[..., ::2] * self.weight[:, None, None, None]

    def output_shape(self, input_shape: Shape) -> Any:
        return (*input_shape[:4], -(-input_shape[4] // 2))


def test_a_good_entry_keeps_every_promise(register: Register) -> None:
    register("layers", Halve, CLIP)
    assert check_entry("layers", "own") == dict.fromkeys(CHECKS, "yes")


def test_an_entry_without_example_is_told_how_to_give_one(register: Register) -> None:
    register("layers", Halve, None)
    assert broken_entry() == {
        "example": "an entry must have an example, got none; register it with "
        "example=stgan.Example(settings={...}, inputs={...})"
    }


def test_what_is_neither_a_module_nor_a_sampler_is_refused(register: Register) -> None:
    register("layers", lambda channels: channels, CLIP)
    assert broken_entry() == {"example": "an entry must be a module, got int"}


class WrongIfOdd(Halve):
    """Right for the usual size, wrong for others."""

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:3], input_shape[3] // 2 * 2, -(-input_shape[4] // 2))


class LateIfShort(Halve):
    """Promises a shape for clips that are too short."""

    def forward(self, video: Tensor) -> Tensor:
        if video.shape[2] < 3:
            raise ShapeError("a clip needs three frames")
        return super().forward(video)


class EarlyIfShort(LateIfShort):
    def output_shape(self, input_shape: Shape) -> Shape:
        if input_shape[2] < 3:
            raise ShapeError("a clip needs three frames")
        return super().output_shape(input_shape)


class LateIfOdd(Halve):
    step = 2

    def forward(self, video: Tensor) -> Tensor:
        if video.shape[3] % self.step:
            raise ShapeError(f"the height must be a multiple of {self.step}")
        return super().forward(video)


class LateIfNoFour(LateIfOdd):
    step = 4


SHORT = Example(CLIP.settings, CLIP.inputs, smallest={"T": 3})


def test_a_promise_is_checked_for_drawn_sizes(register: Register) -> None:
    register("layers", WrongIfOdd, CLIP)
    failures = broken_entry()
    assert list(failures) == ["output_shape"]
    # Shrunk to the smallest sizes that show it.
    assert failures["output_shape"].endswith(
        "output_shape promises (1, 3, 1, 0, 1) for inputs of {'video': (1, 3, 1, 1, 1)}, got "
        "(1, 3, 1, 1, 1)"
    )


@pytest.mark.parametrize(
    ("cls", "example", "shape"),
    [
        (LateIfShort, SHORT, (2, 3, 2, 6, 5)),
        (LateIfNoFour, Example(CLIP.settings, CLIP.inputs, steps={"H": 4}), (2, 3, 4, 5, 5)),
        (LateIfOdd, Example(CLIP.settings, CLIP.inputs, steps={"H": 2}), (2, 3, 4, 3, 5)),
    ],
)
def test_a_promise_must_not_be_given_for_what_a_call_refuses(
    register: Register, cls: type, example: Example, shape: Shape
) -> None:
    register("layers", cls, example)
    failures = broken_entry()
    assert list(failures) == ["output_shape"]
    assert re.match(
        re.escape(f"output_shape must refuse inputs of {{'video': {shape}}} as forward does, got"),
        failures["output_shape"],
    )


def test_a_promise_that_refuses_what_a_call_refuses_is_kept(register: Register) -> None:
    register("layers", EarlyIfShort, SHORT)
    assert check_entry("layers", "own")["output_shape"] == "yes"


def test_sizes_below_the_smallest_of_an_example_are_not_drawn(register: Register) -> None:
    register("layers", EarlyIfShort, CLIP)
    sentence = broken_entry()["output_shape"]
    assert sentence == "must run, got ShapeError: a clip needs three frames"


class Random(Halve):
    """Two modules of the same configuration differ, and no state dict tells how."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.factor = 1 + random.random()

    def forward(self, video: Tensor) -> Tensor:
        return super().forward(video) * self.factor


class Unwritten(Halve):
    """A setting that cannot be plain data."""

    def __init__(self, channels: int, phase: complex = 1j) -> None:
        super().__init__(channels)


def test_a_configuration_must_hold_everything(register: Register) -> None:
    register("layers", Random, CLIP)
    failures = broken_entry()
    assert list(failures) == ["config"]
    assert failures["config"].startswith("what is built from the configuration must give the same")


def test_a_setting_that_cannot_be_written_down_is_told(register: Register) -> None:
    register("layers", Unwritten, CLIP)
    sentence = "must run, got ConfigError: phase: complex cannot be written as plain data"
    assert broken_entry()["config"].startswith(sentence)


def test_claims_of_an_example_stand_in_the_results(register: Register) -> None:
    claims = {"config": "the factor is drawn"}
    register("layers", Random, Example(CLIP.settings, CLIP.inputs, claims=claims))
    assert check_entry("layers", "own")["config"] == "the factor is drawn"
    register("layers", Halve, Example(CLIP.settings, CLIP.inputs, claims=claims))
    sentence = "claimed as 'the factor is drawn', got 'yes'; remove the claim"
    assert broken_entry() == {"config": sentence}


class AnyWidth(Halve):
    """Takes clips of more channels than it was built for."""

    def forward(self, video: Tensor) -> Tensor:
        check_layout(video, "N C T H W", name="video")
        return video[..., ::2] * self.weight.sum()


def test_another_number_of_channels_must_be_refused(register: Register) -> None:
    register("layers", AnyWidth, CLIP)
    assert broken_entry() == {
        "refusal": "input 'video' of (2, 3, 4, 6, 5) must be refused as (2, 4, 4, 6, 5) with a "
        "ValueError, got an output"
    }


class Blend(nn.Module):
    """A clip and one curve over time for the whole batch, which has as many frames as samples."""

    def forward(self, curve: Tensor, video: Tensor) -> Tensor:
        check_layout(video, "N C T H W", name="video", C=3)
        if self.strict:
            check_layout(curve, "T", name="curve")
        return video * curve.reshape(-1)[:, None, None]

    strict = True

    def output_shape(self, curve_shape: Shape, video_shape: Shape) -> Shape:
        return video_shape


class LooseBlend(Blend):
    strict = False


# Two frames, as many as there are samples: only the layout tells which axis is the batch.
CURVE = Example(inputs={"curve": "2", "video": "N 3 2 H W"})


def test_the_layouts_tell_which_axis_is_the_batch(register: Register) -> None:
    register("fusions", Blend, CURVE)
    results = check_entry("fusions", "own")
    assert (results["batch_independent"], results["export"]) == ("yes", "yes")


def test_every_input_must_be_refused_without_an_axis(register: Register) -> None:
    register("fusions", LooseBlend, CURVE)
    assert list(broken_entry("fusions")) == ["refusal"]


class Pair(nn.Module):
    """A loss of two arguments by keyword."""

    def judge(self, *, real: Tensor, fake: Tensor) -> Tensor:
        check_layout(real, "N", name="real")
        check_layout(fake, "N", name="fake")
        return (fake - real).mean()

    def output_shape(self, real: Shape, fake: Shape) -> Shape:
        return ()


def test_the_method_of_an_example_is_called(register: Register) -> None:
    inputs = {"real": "N", "fake": "N"}
    register("losses", Pair, Example(inputs=inputs, call="judge"))
    results = check_entry("losses", "own")
    assert results["compile"] == "yes"
    assert results["batch_independent"] == "does not apply: no output has an axis for the batch"


class Slope(nn.Module):
    """A penalty: the squared slope of a critic, for every clip; it differentiates inside."""

    def forward(self, critic: nn.Module, video: Tensor) -> Tensor:
        check_layout(video, "N C T H W", name="video")
        with torch.enable_grad():
            clip = video if video.requires_grad else video.clone().requires_grad_()
            (slope,) = torch.autograd.grad(critic(clip).sum(), clip, create_graph=True)
        return slope.square().flatten(1).sum(dim=1)

    def output_shape(self, critic: nn.Module, video_shape: Shape) -> Shape:
        assert isinstance(critic, nn.Module)
        return video_shape[:1]


def test_an_input_may_be_a_part_of_its_own(register: Register) -> None:
    critic = {"kind": "blocks", "name": "down_3d", "in_channels": 3, "out_channels": 2}
    inputs = {"critic": critic, "video": "N 3 T H W"}
    claims = {"compile": "differentiates inside", "export": "takes a module"}
    smallest = {"T": 2, "H": 2, "W": 2}
    register("penalties", Slope, Example(inputs=inputs, smallest=smallest, claims=claims))
    results = check_entry("penalties", "own")
    assert {check for check, result in results.items() if result != "yes"} == {"compile", "export"}
