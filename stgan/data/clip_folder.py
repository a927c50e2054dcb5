"""Clips of one's own: a folder per class, of videos, strips or folders of frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from stgan._checks import check_positive, pair
from stgan.data.items import Index, Item, numbered_generator, split_index
from stgan.data.resizing import RESIZES, resize_frames
from stgan.data.selection import Patterns, find_clips, select_clips
from stgan.data.shared_cache import SharedCache
from stgan.data.windows import WINDOWS, window_span, window_start, window_starts
from stgan.errors import DataError
from stgan.io import clip_kind, count_frames, from_uint8, iter_frames
from stgan.registry import unknown_name
from stgan.typing import Size2

__all__ = ["Clip", "ClipFolder"]

_CONDITIONS = ("first", "neutral", "random")
_ON_ERROR = ("raise", "skip")


@dataclass(frozen=True)
class Clip:
    """One clip of a :class:`ClipFolder`.

    Attributes:
        path: File or folder.
        label: Number of its class.
        num_frames: Stored frames.
    """

    path: Path
    label: int
    num_frames: int


class ClipFolder(Dataset[Item]):
    """Labeled clips from ``root/<class>/<clip>``, a clip being a file or a folder of frames.

    A clip is what :func:`stgan.io.read_video` reads: a video file, a GIF, a frame strip or a
    folder of pictures. Frames are resized as they are decoded, so that an item takes the memory of
    its own frames and of one frame of the file, beside the cache. Classes are the sorted names of
    all folders in ``root``, whatever the selection, so that training and validation number them
    alike. Lengths are checked here, in the constructor, and not hours later in a worker.

    Items are numbered draws: ``dataset[index, draw]`` makes its random choices from a hash of
    ``(seed, index, draw)`` alone, so that it is the same in any process, worker and order;
    ``dataset[index]`` is draw 0. Feed it :class:`~stgan.data.EndlessSampler`, whose epochs are
    the draws.

    Args:
        root: Folder of class folders.
        num_frames: Frames of an item.
        image_size: ``(H, W)`` of an item or one number for both.
        stride: Step between the frames of an item, in stored frames.
        window: Where an item begins: ``"random"``, at the ``"first"`` frame, in the ``"center"``;
            or ``"all"``: every window that fits end to end is an item of its own.
        include: Shell pattern, or several, on the path relative to ``root``; ``*`` matches
            slashes too.
        exclude: Likewise, of clips to leave out, such as ``"*/subject4_*"``.
        files: Text file of relative paths, one a line, or the paths, such as
            :func:`~stgan.data.split_clips` returns; ``None`` means all.
        found: The clips of every class, where they are known: paths relative to ``root`` by the
            name of the class. ``None`` searches ``root``.
        condition: The image of an item: the ``"first"`` frame of its window, the ``"neutral"``
            frame 0 of the file, or a ``"random"`` frame of its window.
        resize: ``"squash"`` to the size, or ``"crop"``: short side to the size, then the center.
        flip: Mirror one item in two, its frames and its image alike.
        frame_width: Width of one frame of a strip; ``None`` means square frames.
        on_error: ``"raise"``, or ``"skip"`` clips that are broken or too short; see ``skipped``.
        cache: Keep decoded clips in memory, resized, as bytes: ``3 * H * W`` of them a frame. All
            workers of a loader share them, forked or spawned, and each clip is decoded once; on
            Windows each worker has its own. A pickle or copy begins with none.
        cache_bytes: Most bytes to keep, in all workers together; ``None`` means no limit. Clips
            have a place in their order while they fit, and the others are read again for every
            item, from their first frame to the last of the window.
        seed: Seed of all random choices.

    Attributes:
        classes: Names of the classes.
        clips: The clips in use, each a :class:`Clip`.
        paths: File or folder of every item.
        labels: Label of every item.
        num_cached: Clips that are in the cache by now.
        skipped: Reason by path of every clip that ``on_error="skip"`` left out.

    Raises:
        DataError: If ``root`` is missing or has no classes, a class is empty, the selection is
            empty or lists a missing path, or a clip is broken or too short; names the file.
        UnknownNameError: If ``window``, ``condition``, ``resize`` or ``on_error`` is not known.
        ValueError: If a size is not positive, or ``cache_bytes`` is too small for any clip or comes
            with ``cache=False``.
        TypeError: If a size is not an integer.

    Example:
        >>> import tempfile
        >>> from stgan.io import write_strip
        >>> with tempfile.TemporaryDirectory() as root:
        ...     Path(root, "wave").mkdir()
        ...     write_strip(torch.zeros(3, 20, 32, 32), f"{root}/wave/subject1.png")
        ...     data = ClipFolder(root, num_frames=8, image_size=16)
        ...     data[0]["video"].shape
        torch.Size([3, 8, 16, 16])
    """

    def __init__(
        self,
        root: str | Path,
        *,
        num_frames: int,
        image_size: Size2,
        stride: int = 1,
        window: str = "random",
        include: Patterns = "*",
        exclude: Patterns = (),
        files: str | Path | Sequence[str] | None = None,
        found: Mapping[str, Sequence[str]] | None = None,
        condition: str = "first",
        resize: str = "squash",
        flip: bool = False,
        frame_width: int | None = None,
        on_error: str = "raise",
        cache: bool = True,
        cache_bytes: int | None = None,
        seed: int = 0,
    ) -> None:
        self.root = Path(root)
        self.num_frames = check_positive(num_frames, "num_frames")
        self.image_size = pair(image_size, "image_size")
        self.stride = check_positive(stride, "stride")
        self.window = _known("window", window, WINDOWS)
        self.condition = _known("condition", condition, _CONDITIONS)
        self.resize = _known("resize", resize, RESIZES)
        self.flip = flip
        self.frame_width = frame_width
        self.seed = seed
        _known("on_error", on_error, _ON_ERROR)
        self._span = window_span(num_frames, stride)
        if cache_bytes is not None:
            check_positive(cache_bytes, "cache_bytes")
            if not cache:
                raise ValueError(
                    f"cache_bytes={cache_bytes} limits a cache that cache=False switches off; "
                    f"leave one of them out"
                )

        found = find_clips(root) if found is None else found
        self.classes = list(found)
        self.clips: list[Clip] = []
        skipped: dict[Path, str] = {}
        everything = [clip for clips in found.values() for clip in clips]
        for name in select_clips(
            everything, self.root, include=include, exclude=exclude, files=files
        ):
            try:
                self.clips.append(self._checked(name))
            except DataError as error:
                if on_error == "raise":
                    raise
                skipped[self.root / name] = str(error)
        self.skipped: Mapping[Path, str] = skipped
        if not self.clips:
            raise DataError(
                f"all {len(skipped)} selected clips of {root} are broken or too short; the first: "
                f"{next(iter(skipped.values()))}"
            )
        self._cache = self._new_cache(cache_bytes) if cache else None
        # (number of the clip, start), where None is a start to be chosen when an item is asked for.
        self._items: list[tuple[int, int | None]] = [
            (number, start)
            for number, clip in enumerate(self.clips)
            for start in (
                window_starts(clip.num_frames, self._span) if window == "all" else (None,)
            )
        ]

    def _checked(self, name: str) -> Clip:
        path = self.root / name
        count = count_frames(path, frame_width=self._frame_width(path))
        if count < self._span:
            raise DataError(
                f"clip {path} has {count} frames, but num_frames {self.num_frames} with stride "
                f"{self.stride} needs {self._span}; lower them, or skip clips that cannot be used"
            )
        return Clip(path, self.classes.index(name.partition("/")[0]), count)

    def _new_cache(self, limit: int | None) -> SharedCache:
        shapes = [(3, clip.num_frames, *self.image_size) for clip in self.clips]
        smallest = min(map(prod, shapes))
        if limit is not None and limit < smallest:
            raise ValueError(
                f"cache_bytes {limit} holds none of the {len(shapes)} clips, the smallest of which "
                f"takes {smallest}; raise it"
            )
        return SharedCache(shapes, limit=limit)

    def _frame_width(self, path: Path) -> int | None:
        return self.frame_width if clip_kind(path) == "strip" else None

    def __len__(self) -> int:
        return len(self._items)

    @property
    def paths(self) -> list[Path]:
        """File or folder of every item."""
        return [self.clips[number].path for number, _ in self._items]

    @property
    def labels(self) -> list[int]:
        """Label of every item."""
        return [self.clips[number].label for number, _ in self._items]

    @property
    def num_cached(self) -> int:
        """Clips that are in the cache by now, whichever process decoded them."""
        return 0 if self._cache is None else len(self._cache)

    def __getitem__(self, index: Index) -> Item:
        """Return an item; ``(index, draw)`` numbers its random choices."""
        number, draw = split_index(index, len(self))
        place, start = self._items[number]
        clip = self.clips[place]
        generator = numbered_generator(self.seed, number, draw)
        # All choices are drawn always and in this order: an option changes nothing but itself.
        one_window = "first" if start is not None else self.window
        drawn = window_start(one_window, clip.num_frames, self._span, generator)
        chosen = int(torch.randint(self.num_frames, (), generator=generator))
        mirror = float(torch.rand((), generator=generator)) < 0.5

        start = drawn if start is None else start
        video = self._read(place, start, self.num_frames)
        if self.condition == "neutral":
            image = self._read(place, 0, 1)[:, 0]
        else:
            image = video[:, chosen if self.condition == "random" else 0]
        if self.flip and mirror:
            video, image = video.flip(-1), image.flip(-1)
        return Item(video=from_uint8(video), image=from_uint8(image), label=clip.label)

    def _read(self, place: int, start: int, num_frames: int) -> Tensor:
        """Return resized bytes ``(3, num_frames, H, W)`` of a clip from ``start``."""
        clip, stride = self.clips[place], self.stride
        if self._cache is not None and self._cache.holds(place):
            whole = self._cache.get(place, lambda entry: self._decode(clip, 0, 1, entry))
            return whole[:, start : start + (num_frames - 1) * stride + 1 : stride]
        window = torch.empty(3, num_frames, *self.image_size, dtype=torch.uint8)
        self._decode(clip, start, stride, window)
        return window

    def _decode(self, clip: Clip, start: int, stride: int, into: Tensor) -> None:
        """Fill ``(3, T, H, W)`` with a clip's frames; only one is held at its own size."""
        frames = iter_frames(
            clip.path,
            start=start,
            num_frames=into.shape[1],
            stride=stride,
            frame_width=self._frame_width(clip.path),
        )
        for number, frame in enumerate(frames):
            resized = resize_frames(frame[:, None], self.image_size, resize=self.resize)
            into[:, number] = resized[:, 0]


def _known(setting: str, name: str, known: Sequence[str]) -> str:
    if name not in known:
        raise unknown_name(setting, name, dict.fromkeys(known))
    return name
