"""Files that appear whole or not at all."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend a hidden name beside ``path``; rename it to ``path`` on success, remove it on failure.

    The name lies in the same folder, since a rename is atomic only within one file system.

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
