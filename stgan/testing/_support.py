"""The support matrix: what every registered entry can do, as a JSON file.

The file keeps where and when it was made, and for every entry the results of
:func:`stgan.testing.check_entry`. Documentation shows it; tests compare it with fresh results.
"""

import fnmatch
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from stgan.errors import DataError, PluginError
from stgan.registry import REGISTRIES
from stgan.testing.contracts import check_entry

__all__ = ["entries", "read_support", "write_support"]

Row = dict[str, str]


def entries(only: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield kind and name of every registered entry that matches a pattern, or of all."""
    for kind, registry in REGISTRIES.items():
        for name in registry:
            if not only or any(fnmatch.fnmatchcase(f"{kind}/{name}", one) for one in only):
                yield kind, name


def read_support(path: Path) -> dict[str, Any]:
    """Read the file.

    Raises:
        DataError: If it cannot be read, or is another file.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(found, dict) or not {"torch", "machine", "date", "entries"} <= set(found):
        raise DataError(f"{path} is no support matrix; it must hold torch, machine, date, entries")
    return found


def write_support(path: Path, rows: dict[str, Row], *, keep: bool = False) -> None:
    """Write rows by ``kind/name``, sorted as the registries are.

    Args:
        path: The file.
        rows: Results of entries.
        keep: Whether rows of other entries that are still registered stay as they are.

    Raises:
        DataError: If rows should stay that were made with another version of torch.
    """
    if keep:
        before = read_support(path)
        if before["torch"] != torch.__version__:
            raise DataError(
                f"{path} was made with torch {before['torch']}, not with {torch.__version__}; "
                f"renew all entries"
            )
        rows = before["entries"] | rows
    names = [f"{kind}/{name}" for kind, name in entries()]
    table = {
        "torch": torch.__version__,
        "machine": "CPU",
        "date": datetime.now(UTC).date().isoformat(),
        "entries": {name: rows[name] for name in names if name in rows},
    }
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def check_all(only: Sequence[str] = ()) -> Iterator[tuple[str, Row | AssertionError]]:
    """Check entries one by one; yield ``kind/name`` and the results, or what is broken."""
    for kind, name in entries(only):
        try:
            yield f"{kind}/{name}", check_entry(kind, name)
        except AssertionError as error:
            yield f"{kind}/{name}", error
        except PluginError as error:
            yield f"{kind}/{name}", AssertionError(str(error))
