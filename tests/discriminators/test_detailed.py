"""What critics tell besides logits: the features of their stages, which change no logit."""

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
    FrameMergeDiscriminator,
    ImagePatchDiscriminator,
    ImageResidualDiscriminator,
    PairDiscriminator,
    PooledVideoDiscriminator,
    RandomFrames,
    StreamOutput,
    StreamSpec,
    TemporalPyramidDiscriminator,
    TwoStreamDiscriminator,
    VideoDiscriminator2Plus1d,
    VideoMultiScalePatchDiscriminator,
    VideoPatchDiscriminator,
    VideoResidualDiscriminator,
)
from tests.strategies import SEEDS

TINY: dict[str, Any] = {"base_channels": 2, "max_channels": 4}
SIZE = (4, 16, 16)
LABEL = torch.tensor([0, 2, 1])
PATCHES: dict[str, Any] = {"kernel_size": 3, "strides": (2, 2, 1), "padding": 1, **TINY}
PLANE = partial(VideoDiscriminator2Plus1d, temporal_kernel_size=2, **TINY)
# Each with the list whose outputs are the features.
NETWORKS: dict[str, tuple[Any, str]] = {
    "residual": (partial(VideoResidualDiscriminator, SIZE, **TINY), "blocks"),
    "patch": (partial(VideoPatchDiscriminator, **PATCHES), "stages"),
    "2p1d": (partial(PLANE, SIZE), "stages"),
    "image_residual": (partial(ImageResidualDiscriminator, 16, **TINY), "blocks"),
    "image_patch": (partial(ImagePatchDiscriminator, **PATCHES), "stages"),
}
CLIPS: dict[str, Any] = {
    "pooled": partial(PooledVideoDiscriminator, (4, 32, 32), **TINY),
    "pyramid": partial(TemporalPyramidDiscriminator, SIZE, **TINY),
    "scales": partial(VideoMultiScalePatchDiscriminator, strides=(2, 1), **TINY),
    "first_frame_video": partial(FirstFrameVideoDiscriminator, SIZE, **TINY),
    "first_frame_image": partial(FirstFrameImageDiscriminator, 16, **TINY),
    **{name: NETWORKS[name][0] for name in ("residual", "patch", "2p1d")},
}


def draw(seed: int, *size: int) -> Tensor:
    return torch.randn(3, 3, *size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=8)
@given(classes=st.sampled_from([0, 3]), norm=st.booleans(), seed=SEEDS)
def test_features_are_those_of_the_stages_in_their_order(
    name: str, classes: int, norm: bool, seed: int
) -> None:
    build, stages = NETWORKS[name]
    flat = name.startswith("image")
    kind: Any = nn.BatchNorm2d if flat else nn.BatchNorm3d
    critic = build(num_classes=classes, norm=kind if norm else None).eval()
    x = draw(seed, *(SIZE[1:] if flat else SIZE))
    label = (LABEL,) if classes else ()
    seen: list[Tensor] = []
    for stage in getattr(critic, stages):
        # Copies, so that a later stage which works in place would be found out.
        stage.register_forward_hook(lambda _, __, output: seen.append(output.clone()))
    output = critic(x, *label, detailed=True)
    assert isinstance(output, StreamOutput)
    assert output.predictions == {}
    assert len(output.features) == len(seen) > 1
    for got, expected in zip(output.features, seen, strict=True):
        assert torch.equal(got, expected)
    assert torch.equal(output.logits, critic(x, *label))


@pytest.mark.parametrize("name", CLIPS)
@settings(max_examples=5)
@given(classes=st.sampled_from([0, 3]), seed=SEEDS)
def test_streams_tell_details_by_the_names_of_their_logits(
    name: str, classes: int, seed: int
) -> None:
    critic = CLIPS[name](num_classes=classes).eval()
    streams = TwoStreamDiscriminator(
        video=StreamSpec(critic, patch=True),
        image=ImageResidualDiscriminator(32 if name == "pooled" else 16, **TINY),
        sampler=RandomFrames(2),
    ).eval()
    video = draw(seed, 4, 32, 32) if name == "pooled" else draw(seed, *SIZE)
    label = (LABEL,) if classes else ()
    indices = streams.sample(video)
    logits = streams(video, *label, indices=indices)
    details = streams(video, *label, indices=indices, detailed=True)
    assert list(details) == list(logits)
    for part, output in details.items():
        assert isinstance(output, StreamOutput)
        assert torch.equal(output.logits, logits[part])
        assert len(output.features) > 0
    assert details["image"].features[0].shape[0] == 6


def test_a_pair_tells_what_its_network_does() -> None:
    pair = PairDiscriminator(16, **TINY).eval()
    video, difference = draw(0, 2, 16, 16), torch.full((3,), 0.5)
    output: Any = pair(video, difference=difference, detailed=True)
    assert torch.equal(output.logits, pair(video, difference=difference))
    assert len(output.features) == len(pair.network.stages)


def test_frames_beside_an_image_keep_their_features_and_average_the_rest() -> None:
    critic = FirstFrameImageDiscriminator(16, **TINY).eval()
    video = draw(0, *SIZE)
    output: Any = critic(video, detailed=True)
    assert torch.equal(output.logits, critic(video))
    assert {len(features) for features in output.features} == {3 * 4}


def test_details_compile() -> None:
    critic = TwoStreamDiscriminator(video=PooledVideoDiscriminator((4, 32, 32), **TINY)).eval()
    video = draw(0, 4, 32, 32)
    compiled = torch.compile(critic, fullgraph=True, backend="aot_eager")
    got, expected = compiled(video, detailed=True)["video"], critic(video, detailed=True)["video"]
    torch.testing.assert_close(got.logits, expected.logits)
    assert len(got.features) == len(expected.features)


def test_what_wraps_a_network_passes_the_question_on() -> None:
    class Wrapped(nn.Module):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return self.network(*args, **kwargs)

    critic = TwoStreamDiscriminator(video=Wrapped(PLANE(SIZE)))
    assert isinstance(critic(draw(0, *SIZE), detailed=True)["video"], StreamOutput)


def test_a_network_inside_that_tells_only_logits_is_named() -> None:
    class Mean(nn.Module):
        def __init__(self, **_: Any) -> None:
            super().__init__()

        def forward(self, video: Tensor) -> Tensor:
            return video.flatten(1).mean(dim=1)

    critic = PooledVideoDiscriminator(None, network=Mean)
    assert critic(draw(0, *SIZE)).shape == (3,)
    message = "the network inside, a Mean, tells nothing but logits; drop detailed=True, or let its"
    with pytest.raises(ValueError, match=message):
        critic(draw(0, *SIZE), detailed=True)
    merged = FrameMergeDiscriminator(16, num_frames=4, merge_after=1, **TINY)
    streams = TwoStreamDiscriminator(streams={"merged": StreamSpec(merged, timed=True)})
    with pytest.raises(ValueError, match="the merged stream, a FrameMergeDiscriminator, tells not"):
        streams(draw(0, *SIZE), detailed=True)
