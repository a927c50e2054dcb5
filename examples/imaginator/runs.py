"""What evaluating and generating share: the generator of a run folder."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from examples.imaginator.config import Settings, read_settings
from examples.imaginator.model import build_generator
from stgan.errors import printable
from stgan.layers import fold_batch_norms
from stgan.training import open_trained

__all__ = ["TrainedGenerator", "load_generator"]


@dataclass(frozen=True)
class TrainedGenerator:
    """A generator that is ready to be used.

    Attributes:
        generator: ``generator(image, z, label) -> video``, in eval mode, without gradients.
        settings: Of its run.
        classes: Names of the actions, in the order of the labels.
        step: Iterations that it was trained for.
        checkpoint: Where it came from.
    """

    generator: nn.Module
    settings: Settings
    classes: tuple[str, ...]
    step: int
    checkpoint: Path


def load_generator(run: Path, *, device: torch.device | str = "cpu") -> TrainedGenerator:
    """Load the newest sound generator of a run, the averaged one if there is one.

    Nothing else of the run is built: its settings may come from a stranger.

    Args:
        run: A run folder, or one of its checkpoints.
        device: Where to put it.

    Raises:
        CheckpointError: If the folder holds no sound checkpoint.
    """
    trained = open_trained(run)
    for reason in trained.skipped.values():
        print(f"passed over: {printable(reason)}")
    settings = read_settings(trained.config)
    # The checkpoint holds the encoder's weights; the file that they began as may be gone.
    model = replace(settings.model, encoder_weights=None)
    generator = build_generator(model, len(trained.classes))
    trained.load({"generator_ema" if settings.train.ema_decay else "generator": generator})
    return TrainedGenerator(
        fold_batch_norms(generator.to(device)),
        settings,
        trained.classes,
        trained.step,
        trained.checkpoint,
    )


def check_run(run: Path) -> None:
    """Look into a run folder before anything else, as :func:`load_generator` does itself."""
