"""Reading checkpoints: all of one, some of it, or only whether it is sound. No code is run."""

import functools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from stgan.errors import CheckpointError
from stgan.training._checkpoint_files import (
    NETWORK,
    STATE,
    read_network,
    read_sums,
    verify,
)
from stgan.training._checkpoint_state import read_state

__all__ = ["check_checkpoint", "load_checkpoint", "load_networks", "load_state"]


def load_checkpoint(
    path: str | Path, networks: Mapping[str, nn.Module], *, finite: bool = True
) -> dict[str, Any]:
    """Load networks in place and return the state that was saved beside them.

    Nothing is executed from the files. Every file but those of networks that are not asked for is
    compared with its checksum, and every tensor with the network's, before the first network is
    changed: after an error all are as before.

    Args:
        path: The folder of one checkpoint, such as :func:`latest_checkpoint` returns.
        networks: Name to network, of the names that were saved; not all need be given. Each takes
            every tensor of its file and nothing else.
        finite: Refuse weights that are NaN or infinite, as :func:`save_checkpoint` does.

    Returns:
        The ``state`` of :func:`save_checkpoint`, its tensors on the CPU.

    Raises:
        CheckpointError: If the folder is missing, incomplete, damaged or from other settings, its
            weights are not finite, or its state would run code or is not plain data.

    Example:
        >>> load_checkpoint("nowhere/step_00000001", {})
        Traceback (most recent call last):
        stgan.errors.CheckpointError: checkpoint nowhere/step_00000001 does not exist; ...
    """
    return load_verified(Path(path), networks, finite=finite)


def load_verified(
    path: Path, networks: Mapping[str, nn.Module], *, others: bool = False, finite: bool = True
) -> dict[str, Any]:
    """As :func:`load_checkpoint`; the files of other networks are compared too if asked.

    Each file is read once for its checksum, since that of a large network takes seconds.
    """
    sums = read_sums(path)
    tensors = {
        name: read_network(path, sums, name, net, finite=finite) for name, net in networks.items()
    }
    done = {f"{name}{NETWORK}" for name in networks}
    for name in sums:
        if name not in done and (others or not name.endswith(NETWORK)):
            verify(path / name, sums)
    state = read_state(path / STATE)
    for name, network in networks.items():
        network.load_state_dict(tensors[name])
    return state


def load_networks(
    path: str | Path, networks: Mapping[str, nn.Module], *, finite: bool = True
) -> None:
    """Load networks in place, and leave the rest of the checkpoint unread.

    For generating and evaluating, which need neither optimizers nor counters; otherwise as
    :func:`load_checkpoint`.

    Args:
        path: The folder of one checkpoint.
        networks: Name to network, of the names that were saved; not all need be given.
        finite: As for :func:`load_checkpoint`.

    Raises:
        CheckpointError: As :func:`load_checkpoint`, for the files that it reads.

    Example:
        >>> import tempfile
        >>> from stgan.training import save_checkpoint
        >>> saved, loaded = nn.Linear(2, 1), nn.Linear(2, 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = save_checkpoint(
        ...         folder, step=1, networks={"generator": saved}, state={}, config=""
        ...     )
        ...     load_networks(path, {"generator": loaded})
        >>> bool((saved.weight == loaded.weight).all())
        True
    """
    path = Path(path)
    sums = read_sums(path)
    tensors = {
        name: read_network(path, sums, name, net, finite=finite) for name, net in networks.items()
    }
    for name, network in networks.items():
        network.load_state_dict(tensors[name])


def load_state(path: str | Path) -> dict[str, Any]:
    """Return the state of a checkpoint, and leave its networks unread.

    All of it is read once for its checksum; its tensors then stay in the file until they are
    looked at.

    Args:
        path: The folder of one checkpoint.

    Raises:
        CheckpointError: If the folder is missing or incomplete, or its state is damaged, would run
            code or is not plain data.

    Example:
        >>> import tempfile
        >>> from stgan.training import save_checkpoint
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = save_checkpoint(folder, step=1, networks={}, state={"clips": 8}, config="")
        ...     load_state(path)
        {'clips': 8}
    """
    path = Path(path)
    verify(path / STATE, read_sums(path))
    return read_state(path / STATE, mapped=True)


def check_checkpoint(path: str | Path) -> None:
    """Read every byte of a checkpoint, and refuse one that is not what was written.

    Args:
        path: The folder of one checkpoint.

    Raises:
        CheckpointError: If the folder is missing or incomplete, a file differs from its checksum,
            or the state would run code or is not plain data.

    Example:
        >>> import tempfile
        >>> from stgan.training import save_checkpoint
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = save_checkpoint(folder, step=1, networks={}, state={}, config="")
        ...     check_checkpoint(path)
        ...     (path / "state.pt").write_bytes(b"half")
        ...     check_checkpoint(path)
        Traceback (most recent call last):
        stgan.errors.CheckpointError: ...state.pt is damaged, it is not what was written; ...
    """
    path = Path(path)
    sums = read_sums(path)
    for name in sums:
        verify(path / name, sums)
    read_state(path / STATE, mapped=True)


def is_sound(path: Path) -> bool:
    """Whether :func:`check_checkpoint` finds nothing; what has not changed is not read again.

    A save asks it of the older ones. A file system may give two writes of one moment the same time,
    so files are known by their times only once these lie some seconds back.
    """
    try:
        stats = {file.name: file.stat() for file in path.iterdir()}
    except OSError:
        return False
    files = frozenset((name, s.st_ino, s.st_size, s.st_mtime_ns) for name, s in stats.items())
    settled = time.time() - max((s.st_mtime for s in stats.values()), default=0) > 2
    return (_passes if settled else _passes.__wrapped__)(path, files)


@functools.lru_cache(maxsize=128)
def _passes(path: Path, files: frozenset[tuple[str, int, int, int]]) -> bool:
    try:
        check_checkpoint(path)
    except (CheckpointError, OSError):
        return False
    return True
