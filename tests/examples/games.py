"""A small game of the recipe: networks, an objective, a batch and its draws, ready for a step."""

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from examples.imaginator.config import (
    PRESETS,
    DiscriminatorSettings,
    LossSettings,
    ModelSettings,
)
from examples.imaginator.draws import Draws
from examples.imaginator.model import ImaGINator
from examples.imaginator.objective import Objective
from examples.imaginator.steps import make_draws, train_step

MODEL = replace(
    PRESETS["tiny"].model, num_frames=4, image_size=(16, 16), base_channels=4, z_dim=5
)  # fmt: skip
CHANNELS = DiscriminatorSettings(channels=4)


class Game(NamedTuple):
    gan: ImaGINator
    objective: Objective
    batch: dict[str, Tensor]
    draws: Draws


def game(loss: LossSettings | None = None, model: ModelSettings = MODEL, **streams: Any) -> Game:
    torch.manual_seed(0)
    discriminator = replace(CHANNELS, **streams)
    gan = ImaGINator(model, discriminator, num_classes=2)
    # Without power iterations a frozen copy says exactly what the network itself said.
    gan.discriminator.eval()
    objective = Objective(loss or LossSettings(), discriminator, gan.discriminator, gan.streams)
    frames = model.num_frames
    video = torch.rand(2, 3, frames, *model.image_size) * 2 - 1
    batch = {"video": video, "image": video[:, :, 0], "label": torch.tensor([0, 1])}
    draws = make_draws(
        gan.discriminator,
        objective,
        (2, frames),
        gan.z_dim,
        same_frames=True,
        generator=torch.Generator().manual_seed(1),
    )
    return Game(gan, objective, batch, draws)


def step(played: Game, discriminator_optimizer: Optimizer | None = None) -> dict[str, Tensor]:
    judges = played.gan.discriminator.parameters()
    return train_step(
        played.gan.generator,
        played.gan.discriminator,
        torch.optim.SGD(played.gan.generator.parameters(), 0.1),
        discriminator_optimizer or torch.optim.SGD(judges, 0.1),
        played.batch,
        played.draws,
        objective=played.objective,
    )
