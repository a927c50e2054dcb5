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
from examples.imaginator.model import ImaGINator
from examples.imaginator.train import objective_of
from stgan.training import GANStep, Objective, Player, build_objective, draw_step

MODEL = replace(
    PRESETS["tiny"].model, num_frames=4, image_size=(16, 16), base_channels=4, z_dim=5
)  # fmt: skip
CHANNELS = DiscriminatorSettings(channels=4)


class Game(NamedTuple):
    gan: ImaGINator
    objective: Objective
    batch: dict[str, Tensor]
    order: Any
    one_call: bool
    draws: dict[str, Any]

    @property
    def z(self) -> Tensor:
        z: Tensor = self.draws["z"]
        return z


def game(loss: LossSettings | None = None, model: ModelSettings = MODEL, **streams: Any) -> Game:
    torch.manual_seed(0)
    discriminator = replace(CHANNELS, **streams)
    gan = ImaGINator(model, discriminator, num_classes=2)
    # Without power iterations a frozen copy says exactly what the network itself said.
    gan.discriminator.eval()
    loss = loss or LossSettings()
    objective = build_objective(
        objective_of(loss, discriminator), gan.discriminator, logits=gan.streams
    )
    frames = model.num_frames
    video = torch.rand(2, 3, frames, *model.image_size) * 2 - 1
    batch = {"video": video, "image": video[:, :, 0], "label": torch.tensor([0, 1])}
    draws = draw_step(
        gan.discriminator,
        objective,
        num_clips=2,
        num_frames=frames,
        z_dim=gan.z_dim,
        generator=torch.Generator().manual_seed(1),
    )
    return Game(gan, objective, batch, loss.order, discriminator.one_call, draws)


def game_step(
    played: Game,
    *optimizers: Optimizer,
    networks: tuple[Any, Any] | None = None,
    **options: Any,
) -> GANStep:
    networks = networks or (played.gan.generator, played.gan.discriminator)
    players = [
        Player(name, network, optimizer, **options)
        for name, network, optimizer in zip(
            ("generator", "discriminator"), networks, optimizers, strict=True
        )
    ]
    return GANStep(
        *players,
        generate=lambda batch, z: networks[0](batch["image"], z, batch["label"]),
        objective=played.objective,
        order=played.order,
        one_call=played.one_call,
    )


def step(played: Game, discriminator_optimizer: Optimizer | None = None) -> dict[str, Tensor]:
    judges = played.gan.discriminator.parameters()
    take = game_step(
        played,
        torch.optim.SGD(played.gan.generator.parameters(), 0.1),
        discriminator_optimizer or torch.optim.SGD(judges, 0.1),
    )
    return take(played.batch, played.draws)
