"""Which clips of a folder take part: by pattern, by list, split for validation."""

import fnmatch
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from stgan.errors import DataError
from stgan.io.kinds import ANIMATION_SUFFIXES, PICTURE_SUFFIXES, VIDEO_SUFFIXES, natural_key

__all__ = [
    "find_clips",
    "read_list",
    "scan_clips",
    "select_clips",
    "split_clips",
    "split_found",
]

_SUFFIXES = {*VIDEO_SUFFIXES, *ANIMATION_SUFFIXES, *PICTURE_SUFFIXES}

Patterns = str | Sequence[str]


def scan_clips(root: Path, is_clip: Callable[[Path], bool]) -> list[str]:
    """List the clips under a folder: video files, GIFs, pictures, and folders of frames.

    Hidden files and other suffixes are passed over. Links are followed, but every real file and
    folder is visited once, under the name that is no link if it has one; links to ``root`` and to
    the folders around it lead nowhere.

    Args:
        root: The folder.
        is_clip: Whether a folder under it is one clip; others are searched for clips.

    Returns:
        Paths relative to ``root``, with slashes on every system, in natural order.
    """
    met, found = _with_parents(root), []
    waiting = deque([root])  # links wait until all that is no link has been visited
    while waiting:
        path = waiting.popleft()
        real = Path(os.path.realpath(path))
        if real in met and path != root:
            continue
        met.add(real)
        if path == root or (path.is_dir() and not is_clip(path)):
            for inside in sorted(path.iterdir()):
                if inside.name[0] != ".":
                    (waiting.append if inside.is_symlink() else waiting.appendleft)(inside)
        elif path.is_dir() or path.suffix.lower() in _SUFFIXES:
            found.append(path.relative_to(root).as_posix())
    return sorted(found, key=natural_key)


def _with_parents(folder: Path) -> set[Path]:
    real = Path(os.path.realpath(folder))
    return {real, *real.parents}


def find_clips(root: str | Path) -> dict[str, list[str]]:
    """List the clips of every class folder.

    A class is a folder in ``root``; a clip is a video file, GIF, frame strip or folder of frames
    in it. Hidden files and other suffixes are passed over; what is linked twice into one class is
    one clip.

    Args:
        root: Folder of class folders.

    Returns:
        Class names in sorted order, with paths relative to ``root`` (``"wave/clip_2.mp4"``, with
        slashes on every system) in natural order.

    Raises:
        DataError: If ``root`` is missing or has no class folder, or a class has no clip.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"root {root} must be a folder with one folder per class; check the path")
    around = _with_parents(root)
    classes = sorted(
        path.name
        for path in root.iterdir()
        if path.is_dir() and path.name[0] != "." and Path(os.path.realpath(path)) not in around
    )
    if not classes:
        raise DataError(f"root {root} must hold one folder per class, got no folder in it")
    found: dict[str, list[str]] = {}
    for name in classes:
        clips = scan_clips(root / name, is_clip=lambda _: True)
        if not clips:
            raise DataError(
                f"class folder {root / name} must hold clips (videos, strips or folders of "
                f"frames), got none; fill or remove it"
            )
        found[name] = [f"{name}/{clip}" for clip in clips]
    return found


def read_list(path: str | Path) -> list[str]:
    """Read relative paths from a text file, one a line; blank lines and ``#`` lines are skipped.

    Args:
        path: The text file, in UTF-8.

    Raises:
        DataError: If the file is missing or is not text.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"list {path} must be a text file of relative paths, one a line: {error}"
        ) from error
    stripped = (line.strip() for line in lines)
    return [line for line in stripped if line and not line.startswith("#")]


def _matches(path: str, patterns: Patterns) -> bool:
    wanted = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in wanted)


def _listed(clips: Sequence[str], files: str | Path | Sequence[str], root: Path) -> set[str]:
    names = read_list(files) if isinstance(files, str | Path) else list(files)
    known = frozenset(clips)
    # A backslash parts folders in a list of Windows, and may stand in a name elsewhere.
    wanted = {
        name if name in known else PurePosixPath(name.replace("\\", "/")).as_posix()
        for name in names
    }
    missing = sorted(wanted - known)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(
            f"{files if isinstance(files, str | Path) else 'files'} names {missing[0]!r}{more}, "
            f"which is no clip of {root}; write paths relative to it, such as {clips[0]!r}"
        )
    return wanted


def select_clips(
    clips: Sequence[str],
    root: Path,
    *,
    include: Patterns = "*",
    exclude: Patterns = (),
    files: str | Path | Sequence[str] | None = None,
) -> list[str]:
    """Return the clips that take part, in their order.

    Args:
        clips: Paths of all clips, relative to ``root``.
        root: Folder of class folders, for errors.
        include: Shell pattern, or several, of which a relative path must match one; ``*`` matches
            slashes too.
        exclude: Shell pattern, or several, of which it must match none.
        files: Text file of relative paths (see :func:`read_list`) or the paths themselves;
            ``None`` means all.

    Raises:
        DataError: If a listed path is no clip, or nothing is left.
    """
    listed = None if files is None else _listed(clips, files, root)
    chosen = [
        clip
        for clip in clips
        if _matches(clip, include)
        and not _matches(clip, exclude)
        and (listed is None or clip in listed)
    ]
    if not chosen:
        raise DataError(
            f"nothing of the {len(clips)} clips of {root} is selected by include={include!r}, "
            f"exclude={exclude!r} and files={files!r}; paths look like {clips[0]!r}"
        )
    return chosen


def split_clips(
    root: str | Path,
    *,
    pattern: Patterns | None = None,
    files: str | Path | Sequence[str] | None = None,
) -> tuple[list[str], list[str]]:
    """Split the clips of a folder into training and validation, to pass on as ``files=``.

    Args:
        root: Folder of class folders.
        pattern: Shell pattern, or several, of the clips to hold out for validation.
        files: The same as a list: a text file of relative paths, or the paths.

    Returns:
        Relative paths for training, and for validation.

    Raises:
        DataError: If one side would be empty, a pattern matches nothing, or a listed path is no
            clip.
        ValueError: If not exactly one of ``pattern`` and ``files`` is given.

    Example:
        >>> import tempfile
        >>> from stgan.io import write_strip
        >>> with tempfile.TemporaryDirectory() as root:
        ...     Path(root, "wave").mkdir()
        ...     for subject in (1, 2, 3):
        ...         write_strip(torch.zeros(3, 4, 16, 16), f"{root}/wave/subject{subject}.png")
        ...     split_clips(root, pattern="*/subject2*")
        (['wave/subject1.png', 'wave/subject3.png'], ['wave/subject2.png'])
    """
    return split_found(find_clips(root), Path(root), pattern, files)


def split_found(
    found: Mapping[str, Sequence[str]],
    root: Path,
    pattern: Patterns | None,
    files: str | Path | Sequence[str] | None,
) -> tuple[list[str], list[str]]:
    """Split the clips that :func:`find_clips` found, as :func:`split_clips` does."""
    if (pattern is None) == (files is None):
        raise ValueError(
            "give either patterns or files for the validation clips, got "
            + ("neither" if pattern is None else "both")
        )
    everything = [clip for clips in found.values() for clip in clips]
    for each in [pattern] if isinstance(pattern, str) else pattern or ():
        # Beside one that matches, a misspelled one would leave its clips to training.
        if not any(_matches(clip, each) for clip in everything):
            raise DataError(
                f"validation pattern {each!r} must match some of the {len(everything)} clips of "
                f"{root}, got none; write it for paths such as {everything[0]!r}"
            )
    include = "*" if pattern is None else pattern
    held_out = set(select_clips(everything, root, include=include, files=files))
    training = [clip for clip in everything if clip not in held_out]
    if not training:
        raise DataError(
            f"the validation split takes all {len(everything)} clips of {root}; hold out fewer"
        )
    return training, [clip for clip in everything if clip in held_out]
