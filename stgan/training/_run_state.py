"""What a run takes from the checkpoint that it goes on from, which a stranger may have written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stgan._excerpt import brief, excerpt
from stgan.errors import CheckpointError
from stgan.training._entries import count_of, entry_of
from stgan.training.resuming import Resumed

__all__ = ["check_facts", "progress_of"]


def check_facts(resumed: Resumed, facts: Mapping[str, Any], run: Path) -> None:
    """Refuse a checkpoint that was made of other facts.

    Raises:
        CheckpointError: If one is missing or another.
    """
    for name, value in facts.items():
        made = entry_of(resumed.state, name, object, str(resumed.path))
        if not _same(made, value):
            raise CheckpointError(
                f"run folder {run} was trained with {name} {_words(made)}, got {_words(value)}; "
                f"resume with those, or begin in another folder"
            )


def progress_of(resumed: Resumed) -> tuple[int, dict[str, float]]:
    """Return the steps that were taken, and what the log said last.

    Raises:
        CheckpointError: If the step is not that of the folder's name, or the metrics are no numbers
            by name.
    """
    step = count_of(resumed.state, "step", str(resumed.path))
    if not resumed.path.name.endswith(f"step_{step:08d}"):
        raise CheckpointError(
            f"{resumed.path} must hold the step that it is named after, got {step}; use a "
            f"checkpoint that a run wrote"
        )
    # Older checkpoints have none, and the next line of the log brings them.
    metrics = resumed.state.get("metrics", {})
    if not isinstance(metrics, dict) or not all(
        isinstance(name, str) and isinstance(value, float) for name, value in metrics.items()
    ):
        raise CheckpointError(
            f"{resumed.path} must hold numbers by name as metrics, got something else; use a "
            f"checkpoint that a run wrote"
        )
    return step, metrics


def _same(made: Any, value: Any) -> bool:
    try:
        return bool(made == value)
    except RuntimeError:  # of a tensor of several numbers
        return False


def _words(value: Any) -> str:
    listed = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return brief(", ".join(value)) if listed else excerpt(value)
