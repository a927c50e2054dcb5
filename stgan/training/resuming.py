"""Going on with a run: from the newest sound checkpoint, in a folder that can be written."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from stgan._files import refuse_link
from stgan.errors import CheckpointError
from stgan.training.checkpoint import list_checkpoints
from stgan.training.checkpoint_reading import load_verified

__all__ = ["Resumed", "check_run_folder", "resume_checkpoint"]


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


def resume_checkpoint(folder: str | Path, networks: Mapping[str, nn.Module]) -> Resumed:
    """Load the newest checkpoint that is whole and belongs to these networks.

    One that is truncated, damaged, of other networks, or would run code is passed over; tell the
    user of ``skipped``. Every file of the one that is loaded has been compared with its checksum.

    Args:
        folder: Where the checkpoints of a run lie.
        networks: Name to network, loaded in place. After an error all are as before.

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
    skipped: dict[Path, str] = {}
    for path in list_checkpoints(folder):
        try:
            return Resumed(path, load_verified(path, networks, others=True), skipped)
        except CheckpointError as error:
            skipped[path] = str(error)
    reasons = "; ".join(f"{path.name}: {reason}" for path, reason in skipped.items())
    raise CheckpointError(f"folder {folder} holds no checkpoint that can be used: {reasons}")


def check_run_folder(folder: str | Path, writes: Iterable[str] = ()) -> None:
    """Make the folder of a run, and make sure that files can be written there and renamed.

    Call it before the first step, on the process that saves: a run should not find out at its
    first checkpoint.

    Args:
        folder: The folder; made if missing.
        writes: Names of files and folders that the run will write in it. None may be a link, by
            which a run folder from elsewhere would have another place written to.

    Raises:
        CheckpointError: If it cannot be made or written to, or holds such a link; gives the reason.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     check_run_folder(Path(folder) / "runs" / "a")
        ...     (Path(folder) / "runs" / "a").is_dir()
        True
    """
    folder = Path(folder)
    for name in writes:
        refuse_link(folder / name, CheckpointError)
    # A name of its own, as the processes of two runs may look into one folder.
    probe = folder / f".probe_{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with probe.open("xb") as file:  # not through a link that lies there already
            file.write(b"can be written")
        probe.replace(probe.with_suffix(".renamed")).unlink()
    except OSError as error:
        raise CheckpointError(
            f"run folder {folder} cannot be written to: {error.strerror}; name another one, or "
            f"change its permissions"
        ) from error
