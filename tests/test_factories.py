"""What makes modules is a class or a function; everything else is answered in one sentence."""

import inspect
import re
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import stgan
from stgan.config import make_inputs
from stgan.discriminators import (
    ImageDiscriminator,
    LinearHead,
    PairDiscriminator,
    VideoDiscriminator,
)
from stgan.functional import fold_time, unfold_time
from stgan.registry import REGISTRIES

NAMES = {
    "act", "norm", "mid_act", "mid_norm", "out_act", "head", "conv", "fusion", "network",
}  # fmt: skip
# Every argument of a registered class that makes modules.
PLACES = [
    (kind, name, argument)
    for kind, registry in REGISTRIES.items()
    for name in registry
    for argument in inspect.signature(registry[name]).parameters
    if argument in NAMES
]
WRONG = {
    "word": ("batch", r"{name} must be a class or a function that makes a module.*, got 'batch'$"),
    "flag": (True, r"{name} must be a class or a function that makes a module.*, got True$"),
    "module": (
        nn.PReLU(),
        r"{name} must make a new module .*, got a module, nn\.PReLU\(\.\.\.\); pass nn\.PReLU",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(
    ("kind", "name", "argument"), PLACES, ids=["-".join(one) for one in PLACES]
)
def test_what_makes_no_modules_is_refused_by_name(
    kind: str, name: str, argument: str, wrong: str
) -> None:
    example = stgan.info(kind, name).example
    assert example is not None
    settings = stgan.build({"kind": kind, "name": name, **example.settings})._stgan_settings
    value, sentence = WRONG[wrong]
    with pytest.raises(TypeError, match=sentence.format(name=argument)):
        stgan.create(kind, name, **settings | {argument: value})


def test_every_name_is_that_of_an_argument() -> None:
    assert {argument for *_, argument in PLACES} == NAMES


# Three layers take a norm for the sake of one signature; two examples have one stage, without one.
WITHOUT = {"conv_3d", "conv_transpose_3d", "resize_conv", "image", "video"}
NORMED = [one for one in PLACES if one[2] == "norm" and one[1] not in WITHOUT]


@pytest.mark.parametrize(("kind", "name", "_"), NORMED, ids=["-".join(one) for one in NORMED])
def test_a_norm_of_other_axes_is_refused_by_the_constructor(kind: str, name: str, _: str) -> None:
    example = stgan.info(kind, name).example
    assert example is not None
    settings = stgan.build({"kind": kind, "name": name, **example.settings})._stgan_settings

    def refusal(norm: str) -> str:
        try:
            stgan.create(kind, name, **settings | {"norm": getattr(nn, norm)})
        except TypeError as error:
            return str(error)
        return ""

    (axes,) = [axes for axes in (1, 2, 3) if not refusal(f"BatchNorm{axes}d")]
    part = stgan.create(kind, name, **settings | {"norm": getattr(nn, f"BatchNorm{axes}d")})
    getattr(part, example.call)(**make_inputs(example))
    assert not refusal(f"InstanceNorm{axes}d")
    others = [f"{norm}Norm{n}d" for norm in ("Batch", "Instance") for n in {1, 2, 3} - {axes}]
    others += ["LayerNorm", "RMSNorm", f"LazyBatchNorm{axes}d", f"LazyInstanceNorm{axes}d"]
    for norm in others:
        sentence = rf"norm must normalize the channels of \(N, C, .* do, got nn\.{norm}"
        assert re.fullmatch(sentence, refusal(norm))


def test_a_norm_of_other_axes_is_refused_by_streams_of_several_stages() -> None:
    with pytest.raises(TypeError, match=r"\(N, C, T, H, W\), as nn.Batch.*got nn.BatchNorm2d$"):
        _video(norm=nn.BatchNorm2d)
    with pytest.raises(TypeError, match=r"\(N, C, H, W\), as nn.Batch.*got nn.InstanceNorm3d$"):
        ImageDiscriminator(16, base_channels=2, norm=nn.InstanceNorm3d)


def test_a_norm_that_brings_axes_into_its_own_order_is_taken() -> None:
    class OfFrames(nn.BatchNorm2d):
        def forward(self, video: Tensor) -> Tensor:
            return unfold_time(super().forward(fold_time(video)), video.shape[2])

    assert _video(norm=OfFrames)(torch.rand(2, 3, 4, 16, 16)).shape == (2,)


def _video(**settings: Any) -> VideoDiscriminator:
    return VideoDiscriminator((4, 16, 16), base_channels=2, **settings)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"act": torch.relu}, r"act must be a class or .*, such as nn\.ReLU, got <built-in method"),
        (
            {"act": nn.functional.relu},
            r"act is called as act\(\), and relu refuses that: missing a",
        ),
        (
            {"act": lambda: torch.relu},
            r"act must be .* makes a module.*, got <built.* from <lambda",
        ),
        (
            {"norm": nn.GroupNorm},
            r"norm is called as norm\(\d\), and nn\.GroupNorm refuses .* 'num_channels'; func",
        ),
        (
            {"head": LinearHead(8)},
            r"head must make .*, got a module, LinearHead\(\.\.\.\); pass Li",
        ),
        (
            {"head": nn.Linear},
            r"head is called as head\(\d, .* and nn\.Linear refuses that: got an u",
        ),
    ],
    ids=["builtin", "function", "function-of-function", "arguments", "head", "other-head"],
)
def test_what_cannot_be_called_says_how_it_is_called(settings: Any, sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        _video(**settings)


def test_classes_partials_and_functions_make_a_module_for_each_place() -> None:
    critic = _video(act=lambda: nn.PReLU(), norm=partial(nn.GroupNorm, 2), head=LinearHead)
    slopes = [part for part in critic.modules() if isinstance(part, nn.PReLU)]
    assert len({id(part) for part in slopes}) == len(critic.stages) == 2


def test_settings_that_are_passed_on_are_answered_in_the_name_of_the_caller() -> None:
    with pytest.raises(
        TypeError, match=r"^PairDiscriminator\(\): network is called as network\(inp"
    ):
        PairDiscriminator(8, wings=2)
