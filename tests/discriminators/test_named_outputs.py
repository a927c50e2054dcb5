"""Critics around a network that names several outputs: promises, means, penalties, streams."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.discriminators import (
    FirstFrameImageDiscriminator,
    FirstFrameVideoDiscriminator,
    PairDiscriminator,
    PooledVideoDiscriminator,
    ProjectionHead,
    StreamSpec,
    TemporalPyramidDiscriminator,
    TwoStreamDiscriminator,
    VideoDiscriminator,
    VideoMultiScalePatchDiscriminator,
)
from stgan.functional import r1_penalty
from tests.strategies import SEEDS

TINY: dict[str, Any] = {"base_channels": 2, "max_channels": 4}
SCALES = partial(VideoMultiScalePatchDiscriminator, strides=(2, 1), **TINY)
PYRAMID = partial(TemporalPyramidDiscriminator, network=SCALES)
NETWORKS = st.sampled_from([SCALES, PYRAMID])
WRAPPERS: Any = st.sampled_from(
    [FirstFrameVideoDiscriminator, PooledVideoDiscriminator, TemporalPyramidDiscriminator]
)
SIZES = st.tuples(st.integers(2, 6), st.integers(8, 16), st.integers(8, 16))


def shapes(answer: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(logits.shape) for name, logits in answer.items()}


@settings(max_examples=20)
@given(WRAPPERS, NETWORKS, SIZES, st.integers(1, 2), st.sampled_from([0, 3]), SEEDS)
def test_what_is_promised_is_what_is_said_by_name(
    wrapper: Callable[..., nn.Module],
    network: Callable[..., nn.Module],
    size: tuple[int, int, int],
    n: int,
    classes: int,
    seed: int,
) -> None:
    critic: Any = wrapper(None, network=network, num_classes=classes).eval()
    video = torch.randn(n, 3, *size, generator=torch.Generator().manual_seed(seed))
    label = (torch.zeros(n, dtype=torch.long),) if classes else ()
    answer = critic(video, *label)
    assert all(isinstance(logits, Tensor) for logits in answer.values())
    assert critic.output_shape((n, 3, *size)) == shapes(answer)
    both = TwoStreamDiscriminator(streams={"motion": StreamSpec(critic, patch=True)})
    said = both(video, *label)
    assert both.output_shape((n, 3, *size)) == shapes(said)
    for name, logits in answer.items():
        assert torch.equal(said[f"motion.{name}"], logits)


def test_names_of_names_are_joined() -> None:
    critic = TemporalPyramidDiscriminator(None, strides=(1, 3), network=PYRAMID).eval()
    names = list(critic.output_shape((1, 3, 12, 16, 16)))
    assert names[:2] == ["stride_1.stride_1.scale_0", "stride_1.stride_1.scale_1"]
    assert names[-1] == "stride_3.stride_2.scale_1"
    video = torch.randn(1, 3, 12, 16, 16)
    assert list(critic(video)) == names
    network = critic.networks["stride_3"]
    expected = network(video[:, :, ::3])["stride_2.scale_1"]
    assert torch.equal(critic(video)[names[-1]], expected)


@settings(max_examples=5)
@given(SEEDS)
def test_a_penalty_takes_a_pyramid_of_scales_as_it_is(seed: int) -> None:
    critic = PYRAMID(None).eval()
    video = torch.randn(2, 3, 4, 12, 12, generator=torch.Generator().manual_seed(seed))

    def total(samples: Tensor) -> Tensor:
        answer: Mapping[str, Tensor] = critic(samples)
        return torch.stack([logits.flatten(1).sum(1) for logits in answer.values()]).sum(0)

    penalty = r1_penalty(critic, real=video)
    torch.testing.assert_close(penalty, r1_penalty(total, real=video))
    streams = TwoStreamDiscriminator(streams={"motion": StreamSpec(critic, patch=True)})
    torch.testing.assert_close(r1_penalty(streams, real=video), penalty)


class Halves(nn.Module):
    """Judge the upper and the lower half of an image, each by its mean."""

    def __init__(self, **_: Any) -> None:
        super().__init__()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        upper, lower = image.chunk(2, dim=2)
        return {"upper": upper.flatten(1).mean(dim=1), "lower": lower.mean(dim=1)}

    def output_shape(self, image: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        n, _, h, w = image
        return {"upper": (n,), "lower": (n, h // 2, w)}


def test_networks_of_images_may_name_several_too() -> None:
    video = torch.randn(2, 3, 2, 4, 6)
    frames = FirstFrameImageDiscriminator(None, network=Halves)
    answer: Any = frames(video)
    assert frames.output_shape(tuple(video.shape)) == shapes(answer)
    seen = [torch.cat([video[:, :, 0], video[:, :, k]], dim=1) for k in range(2)]
    for name, logits in answer.items():
        expected = torch.stack([frames.network(frame)[name] for frame in seen]).mean(dim=0)
        torch.testing.assert_close(logits, expected)
    pair = PairDiscriminator(None, network=Halves)
    answer = pair(video, difference=torch.zeros(2))
    assert pair.output_shape(tuple(video.shape)) == shapes(answer)


@pytest.mark.parametrize(
    "build",
    [
        partial(PooledVideoDiscriminator, (4, 32, 32), network=VideoDiscriminator),
        partial(FirstFrameVideoDiscriminator, (4, 16, 16)),
        partial(FirstFrameImageDiscriminator, 16),
        partial(PairDiscriminator, 16),
        partial(TemporalPyramidDiscriminator, (4, 16, 16)),
    ],
    ids=lambda build: build.func.__name__,
)
def test_a_condition_that_would_reach_no_network_is_refused(build: Any) -> None:
    message = f"{build.func.__name__} passes no condition to its network; leave condition_dim at 0"
    with pytest.raises(ValueError, match=message):
        build(head=ProjectionHead, condition_dim=5, **TINY)
