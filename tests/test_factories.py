"""What makes modules is a class or a function; everything else is answered in one sentence."""

import inspect
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

import stgan
from stgan.discriminators import (
    LinearHead,
    PairDiscriminator,
    VideoDiscriminator,
)
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
