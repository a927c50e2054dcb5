"""What evaluating and generating share: the generator of a run folder."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from examples.imaginator.config import Settings, read_settings
from examples.imaginator.model import build_generator
from stgan.errors import CheckpointError, printable
from stgan.layers import fold_batch_norms
from stgan.training import check_checkpoint, load_networks, load_state, sound_checkpoint

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
    if (run / "state.pt").is_file():
        check_checkpoint(run)
    else:
        checkpoint, skipped = sound_checkpoint(run / "checkpoints")
        for reason in skipped.values():
            print(f"passed over: {printable(reason)}")
    settings = read_settings(checkpoint / "config.yaml")
    classes, step = _read_entries(load_state(checkpoint), checkpoint)
    # The checkpoint holds the encoder's weights; the file that they began as may be gone.
    model = replace(settings.model, encoder_weights=None)
    generator = build_generator(model, len(classes))
    name = "generator_ema" if settings.train.ema_decay else "generator"
    load_networks(checkpoint, {name: generator})
    return TrainedGenerator(
        generator=fold_batch_norms(generator.to(device)),
        settings=settings,
        classes=classes,
        step=step,
        checkpoint=checkpoint,
    )


def _read_entries(state: Mapping[str, Any], checkpoint: Path) -> tuple[tuple[str, ...], int]:
    """Return the classes and the step of a run's state, which may come from a stranger.

    Args:
        state: Of the checkpoint.
        checkpoint: Its folder, for errors.

    Raises:
        CheckpointError: If an entry is missing, the classes are no names of folders, or the step is
            not a whole number from 0 on.
    """
    lacking = [key for key in ("classes", "step") if key not in state]
    if lacking:
        raise CheckpointError(
            f"{checkpoint} has no {', '.join(lacking)} in its state; use a checkpoint that the "
            f"recipe wrote"
        )
    classes, step = state["classes"], state["step"]
    named = isinstance(classes, list | tuple) and all(map(_is_folder_name, classes))
    # As they are printed, for clips are written under these names.
    if not named or not 0 < len(classes) == len({printable(name) for name in classes}):
        raise CheckpointError(
            f"{checkpoint} must have the names of class folders as classes, each once, got "
            f"something else; use a checkpoint that the recipe wrote"
        )
    if type(step) is not int or not 0 <= step < 2**63:
        raise CheckpointError(
            f"{checkpoint} must have a whole number of at least 0 as step, got something else; use "
            f"a checkpoint that the recipe wrote"
        )
    return tuple(classes), step


def _is_folder_name(name: object) -> bool:
    """Whether a name stays where it is put, as a part of the path of a file."""
    if not isinstance(name, str) or not 0 < len(name) <= 255 or "\0" in name:
        return False
    return Path(name).name == name != ".."


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
