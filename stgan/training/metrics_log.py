"""The numbers of a run, a line a time, in a file that survives whatever happens to the run."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

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
        """
        plain = {name: value if math.isfinite(value) else None for name, value in values.items()}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **plain}) + "\n")

    def forget_after(self, step: int) -> None:
        """Drop the lines of later steps, and half a line at the end; the file is replaced whole.

        Args:
            step: The last one that stays.

        Raises:
            DataError: If another line than the last is not one of such a file.
        """
        if not self.path.exists():
            return
        lines = self.path.read_bytes().split(b"\n")
        kept = []
        for number, line in enumerate(lines[:-1], start=1):  # what ends in no newline is half
            try:
                done = json.loads(line)["step"]
                keep = done <= step
            except (ValueError, TypeError, KeyError, RecursionError):
                if number == len(lines) - 1:
                    continue
                raise DataError(
                    f"{self.path} holds no JSON with a step in line {number}; move it away, or "
                    f"take the line out"
                ) from None
            if keep:
                kept.append(line + b"\n")
        part = self.path.with_name(f".{self.path.name}.part")
        part.write_bytes(b"".join(kept))
        part.replace(self.path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"
