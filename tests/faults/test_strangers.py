"""A configuration from a stranger names networks of a short list, and has no other effect."""

import functools
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from torch import nn

import stgan
from stgan.errors import ConfigError, UnknownNameError
from stgan.layers import leaky_relu
from stgan.registry import REGISTRIES
from tests.faults.strangers import CONV, OURS, PUBLIC, is_module, no_effect

RECORDS = {"stgan.decoders.DecoderStage", "stgan.discriminators.StreamSpec", "stgan.shapes.Stage"}


def test_effects_are_noticed(tmp_path: Path) -> None:
    for effect in ((tmp_path / "a").mkdir, (tmp_path / "b").touch, lambda: os.system("true")):
        with pytest.raises(AssertionError), no_effect():
            effect()


def test_what_can_be_named_are_modules_and_a_short_list() -> None:
    """Of every public name of stgan, functions, data and other classes are refused."""
    assert len(PUBLIC) > 300
    allowed = set()
    for name, thing in PUBLIC:
        said = "built"
        with no_effect():
            try:
                stgan.build({**CONV, "act": {"factory": name}})
            except ConfigError as error:
                said = str(error)
        if "neither a module of torch.nn or stgan" not in said:
            allowed.add(name)
            assert is_module(thing) or thing is leaky_relu, name
    assert "stgan.layers.leaky_relu" in allowed
    assert not allowed & {"stgan.config.build", "stgan.registry.create", "stgan.cli.main"}


def test_of_records_only_those_that_parts_take_can_be_named() -> None:
    for name, _ in PUBLIC:
        if name not in RECORDS:
            with pytest.raises(ConfigError, match=r"^act: type must be one of stgan"):
                stgan.build({**CONV, "act": {"type": name}})
    for name in RECORDS:
        with suppress(ConfigError):
            stgan.build({**CONV, "act": {"type": name}})


@pytest.mark.parametrize(
    "name",
    [
        "os.system", "builtins.eval", "torch.load", "torch.jit.load", "torch.hub.load",
        "pickle.load", "torch.nn.functional.relu", "torch.nn.init.normal_",
        "torch.nn.modules.container.Sequential", "torch.nn.Module.load_state_dict",
        "torch.nn.Parameter", "torch.nn.functional", "torch.nn.", "torch.nn.__builtins__",
        "torch.nn.__loader__", "stgan.__main__.main", "stgan.__init__.build",
        "stgan.layers.__builtins__", "stgan.layers.conv.Conv1Plus2d", "stgan._plain.read_plain",
        "stgan.layers._conv.ConvBase", "stgan..layers.leaky_relu", "stgan.layers..leaky_relu",
        " stgan.layers.leaky_relu", "stgan.layers. leaky_relu", "stgan.build",
        "stgan.testing.__main__", "stgan.nowhere.thing", "stgan.\0.thing", "", ".", "..",
        "leaky_relu", "\ud800.x",
        None, 5, ["torch.nn.ReLU"], {"factory": "torch.nn.ReLU"}, "x" * 4000,
    ],
)  # fmt: skip
def test_no_other_name_is_looked_up(name: Any) -> None:
    with no_effect(), pytest.raises(ConfigError, match=r"^act: ") as caught:
        stgan.build({**CONV, "act": {"factory": name}})
    assert len(str(caught.value)) < 400
    with no_effect(), pytest.raises(ConfigError, match=r"^act: type must be one of"):
        stgan.build({**CONV, "act": {"type": name}})


@pytest.mark.parametrize(
    "model",
    ["hf-hub:stranger/model", "hf_hub:stranger/model", "local-dir:/tmp", "resnet10t.stranger",
     "https://example.com/model", "../resnet10t", "resnet10t@main", ""],
)  # fmt: skip
def test_networks_of_timm_come_from_its_list(model: str) -> None:
    for config in (
        {"kind": "features", "name": "timm_frames", "model": model, "image_size": 32},
        {"kind": "losses", "name": "perceptual", "features": model, "weights": "pretrained"},
    ):
        with no_effect(), pytest.raises(OURS, match=r"timm has no (model|weights)"):
            stgan.build(config)


@pytest.mark.parametrize(
    "name",
    ["RandomDissolving", "ImageSequential", "AugmentationSequential", "auto", "container",
     "__builtins__", "base", "nowhere"],
)  # fmt: skip
def test_of_kornia_only_augmentations_that_keep_to_themselves_can_be_named(name: str) -> None:
    settings = {"version": "1.4", "custom_pipeline": "stranger/pipeline"}
    config = {"kind": "augmentations", "name": "kornia", "transforms": {name: settings}}
    with no_effect(), pytest.raises(UnknownNameError, match=r"kornia\.augmentation has no"):
        stgan.build(config)


class _Reader(nn.Module):
    """A part of another package that runs files, and says so."""

    runs_files: ClassVar = {"path": lambda path: path.endswith(".py")}

    def __init__(self, path: str | None = None, **others: Any) -> None:
        super().__init__()
        self.path = path


class _Heir(_Reader):
    """A part that inherits it."""


@pytest.mark.parametrize("cls", [_Reader, _Heir])
def test_parts_of_others_say_that_they_run_files(
    cls: type[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = REGISTRIES["layers"]
    monkeypatch.setattr(layers, "_entries", {**layers._entries})
    monkeypatch.setattr(cls, "__init__", cls.__init__)
    layers.register("reader", source="", shape="")(cls)
    part = {"kind": "layers", "name": "reader"}
    assert stgan.build(part).path is None
    assert stgan.build(part | {"path": "a.json"}).path == "a.json"
    said = rf"^{cls.__name__} runs the file in 'path' as a program.* pass trust=True, or --trust"
    with pytest.raises(ConfigError, match=said):
        stgan.build(part | {"path": "a.py"})
    assert stgan.build(part | {"path": "a.py"}, trust=True).path == "a.py"
    # What it will be called with is not known where it is only named.
    late = {**CONV, "act": {"factory": "layers/reader", "path": "a.json"}}
    with pytest.raises(ConfigError, match=f"^act: {said[1:]}"):
        stgan.build(late)
    assert stgan.build(late, trust=True).act.path == "a.json"


def test_what_is_written_down_can_be_built_again() -> None:
    """The names that to_config writes are those that build takes."""
    for act in (leaky_relu, nn.ReLU, functools.partial(nn.GELU, approximate="tanh"), None):
        part = stgan.create("layers", "conv_1p2d", 3, 4, 3, act=act)
        config = stgan.to_config(part)
        assert stgan.to_config(stgan.build(config)) == config
    part = stgan.create("layers", "conv_1p2d", 3, 4, 3, act=_own)
    with pytest.raises(ConfigError, match=r"^act: _own cannot be written by name; use a module"):
        stgan.to_config(part)


def _own() -> nn.Module:
    return nn.ReLU()
