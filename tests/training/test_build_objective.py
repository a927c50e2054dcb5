"""Objectives from plain data."""

from typing import Any

import pytest
import torch

from stgan.augment import AdaptiveAugmentation, ADAugment, DiffAugment
from stgan.discriminators import ImageDiscriminator, TwoStreamDiscriminator, VideoDiscriminator
from stgan.errors import ConfigError, UnknownNameError
from stgan.losses import HingeLoss, L1Loss, R1Penalty
from stgan.training import Objective, View, build_objective, discriminate


def _streams() -> TwoStreamDiscriminator:
    torch.manual_seed(0)
    return TwoStreamDiscriminator(
        video=VideoDiscriminator((4, 16, 16), base_channels=4),
        image=ImageDiscriminator(16, base_channels=4),
    )


def test_it_computes_what_an_objective_of_objects_computes() -> None:
    streams = _streams().eval()  # spectral norms then stay as they are
    config = {
        "adversarial": "hinge",
        "generator": {"l1": 100, "near": {"name": "l2", "weight": 0.5}},
        "penalties": {"r1": {"weight": 5.0}},
        "stream_weights": {"image": 0.25},
        "penalty_every": 2,
    }
    made = build_objective(config, streams)
    near = made.terms["near"]
    by_hand = Objective(
        streams,
        HingeLoss(),
        generator={"l1": (L1Loss(), 100.0), "near": (near, 0.5)},
        penalties={"r1": (R1Penalty(), 5.0)},
        stream_weights={"image": 0.25},
        penalty_every=2,
    )
    real, fake = View(torch.rand(2, 3, 4, 16, 16)), View(torch.rand(2, 3, 4, 16, 16))
    draws = streams.sample(fake.video)
    real, fake = real._replace(indices=draws), fake._replace(indices=draws)
    said, of_real = discriminate(streams, fake), discriminate(streams, real)
    for one in ("generator", "discriminator"):
        losses = [
            objective.generator(said, fake=fake.video, real=real.video)
            if one == "generator"
            else objective.discriminator(streams, of_real, said, real=real, fake=fake)
            for objective in (made, by_hand)
        ]
        assert losses[0].keys() == losses[1].keys()
        assert all(torch.equal(losses[0][name], losses[1][name]) for name in losses[0])


def test_an_augmentation_that_can_adapt_does_unless_it_is_told_not_to() -> None:
    def augment(config: Any) -> Any:
        return build_objective({"augment": config}, _streams()).augment

    assert isinstance(augment("diff_augment"), DiffAugment)
    ada = augment("ada")
    assert isinstance(ada, AdaptiveAugmentation)
    assert (ada.target, ada.ramp, ada.max_probability) == (0.6, 500_000, 0.8)
    ada = augment({"name": "ada", "adapt": {"target": 0.3, "ramp": 1000}})
    assert (ada.target, ada.ramp, ada.max_probability) == (0.3, 1000, 0.8)
    assert isinstance(augment({"name": "ada", "adapt": None}), ADAugment)


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"adversarial": "l1"}, ConfigError, "a loss with a half for each player, got 'l1'"),
        ({"adversarial": "hing"}, UnknownNameError, "did you mean 'hinge'"),
        ({"generator": {"r1": 1}}, ConfigError, "'r1' of the generator must be .* says discrimin"),
        ({"penalties": {"l1": 1}}, ConfigError, "'l1' of the discriminator .* says generator"),
        ({"penalties": {"r1": -1}}, ConfigError, "'r1' must have a finite weight of at"),
        ({"penalties": {"r1": True}}, ConfigError, "'r1' a weight, got True"),
        ({"penalties": {"r1": {"every": 2}}}, ConfigError, "'r1' a weight, got {'every"),
        ({"penalties": {"r1": {"weight": 1, "evry": 2}}}, ConfigError, "no setting named 'evry'"),
        ({"penalties": {"r3": 1}}, UnknownNameError, "has no entry named 'r3'"),
        ({"penalties": ["r1"]}, ConfigError, r"map names of terms to weights, got \["),
        ({"generator": {"perceptual": 1}}, ConfigError, "weights the network of 'perceptual'"),
        ({"penalty": {"r1": 1}}, UnknownNameError, "named 'penalty'; did you mean 'penalties'"),
        ({"logits": ["video"]}, UnknownNameError, "an objective has no setting named 'logits'"),
        ({"augment": {"name": "ada", "adapt": {"targt": 1}}}, UnknownNameError, "mean 'target'"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(config: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build_objective(config, _streams())
