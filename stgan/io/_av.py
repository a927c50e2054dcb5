"""PyAV, loaded when a video file is first met: drawn clips and pictures do without it."""

from pathlib import Path
from typing import Any

__all__ = ["load_av", "open_av"]


def load_av() -> Any:
    """Return the module ``av``.

    Raises:
        ModuleNotFoundError: If PyAV is not installed; names the extra that brings it.
    """
    try:
        import av
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "reading and writing video files needs PyAV; install it with pip install 'stgan[video]'"
        ) from error
    return av


def open_av(path: Path, mode: str = "r", **options: Any) -> Any:
    """Return a container of PyAV over a file, to be closed by ``with``.

    Args:
        path: The file.
        mode: ``"r"`` or ``"w"``.
        **options: As ``av.open`` takes them.

    Raises:
        ModuleNotFoundError: If PyAV is not installed; names the extra that brings it.
    """
    # FFmpeg takes what stands before a colon for a protocol, as in "12:30.mp4"; the slash that an
    # absolute path begins with rules that out.
    return load_av().open(str(path.absolute()), mode, **options)
