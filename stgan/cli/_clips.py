"""Clips of a folder, one after the other, for ``stgan evaluate``."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from stgan.data import numbered_generator, resize_frames
from stgan.data.resizing import RESIZES
from stgan.data.windows import WINDOWS, window_span, window_start, window_starts
from stgan.errors import DataError
from stgan.io import clip_kind, count_frames, from_uint8, read_video
from stgan.io.kinds import ANIMATION_SUFFIXES, PICTURE_SUFFIXES, VIDEO_SUFFIXES, natural_key
from stgan.registry import unknown_name

__all__ = ["ClipSource", "Wanted", "find_all_clips"]

_FILES = {*VIDEO_SUFFIXES, *ANIMATION_SUFFIXES}


@dataclass(frozen=True)
class Wanted:
    """What is taken of every file.

    Attributes:
        frames: Frames of a clip.
        stride: Step between them.
        window: Which frames of a longer file; one of :data:`stgan.data.windows.WINDOWS`.
        seed: Of random windows.
        frame_width: Width of one frame of a strip; ``None`` for square frames.
        limit: Clips at most; ``None`` for all.
        size: Height and width that all clips are brought to; ``None`` for their own.
        resize: How; one of :data:`stgan.data.resizing.RESIZES`.
    """

    frames: int
    stride: int
    window: str
    seed: int
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


def find_all_clips(root: Path, name: str, frame_width: int | None = None) -> list[str]:
    """List clips under a folder, relative to it, in natural order.

    A clip is a video file, a GIF, a folder of pictures only, or a picture that is a strip of
    frames; folders that hold clips are walked through. Pictures in the root itself are strips;
    those of another folder are if the first is two frames wide or more.

    Raises:
        DataError: If the folder is missing or holds no clip.
    """
    if not root.is_dir():
        raise DataError(f"{name} {root} must be a folder of clips; check the path")
    found = sorted(_walk(root, root, frame_width), key=natural_key)
    if not found:
        known = " ".join([*VIDEO_SUFFIXES, *ANIMATION_SUFFIXES])
        raise DataError(
            f"{name} {root} must hold clips: video files ({known}), folders of pictures, or strips "
            f"of frames; got none"
        )
    return found


def _walk(folder: Path, root: Path, frame_width: int | None) -> Iterator[str]:
    inside = [path for path in folder.iterdir() if path.name[0] != "."]
    pictures = [p for p in inside if p.is_file() and p.suffix.lower() in PICTURE_SUFFIXES]
    others = [p for p in inside if p.is_dir() or p.suffix.lower() in _FILES]
    if pictures and not others and folder != root and not _are_strips(pictures, frame_width):
        yield folder.relative_to(root).as_posix()
        return
    for path in pictures:
        yield path.relative_to(root).as_posix()
    for path in others:
        if path.is_dir():
            yield from _walk(path, root, frame_width)
        else:
            yield path.relative_to(root).as_posix()


def _are_strips(pictures: list[Path], frame_width: int | None) -> bool:
    """Whether the first picture is wide enough to be several frames side by side."""
    from stgan.io.pictures import picture_size

    height, width = picture_size(min(pictures, key=lambda path: natural_key(path.name)))
    return width >= 2 * (frame_width or height)


class ClipSource(Dataset[dict[str, Tensor]]):
    """Clips of one folder as they are wanted, decoded one at a time and not kept.

    Args:
        root: The folder.
        name: What the user calls it, for errors.
        wanted: What is taken of every file.

    Raises:
        DataError: If the folder holds no clip, or one is broken or too short; names the file.
    """

    def __init__(self, root: Path, name: str, wanted: Wanted) -> None:
        if wanted.window not in WINDOWS:
            raise unknown_name("--window", wanted.window, dict.fromkeys(WINDOWS), what="window")
        if wanted.resize not in RESIZES:
            raise unknown_name("--resize", wanted.resize, dict.fromkeys(RESIZES), what="rule")
        self.root, self.name, self.wanted = root, name, wanted
        span = window_span(wanted.frames, wanted.stride)
        self._items: list[tuple[str, int]] = []
        for number, clip in enumerate(find_all_clips(root, name, wanted.frame_width)):
            if wanted.limit is not None and len(self._items) >= wanted.limit:
                break
            count = count_frames(root / clip, frame_width=self._width(root / clip))
            if count < span:
                raise DataError(
                    f"clip {root / clip} has {count} frames, but {wanted.frames} frames with "
                    f"stride {wanted.stride} need {span}; lower --frames or --stride"
                )
            starts = (
                window_starts(count, span)
                if wanted.window == "all"
                else [
                    window_start(
                        wanted.window, count, span, numbered_generator(wanted.seed, number, 0)
                    )
                ]
            )
            self._items += [(clip, start) for start in starts]
        if wanted.limit is not None:
            self._items = self._items[: wanted.limit]
        self.names = [clip for clip, _ in self._items]
        self.starts = [start for _, start in self._items]
        # Of the first; others are compared with it when they are read.
        first = self._read(0)
        self.size = (first.shape[2], first.shape[3])

    def _width(self, path: Path) -> int | None:
        return self.wanted.frame_width if clip_kind(path) == "strip" else None

    def _read(self, index: int) -> Tensor:
        name, start = self._items[index]
        path = self.root / name
        clip = read_video(
            path,
            start=start,
            num_frames=self.wanted.frames,
            stride=self.wanted.stride,
            frame_width=self._width(path),
            dtype=torch.uint8,
        )
        size = self.wanted.size
        return clip if size is None else resize_frames(clip, size, resize=self.wanted.resize)

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
