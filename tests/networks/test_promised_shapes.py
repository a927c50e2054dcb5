"""What networks, losses and samplers promise of their shapes is what they do, refusals too."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stgan.decoders import DecoderStage, VideoDecoder, decoder_stages
from stgan.discriminators import (
    AllFrames,
    ImageDiscriminator,
    RandomFrames,
    SubClip,
    TwoStreamDiscriminator,
    VideoDiscriminator,
)
from stgan.encoders import ImageEncoder
from stgan.errors import ShapeError
from stgan.losses import AdversarialLoss, HingeLoss, LeastSquaresLoss, NonSaturatingLoss
from stgan.shapes import plan

TINY: dict[str, Any] = {"base_channels": 2, "max_channels": 4}
STAGES = (
    DecoderStage(4, (1, 2, 3), appearance_channels=2),
    DecoderStage(3, 4, 2, 1),
)


def _decoder() -> VideoDecoder:
    return VideoDecoder(5, STAGES, num_classes=3)


def _two_streams(**options: Any) -> TwoStreamDiscriminator:
    return TwoStreamDiscriminator(
        video=VideoDiscriminator((4, 8, 12), num_classes=3, **TINY),
        image=ImageDiscriminator((8, 12), **TINY),
        **options,
    )


def test_a_decoder_promises_with_and_without_what_it_fuses() -> None:
    decoder = _decoder()
    maps, label = [torch.zeros(2, 2, 2, 3)], torch.tensor([0, 2])
    got = tuple(decoder(torch.zeros(2, 5), maps, label).shape)
    assert got == (2, 3, 2, 4, 6)
    assert decoder.output_shape((2, 5)) == got
    assert decoder.output_shape((2, 5), [(2, 2, 2, 3)], (2,)) == got
    assert decoder.output_shape((2, 5), [(2, 2, 2, 3)], (2, 3)) == got


@pytest.mark.parametrize(
    ("latent", "maps", "label"),
    [
        ((2, 6), [(2, 2, 2, 3)], (2,)),
        ((2, 5, 1), [(2, 2, 2, 3)], (2,)),
        ((2, 5), [(2, 2, 3, 3)], (2,)),
        ((2, 5), [(2, 3, 2, 3)], (2,)),
        ((2, 5), [(1, 2, 2, 3)], (2,)),
        ((2, 5), [(2, 2, 2, 3)], (3,)),
        ((2, 5), [(2, 2, 2, 3), (2, 2, 4, 6)], (2,)),
    ],
)
def test_a_decoder_refuses_alike_in_promise_and_call(
    latent: tuple[int, ...], maps: list[tuple[int, ...]], label: tuple[int, ...]
) -> None:
    decoder = _decoder()
    inputs = torch.zeros(latent), [torch.zeros(m) for m in maps], torch.zeros(label).long()
    messages = []
    for call in (lambda: decoder(*inputs), lambda: decoder.output_shape(latent, maps, label)):
        with pytest.raises(ValueError, match=r"must be .*got|fuses fewer") as caught:
            call()
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("frames", [1, 3])
def test_two_streams_promise_a_logit_each(frames: int) -> None:
    critic = _two_streams(sampler=RandomFrames(frames))
    promised = {"video": (2,), "image": (2,)}
    logits = critic(torch.zeros(2, 3, 4, 8, 12), torch.tensor([0, 1]))
    assert {name: tuple(value.shape) for name, value in logits.items()} == promised
    assert critic.output_shape((2, 3, 4, 8, 12)) == promised
    assert critic.output_shape((2, 3, 4, 8, 12), (2,), (2, frames)) == promised


def test_two_streams_of_any_module_promise_too() -> None:
    class Mean(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1).mean(dim=1)

    critic = TwoStreamDiscriminator(video=Mean(), image=Mean())
    assert critic.output_shape((5, 3, 4, 6, 7)) == {"video": (5,), "image": (5,)}


@pytest.mark.parametrize(
    ("network", "right", "wrong"),
    [
        (ImageEncoder((12, 16), **TINY), (2, 3, 12, 16), [(2, 3, 16, 12), (2, 1, 12, 16), (3, 12)]),
        (ImageDiscriminator((8, 12), **TINY), (2, 3, 8, 12), [(2, 3, 8, 8), (2, 1, 8, 12)]),
        (
            VideoDiscriminator((4, 8, 12), **TINY),
            (2, 3, 4, 8, 12),
            [(2, 3, 8, 8, 12), (2, 3, 4, 8)],
        ),
        (ImageDiscriminator(None, **TINY), (2, 3, 40, 21), [(2, 1, 40, 21), (2, 3, 4, 40)]),
        (_two_streams(), (2, 3, 4, 8, 12), [(2, 3, 4, 8, 8), (2, 1, 4, 8, 12), (2, 3, 8, 12)]),
    ],
    ids=["encoder", "image", "video", "image of any size", "two_stream"],
)
def test_networks_promise_nothing_for_what_they_refuse(
    network: Any, right: tuple[int, ...], wrong: list[tuple[int, ...]]
) -> None:
    network.output_shape(right)
    for shape in wrong:
        with pytest.raises(ShapeError):
            network.output_shape(shape)
        # Beyond the smallest size it is torch that refuses in a call.
        with pytest.raises((ShapeError, RuntimeError)):
            network(torch.zeros(shape))


def test_a_channel_that_fusion_adds_is_counted_on_the_way() -> None:
    route = plan((4, 8, 8))
    stages = decoder_stages(route, **TINY, appearance_channels=(2,) * len(route.stages))
    assert VideoDecoder(7, stages, num_classes=3).output_shape((2, 7)) == (2, 3, 4, 8, 8)


@pytest.mark.parametrize("family", [NonSaturatingLoss, HingeLoss, LeastSquaresLoss])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple))
def test_losses_keep_the_shape_only_unreduced(
    family: Callable[..., AdversarialLoss], reduction: str, shape: tuple[int, ...]
) -> None:
    loss = family(reduction=reduction)
    real, fake = torch.randn(2, *shape)
    expected = shape if reduction == "none" else ()
    assert loss.output_shape(shape, shape) == loss.output_shape(shape) == expected
    assert loss.discriminator(real=real, fake=fake).shape == expected
    assert loss.generator(fake=fake).shape == expected


@pytest.mark.parametrize(
    ("sampler", "needed"),
    [(AllFrames(), 1), (RandomFrames(3), 3), (SubClip(3), 3), (SubClip(3, stride=2), 5)],
)
@given(clips=st.integers(1, 4), extra=st.integers(0, 3))
def test_samplers_promise_the_indices_that_they_draw(
    sampler: Any, needed: int, clips: int, extra: int
) -> None:
    got = tuple(sampler(clips, needed + extra).shape)
    assert sampler.output_shape(clips, needed + extra) == got
    if needed > 1:
        message = re.escape(f"needs clips of at least {needed} frames, got {needed - 1}")
        for call in (sampler, sampler.output_shape):
            with pytest.raises(ValueError, match=message):
                call(clips, needed - 1)
