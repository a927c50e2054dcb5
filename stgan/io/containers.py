"""Whether a video file is as long as its own headers say, found without decoding a frame.

Decoders are built to show what is left of a damaged film: FFmpeg ends a cut file early and
Pillow a cut GIF at the last whole frame, both without an error. A data set should not shrink
unnoticed, so the outermost lengths are compared with the size of the file first.
"""

from pathlib import Path
from typing import BinaryIO

from stgan.errors import DataError

__all__ = ["check_complete"]


def check_complete(path: Path, demuxer: str) -> None:
    """Refuse a file that ends before its outermost chunks do.

    Sources: ISO/IEC 14496-12 section 4.2 (boxes of mp4 and mov), Microsoft's RIFF (avi), RFC 8794
    section 6 (EBML, for mkv and webm), GIF89a section 12 to 27. A Matroska or AVI file that
    does not state its length, as a recorded live stream may not, passes.

    Args:
        path: The file.
        demuxer: ``"mov"``, ``"avi"``, ``"matroska"`` or ``"gif"``.

    Raises:
        DataError: If bytes are missing; names the file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        end = _END[demuxer](file, size)
    if end > size:
        raise DataError(
            f"clip {path} is cut short: its headers promise at least {end} bytes, the file has "
            f"{size}; copy or download it again"
        )


# What an mp4 or mov file may begin with.
_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp")
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    position = 0
    while position < size:
        file.seek(position)
        head = file.read(16)
        if len(head) < 8:
            return position + 8
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if position == 0 and head[4:8] not in _FIRST_BOXES:
            return size  # another kind of file, which FFmpeg will say better
        # Zero means up to the end of the file; anything else below a header is no box.
        if length < 8:
            return size
        position += length
    return position


def _end_of_riff(file: BinaryIO, size: int) -> int:
    position = 0
    while position < size:
        file.seek(position)
        head = file.read(8)
        if not head.startswith(b"RIFF"):
            return max(size, 12)
        end = position + 8 + int.from_bytes(head[4:], "little")
        if len(head) < 8 or end > size:
            return max(end, position + 12)
        position = end + end % 2
    return size


def _vint(file: BinaryIO, *, keep_marker: bool) -> int | None:
    """Read one EBML variable-length integer; ``None`` if it is unknown or cut."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    extra = 8 - first[0].bit_length()
    rest = file.read(extra)
    if len(rest) < extra:
        return None
    value = int.from_bytes(first + rest, "big")
    if keep_marker:
        return value
    payload = value & ~(1 << 7 * (extra + 1))
    return None if payload == (1 << 7 * (extra + 1)) - 1 else payload


def _end_of_segment(file: BinaryIO, size: int) -> int:
    if _vint(file, keep_marker=True) != _EBML:
        return size  # another kind of file, which FFmpeg will say better
    file.seek(0)
    while (element := _vint(file, keep_marker=True)) is not None:
        length = _vint(file, keep_marker=False)
        if length is None:
            return size
        end = file.tell() + length
        if element == _SEGMENT or end > size:  # all frames lie in the segment
            return end
        file.seek(end)
    return size


def _end_of_gif(file: BinaryIO, size: int) -> int:
    data = file.read()

    def table(flags: int) -> int:
        return 3 << ((flags & 7) + 1) if flags & 0x80 else 0

    try:
        position = 13 + table(data[10])
        while data[position] in b"\x21\x2c":
            if data[position] == 0x21:
                position += 2
            else:
                position += 11 + table(data[position + 9])
            while data[position]:
                position += data[position] + 1
            position += 1
    except IndexError:
        return size + 1
    return size  # the trailer, or an unknown block that Pillow will stop at


_END = {
    "mov": _end_of_boxes,
    "avi": _end_of_riff,
    "matroska": _end_of_segment,
    "gif": _end_of_gif,
}
