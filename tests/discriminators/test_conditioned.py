"""First-frame discriminators: the same as their networks over frames beside an image."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from stgan.discriminators import (
    FirstFrameImageDiscriminator,
    FirstFrameVideoDiscriminator,
    ImageDiscriminator,
    ImagePatchDiscriminator,
    ImageResidualDiscriminator,
    VideoDiscriminator,
    VideoPatchDiscriminator,
    VideoResidualDiscriminator,
)
from stgan.shapes import plan
from tests.strategies import SEEDS

TINY = {"base_channels": 2, "max_channels": 4}
SIZES = st.tuples(st.sampled_from([2, 3, 4]), *[st.sampled_from([8, 12, 16])] * 2)
LABEL, ORDER = torch.tensor([0, 2, 1]), torch.tensor([1, 2, 0])


@settings(max_examples=15)
@given(
    SIZES, st.sampled_from([VideoDiscriminator, VideoResidualDiscriminator]), st.booleans(), SEEDS
)
def test_a_clip_is_judged_beside_its_image(
    size: tuple[int, int, int], network: type[nn.Module], any_size: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    critic = FirstFrameVideoDiscriminator(
        None if any_size else size, network=network, num_classes=3, stages=plan(size).stages, **TINY
    ).eval()
    video = torch.randn(3, 3, *size, generator=generator)
    image = torch.randn(3, 3, *size[1:], generator=generator)
    logits = critic(video, LABEL, image=image)
    assert tuple(logits.shape) == critic.output_shape(tuple(video.shape)) == (3,)
    seen = torch.cat([torch.stack([image] * size[0], dim=2), video], dim=1)
    torch.testing.assert_close(logits, critic.network(seen, LABEL))
    turned = critic(video[ORDER], LABEL[ORDER], image=image[ORDER])
    torch.testing.assert_close(turned, logits[ORDER])
    assert torch.equal(critic(video, LABEL), critic(video, LABEL, image=video[:, :, 0]))


@settings(max_examples=15)
@given(
    SIZES, st.integers(1, 4), st.sampled_from([ImageDiscriminator, ImageResidualDiscriminator]),
    st.booleans(), SEEDS,
)  # fmt: skip
def test_frames_are_judged_one_by_one_beside_the_image(
    size: tuple[int, int, int], count: int, network: type[nn.Module], any_size: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    critic = FirstFrameImageDiscriminator(
        None if any_size else size[1:], network=network, num_classes=3, stages=plan(size).stages,
        **TINY,
    ).eval()  # fmt: skip
    video = torch.randn(3, 3, count, *size[1:], generator=generator)
    image = torch.randn(3, 3, *size[1:], generator=generator)
    logits = critic(video, LABEL, image=image)
    assert tuple(logits.shape) == critic.output_shape(tuple(video.shape)) == (3,)
    by_hand = [
        critic.network(torch.cat([image, video[:, :, frame]], dim=1), LABEL)
        for frame in range(count)
    ]
    torch.testing.assert_close(logits, torch.stack(by_hand).mean(dim=0))
    torch.testing.assert_close(critic(video, torch.eye(3)[LABEL], image=image), logits)
    torch.testing.assert_close(critic(video.flip(2), LABEL, image=image), logits)
    turned = critic(video[ORDER], LABEL[ORDER], image=image[ORDER])
    torch.testing.assert_close(turned, logits[ORDER])
    assert torch.equal(critic(video, LABEL), critic(video, LABEL, image=video[:, :, 0]))


CRITICS = [
    FirstFrameVideoDiscriminator((4, 8, 12), init_std=None, **TINY),
    FirstFrameImageDiscriminator((8, 12), init_std=None, **TINY),
]


@pytest.mark.parametrize("critic", CRITICS)
def test_the_image_counts_and_has_a_gradient(critic: nn.Module) -> None:
    video, image = torch.randn(2, 3, 4, 8, 12), torch.randn(2, 3, 8, 12, requires_grad=True)
    logits = critic(video, image=image)
    assert not torch.allclose(logits, critic(video, image=-image))
    logits.sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in critic.parameters())


def test_patches_may_be_judged_too() -> None:
    video = torch.zeros(2, 1, 15, 48, 64)
    clips = FirstFrameVideoDiscriminator(
        None, network=VideoPatchDiscriminator, in_channels=1, **TINY
    )
    assert clips(video).shape == clips.output_shape((2, 1, 15, 48, 64)) == (2, 3, 3, 4)
    frames = FirstFrameImageDiscriminator(
        None, network=ImagePatchDiscriminator, in_channels=1, **TINY
    )
    assert frames(video).shape == frames.output_shape((2, 1, 15, 48, 64)) == (2, 4, 6)


CLIP = torch.zeros(2, 3, 4, 8, 12)


@pytest.mark.parametrize("critic", CRITICS)
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda critic: critic(CLIP, image=torch.zeros(2, 3, 8, 8)),
         r"image must be laid out as \(N=2, C=3, H=8, W=12\), got \(2, 3, 8, 8\)"),
        (lambda critic: critic(CLIP, image=torch.zeros(1, 3, 8, 12)), r"got \(1, 3, 8, 12\)"),
        (lambda critic: critic(CLIP, image=torch.zeros(2, 1, 8, 12)), r"got \(2, 1, 8, 12\)"),
        (lambda critic: critic.output_shape(tuple(CLIP.shape), None, (2, 3, 8, 8)),
         r"image must be .* got \(2, 3, 8, 8\)"),
        (lambda critic: critic(CLIP[..., :8]), r"W=12\), got \(2, 3, 4, 8, 8\)"),
        (lambda critic: critic.output_shape((2, 3, 8, 12)), r"got \(2, 3, 8, 12\)"),
        (lambda critic: critic(CLIP, torch.tensor([0, 0])), "do not pass label"),
        (lambda critic: type(critic)(num_classes=2, **TINY)(torch.zeros(2, 3, 32, 64, 64)),
         "built for 2 classes; pass label"),
    ],
)  # fmt: skip
def test_refusals_teach(
    critic: nn.Module, call: Callable[[nn.Module], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        call(critic)


def test_a_label_for_other_clips_is_refused() -> None:
    critic = FirstFrameImageDiscriminator((8, 12), num_classes=2, **TINY)
    with pytest.raises(ValueError, match=r"label, as rows, must be .*\(N=2, K\), got \(1, 2\)"):
        critic(CLIP, torch.tensor([0]))
