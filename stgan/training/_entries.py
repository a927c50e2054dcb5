"""Entries of a state that is loaded, which a file of anyone may have brought."""

from collections.abc import Mapping
from typing import Any

from stgan.errors import CheckpointError

__all__ = ["count_of", "entry_of", "refused"]

# What an integer of torch can hold.
_LARGEST = 2**63 - 1


def refused(what: str, reason: str) -> CheckpointError:
    """Return the error of a state that is not what it was saved as."""
    return CheckpointError(f"state of {what} {reason}; use a checkpoint that the same code saved")


def entry_of(state: Any, key: str, kind: type | tuple[type, ...], what: str) -> Any:
    """Return an entry of a state.

    Args:
        state: The mapping.
        key: Of the entry.
        kind: The class that it must have.
        what: The state's owner, for errors.

    Raises:
        CheckpointError: If there is no such entry, or it has another class.
    """
    if not isinstance(state, Mapping):
        raise refused(what, f"must be a dictionary, got {type(state).__name__}")
    if key not in state:
        raise refused(what, f"lacks {key}")
    value = state[key]
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or ".join(one.__name__ for one in kinds)
        raise refused(what, f"must have {names} as {key}, got {type(value).__name__}")
    return value


def count_of(state: Any, key: str, what: str) -> int:
    """Return a whole number from 0 on; see :func:`entry_of`."""
    value = entry_of(state, key, int, what)
    if isinstance(value, bool) or not 0 <= value <= _LARGEST:
        got = value if abs(value) <= _LARGEST else "one of too many digits"
        raise refused(what, f"must have a whole number of at least 0 as {key}, got {got}")
    return int(value)
