"""What a recording of a step cannot hold is refused."""

from dataclasses import replace

import pytest
import torch

from examples.imaginator.config import LossSettings
from stgan.errors import ConfigError
from stgan.training import FiniteGuard, GANStep, RecordedStep
from tests.examples.games import game, game_step


def step(loss: LossSettings | None = None, **streams: object) -> GANStep:
    played = game(loss, **streams)
    networks = played.gan.generator, played.gan.discriminator
    return game_step(played, *(torch.optim.SGD(n.parameters(), 0.1) for n in networks))


def test_a_step_that_is_always_the_same_can_be_recorded() -> None:
    RecordedStep.check(step(), "cuda")


CANNOT = {
    "runs on cpu": (step, "cpu"),
    "gathers gradients in parts": (lambda: replace(step(), accumulate=2), "cuda"),
    "has penalties, clipping or augmentation": (
        lambda: step(LossSettings(penalties={"r1": 5.0})), "cuda",
    ),
    "has penalties, clipping or augmentation that": (lambda: step(augment="ada"), "cuda"),
}  # fmt: skip


@pytest.mark.parametrize("told", CANNOT)
def test_what_a_recording_cannot_hold_is_told(told: str) -> None:
    make, device = CANNOT[told]
    with pytest.raises(ConfigError, match=f"this one {told}.*; take it without recording"):
        RecordedStep.check(make(), device)


def test_a_step_that_may_be_skipped_cannot_be_recorded() -> None:
    one = step()
    guard = FiniteGuard({"generator": one.generator.network}, skip=1)
    guarded = replace(one, generator=replace(one.generator, guard=guard))
    with pytest.raises(ConfigError, match="this one may be skipped"):
        RecordedStep.check(guarded, "cuda")
