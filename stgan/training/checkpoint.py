"""Checkpoints that are either whole or not there, and that run no code when loaded.

A checkpoint is a folder::

    step_00001000/
        generator.safetensors    one per network: its parameters and buffers
        state.pt                 optimizers, random generators, counters
        config.yaml              the settings of the run
        metrics.json             if it was saved with metrics
        SHA256SUMS               as written and read by ``sha256sum``

One process writes to a folder of checkpoints at a time; any number may read.
"""

import errno
import json
import math
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from stgan._checks import check_count, check_positive
from stgan._files import refuse_link
from stgan.errors import CheckpointError
from stgan.training._checkpoint_files import (
    CONFIG,
    METRICS,
    NETWORK,
    STATE,
    SUMS,
    check_path,
    flush,
    read_metrics,
    remove,
    sha256,
    write_network,
)
from stgan.training._checkpoint_state import write_state
from stgan.training.checkpoint_reading import is_sound
from stgan.training.retention import Retention

__all__ = [
    "latest_checkpoint",
    "list_checkpoints",
    "save_checkpoint",
]

_FINAL = re.compile(r"step_(\d{8,})")
# Folders under these names are never a checkpoint; what a killed process leaves of them is
# cleared away by the next save.
_SAVING, _REMOVING, _REPLACED = ".saving_", ".removing_", ".replaced_"


def save_checkpoint(
    folder: str | Path,
    *,
    step: int,
    networks: Mapping[str, nn.Module | Mapping[str, Any]],
    state: Mapping[str, Any],
    config: str,
    keep: int | Retention = 3,
    metrics: Mapping[str, float] | None = None,
    finite: bool = True,
) -> Path:
    """Write ``folder/step_00001000`` so that a kill at any moment leaves no half of it.

    Everything is written into a hidden sibling folder, flushed to the disk and then renamed. Only
    then are older checkpoints removed. A checkpoint of the same step is replaced. What cannot be
    written, as on a full disk, leaves all checkpoints as they were. Of a link to a checkpoint
    elsewhere only the link is removed.

    Args:
        folder: Where the checkpoints of a run lie; made if missing. Not a link, through which a
            run folder from elsewhere could have checkpoints written and removed anywhere.
        step: The number in the name, from 0.
        networks: Name to network, or to the state dict of one that is sharded, gathered on the
            process that writes. Names become file names. Tensors that several entries share are
            written once for each, so that loading does not depend on how a network ties them.
        state: Everything else that a resumed run needs, made of tensors, numbers, strings, lists
            and dictionaries: state dicts of optimizers, :func:`stgan.training.rng_state`, counters.
        config: The text of ``config.yaml``.
        keep: Which checkpoints stay: a number means this one, and of the others those of the
            highest steps; a :class:`Retention` has more rules. Damaged ones do not count, and stay
            until they are older than those that do.
        metrics: Numbers by which :class:`Retention` finds the best, such as ``{"fvd": 310.5}``;
            one that is not finite is left out.
        finite: Refuse networks with NaN or infinity in them, so that what has gone wrong is never
            saved over what was right.

    Returns:
        The folder of the new checkpoint.

    Raises:
        ValueError: If ``step`` or ``keep`` is out of range, or a network's name cannot be a file
            name.
        CheckpointError: If ``state`` would need code to be loaded, a network's state is not made
            of tensors or not finite, the folder is a link, or a file cannot be written; names the
            newest sound one. Also if an older one cannot be removed; the new one is written then.

    Example:
        >>> import tempfile
        >>> from stgan.training import load_checkpoint
        >>> network = nn.Linear(2, 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = save_checkpoint(
        ...         folder, step=20, networks={"generator": network}, state={"step": 20}, config=""
        ...     )
        ...     path.name, load_checkpoint(path, {"generator": network})
        ('step_00000020', {'step': 20})
    """
    if not isinstance(keep, Retention):
        keep = Retention(last=check_positive(keep, "keep"))
    step = check_count(step, "step")
    for name in networks:
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise ValueError(
                f"network name {name!r} cannot be a file name; use letters, digits and underscores"
            )
    folder = Path(folder)
    check_path(folder)
    refuse_link(folder, CheckpointError)
    final = folder / f"step_{step:08d}"
    work, replaced = (folder / f"{prefix}{final.name}" for prefix in (_SAVING, _REPLACED))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(folder)
        work.mkdir()
        for name, network in networks.items():
            write_network(work / f"{name}{NETWORK}", name, network, finite=finite)
        write_state(work / STATE, state)
        (work / CONFIG).write_text(config, encoding="utf-8")
        if metrics is not None:
            numbers = {name: value for name, value in metrics.items() if math.isfinite(value)}
            (work / METRICS).write_text(json.dumps(numbers), encoding="utf-8")
        files = sorted(work.iterdir())
        sums = "".join(f"{sha256(file)}  {file.name}\n" for file in files)
        (work / SUMS).write_text(sums, encoding="utf-8")
        for path in (*files, work / SUMS, work):
            flush(path)
        # Also a link whose target is gone, which no folder can be renamed to.
        if os.path.lexists(final):
            final.rename(replaced)
        work.rename(final)
        flush(folder)
    except BaseException as error:
        shutil.rmtree(work, ignore_errors=True)
        if isinstance(error, OSError):
            raise not_written(f"checkpoint {final}", folder, error) from error
        raise
    saved = {_step(path): path for path in _checkpoints(folder)}
    metrics_of = {key: read_metrics(path) for key, path in saved.items()}
    kept = keep.kept(metrics_of, newest=step, sound=lambda key: key == step or is_sound(saved[key]))
    outdated = [saved[key] for key in sorted(saved.keys() - kept)]
    for path in [replaced, *outdated] if os.path.lexists(replaced) else outdated:
        try:
            _remove(path)
        except OSError as error:
            raise CheckpointError(
                f"checkpoint {final} is written, but the outdated {path.name} could not be "
                f"removed: {error.strerror or error}; remove it yourself"
            ) from error
    return final


def not_written(what: str, folder: Path, error: OSError) -> CheckpointError:
    """Say why a run could not write something, which checkpoint it has, and how to go on.

    Args:
        what: What could not be written.
        folder: Where the checkpoints of the run lie.
        error: The system's; what holds no number of it is taken for a full disk.
    """
    found = sorted(_checkpoints(folder), key=_step, reverse=True) if folder.is_dir() else []
    newest = next((path.name for path in found if is_sound(path)), None)
    stays = f"{newest} and those before it are as they were" if newest else "no checkpoint is there"
    if error.errno in (None, errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        fix = "make room"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        fix = "change its permissions"
    else:
        fix = "check the disk"
    again = "resume" if newest else "begin again"
    return CheckpointError(
        f"{what} could not be written: {error.strerror or error}; {stays}, so {fix} and {again}, "
        f"or name another folder"
    )


def latest_checkpoint(folder: str | Path) -> Path:
    """Folder of the checkpoint with the highest step; what a killed save left is not one.

    Args:
        folder: Where the checkpoints of a run lie.

    Raises:
        CheckpointError: If the folder is missing or holds no checkpoint.

    Example:
        >>> latest_checkpoint("nowhere")
        Traceback (most recent call last):
        stgan.errors.CheckpointError: folder nowhere does not exist; ...
    """
    return list_checkpoints(folder)[0]


def list_checkpoints(folder: str | Path) -> list[Path]:
    """Folders of all checkpoints of a run, the highest step first; their files are not read.

    Args:
        folder: Where the checkpoints of a run lie.

    Raises:
        CheckpointError: If the folder is missing or holds no checkpoint.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for step in (1, 2):
        ...         path = save_checkpoint(folder, step=step, networks={}, state={}, config="")
        ...     [path.name for path in list_checkpoints(folder)]
        ['step_00000002', 'step_00000001']
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(
            f"folder {folder} does not exist; give the one that save_checkpoint wrote to"
        )
    found = _checkpoints(folder)
    if not found:
        raise CheckpointError(
            f"folder {folder} holds no checkpoint; one is a folder such as {folder}/step_00001000"
        )
    return sorted(found, key=_step, reverse=True)


def _step(path: Path) -> int:
    return int(path.name.removeprefix(_REPLACED).removeprefix("step_"))


def _checkpoints(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if path.is_dir()]
    whole = [path for path in found if _FINAL.fullmatch(path.name)]
    names = {path.name for path in whole}
    # Killed between the two renames of a replacement: the old one is the whole one.
    replaced = {path.name.removeprefix(_REPLACED): path for path in found}
    return whole + [
        path
        for name, path in replaced.items()
        if path.name != name and _FINAL.fullmatch(name) and name not in names
    ]


def _remove(path: Path) -> None:
    # Renamed first: a kill in the middle of the removal must not leave half a checkpoint.
    remove(path.rename(path.with_name(f"{_REMOVING}{path.name}")))


def _clear_leftovers(folder: Path) -> None:
    for path in list(folder.iterdir()):
        if path.name.startswith(_REPLACED):
            # Killed between the two renames of a replacement: the old one is the whole one.
            final = folder / path.name.removeprefix(_REPLACED)
            if not final.exists():
                path.rename(final)
                continue
        if path.name.startswith((_SAVING, _REMOVING, _REPLACED)):
            remove(path)
