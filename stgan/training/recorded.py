"""A step of both players as a recording that a GPU replays."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
import torch.distributed as dist
from torch import Tensor

from stgan.errors import ConfigError
from stgan.training.captured import CapturedStep
from stgan.training.parts import Draws
from stgan.training.players import GANStep

__all__ = ["RecordedStep"]


@dataclass
class RecordedStep:
    """Takes steps of both players by replaying one, and lets the guard look at each.

    Health is not measured in a replayed step, so take those that are logged as they are::

        recorded = RecordedStep(step)
        losses = recorded(batch, draws, due=run.due)

    Attributes:
        step: The step that is recorded, by :class:`CapturedStep`.
        inputs: What it uses of a batch.

    Raises:
        ConfigError: If the step cannot be recorded; see :meth:`check`.
    """

    step: GANStep
    inputs: tuple[str, ...] = ("image", "video", "label")

    def __post_init__(self) -> None:
        """Prepare the recording of a step that a recording can hold."""
        step = self.step
        players = step.generator, step.discriminator
        self.check(step, next(step.generator.network.parameters()).device)
        generator, discriminator = (replace(one, guard=None, health=None) for one in players)
        bare = replace(step, generator=generator, discriminator=discriminator)
        self._captured = CapturedStep(
            lambda given: bare(given["batch"], given["draws"]),
            [player.network for player in players],
        )

    @staticmethod
    def check(step: GANStep, device: torch.device | str) -> None:
        """Refuse a step that a recording cannot hold.

        Args:
            step: The step.
            device: Where it runs.

        Raises:
            ConfigError: If it waits, differs from the next, or runs elsewhere than on one GPU.
        """
        kind = torch.device(device).type
        guard = step.generator.guard
        obstacles = {
            f"runs on {kind}": kind != "cuda",
            "is shared by several processes": dist.is_initialized() and dist.get_world_size() > 1,
            "gathers gradients in parts": step.accumulate > 1,
            "may be skipped": guard is not None and guard.skip > 0,
            "has penalties, clipping or augmentation that change from step to step": (
                not step.objective.steady
            ),
        }
        for obstacle, there in obstacles.items():
            if there:
                raise ConfigError(
                    f"a recorded step is one that a GPU repeats as it is, but this one {obstacle}; "
                    f"take it without recording"
                )

    def __call__(
        self, batch: Mapping[str, Tensor], draws: Draws, *, due: bool = False
    ) -> dict[str, Tensor]:
        """Take a step on a batch; one that is due to be logged, as it is and with health."""
        if due:
            return self.step(batch, draws, due=True)
        replayed = self._captured.recorded
        used = {name: batch[name] for name in self.inputs}
        losses = self._captured({"batch": used, "draws": draws})
        if replayed:  # what the step does besides, in Python
            self.step.objective.schedules.advance()
        for player in (self.step.generator, self.step.discriminator):
            if player.guard is not None:
                own = {key: loss for key, loss in losses.items() if key.startswith(player.name)}
                player.guard.allows(player.name, own)
        return losses
