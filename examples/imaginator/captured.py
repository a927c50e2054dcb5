"""The training step as a recording that a GPU replays."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from examples.imaginator.config import TrainSettings
from examples.imaginator.draws import Draws
from examples.imaginator.engine import Engine
from examples.imaginator.objective import Objective
from stgan.errors import ConfigError
from stgan.training import CapturedStep

__all__ = ["RecordedSteps", "check_recordable"]


def check_recordable(options: TrainSettings, objective: Objective, device: str) -> None:
    """Refuse what a recording cannot hold.

    Args:
        options: Of the training.
        objective: Both losses.
        device: The kind of device that trains.

    Raises:
        ConfigError: If a step waits, differs from the next, or runs elsewhere than on one GPU.
    """
    obstacles = {
        f"runs on {device}": device != "cuda",
        "is shared by several processes": options.devices * options.nodes > 1,
        "gathers gradients in parts": options.accumulate > 1,
        "may be skipped (train.skip_steps)": options.skip_steps > 0,
        "has penalties, clipping or augmentation that change from step to step": (
            not objective.steady
        ),
    }
    for obstacle, there in obstacles.items():
        if there:
            raise ConfigError(
                f"train.cuda_graph records a step that a GPU repeats as it is, but this one "
                f"{obstacle}; leave out --train.cuda-graph"
            )


class RecordedSteps:
    """Takes training steps by replaying one, and lets the guard look at each.

    Args:
        take: ``take(batch, draws, engine=engine)``, as :func:`train_step` of all networks.
        engine: Of the run; what it watches in each step is only guarded here.
        networks: By the names that the guard knows.
        objective: Both losses.
    """

    def __init__(
        self,
        take: Callable[..., dict[str, Tensor]],
        engine: Engine,
        networks: Mapping[str, nn.Module],
        objective: Objective,
    ) -> None:
        plain = Engine(backward=engine.backward)
        self.guard, self.networks, self.objective = engine.guard, networks, objective
        self.captured = CapturedStep(
            lambda given: take(given["batch"], Draws(**given["draws"]), engine=plain),
            networks.values(),
        )

    def __call__(self, batch: Mapping[str, Tensor], draws: Draws) -> dict[str, Tensor]:
        """Take a step on a batch."""
        replayed = self.captured.recorded
        used = {name: batch[name] for name in ("image", "video", "label")}
        losses = self.captured({"batch": used, "draws": vars(draws)})
        if replayed:  # what the step does besides, in Python
            self.objective.lazy.advance()
        if self.guard is not None:
            for name in self.networks:
                own = {key: value for key, value in losses.items() if key.startswith(name)}
                self.guard.allows(name, own)
        return losses
