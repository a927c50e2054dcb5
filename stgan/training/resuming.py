"""Going on with a run: from the newest sound checkpoint, and which that is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from stgan.errors import CheckpointError
from stgan.training.checkpoint import list_checkpoints
from stgan.training.checkpoint_reading import check_checkpoint, load_verified

__all__ = ["Resumed", "resume_checkpoint", "sound_checkpoint"]

T = TypeVar("T")


@dataclass(frozen=True)
class Resumed:
    """What :func:`resume_checkpoint` went on with.

    Attributes:
        path: Folder of the checkpoint that was loaded.
        state: The ``state`` that was saved with it.
        skipped: Newer checkpoints that could not be used, the newest first, each with the reason.
    """

    path: Path
    state: dict[str, Any]
    skipped: dict[Path, str]


def resume_checkpoint(
    folder: str | Path, networks: Mapping[str, nn.Module], *, finite: bool = True
) -> Resumed:
    """Load the newest checkpoint that is whole and belongs to these networks.

    One that is truncated, damaged, of other networks, or would run code is passed over; tell the
    user of ``skipped``. Every file of the one that is loaded has been compared with its checksum.

    Args:
        folder: Where the checkpoints of a run lie.
        networks: Name to network, loaded in place. After an error all are as before.
        finite: Pass over weights that are NaN or infinite, which :func:`save_checkpoint` refuses.

    Raises:
        CheckpointError: If the folder is missing, or none of its checkpoints can be used; gives
            the reason for each.

    Example:
        >>> import tempfile
        >>> from stgan.training import save_checkpoint
        >>> network = nn.Linear(2, 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for step in (1, 2):
        ...         path = save_checkpoint(
        ...             folder, step=step, networks={"net": network}, state={"at": step}, config=""
        ...         )
        ...     (path / "state.pt").unlink()
        ...     resumed = resume_checkpoint(folder, {"net": network})
        ...     resumed.path.name, resumed.state, [path.name for path in resumed.skipped]
        ('step_00000001', {'at': 1}, ['step_00000002'])
    """
    path, state, skipped = _newest(
        folder, lambda path: load_verified(path, networks, others=True, finite=finite)
    )
    return Resumed(path, state, skipped)


def sound_checkpoint(folder: str | Path) -> tuple[Path, dict[Path, str]]:
    """Return the newest checkpoint of which every byte is what was written, and those passed over.

    For generating and evaluating: as :func:`resume_checkpoint` they should not end at a checkpoint
    that is damaged where an older one is sound. It runs nothing, and keeps nothing in memory.

    Args:
        folder: Where the checkpoints of a run lie.

    Returns:
        The folder of the checkpoint, and the newer ones that are damaged, the newest first, each
        with the reason; tell the user of them.

    Raises:
        CheckpointError: If the folder is missing, or none of its checkpoints is sound; gives the
            reason for each.

    Example:
        >>> import tempfile
        >>> from stgan.training import save_checkpoint
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for step in (1, 2):
        ...         path = save_checkpoint(folder, step=step, networks={}, state={}, config="")
        ...     _ = (path / "config.yaml").write_text("damaged")
        ...     sound, skipped = sound_checkpoint(folder)
        ...     sound.name, [path.name for path in skipped]
        ('step_00000001', ['step_00000002'])
    """
    path, _, skipped = _newest(folder, check_checkpoint)
    return path, skipped


def _newest(folder: str | Path, use: Callable[[Path], T]) -> tuple[Path, T, dict[Path, str]]:
    """Return the newest checkpoint that can be used, what using it gave, and those passed over."""
    skipped: dict[Path, str] = {}
    for path in list_checkpoints(folder):
        try:
            return path, use(path), skipped
        except (CheckpointError, OSError) as error:  # the system's, of a disk that fails
            skipped[path] = str(error)
    reasons = "; ".join(f"{path.name}: {reason}" for path, reason in skipped.items())
    raise CheckpointError(f"folder {folder} holds no checkpoint that can be used: {reasons}")
