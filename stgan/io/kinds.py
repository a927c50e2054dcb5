"""What a path holds: a video file, an animation, a folder of frames or a frame strip."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from stgan.errors import DataError

__all__ = [
    "ANIMATION_SUFFIXES",
    "PICTURE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "ClipKind",
    "check_size",
    "clip_kind",
    "natural_key",
    "reading",
]

#: How the frames of a clip are stored.
ClipKind: TypeAlias = Literal["video", "animation", "frames", "strip"]

#: Suffix of a video file, and the FFmpeg demuxer that must be able to read it.
VIDEO_SUFFIXES: dict[str, str] = {
    ".mp4": "mov",
    ".m4v": "mov",
    ".mov": "mov",
    ".avi": "avi",
    ".webm": "matroska",
    ".mkv": "matroska",
}
#: Suffixes read by Pillow as one picture a frame.
ANIMATION_SUFFIXES: tuple[str, ...] = (".gif",)
#: Suffixes of the pictures that a strip or a folder of frames is made of.
PICTURE_SUFFIXES: tuple[str, ...] = (
    ".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm",
)  # fmt: skip


def clip_kind(path: str | Path) -> ClipKind:
    """Tell how the frames of a clip are stored, by its suffix; a folder holds frames.

    Args:
        path: File or folder.

    Raises:
        DataError: If nothing is there, the file has no bytes, or the suffix is not known.

    Example:
        >>> clip_kind(".")
        'frames'
    """
    path = Path(path)
    if path.is_dir():
        return "frames"
    if not path.exists():
        raise DataError(f"clip {path} does not exist; check the path")
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        kind: ClipKind = "video"
    elif suffix in ANIMATION_SUFFIXES:
        kind = "animation"
    elif suffix in PICTURE_SUFFIXES:
        kind = "strip"
    else:
        known = " ".join([*VIDEO_SUFFIXES, *ANIMATION_SUFFIXES, *PICTURE_SUFFIXES])
        raise DataError(
            f"clip {path} must be a folder of pictures or end in one of {known}, got {suffix!r}"
        )
    if path.stat().st_size == 0:
        raise DataError(f"clip {path} is an empty file of 0 bytes; write it again or remove it")
    return kind


def natural_key(name: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key under which ``frame_2`` comes before ``frame_10``.

    Example:
        >>> sorted(["frame_10", "frame_2"], key=natural_key)
        ['frame_2', 'frame_10']
    """
    parts = re.split(r"([0-9]+)", name.casefold())
    # The name itself comes last, so that "a01" and "a1" have one order on every file system.
    key = [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]
    return (*key, (2, name))


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn any failure of a decoder into a :class:`DataError` that names the file.

    Decoders answer damaged bytes with whatever their parser stumbles over (``struct.error``,
    ``SyntaxError``, ``IndexError``, ``zlib.error``, ...), hence the wide net; the cause is chained.
    """
    if path.exists() and not path.is_file():  # the one is waited for, the other has no end
        raise DataError(f"clip {path} must be a plain file, got a folder, pipe or device")
    try:
        yield
    except (DataError, ModuleNotFoundError):
        raise
    except Exception as error:
        # FFmpeg and the system put the sentence into strerror; str() repeats number and path.
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(
            f"clip {path} cannot be read as {what}: {reason}; write it again or leave it out"
        ) from error


def check_size(path: Path, index: int, size: tuple[int, int], first: tuple[int, int]) -> None:
    """Refuse a clip whose frames differ in size, given as ``(height, width)``."""
    if size != first:
        raise DataError(
            f"clip {path} changes its size from {first} to {size} at frame {index}; re-encode it "
            f"at one size"
        )
