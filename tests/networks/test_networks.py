"""Encoder, decoder and discriminators at any size that stages reach, and their refusals."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.decoders import DecoderStage, VideoDecoder, decoder_stages
from stgan.discriminators import (
    ImageDiscriminator,
    RandomFrames,
    TwoStreamDiscriminator,
    VideoDiscriminator,
)
from stgan.encoders import ImageEncoder
from stgan.errors import ShapeError
from stgan.functional import take_frames
from stgan.shapes import plan

# Sizes with a plan: a base and doublings of it.
SIZES = st.tuples(
    st.sampled_from([2, 3, 4, 6, 8]), st.sampled_from([8, 12, 16, 24]), st.sampled_from([8, 16, 20])
)


@settings(max_examples=15)
@given(SIZES)
def test_encoder_and_decoder_of_one_plan_fit_together(size: tuple[int, int, int]) -> None:
    route = plan(size)
    encoder = ImageEncoder(size[1:], stages=route.stages, base_channels=4, out_channels=5).eval()
    image = torch.randn(2, 3, *size[1:])
    features = encoder(image)
    shapes = (tuple(features.vector.shape), tuple(tuple(m.shape) for m in features.maps))
    assert shapes == encoder.output_shape(tuple(image.shape))
    assert tuple(m.shape[1] for m in features.maps) == encoder.channels
    stages = decoder_stages(route, base_channels=4, appearance_channels=encoder.channels)
    decoder = VideoDecoder(5, stages, num_classes=3).eval()
    video = decoder(features.vector, features.maps, torch.tensor([0, 2]))
    assert video.shape == (2, 3, *size)
    assert decoder.output_shape((2, 5)) == (2, 3, *size)
    assert video.abs().max() < 1


@settings(max_examples=15)
@given(SIZES, st.booleans(), st.sampled_from([0, 3]))
def test_discriminators_return_one_logit_per_sample(
    size: tuple[int, int, int], any_size: bool, classes: int
) -> None:
    route = plan(size)
    label = torch.tensor([0, 2]) if classes else None
    video = torch.randn(2, 3, *size)
    options = {"stages": route.stages, "num_classes": classes, "base_channels": 4}
    for network, x in (
        (VideoDiscriminator(None if any_size else size, **options), video),
        (ImageDiscriminator(None if any_size else size[1:], **options), video[:, :, 0]),
    ):
        network.eval()
        logits = network(x, label)
        assert tuple(logits.shape) == network.output_shape(tuple(x.shape)) == (2,)
        order = torch.tensor([1, 0])
        swapped = network(x[order], None if label is None else label[order])
        torch.testing.assert_close(swapped, logits[order])


@pytest.mark.parametrize("norm", [None, nn.BatchNorm3d, nn.InstanceNorm3d])
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_every_parameter_of_a_discriminator_learns(norm: object, spectral_norm: bool) -> None:
    network = VideoDiscriminator(
        (8, 16, 16),
        num_classes=2,
        base_channels=4,
        norm=norm,
        spectral_norm=spectral_norm,  # type: ignore[arg-type]
    )
    logits = network(torch.randn(3, 3, 8, 16, 16), torch.tensor([0, 1, 1]))
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_a_longer_clip_never_gives_more_logits() -> None:
    network = VideoDiscriminator((8, 16, 16), base_channels=4)
    with pytest.raises(ShapeError, match=r"\(N, C=3, T=8, H=16, W=16\), got \(1, 3, 16, 16, 16\)"):
        network(torch.zeros(1, 3, 16, 16, 16))


def test_a_discriminator_of_any_size_takes_several_sizes() -> None:
    network = VideoDiscriminator(None, base_channels=4).eval()
    for size in ((16, 32, 32), (24, 48, 16)):
        assert network(torch.randn(2, 3, *size)).shape == (2,)
    with pytest.raises(ShapeError, match="does not fit"):
        network.output_shape((1, 3, 1, 4, 4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: VideoDiscriminator((8, 16, 16), num_classes=2, base_channels=4)(CLIP),
         "built for 2 classes; pass label"),
        (lambda: VideoDiscriminator((8, 16, 16), base_channels=4)(CLIP, torch.tensor([0])),
         "built without classes; do not pass label"),
        (lambda: VideoDiscriminator((8, 17, 16)), r"nearest size that can be reached is \(8, 16"),
        (lambda: VideoDiscriminator(num_classes=-1), "num_classes must be at least 0, got -1"),
        (lambda: ImageEncoder(16, base_channels=4)(torch.zeros(1, 3, 16, 32)),
         r"image must be laid out as \(N, C=3, H=16, W=16\), got \(1, 3, 16, 32\)"),
        (lambda: VideoDecoder(4, STAGES[:1]), "at least two stages, got 1"),
        (lambda: VideoDecoder(4, [*STAGES[:-1], DecoderStage(3, 4, appearance_channels=2)]),
         "nothing is fused after the last stage"),
        (lambda: VideoDecoder(4, STAGES)(torch.zeros(1, 5)), r"latent must be .*\(N, D=4\)"),
        (lambda: VideoDecoder(4, STAGES)(torch.zeros(1, 4), [torch.zeros(1, 1, 1, 1)]),
         "fuses fewer than the 1 maps"),
        (lambda: decoder_stages(plan((8, 16, 16)), appearance_channels=[1]),
         "must hold 2 numbers, one for every stage but the last, got 1"),
    ],
)  # fmt: skip
def test_refusals_teach(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


CLIP = torch.zeros(1, 3, 8, 16, 16)
STAGES = decoder_stages(plan((8, 16, 16)), base_channels=4)


def _two_streams(frames: int = 1) -> TwoStreamDiscriminator:
    return TwoStreamDiscriminator(
        video=VideoDiscriminator((8, 16, 16), num_classes=2, base_channels=4),
        image=ImageDiscriminator(16, base_channels=4),
        sampler=RandomFrames(frames),
    ).eval()


def test_the_image_stream_depends_on_the_sampled_frames_alone() -> None:
    critic = _two_streams(2)
    video, label = torch.randn(3, 3, 8, 16, 16), torch.tensor([0, 1, 1])
    indices = critic.sample(video, generator=torch.Generator().manual_seed(0))
    logits = critic(video, label, indices=indices)
    other = torch.randn_like(video)
    other.scatter_(2, indices[:, None, :, None, None].expand(-1, 3, -1, 16, 16),
                   take_frames(video, indices))  # fmt: skip
    again = critic(other, label, indices=indices)
    torch.testing.assert_close(again["image"], logits["image"])
    assert not torch.allclose(again["video"], logits["video"])
    frames = take_frames(video, indices)
    by_hand = torch.stack([critic.image(frames[:, :, k]) for k in range(2)], dim=1).mean(dim=1)
    torch.testing.assert_close(logits["image"], by_hand)
    torch.testing.assert_close(logits["video"], critic.video(video, label))


def test_a_generator_makes_the_draw_repeatable() -> None:
    critic = _two_streams()
    video, label = torch.randn(2, 3, 8, 16, 16), torch.tensor([0, 1])

    def run(seed: int) -> Tensor:
        return critic(video, label, generator=torch.Generator().manual_seed(seed))["image"]

    assert torch.equal(run(1), run(1))
    assert any(not torch.equal(run(1), run(seed)) for seed in range(2, 12))


def test_a_stream_that_returns_a_map_is_refused() -> None:
    critic = TwoStreamDiscriminator(video=nn.Identity(), image=nn.Identity())
    with pytest.raises(ShapeError, match="video stream must return one logit per sample"):
        critic(torch.zeros(2, 3, 4, 8, 8))
