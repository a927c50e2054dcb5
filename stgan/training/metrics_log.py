"""The numbers of a run, a line a time, in a file that survives whatever happens to the run."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from stgan._files import json_lines, refuse_link, replacing
from stgan.errors import DataError

__all__ = ["MetricsLog"]


class MetricsLog:
    r"""Append steps and numbers to a file of JSON lines, such as ``metrics.jsonl``.

    A killed process may leave half a line at the end, and a resumed run does steps again that were
    logged already: :meth:`forget_after` takes both out. What is not finite is written as ``null``,
    which JSON has a word for. One process writes.

    Args:
        path: The file; made by the first line.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = MetricsLog(Path(folder) / "metrics.jsonl")
        ...     for step in (1, 2, 3):
        ...         log.append(step, {"loss": 1 / step})
        ...     log.forget_after(2)
        ...     log.path.read_text()
        '{"step": 1, "loss": 1.0}\n{"step": 2, "loss": 0.5}\n'
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def append(self, step: int, values: Mapping[str, float]) -> None:
        """Write a line; it is in the file when this returns.

        Args:
            step: Of the numbers.
            values: Numbers by name.

        Raises:
            DataError: If the file is a link, pipe or device.
        """
        refuse_link(self.path)
        plain = {name: value if math.isfinite(value) else None for name, value in values.items()}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **plain}) + "\n")

    def forget_after(self, step: int) -> None:
        """Drop the lines of later steps, and half a line at the end; the file is replaced whole.

        Args:
            step: The last one that stays.

        Raises:
            DataError: If a line is not one of such a file, or the file is a
                link, pipe or device.
        """
        refuse_link(self.path)
        if not self.path.exists():
            return
        with replacing(self.path) as part, part.open("wb") as kept:
            for line, numbers in json_lines(self.path):
                if cast(float, numbers["step"]) <= step:
                    kept.write(line)

    def read(self) -> list[dict[str, float | None]]:
        """Return the numbers of every line by name, its ``step`` among them.

        Half a line at the end is left out, for a run may be writing it just now.

        Raises:
            DataError: If a line is not one of such a file, or there is no file.
        """
        if not self.path.is_file():
            raise DataError(f"log {self.path} does not exist; give the file that a run wrote")
        return [numbers for _, numbers in json_lines(self.path)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"
