"""Files that appear whole or not at all, that no link leads astray, and that grow by lines."""

import itertools
import json
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stgan.errors import DataError

__all__ = ["is_file_name", "json_lines", "refuse_link", "replacing", "writing"]

# Bytes of a line; one that a run writes has some thousands.
_LONGEST_LINE = 2**20


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend a hidden name beside ``path``; rename it to ``path`` on success, remove it on failure.

    The name lies in the same folder, since a rename is atomic only within one file system. Where
    ``path`` is a link the link is replaced, and what it leads to stays as it is.

    Args:
        path: File, or folder that is missing or empty, to appear in the end.

    Raises:
        FileNotFoundError: If the folder to write into does not exist.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "scores.json")
        ...     with replacing(path) as part:
        ...         _ = part.write_text("{}")
        ...         there = path.exists()
        ...     there, path.read_text()
        (False, '{}')
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"folder {path.parent} does not exist; create it before writing")
    # Not a file of tempfile, which only its owner may read and would stay so after the rename.
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        yield part
        part.replace(path)
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one sentence why a file or folder that the user wants cannot be written.

    Args:
        path: The file or folder.

    Raises:
        DataError: If the system refuses; gives its reason.

    Example:
        >>> with writing(Path("/proc/clip.gif")):
        ...     _ = Path("/proc/clip.gif").write_bytes(b"")
        Traceback (most recent call last):
        stgan.errors.DataError: /proc/clip.gif cannot be written: No such file or directory; ...
    """
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # a sentence already, and not one of the system
            raise DataError(str(error)) from error
        raise DataError(
            f"{path} cannot be written: {error.strerror}; name another place, make room, or change "
            f"its permissions"
        ) from error


def refuse_link(path: Path, kind: type[ValueError] = DataError) -> None:
    """Refuse to write where a link, pipe or device lies; a folder from a stranger may bring one.

    Args:
        path: What is about to be written, or written into.
        kind: The error to raise if it is neither a plain file or folder nor missing.
    """
    if not os.path.lexists(path):
        return
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        what = f"a link to {path.readlink()}" if stat.S_ISLNK(mode) else "a pipe or device"
        raise kind(
            f"{path} must be a plain file or folder to be written to, got {what}; move it away, "
            f"or name another place"
        )


def is_file_name(name: object) -> bool:
    """Whether a name stays where it is put, as a part of the path of a file or folder."""
    if not isinstance(name, str) or not 0 < len(name) <= 255 or "\0" in name:
        return False
    return Path(name).name == name != ".."


def json_lines(path: Path) -> Iterator[tuple[bytes, dict[str, float | None]]]:
    """Yield every line of the log of a run with its numbers.

    A line is a JSON object with a ``step``; what is neither a number nor ``null`` in it is left
    out. So are blank lines, and what ends in no newline: half a line, which a killed run may leave.

    Args:
        path: The file, which must exist.

    Raises:
        DataError: If a line is something else; gives its number.
    """
    with path.open("rb") as file:
        for number in itertools.count(1):
            line = file.readline(_LONGEST_LINE)
            if not line.endswith(b"\n") and len(line) < _LONGEST_LINE:
                return
            if not line.strip():
                continue
            numbers = _numbers(line)
            if numbers is None:
                raise DataError(
                    f"line {number} of {path} is not a JSON object with a step; remove the line, "
                    f"or move the file away"
                )
            yield line, numbers


def _numbers(line: bytes) -> dict[str, float | None] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    step: Any = entry.get("step")
    if not _is_number(step) or not 0 <= step < 2**63:
        return None
    return {name: value for name, value in entry.items() if value is None or _is_number(value)}


def _is_number(value: object) -> bool:
    # An integer of a thousand digits is no number that anything could be drawn of.
    return isinstance(value, float) or (type(value) is int and abs(value) < 2**63)
