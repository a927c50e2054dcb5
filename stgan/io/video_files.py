"""Frames of a video file by PyAV, and whether the file is all there."""

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from stgan.errors import DataError
from stgan.io._av import load_av, open_av
from stgan.io.kinds import VIDEO_SUFFIXES, check_size, reading
from stgan.io.pictures import to_rgb

__all__ = ["count_video", "video_frames"]

Frame = npt.NDArray[np.uint8]
# Codecs of which one packet is one shown frame in the containers that keep frames apart. Others
# hide frames that are never shown (VP8, VP9) or pack two into one (MPEG-4 in AVI), so that only
# decoding counts them.
_COUNTABLE = {"mov": {"h264", "hevc", "av1"}, "matroska": {"h264", "hevc", "av1"}}
# FFmpeg's own decoders of these leave transparency out.
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# Transfer functions of HDR, as ISO/IEC 23091-2 numbers them: PQ and HLG.
_HDR = {16: "PQ", 18: "HLG"}


class _Film:
    """The track of an open video file that players show."""

    def __init__(self, container: Any, path: Path) -> None:
        av = load_av()
        flags = av.stream.Disposition
        tracks = [
            track
            for track in container.streams.video
            if not track.disposition & flags.attached_pic  # the cover of a piece of music
        ]
        if not tracks:
            raise DataError(f"clip {path} has no video stream; leave it out")
        self.path = path
        self.container = container
        self.demuxer = VIDEO_SUFFIXES[path.suffix.lower()]
        self.stream = max(tracks, key=lambda track: bool(track.disposition & flags.default))
        self.codec = self.stream.codec_context
        self.decoder = self.codec
        if self.codec.name in _WITH_ALPHA and self.stream.metadata.get("alpha_mode") == "1":
            self.decoder = av.CodecContext.create(_WITH_ALPHA[self.codec.name], "r")
        # Clips are short: threads cost more to start than they decode, and loaders have workers.
        self.decoder.thread_count = 1
        self._refuse_hdr(self.codec.color_trc)
        self._check_index(self.stream.index_entries[-1:])  # all of them at the end

    def packets(self) -> Iterator[Any]:
        """Yield all packets and the empty one that flushes a decoder.

        Raises:
            DataError: If one is damaged, or the film ends before its last frame.
        """
        count, end, step = 0, 0, 1
        for packet in self.container.demux(self.stream):
            if packet.is_corrupt:
                raise DataError(
                    f"clip {self.path} has a damaged packet; write it again or leave it out"
                )
            if packet.size:
                # AVI does not know when a frame is shown, only which one is decoded when.
                time = packet.dts if self.demuxer == "avi" else packet.pts
                step = packet.duration or step
                count, end = count + 1, max(end, (time or 0) + step)
            yield packet
        self._check_end(count, end, step)

    def frames(self) -> Iterator[Any]:
        """Yield all frames that are shown."""
        for packet in self.packets():
            for frame in self.decoder.decode(packet):
                if frame.is_corrupt:
                    raise DataError(
                        f"clip {self.path} has a damaged frame; write it again or leave it out"
                    )
                self._refuse_hdr(frame.color_trc)
                yield frame

    def _refuse_hdr(self, transfer: int) -> None:
        if transfer in _HDR:
            raise DataError(
                f"clip {self.path} must be SDR, got HDR ({_HDR[transfer]}), whose brightness needs "
                f"tone mapping; convert it to SDR (BT.709) first"
            )

    # Decoders are built to show what is left of a damaged film: FFmpeg ends a cut one early, with
    # no error. A data set should not shrink unnoticed, so what the demuxer knows is compared with
    # what it finds.

    def _check_index(self, entries: Iterable[Any]) -> int:
        """Return where the last of some frames ends; refuse if that is behind the file's end."""
        end = max((entry.pos + entry.size for entry in entries), default=0)
        if end > self.container.size:
            raise self._cut("frames in its index lie behind its end")
        return end

    def _check_end(self, count: int, end: int, step: int) -> None:
        """Compare the end of the last frame with the length that the headers state, if they do."""
        stream, stated = self.stream, Fraction(0)
        entries = [entry for track in self.container.streams for entry in track.index_entries]
        index_end = self._check_index(entries)
        if self.demuxer == "matroska":
            stated = self._matroska_length()
        elif self.demuxer == "avi":
            # An AVI may end with empty frames, which repeat the last one. Then nothing follows but
            # them, of 8 bytes, and an index of 16 bytes for each part; FFmpeg shortens the duration
            # of a film that is not whole.
            parts = 16 * len(entries)
            empty = 24 * (stream.frames - count) + 1024
            rest = self.container.size - index_end
            if stream.duration != stream.frames or not parts <= rest <= parts + empty:
                stated = Fraction(stream.frames)
        elif count != stream.frames:  # else all are there, but for what an edit list leaves out
            stated = Fraction(stream.duration or 0)
        if end + step / 2 < stated:
            raise self._cut(
                f"it ends after {float(end * stream.time_base):.2f} of "
                f"{float(stated * stream.time_base):.2f} seconds"
            )
        if self.demuxer == "mov":
            # Of a fragment whose header is not whole nothing is known, not even its length.
            with self.path.open("rb") as file:
                file.seek(index_end)
                if b"moof" in file.read(1 << 16):
                    raise self._cut("its last fragment is not whole")

    def _matroska_length(self) -> Fraction:
        """Return the stated length of the track, or of all if it is the only one, or 0."""
        whole = Fraction(self.container.duration or 0, load_av().time_base)
        length = whole if len(self.container.streams) == 1 else Fraction(0)
        tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", self.stream.metadata.get("DURATION", ""))
        if tag:
            hours, minutes, seconds = map(Fraction, tag.groups())
            # The tag may be of another film that this one was made from.
            length = min(hours * 3600 + minutes * 60 + seconds, whole)
        return length / self.stream.time_base

    def _cut(self, sign: str) -> DataError:
        return DataError(f"clip {self.path} is cut short: {sign}; copy or download it again")


@contextmanager
def _opened(path: Path) -> Iterator[_Film]:
    # The demuxer follows the suffix: left to guess, FFmpeg shows a picture named .mp4 as a film of
    # one frame, and a text file may be a playlist that opens other files.
    demuxer = VIDEO_SUFFIXES[path.suffix.lower()]
    with (
        reading(path, f"a {path.suffix} video"),
        open_av(path, format=demuxer, metadata_errors="ignore") as container,
    ):
        yield _Film(container, path)


def video_frames(path: Path, start: int, stop: int | None, stride: int) -> Iterator[Frame]:
    """Yield the RGB bytes ``(H, W, 3)`` of every ``stride``-th frame from ``start`` to ``stop``.

    Raises:
        DataError: If the file is damaged, cut short, wrongly named, HDR, or changes its size on
            the way; what lies behind the last frame that is wanted is not looked at.
    """
    with _opened(path) as film:
        # One for all frames: two to three times faster than one for each.
        reformatter = load_av().video.reformatter.VideoReformatter()
        size: tuple[int, int] | None = None
        turn: int | None = None
        for index, frame in enumerate(islice(film.frames(), stop)):
            size = size or (frame.height, frame.width)
            check_size(path, index, (frame.height, frame.width), size)
            if turn != frame.rotation:
                turn, upright = frame.rotation, _upright(frame, path)
            if index >= start and (index - start) % stride == 0:
                yield upright(_pixels(frame, reformatter, path))


def _pixels(frame: Any, reformatter: Any, path: Path) -> Frame:
    # A palette may hold transparent colors.
    if frame.format.has_palette or any(part.is_alpha for part in frame.format.components):
        layer = reformatter.reformat(frame, format="rgba", threads=1).to_ndarray()
        return to_rgb(Image.fromarray(layer), path)
    picture = reformatter.reformat(frame, format="rgb24", threads=1)
    return np.asarray(picture.to_ndarray(), dtype=np.uint8)


def _upright(frame: Any, path: Path) -> Callable[[Frame], Frame]:
    """Return what turns and mirrors the pixels by a frame's display matrix, as players do.

    To be asked for few frames: PyAV binds a frame whose side data are read to them in a circle,
    which keeps its memory until Python looks for circles.
    """
    try:
        data = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV 18 stumbles over kinds that it does not know, such as EXIF
        if frame.rotation:
            raise DataError(
                f"clip {path} is turned or mirrored in a way that this version of PyAV cannot "
                f"tell; update av, or turn its frames before"
            ) from None
        data = None
    if data is None:
        return lambda pixels: pixels
    # x' = a x + c y and y' = b x + d y, with x to the right and y down.
    a, b, _, c, d = struct.unpack("=5i", bytes(data)[:20])
    lying = not (_small(b, a) and _small(c, d))
    if lying and not (_small(a, b) and _small(d, c)):
        raise DataError(
            f"clip {path} must be turned by right angles, got the display matrix "
            f"{[[a, c], [b, d]]}; turn its frames before"
        )
    right, down = (c, b) if lying else (a, d)
    rows, columns = (slice(None, None, -1 if sign < 0 else 1) for sign in (down, right))

    def upright(pixels: Frame) -> Frame:
        moved = pixels.swapaxes(0, 1) if lying else pixels
        return np.ascontiguousarray(moved[rows, columns])

    return upright


def _small(number: int, other: int) -> bool:
    return abs(number) <= abs(other) / 50  # about a degree


def count_video(path: Path) -> int:
    """Count frames by packets where one packet is one frame, else by decoding."""
    with _opened(path) as film:
        count = _count_packets(film)
    if count is not None:
        return count
    with _opened(path) as film:
        return sum(1 for _ in film.frames())


def _count_packets(film: _Film) -> int | None:
    """Count the packets, or return ``None`` where not each of them is one shown frame."""
    intra_only = film.codec.codec.intra_only
    if not intra_only and film.codec.name not in _COUNTABLE.get(film.demuxer, set()):
        return None
    times: list[int | None] = []
    first: int | None = None
    for packet in film.packets():
        # Discarded packets lie outside of an edit list: decoders need them, nobody sees them.
        if packet.size and not packet.is_discard:
            times.append(packet.pts)
        # A film that was cut without encoding it anew begins with packets that refer to what is
        # gone, or with a key frame that is whole only some frames later: decoders show nothing
        # before that. Which packets these are is told by the first frame that they do show.
        if first is None and not intra_only:
            first = next((frame.pts for frame in film.decoder.decode(packet)), None)
    if intra_only:
        return len(times)
    hidden = first is None or any(time is None or time < first for time in times)
    return None if hidden else len(times)
