"""The state of a run in a checkpoint: written, and read from a file that anyone may have made."""

import copy
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from stgan._pickles import DamagedError, RefusedError
from stgan._tensor_files import read_tensors
from stgan.errors import CheckpointError

__all__ = ["damaged", "read_state", "write_state"]


def damaged(path: Path) -> CheckpointError:
    """Return the error of a file that is not what was written."""
    return CheckpointError(
        f"{path} is damaged, it is not what was written; use an earlier checkpoint"
    )


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write the state of a run, and make sure that it can be read again without running code."""
    try:
        # Through a file of Python, which says why it cannot be written; torch's own does not.
        with path.open("wb") as file:
            torch.save(dict(state), file)
    except RuntimeError as error:
        # What the system said, or the handler of a signal in the middle of the file, is hidden
        # behind the failure to finish the archive.
        raise error.__context__ or error from None
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise _unsaved("it would run code when loaded") from error
    try:
        read_tensors(path)
    except RefusedError as error:
        raise _unsaved(error) from error


def _unsaved(why: object) -> CheckpointError:
    return CheckpointError(
        f"state cannot be saved: {why}; use plain tensors, numbers, strings, lists and "
        f"dictionaries only"
    )


def read_state(path: Path, *, mapped: bool = False) -> dict[str, Any]:
    """Read the state of a run, its tensors onto the CPU, and run nothing.

    Mapped tensors stay in the file until they are looked at: who needs only a counter does not
    wait for the optimizers. Tensors take no more memory than the file is long.
    """
    try:
        state = read_tensors(path)
    except DamagedError:
        raise damaged(path) from None
    except RefusedError as error:
        raise CheckpointError(
            f"{path} was refused, {error}; use only checkpoints that save_checkpoint wrote"
        ) from None
    if not isinstance(state, dict):
        raise damaged(path)
    return state if mapped else copy.deepcopy(state)
