"""An architecture written as plain data is rebuilt as it was, and a wrong key is pointed at."""

import copy
import functools
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

import stgan
from stgan.blocks import SpatioTemporalFusion, UpStage
from stgan.decoders import VideoDecoder, decoder_stages
from stgan.discriminators import (
    ImageDiscriminator,
    RandomFrames,
    SubClip,
    TwoStreamDiscriminator,
    VideoDiscriminator,
)
from stgan.errors import ConfigError, UnknownNameError
from stgan.layers import leaky_relu
from stgan.registry import REGISTRIES, Registry
from stgan.shapes import plan


def _critic() -> TwoStreamDiscriminator:
    size = (8, 16, 16)
    return TwoStreamDiscriminator(
        video=VideoDiscriminator(size, stages=plan(size).stages, num_classes=3, base_channels=4),
        image=ImageDiscriminator((16, 16), base_channels=4, act=leaky_relu),
        sampler=RandomFrames(2),
    )


def _decoder() -> VideoDecoder:
    stages = decoder_stages(plan((8, 16, 16)), base_channels=4, appearance_channels=(6, 5))
    return VideoDecoder(7, stages, num_classes=3, act=nn.SiLU, fusion=SpatioTemporalFusion)


@pytest.mark.parametrize("make", [_critic, _decoder], ids=["two_stream", "decoder"])
@pytest.mark.parametrize("form", ["dict", "json", "yaml"])
def test_what_is_rebuilt_has_the_same_structure_and_takes_the_weights(
    make: Any, form: str, tmp_path: Path
) -> None:
    module = make()
    config: Any = stgan.to_config(module)
    if form == "json":
        (tmp_path / "model.json").write_text(json.dumps(config), encoding="utf-8")
        config = tmp_path / "model.json"
    elif form == "yaml":
        (tmp_path / "model.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        config = str(tmp_path / "model.yaml")
    twin = stgan.build(config)
    assert repr(twin) == repr(module)
    twin.load_state_dict(module.state_dict())
    assert stgan.to_config(twin) == stgan.to_config(module)


def test_a_rebuilt_part_computes_the_same() -> None:
    decoder = _decoder().eval()
    twin = stgan.build(json.loads(json.dumps(stgan.to_config(decoder)))).eval()
    twin.load_state_dict(decoder.state_dict())
    maps = (torch.randn(2, 6, 4, 4), torch.randn(2, 5, 8, 8))
    inputs = (torch.randn(2, 7), maps, torch.tensor([0, 2]))
    assert torch.equal(decoder(*inputs), twin(*inputs))


def test_settings_that_are_called_later_are_written_by_name() -> None:
    config = stgan.to_config(UpStage(4, 3, 4, norm=None, act=nn.SiLU))
    assert config["norm"] is None
    assert config["act"] == {"factory": "torch.nn.SiLU"}
    assert config["mid_act"] == {"factory": "stgan.layers.leaky_relu"}
    assert config["conv"] == {"factory": "layers/conv_transpose_1p2d"}
    config["act"] = {"factory": "torch.nn.LeakyReLU", "negative_slope": 0.3}
    up = stgan.build(config)
    assert up.act.negative_slope == 0.3
    assert stgan.to_config(up) == config


@pytest.mark.parametrize("registry", [Registry("shelf"), REGISTRIES["layers"]])
def test_a_module_of_torch_that_someone_registered_is_no_act(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    registry.register("same", source="nowhere", shape="(N,) -> (N,)")(nn.Identity)
    config = stgan.to_config(UpStage(4, 3, 4, norm=None, act=None))
    assert config["norm"] is None
    assert config["act"] is None
    assert stgan.to_config(stgan.build(config)) == config


def test_an_architecture_keeps_its_defaults() -> None:
    """A later change of a default must not change what was saved."""
    config = stgan.to_config(SpatioTemporalFusion(4))
    assert {"appearance_channels", "num_classes"} <= set(config)


def test_copies_remember_and_a_part_that_was_exchanged_counts_as_it_is() -> None:
    decoder = _decoder()
    assert stgan.to_config(pickle.loads(pickle.dumps(decoder))) == stgan.to_config(decoder)
    critic = _critic()
    assert stgan.to_config(copy.deepcopy(critic)) == stgan.to_config(critic)
    critic.sampler = SubClip(3)
    assert stgan.to_config(critic)["sampler"] == {
        "kind": "samplers", "name": "sub_clip", "count": 3, "stride": 1,
    }  # fmt: skip


def test_a_subclass_is_not_taken_for_its_parent() -> None:
    class Loud(SpatioTemporalFusion):
        def __init__(self) -> None:
            super().__init__(4)

    with pytest.raises(ConfigError, match=r"^Loud cannot be written as plain data"):
        stgan.to_config(Loud())


def _wrong(**changes: Any) -> dict[str, Any]:
    return {**stgan.to_config(_critic()), **changes}


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        (_wrong(vdeo=1), ConfigError, r"^vdeo: .* no setting named 'vdeo'; did you mean 'video'"),
        (
            _wrong(video={"kind": "discriminators", "name": "video", "norn": None}),
            ConfigError,
            r"^video\.norn: VideoDiscriminator has no setting named 'norn'; did you mean 'norm'",
        ),
        (
            _wrong(video={"kind": "discriminators", "name": "video",
                          "stages": [{"type": "stgan.shapes.Stage", "strid": 1}]}),
            ConfigError,
            r"^video\.stages\[0\]\.strid: Stage has no setting",
        ),
        (
            _wrong(video={"kind": "discriminators", "name": "vidio"}),
            UnknownNameError,
            "video: discriminators has no entry named 'vidio'; did you mean 'video'",
        ),
        (
            _wrong(video={"kind": "discriminator", "name": "video"}),
            UnknownNameError,
            "video: the set of registries has no entry named 'discriminator'; did you mean 'discri",
        ),
        (
            _wrong(image={"kind": "discriminators", "name": "image",
                          "act": {"factory": "os.system"}}),
            ConfigError,
            r"^image\.act: 'os.system' is neither a module of torch.nn or stgan, nor a register",
        ),
        (
            _wrong(sampler={"type": "stgan.layers.SpectralNorm"}),
            ConfigError,
            r"^sampler: type must be one of .*, got 'stgan.layers.SpectralNorm'$",
        ),
        ({"name": "video"}, ConfigError, "must be a mapping with kind, name and settings, got"),
    ],
    ids=["key", "nested", "record", "name", "kind", "factory", "type", "no_kind"],
)  # fmt: skip
def test_what_cannot_be_built_is_pointed_at(
    config: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        stgan.build(config)


def test_an_error_of_a_constructor_tells_where_it_stood() -> None:
    config = _wrong(video={"kind": "discriminators", "name": "video", "base_channels": 0})
    with pytest.raises(
        ConfigError,
        match=r"^video: VideoDiscriminator refuses these settings: base_channels must b",
    ):
        stgan.build(config)


def test_what_cannot_be_plain_is_pointed_at() -> None:
    with pytest.raises(ConfigError, match=r"^act: <lambda> cannot be written by name"):
        stgan.to_config(UpStage(4, 3, 4, act=lambda: nn.ReLU()))
    with pytest.raises(ConfigError, match=r"^Linear cannot be written as plain data"):
        stgan.to_config(nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("gone.json", None, "gone.json cannot be read: No such file"),
        ("a.json", "{", "a.json is no valid JSON"),
        ("a.yaml", "a: [", "a.yaml is no valid YAML, line 1, column 5: while parsing"),
        ("a.txt", "{}", "must be a .json, .yaml or .yml file"),
        ("a.yaml", "- 1", "must be a mapping with kind, name and settings"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(
    tmp_path: Path, name: str, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        stgan.build(tmp_path / name)


def test_what_comes_before_the_channels_is_written_too() -> None:
    stage = UpStage(4, 4, 4, 2, 1, norm=functools.partial(nn.GroupNorm, 2, eps=0.1))
    config = stgan.to_config(stage)
    assert config["norm"] == {"factory": "torch.nn.GroupNorm", "args": [2], "eps": 0.1}
    again = stgan.build(json.loads(json.dumps(config)))
    assert repr(again) == repr(stage)
    config["norm"]["args"] = 2
    with pytest.raises(ConfigError, match="norm: args must be a list, got 2"):
        stgan.build(config)


def test_a_kind_lets_a_name_stand_alone_and_tells_the_part_what_is_known() -> None:
    known = {"count": 3, "per_clip": False, "unheard": object()}
    sampler = stgan.build("random_frames", kind="samplers", given=known)
    assert (sampler.count, sampler.per_clip) == (3, False)
    own = {"name": "sub_clip", "count": 2}
    assert stgan.build(own, kind="samplers", given=known).count == 2
    assert own == {"name": "sub_clip", "count": 2}
    assert type(stgan.build("r1", kind=("losses", "penalties"))).__name__ == "R1Penalty"
    # Inside, only what the configuration says counts.
    inside = {"kind": "discriminators", "name": "two_stream",
              "image": {"kind": "discriminators", "name": "image", "input_size": [16, 16]},
              "sampler": {"kind": "samplers", "name": "random_frames"}}  # fmt: skip
    assert stgan.build(inside, given={"count": 5}).sampler.count == 1


@pytest.mark.parametrize(
    ("config", "kind", "error", "message"),
    [
        ("nope", "samplers", UnknownNameError, "samplers has no entry named 'nope'; known: all_f"),
        ("hing", ("losses", "penalties"), UnknownNameError, "losses and penalties .* mean 'hinge'"),
        ("hinge", "loss", UnknownNameError, "named 'loss'; did you mean 'losses'"),
        ({"nme": 1}, "samplers", ConfigError, "samplers must be given as a name or a mapping with"),
        (3, ("heads",), ConfigError, "heads must be given as a name or a mapping .* got 3"),
        ({"kind": "heads", "name": "linear"}, "samplers", ConfigError, "must be samplers, got 'he"),
    ],
)
def test_what_is_none_of_a_kind(config: Any, kind: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        stgan.build(config, kind=kind)
