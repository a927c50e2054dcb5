"""NumPy's integers count as integers wherever a number is asked for, and booleans do not."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import stgan
from stgan import functional
from stgan._checks import as_integer, check_count, check_positive, pair, plain_integers, triple
from stgan.blocks import SpatioTemporalFusion
from stgan.discriminators import VideoDiscriminator
from stgan.functional import factorized_mid_channels, one_hot_map, upsample_nearest
from stgan.registry import REGISTRIES
from stgan.shapes import conv_size, plan
from stgan.training import seed_everything

KINDS = st.sampled_from([np.int8, np.uint8, np.int32, np.int64, np.uint64])


class Index:
    """What counts by ``operator.index`` alone."""

    def __index__(self) -> int:
        return 3


@given(number=st.integers(1, 100), kind=KINDS)
def test_integers_of_numpy_come_out_as_plain_ones(number: int, kind: type) -> None:
    given = kind(number)
    for out in (
        as_integer(given),
        check_positive(given, "n"),
        check_count(given, "n"),
        *triple(given, "n"),
        *triple((1, given, 2), "n")[1:2],
        *pair([given, given], "n"),
        *plain_integers((given, [given], {"a": given}))[0:1],
        factorized_mid_channels(given, in_channels=2, out_channels=2, kernel_size=3),
    ):
        assert type(out) is int
        assert out == number
    assert triple(np.array([1, 2, 3]), "n") == (1, 2, 3)  # type: ignore[arg-type]
    assert as_integer(Index()) == as_integer(torch.tensor(3)) == 3


@pytest.mark.parametrize(
    "wrong",
    [True, np.True_, torch.tensor(True), 2.0, np.float32(2), torch.tensor(2.0), "2", None, [2]],
    ids=repr,
)
def test_booleans_and_all_else_do_not(wrong: Any) -> None:
    assert as_integer(wrong) is None
    for call in (check_positive, check_count, triple, pair):
        with pytest.raises(TypeError, match=r"^n must be an? (positive )?integer.*, got "):
            call(wrong, "n")
    with pytest.raises(TypeError, match=r"^n must be an integer or \(T, H, W\), got "):
        triple((1, wrong, 1), "n")


def test_sizes_of_functions_may_be_those_of_numpy() -> None:
    three = np.int64(3)
    assert conv_size(np.int64(7), kernel_size=three) == 5
    assert conv_size((7, 7), kernel_size=three, stride=np.int32(2)) == (3, 3)
    assert plan((np.int64(8), np.int64(16), np.int64(16))) == plan((8, 16, 16))
    assert upsample_nearest(torch.zeros(1, 1, 1, 1, 1), three).shape == (1, 1, 3, 3, 3)
    assert one_hot_map(torch.tensor([1]), three, three).shape == (1, 3, 3, 3, 3)
    seed_everything(np.int64(3))
    first = torch.rand(1)
    seed_everything(3)
    assert torch.equal(torch.rand(1), first)


@pytest.mark.parametrize("wrong", [True, 2.0, "2"], ids=repr)
def test_sizes_of_functions_are_no_booleans(wrong: Any) -> None:
    z, images = torch.zeros(2, 4), torch.zeros(2, 4, 3, 3)
    for call, name in (
        (lambda: functional.repeat_latent(z, wrong), "num_frames"),
        (lambda: functional.expand_over_time(images, wrong), "num_frames"),
        (lambda: functional.unfold_time(images, wrong), "num_frames"),
        (lambda: functional.spread_rows(z, wrong), "size"),
        (lambda: functional.upsample_nearest(images[:, :, None], wrong), "scale"),
        (lambda: functional.one_hot_label(torch.tensor([0]), wrong), "num_classes"),
        (lambda: functional.kaiser_taps(wrong), "factor"),
        (lambda: functional.minibatch_stddev(images, wrong), "group_size"),
    ):
        with pytest.raises(TypeError, match=rf"^{name} must be an? .*, got {wrong!r}"):
            call()


def _numpy(value: Any) -> Any:
    if type(value) is int:
        return np.int64(value)
    if isinstance(value, list | tuple):
        return type(value)(map(_numpy, value))
    return {k: _numpy(v) for k, v in value.items()} if isinstance(value, dict) else value


def _left(value: Any) -> bool:
    return any(map(_left, value)) if isinstance(value, tuple) else isinstance(value, np.integer)


def _kept(part: Any) -> list[str]:
    """Integers of NumPy among the attributes of our modules; torch keeps what it is given."""
    modules = part.modules() if isinstance(part, nn.Module) else [part]
    ours = [module for module in modules if type(module).__module__.startswith("stgan.")]
    return [
        f"{type(module).__name__}.{key}"
        for module in ours
        if not isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose3d)
        for key, item in vars(module).items()
        if _left(item)
    ]


def _entries() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for kind, registry in REGISTRIES.items():
        for name in registry:
            example = stgan.info(kind, name).example
            if example is not None and kind != "features":  # whose networks take long to build
                yield kind, name, dict(example.settings)


def test_every_entry_is_built_from_numbers_of_numpy_as_from_plain_ones() -> None:
    tried = 0
    for kind, name, settings in _entries():
        plain = stgan.build({"kind": kind, "name": name, **settings})
        part = stgan.build({"kind": kind, "name": name, **_numpy(settings)})
        assert not _kept(part), f"{kind}/{name} keeps integers of NumPy: {_kept(part)}"
        config = stgan.to_config(part)
        assert json.loads(json.dumps(config)) == config
        assert repr(part) == repr(plain)
        assert config == stgan.to_config(plain)
        tried += settings != {}
    assert tried > 60


COUNTS = [
    "num_classes",
    "in_channels",
    "out_channels",
    "appearance_channels",
    "base_channels",
    "max_channels",
    "code_dim",
    "z_dim",
    "num_frames",
    "channels",
    "count",
    "stride",
]


def test_no_entry_takes_a_boolean_a_float_or_text_for_a_count() -> None:
    tried = 0
    for kind, name, settings in _entries():
        if (kind, name) == ("decoders", "video"):
            continue  # whose stages are objects, and plain data only for `build`
        for key in COUNTS:
            if type(settings.get(key)) is not int:
                continue
            for wrong in (True, 2.0, "2"):
                with pytest.raises(TypeError, match=rf"\b{key} must be an? .*, got {wrong!r}"):
                    stgan.create(kind, name, **{**settings, key: wrong})
                tried += 1
    assert tried > 200


def test_an_architecture_of_numpy_integers_is_written_as_plain_numbers() -> None:
    eight = np.int64(8)
    network = VideoDiscriminator((eight, 16, 16), num_classes=np.int32(3), base_channels=eight)
    config = stgan.to_config(network)
    assert type(config["num_classes"]) is type(config["input_size"][0]) is int
    fusion = SpatioTemporalFusion(np.uint8(4), appearance_channels=np.int64(2))
    assert fusion.output_shape((2, 4, 3, 5, 5)) == (2, 6, 3, 5, 5)
    assert stgan.to_config(fusion)["appearance_channels"] == 2
