"""A folder of clips by name: written as a whole, over those of an earlier call."""

import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from stgan._files import is_file_name, writing
from stgan.errors import DataError, printable
from stgan.io.write import write_frames, write_video
from stgan.registry import unknown_name

__all__ = ["CLIP_FORMS", "write_clips"]

#: What a clip of a folder is written as, and the ending of its name.
CLIP_FORMS = {"mp4": ".mp4", "avi": ".avi", "gif": ".gif", "frames": ""}


def write_clips(
    folder: str | Path,
    clips: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]],
    *,
    form: str = "mp4",
    fps: float | Fraction = 25,
) -> list[Path]:
    """Write clips into a folder, each under its name, all of them or none.

    They replace what an earlier call wrote under the same names, in this form or another, so that
    one name is one clip and ``stgan evaluate --fake`` can score the folder as it lies. Whatever
    else is in the folder stays. All clips are written to a place of their own first: a call that
    fails leaves the folder as it was.

    Args:
        folder: Where to write; made if missing.
        clips: Name to clip ``(3, T, H, W)``, float in [-1, 1] or ``torch.uint8``, or pairs of
            them, of which one is held at a time. Characters of a name that cannot be printed are
            written as Python writes them.
        form: ``"mp4"``, ``"avi"`` (lossless), ``"gif"``, or ``"frames"``: a folder of PNG files for
            each clip (lossless); see :func:`write_video` and :func:`write_frames`.
        fps: Frames per second of files.

    Returns:
        The file or folder of every clip, in their order.

    Raises:
        DataError: If a name is used twice or cannot be that of a file, or something that no call
            wrote lies where a clip would. If the system refuses to write; gives its reason.
        UnknownNameError: If there is no such form.
        ShapeError: If a clip has another layout, or a side of zero.
        TypeError: If a clip is neither floating point nor ``torch.uint8``.
        ValueError: If a value is not finite, or ``fps`` is out of the form's range.

    Example:
        >>> clips = {"wave_0": torch.zeros(3, 4, 16, 16), "wave_1": torch.ones(3, 4, 16, 16)}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_clips(folder, clips, form="frames")
        ...     _ = write_clips(folder, {"wave_1": -clips["wave_1"]}, form="gif")
        ...     sorted(path.name for path in Path(folder).iterdir())
        ['wave_0', 'wave_1.gif']
    """
    if form not in CLIP_FORMS:
        raise unknown_name("form", form, CLIP_FORMS, what="form")
    folder = Path(folder)
    new = not folder.exists()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with writing(folder), tempfile.TemporaryDirectory(prefix=".writing_", dir=folder) as home:
            earlier: dict[Path, list[Path]] = {}
            for name, clip in clips.items() if isinstance(clips, Mapping) else clips:
                path = folder / f"{_file_name(name)}{CLIP_FORMS[form]}"
                if path in earlier:
                    raise DataError(
                        f"clips must have a name each, got {path.name!r} twice; rename one"
                    )
                earlier[path] = _earlier(folder, _file_name(name))
                if form == "frames":
                    write_frames(clip, Path(home, path.name))
                else:
                    write_video(clip, Path(home, path.name), fps=fps)
            for path, replaced in earlier.items():
                for old in replaced:
                    shutil.rmtree(old) if old.is_dir() else old.unlink()
                Path(home, path.name).replace(path)
    finally:
        if new and not any(folder.iterdir()):
            folder.rmdir()
    return [*earlier]


def _file_name(name: str) -> str:
    shown = printable(name)
    if not is_file_name(shown):
        raise DataError(
            f"name of a clip must be that of a file without its ending, got {shown!r}; leave out "
            f"slashes"
        )
    return shown


def _earlier(folder: Path, name: str) -> list[Path]:
    """What an earlier call wrote of the clip, in any form.

    Raises:
        DataError: If something else is there.
    """
    found = []
    for ending in CLIP_FORMS.values():
        # Not with_suffix, which takes what follows a dot in a name for an ending.
        old = folder / f"{name}{ending}"
        if not old.exists():
            continue
        ours = (
            old.is_file()
            if ending
            else old.is_dir()
            and not old.is_symlink()
            and all(re.fullmatch(r"frame_\d+\.png", path.name) for path in old.iterdir())
        )
        if not ours:
            raise DataError(
                f"{old} must be what an earlier call wrote, to be replaced, got something else; "
                f"move it away, or name another folder"
            )
        found.append(old)
    return found
