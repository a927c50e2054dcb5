"""Labels and conditions reach the streams that take them, and no other."""

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

from stgan.discriminators import (
    ProjectionHead,
    RandomFrames,
    StreamSpec,
    TwoStreamDiscriminator,
)
from stgan.functional import r1_penalty, take_frames
from stgan.testing import check_module
from tests.discriminators.small_networks import (
    LABEL,
    SIZE,
    clips,
    image_network,
    video_network,
)
from tests.strategies import SEEDS


def with_condition() -> TwoStreamDiscriminator:
    torch.manual_seed(0)
    options = {"head": ProjectionHead, "condition_dim": 5}
    return TwoStreamDiscriminator(
        video=video_network(num_classes=3, **options),
        image=image_network(**options),
        sampler=RandomFrames(2),
        streams={"plain": StreamSpec(video_network(), labeled=False)},
    ).eval()


@settings(max_examples=8)
@given(SEEDS)
def test_a_condition_reaches_the_streams_that_take_it_and_no_other(seed: int) -> None:
    critic, video = with_condition(), clips(seed)
    condition = torch.randn(3, 5, generator=torch.Generator().manual_seed(seed))
    indices = critic.sample(video)
    logits = critic(video, LABEL, indices=indices, condition=condition)
    torch.testing.assert_close(logits["video"], critic.video(video, LABEL, condition))
    frames = take_frames(video, indices)
    alone = [critic.image(frames[:, :, k], condition=condition) for k in range(2)]
    torch.testing.assert_close(logits["image"], torch.stack(alone).mean(dim=0))
    torch.testing.assert_close(logits["plain"], critic.plain(video))
    shapes = {name: tuple(values.shape) for name, values in logits.items()}
    assert shapes == critic.output_shape((3, 3, *SIZE), (3,), (3, 2), (3, 5))
    penalty = r1_penalty(critic, real=video, label=LABEL, indices=indices, condition=condition)
    assert (penalty > 0).all()


def test_a_conditioned_critic_keeps_the_contract() -> None:
    inputs = {"video": clips(), "label": LABEL, "indices": torch.tensor([[0, 3]] * 3),
              "condition": torch.randn(3, 5)}  # fmt: skip
    check_module(with_condition(), inputs, pickle="torch pickles no parametrized weights")


def test_a_spec_says_whether_a_network_of_any_kind_is_conditioned() -> None:
    class Own(nn.Module):
        condition_dim = 2  # another word for something else

        def forward(self, video: Tensor, *, condition: Tensor | None = None) -> Tensor:
            logits = video.flatten(1).mean(dim=1)
            return logits if condition is None else logits + condition.sum(dim=1)

    streams = {
        "yes": StreamSpec(Own(), conditioned=True),
        "no": StreamSpec(Own(), conditioned=False),
    }
    critic = TwoStreamDiscriminator(streams=streams)
    logits = critic(clips(), condition=torch.ones(3, 2))
    torch.testing.assert_close(logits["yes"], logits["no"] + 2)


@settings(max_examples=8)
@given(SEEDS)
def test_a_plain_image_network_that_was_built_for_classes_is_told_the_label(seed: int) -> None:
    critic = TwoStreamDiscriminator(
        video=video_network(num_classes=3),
        image=image_network(num_classes=3),
        sampler=RandomFrames(2),
    ).eval()
    video = clips(seed)
    indices = critic.sample(video)
    logits = critic(video, LABEL, indices=indices)
    frames = take_frames(video, indices)
    alone = [critic.image(frames[:, :, k], LABEL) for k in range(2)]
    torch.testing.assert_close(logits["image"], torch.stack(alone).mean(dim=0))
    with pytest.raises(ValueError, match="built for 3 classes; pass label"):
        critic(video, indices=indices, only=["image"])


def test_a_classifier_of_another_library_that_takes_no_label_is_given_none() -> None:
    class Classifier(nn.Module):
        num_classes = 1

        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1).mean(dim=1)

    critic = TwoStreamDiscriminator(video=video_network(num_classes=3), image=Classifier())
    assert critic(clips(), LABEL)["image"].shape == (3,)
