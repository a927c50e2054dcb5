"""Frames of a video file by PyAV, and of an animation by Pillow."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from stgan.errors import DataError
from stgan.io._av import load_av, open_av
from stgan.io.containers import check_complete
from stgan.io.kinds import VIDEO_SUFFIXES, reading
from stgan.io.pictures import to_rgb

__all__ = ["animation_frames", "count_animation", "count_video", "video_frames"]

Frame = npt.NDArray[np.uint8]
# Codecs of which one packet is one shown frame in the containers that keep frames apart. Others
# hide frames that are never shown (VP8, VP9) or pack two into one (MPEG-4 in AVI), so that only
# decoding counts them.
_COUNTABLE = {"mov": {"h264", "hevc", "av1"}, "matroska": {"h264", "hevc", "av1"}}


@contextmanager
def _open(path: Path) -> Iterator[tuple[Any, Any]]:
    demuxer = VIDEO_SUFFIXES[path.suffix.lower()]
    check_complete(path, demuxer)
    # The demuxer follows the suffix: left to guess, FFmpeg shows a picture named .mp4 as a film of
    # one frame, and a text file may be a playlist that opens other files.
    container = open_av(path, format=demuxer, metadata_errors="ignore")
    with container:
        if not container.streams.video:
            raise DataError(f"clip {path} has no video stream; leave it out")
        stream = container.streams.video[0]
        # Clips are short: threads cost more to start than they decode, and loaders have workers.
        stream.codec_context.thread_count = 1
        yield container, stream


def _packets(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise DataError(f"clip {path} has a damaged packet; write it again or leave it out")
        yield packet


def _decoded(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    for packet in _packets(container, stream, path):
        for frame in packet.decode():
            if frame.is_corrupt:
                raise DataError(f"clip {path} has a damaged frame; write it again or leave it out")
            yield frame


def _check_size(path: Path, index: int, size: tuple[int, int], first: tuple[int, int]) -> None:
    if size != first:
        raise DataError(
            f"clip {path} changes its size from {first} to {size} at frame {index}; re-encode it "
            f"at one size"
        )


def video_frames(path: Path, start: int, stop: int | None, stride: int) -> Iterator[Frame]:
    """Yield the RGB bytes ``(H, W, 3)`` of every ``stride``-th frame from ``start`` to ``stop``.

    Raises:
        DataError: If the file is damaged, wrongly named, or changes its size on the way.
    """
    with reading(path, f"a {path.suffix} video"), _open(path) as (container, stream):
        # One for all frames: two to three times faster than one for each.
        reformatter = load_av().video.reformatter.VideoReformatter()
        size: tuple[int, int] | None = None
        for index, frame in enumerate(_decoded(container, stream, path)):
            size = size or (frame.height, frame.width)
            _check_size(path, index, (frame.height, frame.width), size)
            if stop is not None and index >= stop:
                break
            if index >= start and (index - start) % stride == 0:
                picture = reformatter.reformat(frame, format="rgb24", threads=1)
                yield _upright(np.asarray(picture.to_ndarray(), dtype=np.uint8), frame)


def _upright(pixels: Frame, frame: Any) -> Frame:
    """Turn what a phone has stored lying on its side, as players do."""
    # Degrees against the clock, which are 0 in all but the films of phones.
    turn = getattr(frame, "rotation", 0)
    return pixels if turn % 90 or not turn else np.ascontiguousarray(np.rot90(pixels, turn // 90))


def count_video(path: Path) -> int:
    """Count frames by packets where one packet is one frame, else by decoding."""
    with reading(path, f"a {path.suffix} video"):
        with _open(path) as (container, stream):
            count = _count_packets(container, stream, path)
        if count is not None:
            return count
        with _open(path) as (container, stream):
            return sum(1 for _ in _decoded(container, stream, path))


def _count_packets(container: Any, stream: Any, path: Path) -> int | None:
    """Count the packets, or return ``None`` where not each of them is one shown frame."""
    context = stream.codec_context
    intra_only = context.codec.intra_only
    if not intra_only and context.name not in _COUNTABLE.get(
        VIDEO_SUFFIXES[path.suffix.lower()], set()
    ):
        return None
    times: list[int | None] = []
    first: int | None = None
    for packet in _packets(container, stream, path):
        # Discarded packets lie outside of an edit list: decoders need them, nobody sees them.
        if packet.size and not packet.is_discard:
            times.append(packet.pts)
        # A film that was cut without encoding it anew begins with packets that refer to what is
        # gone, or with a key frame that is whole only some frames later: decoders show nothing
        # before that. Which packets these are is told by the first frame that they do show.
        if first is None and not intra_only:
            first = next((frame.pts for frame in packet.decode()), None)
    if intra_only:
        return len(times)
    hidden = first is None or any(time is None or time < first for time in times)
    return None if hidden else len(times)


def animation_frames(path: Path, start: int, stop: int | None, stride: int) -> Iterator[Frame]:
    """Yield the RGB bytes ``(H, W, 3)`` of the chosen frames of a GIF; see :func:`video_frames`."""
    with reading(path, "a GIF"), Image.open(path, formats=["GIF"]) as picture:
        check_complete(path, "gif")
        size: tuple[int, int] | None = None
        count = getattr(picture, "n_frames", 1)
        for index in range(start, count if stop is None else min(stop, count), stride):
            picture.seek(index)
            # A frame that reaches beyond the canvas makes Pillow enlarge it.
            size = size or (picture.height, picture.width)
            _check_size(path, index, (picture.height, picture.width), size)
            yield to_rgb(picture, path)


def count_animation(path: Path) -> int:
    """Count the frames of a GIF without decoding them."""
    with reading(path, "a GIF"), Image.open(path, formats=["GIF"]) as picture:
        check_complete(path, "gif")
        return int(getattr(picture, "n_frames", 1))
