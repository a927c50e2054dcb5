"""Wrong arguments are answered in the name of the class that the caller wrote."""

import inspect
from typing import Any

import pytest
import torch
from torch import nn

import stgan
from stgan.registry import REGISTRIES

CLASSES = [(kind, name) for kind, registry in REGISTRIES.items() for name in registry]


def _built(kind: str, name: str) -> Any:
    example = stgan.info(kind, name).example
    assert example is not None
    return stgan.build({"kind": kind, "name": name, **example.settings})


@pytest.mark.parametrize(("kind", "name"), CLASSES, ids=["/".join(one) for one in CLASSES])
def test_an_unknown_setting_is_refused_in_the_name_of_the_class(kind: str, name: str) -> None:
    cls = REGISTRIES[kind][name]
    settings = _built(kind, name)._stgan_settings
    with pytest.raises(TypeError, match=rf"^{cls.__name__}\(\).* 'wings'"):
        cls(**settings, wings=2)


@pytest.mark.parametrize(("kind", "name"), CLASSES, ids=["/".join(one) for one in CLASSES])
def test_an_unknown_input_is_refused_in_the_name_of_the_class(kind: str, name: str) -> None:
    part, call = _built(kind, name), stgan.info(kind, name).example.call  # type: ignore[union-attr]
    if inspect.Parameter.VAR_KEYWORD in _kinds(getattr(part, call)):
        return  # of penalties, which pass conditions on to the critic
    with pytest.raises(TypeError, match=rf"^{type(part).__name__}\.{call}\(\) "):
        getattr(part, call)(wings=2)


def _kinds(call: Any) -> set[Any]:
    return {parameter.kind for parameter in inspect.signature(call).parameters.values()}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: stgan.layers.ConvTranspose1Plus2d(4, 4, 4, groups=2),  # type: ignore[call-arg]
            r"unexpected keyword argument 'groups'; it takes in_channels, .*, \*, mid_channels",
        ),
        (
            lambda: stgan.augment.DiffAugment(policy="color"),  # type: ignore[call-arg]
            r"unexpected keyword argument 'policy'; did you mean 'policies'\? it takes policies,",
        ),
        (
            lambda: stgan.layers.Conv1Plus2d(4),  # type: ignore[call-arg]
            r"^Conv1Plus2d\(\): missing a required argument: 'out_channels'; it takes in_channels,",
        ),
        (
            lambda: stgan.losses.HingeLoss("mean", 1),  # type: ignore[call-arg]
            r"^HingeLoss\(\): too many positional arguments; it takes reduction$",
        ),
        (
            lambda: stgan.discriminators.AllFrames(3),  # type: ignore[call-arg]
            r"^AllFrames\(\): too many positional arguments; it takes nothing$",
        ),
    ],
    ids=["unknown", "near", "missing", "too-many", "nothing"],
)
def test_the_sentence_says_what_the_class_takes(call: Any, sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        call()


def test_an_own_class_inside_is_named_as_itself() -> None:
    class Wide(stgan.layers.Conv1Plus2d):
        def __init__(self, channels: int) -> None:
            super().__init__(channels, channels, 3, padding=1)

        def forward(self, video: Any, *, add_bias: bool = True) -> torch.Tensor:
            return super().forward(video, add_bias=add_bias)

    wide = Wide(2)
    assert wide(torch.zeros(1, 2, 2, 2, 2)).shape == (1, 2, 2, 2, 2)
    with pytest.raises(TypeError, match=r"Wide\.forward\(\) got an unexpected"):
        wide(torch.zeros(1, 2, 2, 2, 2), wings=2)
    assert isinstance(wide, nn.Module)
