"""Clips of a folder, one after the other, for ``stgan evaluate``."""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from stgan._progress import progress_bar
from stgan.data import numbered_generator, resize_frames
from stgan.data.selection import scan_clips
from stgan.data.windows import window_span, window_start, window_starts
from stgan.errors import DataError
from stgan.io import clip_kind, count_frames, from_uint8, iter_frames
from stgan.io.kinds import ANIMATION_SUFFIXES, PICTURE_SUFFIXES, VIDEO_SUFFIXES, ClipKind

__all__ = ["ClipSource", "Wanted", "clip_name", "find_all_clips"]

_FILES = {*VIDEO_SUFFIXES, *ANIMATION_SUFFIXES}
_ENDINGS = {*_FILES, *PICTURE_SUFFIXES}
# Of one clip in several forms the first of these is taken, which loses least.
_FORMS: dict[ClipKind, tuple[str, str]] = {
    "frames": ("folder of frames", "folders of frames"),
    "strip": ("strip of frames", "strips of frames"),
    "video": ("video file", "video files"),
    "animation": ("GIF", "GIFs"),
}


@dataclass(frozen=True)
class Wanted:
    """What is taken of every file.

    Attributes:
        frames: Frames of a clip.
        stride: Step between them.
        window: Which frames of a longer file; one of :data:`stgan.data.windows.WINDOWS`.
        seed: Of random windows.
        strips: Sides whose pictures are strips of frames, ``"real"`` or ``"fake"``.
        frame_width: Width of one frame of a strip; ``None`` for square frames.
        limit: Clips at most; ``None`` for all.
        size: Height and width that all clips are brought to; ``None`` for their own.
        resize: How; one of :data:`stgan.data.resizing.RESIZES`.
    """

    frames: int
    stride: int
    window: str
    seed: int
    strips: Sequence[str]
    frame_width: int | None
    limit: int | None
    size: tuple[int, int] | None
    resize: str

    @property
    def rule(self) -> str:
        """The window in words, for results."""
        window = {
            "first": "first window",
            "center": "center window",
            "random": f"random window (seed {self.seed})",
            "all": "all windows end to end",
        }[self.window]
        if self.size is None:
            return window
        return f"{window}, to {self.size[0]} x {self.size[1]} by {self.resize} with antialias"


def find_all_clips(root: Path, name: str, *, strips: bool = False) -> list[str]:
    """List clips under a folder, relative to it, in natural order.

    A clip is a video file, a GIF, or a folder of pictures, which are its frames; folders that hold
    clips are walked through. Pictures are clips of their own only where ``strips`` says so: a
    picture alone does not show whether it is one wide frame or several side by side.

    Args:
        root: The folder.
        name: The option that names it, for errors.
        strips: Whether each picture is a strip of frames side by side.

    Raises:
        DataError: If the folder is missing, holds no clip, or pictures that cannot be told.
    """
    if not root.is_dir():
        raise DataError(f"{name} {root} must be a folder of clips; check the path")
    side_by_side = f"give --strips {name[2:]} if each is a clip with its frames side by side"

    def is_clip(folder: Path) -> bool:
        inside = sorted(path for path in folder.iterdir() if path.name[0] != ".")
        pictures = [p for p in inside if p.suffix.lower() in PICTURE_SUFFIXES and not p.is_dir()]
        if strips or not pictures:
            return False
        for path in inside:
            below = path.is_dir() and not path.is_symlink() and scan_clips(path, lambda _: False)
            if below or (path.suffix.lower() in _FILES and not path.is_dir()):
                raise DataError(
                    f"{name} {folder} holds pictures next to clips, such as {pictures[0].name} and "
                    f"{path.name}; move them away, or {side_by_side}"
                )
        return True

    found = scan_clips(root, is_clip)
    if not found:
        known = " ".join([*VIDEO_SUFFIXES, *ANIMATION_SUFFIXES])
        raise DataError(
            f"{name} {root} must hold clips: video files ({known}), folders of pictures, or strips "
            f"of frames; got none"
        )
    pictures = [clip for clip in found if clip_kind(root / clip) == "strip"]
    if pictures and not strips:
        what = "pictures next to clips" if len(pictures) < len(found) else "only pictures"
        raise DataError(
            f"{name} {root} holds {what}, such as {pictures[0]}; give the folder above if they are "
            f"the frames of one clip, or {side_by_side}"
        )
    return found


def clip_name(path: str) -> str:
    """Return the name of a clip without the ending of its form; other dots belong to the name.

    Example:
        >>> clip_name("wave/video.001"), clip_name("wave/video.001.MP4")
        ('wave/video.001', 'wave/video.001')
    """
    stem, dot, ending = path.rpartition(".")
    return stem if f"{dot}{ending}".lower() in _ENDINGS and stem[-1:] not in ("", "/") else path


@contextmanager
def _noted(sentences: list[str]) -> Iterator[None]:
    """Take down what readers warn of, instead of printing it between the bars."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        yield
    sentences += dict.fromkeys(str(one.message) for one in told)


class ClipSource(Dataset[dict[str, Tensor]]):
    """Clips of one folder as they are wanted, decoded one at a time and not kept.

    Args:
        root: The folder.
        side: ``"real"`` or ``"fake"``, as its option is called.
        wanted: What is taken of every file.

    Attributes:
        names: Path of every clip below the root.
        starts: Its first frame.
        size: Height and width of all clips.
        notes: What was left out.

    Raises:
        DataError: If the folder holds no clip, or one is broken or too short; names the file.
    """

    def __init__(self, root: Path, side: str, wanted: Wanted) -> None:
        self.root, self.side, self.wanted = root, side, wanted
        self.name = f"--{side}"
        self.notes: list[str] = []
        self._items: list[tuple[str, int]] = []
        span = window_span(wanted.frames, wanted.stride)
        found = self._forms(find_all_clips(root, self.name, strips=side in wanted.strips))
        warned: list[str] = []
        with progress_bar(len(found), f"{self.name}: frames") as bar, _noted(warned):
            for number, (clip, others) in enumerate(found):
                if wanted.limit is not None and len(self._items) >= wanted.limit:
                    break
                count = self._count(clip, others)
                if count < span:
                    raise DataError(
                        f"clip {root / clip} has {count} frames, but {wanted.frames} frames with "
                        f"stride {wanted.stride} need {span}; lower --frames or --stride"
                    )
                draws = numbered_generator(wanted.seed, number, 0)
                starts = (
                    window_starts(count, span)
                    if wanted.window == "all"
                    else [window_start(wanted.window, count, span, draws)]
                )
                self._items += [(clip, start) for start in starts]
                bar.update()
        if warned:
            more = f" (and {len(warned) - 1} more like it)" if len(warned) > 1 else ""
            self.notes.append(f"{self.name}: {warned[0]}{more}")
        if wanted.limit is not None:
            self._items = self._items[: wanted.limit]
        self.names = [clip for clip, _ in self._items]
        self.starts = [start for _, start in self._items]
        # Of the first; others are compared with it when they are read.
        first = self._read(0)
        self.size = (first.shape[2], first.shape[3])

    def _forms(self, paths: Sequence[str]) -> list[tuple[str, list[str]]]:
        """Return each clip with the paths of its other forms, which are not counted again."""
        together: dict[str, list[str]] = {}
        for path in paths:
            together.setdefault(clip_name(path), []).append(path)
        found = []
        for forms in together.values():
            kinds = {path: clip_kind(self.root / path) for path in forms}
            forms.sort(key=lambda path: [*_FORMS].index(kinds[path]))
            for one, other in pairwise(forms):
                if kinds[one] == kinds[other]:
                    raise DataError(
                        f"{self.name} {self.root} holds {one} and {other}, which are one name; "
                        f"remove one, or rename it if it is another clip"
                    )
            found.append((forms[0], forms[1:]))
        several = [(first, others) for first, others in found if others]
        if several:
            first, others = several[0]
            self.notes.append(
                f"{self.name} holds {len(several)} {'clip' if len(several) == 1 else 'clips'} in "
                f"several forms, each counted once: {first} was taken, not {', '.join(others)}"
            )
        return found

    def _count(self, clip: str, others: Sequence[str]) -> int:
        counts = [
            count_frames(self.root / path, frame_width=self._width(self.root / path))
            for path in (clip, *others)
        ]
        for other, count in zip(others, counts[1:], strict=True):
            if count != counts[0]:
                raise DataError(
                    f"{self.name} {self.root} holds {clip} of {counts[0]} frames and {other} of "
                    f"{count}, which are one name and cannot be one clip; rename or remove one"
                )
        return counts[0]

    @property
    def about(self) -> str:
        """What was taken, in words."""
        files = list(dict.fromkeys(self.names))
        counts = Counter(clip_kind(self.root / path) for path in files)
        forms = [
            f"{counts[kind]} {one if counts[kind] == 1 else more}"
            for kind, (one, more) in _FORMS.items()
            if kind in counts
        ]
        return f"{len(self)} clips from {' and '.join(forms)}"

    def _width(self, path: Path) -> int | None:
        return self.wanted.frame_width if clip_kind(path) == "strip" else None

    def _read(self, index: int) -> Tensor:
        name, start = self._items[index]
        path = self.root / name
        size, resize = self.wanted.size, self.wanted.resize
        with _noted([]):  # all of it was said when frames were counted
            frames = iter_frames(
                path,
                start=start,
                num_frames=self.wanted.frames,
                stride=self.wanted.stride,
                frame_width=self._width(path),
            )
            clips = (frame[:, None] for frame in frames)  # of one frame each
            if size is not None:
                clips = (resize_frames(clip, size, resize=resize) for clip in clips)
            return torch.cat(list(clips), dim=1)

    @property
    def classes(self) -> list[str]:
        """Names of the folders directly under the root that clips lie in."""
        return sorted({name.partition("/")[0] for name in self.names if "/" in name})

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return one clip ``(3, T, H, W)`` in [-1, 1] as ``video``."""
        clip = self._read(index)
        if clip.shape[2:] != self.size:
            raise DataError(
                f"clip {self.root / self.names[index]} is {clip.shape[2]} x {clip.shape[3]}, the "
                f"first of {self.name} {self.size[0]} x {self.size[1]}; give --size H W for one "
                f"common size"
            )
        return {"video": from_uint8(clip)}
