"""What evaluating and generating share: the generator of a run folder."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from examples.imaginator.config import Settings, read_settings
from examples.imaginator.model import build_generator
from stgan.errors import CheckpointError
from stgan.layers import fold_batch_norms
from stgan.training import load_networks, load_state, sound_checkpoint

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

    Newer checkpoints that are damaged are passed over, and named in what is printed.

    Nothing else of the run is built: its settings may come from a stranger.

    Args:
        run: A run folder, or one of its checkpoints.
        device: Where to put it.

    Raises:
        CheckpointError: If the folder holds no sound checkpoint.
    """
    if not run.is_dir():
        raise CheckpointError(f"run folder {run} does not exist; train one first")
    checkpoint = run
    if not (run / "state.pt").is_file():
        checkpoint, skipped = sound_checkpoint(run / "checkpoints")
        for reason in skipped.values():
            print(f"passed over: {reason}")
    settings = read_settings(checkpoint / "config.yaml")
    state = load_state(checkpoint)
    # The checkpoint holds the encoder's weights; the file that they began as may be gone.
    model = replace(settings.model, encoder_weights=None)
    generator = build_generator(model, len(state["classes"]))
    name = "generator_ema" if settings.train.ema_decay else "generator"
    load_networks(checkpoint, {name: generator})
    return TrainedGenerator(
        generator=fold_batch_norms(generator.to(device)),
        settings=settings,
        classes=tuple(state["classes"]),
        step=state["step"],
        checkpoint=checkpoint,
    )


def check_run(run: Path) -> None:
    """Refuse a folder that is no run, or a run that has nothing to load yet.

    Raises:
        CheckpointError: If it is one; a folder that is missing is left to :func:`load_generator`.
    """
    if not run.is_dir() or (run / "state.pt").is_file() or (run / "checkpoints").is_dir():
        return
    if (run / "config.yaml").is_file():
        raise CheckpointError(
            f"run folder {run} holds no checkpoint yet; train it until it saves one, at its end or "
            f"every --train.save-every steps"
        )
    raise CheckpointError(
        f"folder {run} is no run folder of the recipe; train one with --out, or give the folder "
        f"that holds config.yaml"
    )
