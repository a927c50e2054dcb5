"""The temporal pyramid: the same as networks over strided clips, which see no other frame."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from stgan.discriminators import (
    TemporalPyramidDiscriminator,
    VideoDiscriminator2Plus1d,
    VideoPatchDiscriminator,
    VideoResidualDiscriminator,
)
from stgan.errors import ShapeError
from tests.strategies import SEEDS

TINY = {"base_channels": 2, "max_channels": 4}
STRIDES = st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True)


@settings(max_examples=15)
@given(st.integers(1, 8), STRIDES, st.booleans(), SEEDS)
def test_it_is_networks_over_strided_clips_for_clips_of_any_length(
    frames: int, strides: list[int], any_size: bool, seed: int
) -> None:
    # Blocks that halve frames only, so that a clip of one frame passes.
    network = partial(VideoDiscriminator2Plus1d, temporal_kernel_size=1)
    critic = TemporalPyramidDiscriminator(
        (frames, 16, 12), strides=strides, network=network, num_classes=3, **TINY
    ).eval()
    video = torch.randn(3, 3, frames, 16, 12, generator=torch.Generator().manual_seed(seed))
    label, order = torch.tensor([0, 2, 1]), torch.tensor([1, 2, 0])
    logits, turned = critic(video, label), critic(video[order], label[order])
    shapes = {name: tuple(values.shape) for name, values in logits.items()}
    assert shapes == critic.output_shape(tuple(video.shape))
    assert shapes == {f"stride_{stride}": (3,) for stride in strides}
    assert list(logits) == list(shapes)
    for stride in strides:
        name = f"stride_{stride}"
        clip = torch.stack([video[:, :, i] for i in range(0, frames, stride)], dim=2)
        torch.testing.assert_close(logits[name], critic.networks[name](clip, label))
        torch.testing.assert_close(turned[name], logits[name][order])


def test_a_network_sees_no_frame_between_its_own() -> None:
    critic = TemporalPyramidDiscriminator((8, 16, 16), strides=(1, 2, 4), **TINY).eval()
    video = torch.randn(2, 3, 8, 16, 16)
    other = video.clone()
    other[:, :, 2::4] += 1
    before, after = critic(video), critic(other)
    assert torch.equal(after["stride_4"], before["stride_4"])
    assert not torch.allclose(after["stride_2"], before["stride_2"])
    other = video.clone()
    other[:, :, 1::2] += 1
    after = critic(other)
    assert torch.equal(after["stride_2"], before["stride_2"])
    assert not torch.allclose(after["stride_1"], before["stride_1"])


def test_any_size_goes_to_networks_of_any_size() -> None:
    critic = TemporalPyramidDiscriminator(None, network=VideoResidualDiscriminator, **TINY).eval()
    for size in ((32, 16, 16), (35, 32, 16)):
        logits = critic(torch.randn(2, 3, *size))
        assert {tuple(values.shape) for values in logits.values()} == {(2,)}
    with pytest.raises(ShapeError, match="does not fit"):
        critic(torch.zeros(1, 3, 31, 14, 16))


def test_patches_may_be_judged_too() -> None:
    network = partial(VideoPatchDiscriminator, kernel_size=(2, 4, 4))
    critic = TemporalPyramidDiscriminator((9, 48, 48), network=network, **TINY)
    maps = critic(torch.zeros(1, 3, 9, 48, 48))
    shapes = {name: tuple(logits.shape) for name, logits in maps.items()}
    assert shapes == {"stride_1": (1, 5, 3, 3), "stride_2": (1, 1, 3, 3)}
    assert shapes == critic.output_shape((1, 3, 9, 48, 48))


@pytest.mark.parametrize("spectral_norm", [True, False])
def test_settings_reach_every_network(spectral_norm: bool) -> None:
    critic = TemporalPyramidDiscriminator(
        (4, 16, 16), in_channels=2, spectral_norm=spectral_norm, **TINY
    )
    sum(critic(torch.randn(2, 2, 4, 16, 16)).values(), torch.zeros(2)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in critic.parameters())
    convs = [module for module in critic.modules() if isinstance(module, nn.Conv3d)]
    assert len(convs) == 6
    assert all(parametrize.is_parametrized(conv, "weight") is spectral_norm for conv in convs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TemporalPyramidDiscriminator(strides=()), r"different and one at least, got \(\)"),
        (lambda: TemporalPyramidDiscriminator(strides=(2, 2)), r"different .* got \(2, 2\)"),
        (lambda: TemporalPyramidDiscriminator(strides=(0,)), "a stride must be at least 1, got 0"),
        (lambda: TemporalPyramidDiscriminator((4, 16, 16), **TINY)(torch.zeros(1, 3, 8, 16, 16)),
         r"\(N, C=3, T=4, H=16, W=16\), got \(1, 3, 8, 16, 16\)"),
        (lambda: TemporalPyramidDiscriminator((4, 16, 16), num_classes=2, **TINY)(
            torch.zeros(1, 3, 4, 16, 16)), "pass label"),
    ],
)  # fmt: skip
def test_refusals_teach(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_an_unknown_setting_is_the_error_of_the_network() -> None:
    with pytest.raises(TypeError, match="base_chanels"):
        TemporalPyramidDiscriminator((4, 16, 16), base_chanels=4)
