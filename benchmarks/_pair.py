"""The plain twin and the recipe with equal weights, each ready to take its own iterations."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.twin import Twin, TwinGenerator
from examples.imaginator.config import PRESETS, ModelSettings, Settings
from examples.imaginator.convert import convert_state_dict
from examples.imaginator.model import Generator, ImaGINator, build
from examples.imaginator.train import Training, open_run
from stgan.training import RecordedStep

__all__ = [
    "Batch",
    "Recipe",
    "Sizes",
    "build_generators",
    "draw_batch",
    "published_networks",
    "published_step",
    "share",
]

NUM_CLASSES = 6
Precision = Literal["32-true", "bf16-mixed"]


@dataclass(frozen=True)
class Sizes:
    """Widths of the networks; clips have 32 frames of 64 x 64, as the published networks want."""

    channels: int = 64
    """Of the finest stage."""
    z_dim: int = 512
    """Of the noise."""
    appearance_dim: int = 100
    """Of the appearance vector."""

    def twin(self) -> Twin:
        """Build the plain networks as published."""
        return Twin(
            channels=self.channels,
            num_classes=NUM_CLASSES,
            z_dim=self.z_dim,
            appearance_dim=self.appearance_dim,
        )


@dataclass(frozen=True)
class Batch:
    """Clips, labels, noise, and the frame that the image discriminator sees."""

    video: Tensor
    label: Tensor
    z: Tensor
    real_frame: int = 7
    fake_frame: int = 20

    def frames(self, frame: int) -> Tensor:
        """Return a frame's number for every clip, as the recipe wants it."""
        return torch.full((len(self.label), 1), frame, device=self.label.device)


def draw_batch(
    batch_size: int,
    z_dim: int,
    *,
    size: tuple[int, int, int] = (32, 64, 64),
    device: torch.device | str = "cpu",
) -> Batch:
    """Draw a batch of noise, alike on every device."""
    draws = torch.Generator().manual_seed(0)
    video = torch.rand(batch_size, 3, *size, generator=draws) * 2 - 1
    z = torch.randn(batch_size, z_dim, generator=draws)
    label = torch.arange(batch_size) % NUM_CLASSES
    frames = {"real_frame": 7 % size[0], "fake_frame": 20 % size[0]}
    return Batch(video.to(device), label.to(device), z.to(device), **frames)


def build_generators(sizes: Sizes) -> tuple[TwinGenerator, Generator]:
    """Build the two generators alone, with equal weights and statistics of the norms."""
    torch.manual_seed(0)
    twin = sizes.twin().generator
    # As they come, the statistics would let features fade, and an output of biases proves nothing.
    batch = draw_batch(4, sizes.z_dim)
    norms = [m for m in twin.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm3d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        twin(batch.video[:, :, 0], batch.z, F.one_hot(batch.label, NUM_CLASSES).float())
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum
    mine = build("released", num_classes=NUM_CLASSES, **_widths(sizes)).generator
    mine.load_state_dict(convert_state_dict(twin.state_dict(), "generator"))
    return twin, mine


def share(twin: Twin, gan: ImaGINator) -> None:
    """Give the weights of the twin to the recipe's networks of the preset ``released``."""
    for name, network in published_networks(gan).items():
        network.load_state_dict(convert_state_dict(twin.get_submodule(name).state_dict(), name))


def published_networks(gan: ImaGINator) -> dict[str, nn.Module]:
    """Return the recipe's networks by their published names."""
    return {
        "generator": gan.generator,
        "video_discriminator": gan.discriminator.get_submodule("video"),
        "image_discriminator": gan.discriminator.get_submodule("image"),
    }


class Recipe:
    """The recipe's networks, optimizers and precision, ready to take its own steps.

    Args:
        preset: Where the settings start.
        sizes: Widths of the networks.
        precision: As in the recipe's settings.
        accelerator: As in the recipe's settings.
        size: ``(T, H, W)`` of the clips.
        loss: Fields of the loss's settings.
        recompute: Whether the decoder's stages keep no activations.
        cuda_graph: Whether the step is recorded and replayed.
        **model: Fields of the model's settings.
    """

    def __init__(
        self,
        preset: str = "released",
        sizes: Sizes | None = None,
        *,
        precision: Precision = "32-true",
        accelerator: str = "cpu",
        size: tuple[int, int, int] = (32, 64, 64),
        loss: Mapping[str, Any] | None = None,
        recompute: bool = False,
        cuda_graph: bool = False,
        **model: Any,
    ) -> None:
        start = PRESETS[preset]
        widths = _widths(sizes or Sizes())
        wanted: ModelSettings = replace(
            start.model, num_frames=size[0], image_size=size[1:], **widths, **model
        )
        self.settings: Settings = replace(
            start,
            model=wanted,
            loss=replace(start.loss, **(loss or {})),
            train=replace(
                start.train,
                precision=precision,
                accelerator=accelerator,
                checkpoint_activations=recompute,
                cuda_graph=cuda_graph,
            ),
        )
        with tempfile.TemporaryDirectory() as folder:
            # Clips of noise are given to each step; those that the run opens are never drawn.
            out = replace(self.settings, out=Path(folder))
            self.training: Training = open_run(out)
        fabric, training = self.training.fabric, self.training
        self.generator, self.generator_optimizer = fabric.setup(
            training.gan.generator, training.optimizers[0]
        )
        self.discriminator, self.discriminator_optimizer = fabric.setup(
            training.gan.discriminator, training.optimizers[1]
        )
        step = training.step(
            self.generator,
            self.discriminator,
            self.generator_optimizer,
            self.discriminator_optimizer,
        )
        self.steps = 0
        for player in (step.generator, step.discriminator):
            player.guard = player.health = None
        self._take: Callable[..., dict[str, Tensor]] = RecordedStep(step) if cuda_graph else step

    @property
    def gan(self) -> ImaGINator:
        """The networks without what the precision wraps around them."""
        return self.training.gan

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Take one iteration as the recipe's loop does: draws, step, averaged generator."""
        training = self.training
        drawn: dict[str, Any] = {"z": batch.z, "other_z": None}
        for side, frame in (("real", batch.real_frame), ("fake", batch.fake_frame)):
            drawn[side] = {"indices": batch.frames(frame), "augment": None}
        clips = {"image": batch.video[:, :, 0], "video": batch.video, "label": batch.label}
        losses = self._take(clips, drawn)
        self.steps += 1
        if training.average is not None:
            training.average.update(training.gan.generator, self.steps)
        return losses

    def compile(self) -> None:
        """Let torch.compile make the generator, at its next call."""
        self.gan.generator.compile()


def _widths(sizes: Sizes) -> dict[str, Any]:
    """Name widths as the recipe's settings do."""
    return {
        "base_channels": sizes.channels,
        "z_dim": sizes.z_dim,
        "appearance_dim": sizes.appearance_dim,
    }


def published_step(twin: Twin, batch: Batch) -> dict[str, float]:
    """Let the twin take its iteration on a batch."""
    return twin.train_step(
        batch.video,
        batch.label,
        batch.z,
        real_frame=batch.real_frame,
        fake_frame=batch.fake_frame,
    )
