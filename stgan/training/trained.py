"""Reading a run that has been trained, by whomever, to generate with it or to score it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from stgan._files import is_file_name
from stgan.errors import CheckpointError, printable
from stgan.training._checkpoint_files import CONFIG, STATE
from stgan.training._entries import count_of, entry_of, refused
from stgan.training.checkpoint_reading import check_checkpoint, load_networks, load_state
from stgan.training.resuming import sound_checkpoint

__all__ = ["TrainedRun", "open_trained"]


@dataclass(frozen=True)
class TrainedRun:
    """What :func:`open_trained` found.

    Attributes:
        checkpoint: Folder of the checkpoint.
        config: The settings of the run, as :class:`Run` wrote them.
        step: Steps that it was trained for.
        state: The state of the checkpoint, with the facts of its run.
        skipped: Newer checkpoints that are damaged, the newest first, each with the reason.
    """

    checkpoint: Path
    config: Path
    step: int
    state: Mapping[str, Any] = field(repr=False)
    skipped: Mapping[Path, str]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, the fact of this name; they can be used as names of files.

        Raises:
            CheckpointError: If the run has no classes, or they are no names of folders.
        """
        what = str(self.checkpoint)
        classes = entry_of(self.state, "classes", (list, tuple), what)
        named = all(map(is_file_name, classes))
        # As they are printed, for files are written under these names.
        if not named or not 0 < len(classes) == len({printable(name) for name in classes}):
            raise refused(
                what, "must have the names of class folders as classes, each once, got others"
            )
        return tuple(classes)

    def load(self, networks: Mapping[str, nn.Module]) -> None:
        """Load networks in place, as :func:`load_networks` does.

        Args:
            networks: Name to network, of the names that were saved; not all need be given.

        Raises:
            CheckpointError: If a network was not saved, is another, or is not finite.
        """
        load_networks(self.checkpoint, networks)


def open_trained(run: str | Path) -> TrainedRun:
    """Find the newest sound checkpoint of a run, to generate or evaluate with it.

    Checkpoints that are damaged are passed over; tell the user of ``skipped``. Nothing is built
    and nothing runs: a run may come from a stranger. Every byte of the checkpoint has been compared
    with its checksum, and its state is plain data.

    Args:
        run: The folder of a :class:`Run`, or one of its checkpoints, wherever it lies now.

    Raises:
        CheckpointError: If the folder is missing, no run, or has no sound checkpoint, or its step
            is not a whole number from 0 on.

    Example:
        >>> import tempfile
        >>> from stgan.training import Run
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     facts = {"classes": ("jump", "wave")}
        ...     with Run(folder, {"net": nn.Linear(2, 1)}, steps=1, facts=facts) as run:
        ...         _ = run.advance({"loss": torch.zeros(())})
        ...     trained = open_trained(folder)
        ...     trained.load({"net": nn.Linear(2, 1)})
        ...     trained.checkpoint.name, trained.step, trained.classes
        ('step_00000001', 1, ('jump', 'wave'))
    """
    run = Path(run)
    if not run.is_dir():
        raise CheckpointError(f"run folder {run} does not exist; train one first")
    checkpoint, skipped = run, dict[Path, str]()
    if (run / STATE).is_file():
        check_checkpoint(run)
    elif (run / "checkpoints").is_dir():
        checkpoint, skipped = sound_checkpoint(run / "checkpoints")
    elif (run / CONFIG).is_file():
        raise CheckpointError(
            f"run folder {run} holds no checkpoint yet; train it until it saves one"
        )
    else:
        raise CheckpointError(
            f"folder {run} is no run folder; give one that holds config.yaml and checkpoints"
        )
    state = load_state(checkpoint)
    step = count_of(state, "step", str(checkpoint))
    return TrainedRun(checkpoint, checkpoint / CONFIG, step, state, skipped)
