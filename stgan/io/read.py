"""One door for reading clips: video files, animations, folders of frames, frame strips."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stgan._checks import as_integer, check_positive
from stgan.errors import DataError
from stgan.io.frame_folders import folder_frames, frame_paths
from stgan.io.kinds import clip_kind
from stgan.io.pictures import animation_frames, count_animation, picture_size, read_picture
from stgan.io.ranges import from_uint8
from stgan.io.video_files import count_video, video_frames

__all__ = ["count_frames", "iter_frames", "read_image", "read_video"]

Frame = npt.NDArray[np.uint8]


def read_video(
    path: str | Path,
    *,
    start: int = 0,
    num_frames: int | None = None,
    stride: int = 1,
    frame_width: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Read a clip, or some of its frames, in the layout and range of the library.

    Reads video files (mp4, m4v, mov, avi, webm, mkv), GIFs, folders of frame pictures and frame
    strips, which are one picture with the frames side by side.

    - Of several video tracks, the first that is marked as default is read, else the first; the
      cover picture of a piece of music is none. Time stamps and pixel aspect ratio are ignored.
    - Frames that the metadata say to be turned by right angles or mirrored, as phones and front
      cameras store them, come as players show them.
    - What is transparent lies over black, in pictures and in films.
    - Gray, palette and 16-bit pictures become 8-bit RGB, as do films of more bits. HDR films are
      refused; the wider colors of other BT.2020 films are not converted.
    - Pictures in a folder are one series, in the order of the numbers in their names, which may be
      negative or have decimals (``f_2`` before ``f_10``, ``0.04`` before ``0.1``). Hidden files and
      other suffixes are passed over.

    Args:
        path: File or folder.
        start: First frame to return, counted from 0.
        num_frames: How many frames to return; ``None`` means all up to the end.
        stride: Step between returned frames, in stored frames.
        frame_width: Width of one frame of a strip; ``None`` means square frames.
        dtype: Floating point for values in [-1, 1], or ``torch.uint8`` for the bytes.

    Returns:
        ``(3, T, H, W)``.

    Raises:
        DataError: If the clip is missing, empty, damaged, cut short, wrongly named, too short or
            HDR, its frames differ in size, a strip is no multiple of its frame width, or a folder
            holds more than one series; names the file. A change of bytes inside of the pixels shows
            only where the codec can tell. A film is known to be cut short by its index or the
            length that it states, once it is read to its end; not known is a Matroska film that
            states none, as a live stream, and one of fragments (fMP4) that ends between two.
        ValueError: If ``start`` is negative, ``num_frames`` or ``stride`` is not positive, or
            ``frame_width`` is given for something that is not a strip.
        TypeError: If ``dtype`` is neither floating point nor ``torch.uint8``.

    Warns:
        UserWarning: If whole numbers in the names of frames leave some out.

    Example:
        >>> import tempfile
        >>> from stgan.io import write_video
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_video(torch.zeros(3, 8, 16, 16), f"{folder}/gray.avi")
        ...     read_video(f"{folder}/gray.avi", start=1, num_frames=3, stride=2).shape
        torch.Size([3, 3, 16, 16])
    """
    if dtype != torch.uint8 and not dtype.is_floating_point:
        raise TypeError(f"dtype must be torch.uint8 or a floating-point type, got {dtype}")
    frames = list(_wanted_frames(Path(path), start, num_frames, stride, frame_width))
    video = torch.from_numpy(np.stack(frames)).permute(3, 0, 1, 2).contiguous()
    return video if dtype == torch.uint8 else from_uint8(video, dtype=dtype)


def iter_frames(
    path: str | Path,
    *,
    start: int = 0,
    num_frames: int | None = None,
    stride: int = 1,
    frame_width: int | None = None,
) -> Iterator[Tensor]:
    """Iterate over the frames of a clip, each decoded when it is asked for.

    Memory holds one frame, however long the clip is. Nothing behind the last wanted frame is
    decoded; what lies before the first must be, as frames are stored by their differences.

    Args:
        path: As :func:`read_video` takes it.
        start: Likewise.
        num_frames: Likewise.
        stride: Likewise.
        frame_width: Likewise.

    Returns:
        An iterator of bytes ``(3, H, W)``, ``torch.uint8``.

    Raises:
        DataError: As :func:`read_video` does; for a clip that is too short, behind its last frame.
        ValueError: Likewise.

    Example:
        >>> import tempfile
        >>> from stgan.io import write_video
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_video(torch.zeros(3, 8, 16, 16), f"{folder}/gray.avi")
        ...     [tuple(frame.shape) for frame in iter_frames(f"{folder}/gray.avi", num_frames=2)]
        [(3, 16, 16), (3, 16, 16)]
    """
    frames = _wanted_frames(Path(path), start, num_frames, stride, frame_width)
    return (torch.from_numpy(frame).permute(2, 0, 1).contiguous() for frame in frames)


def _wanted_frames(
    path: Path, start: int, num_frames: int | None, stride: int, frame_width: int | None
) -> Iterator[Frame]:
    first = as_integer(start)
    if first is None or first < 0:
        raise ValueError(f"start must be a frame number of at least 0, got {start!r}")
    stride = check_positive(stride, "stride")
    if num_frames is not None:
        num_frames = check_positive(num_frames, "num_frames")
    return _enough(path, first, num_frames, stride, frame_width)


def _enough(
    path: Path, start: int, num_frames: int | None, stride: int, frame_width: int | None
) -> Iterator[Frame]:
    stop = None if num_frames is None else start + (num_frames - 1) * stride + 1
    found = 0
    for frame in _frames(path, start, stop, stride, frame_width):
        found += 1
        yield frame
    if found < (num_frames or 1):
        # Read, not counted, so that the sentence is true of what comes out.
        count = _at_least_one(path, sum(1 for _ in _frames(path, 0, None, 1, frame_width)))
        if num_frames is None:
            raise DataError(
                f"clip {path} has {count} frames; start must be below that, got {start}"
            )
        raise DataError(
            f"clip {path} has {count} frames, but {num_frames} frames from {start} with stride "
            f"{stride} need {stop}; lower num_frames, stride or start"
        )


def read_image(path: str | Path, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Read a picture in the layout and range of the library.

    Args:
        path: A picture file. Gray, palette and 16-bit pictures become 8-bit RGB; what is
            transparent lies over black.
        dtype: Floating point for values in [-1, 1], or ``torch.uint8`` for the bytes.

    Returns:
        ``(3, H, W)``.

    Raises:
        DataError: If the file is missing, damaged, animated or no picture; names the file.

    Example:
        >>> import tempfile
        >>> from stgan.io import write_strip
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_strip(torch.zeros(3, 1, 16, 20), f"{folder}/gray.png")
        ...     read_image(f"{folder}/gray.png").shape
        torch.Size([3, 16, 20])
    """
    pixels = torch.from_numpy(read_picture(path)).permute(2, 0, 1).contiguous()
    return pixels if dtype == torch.uint8 else from_uint8(pixels, dtype=dtype)


def count_frames(path: str | Path, *, frame_width: int | None = None) -> int:
    """Count the frames that :func:`read_video` returns, decoding only where nothing else is exact.

    Args:
        path: File or folder.
        frame_width: Width of one frame of a strip; ``None`` means square frames.

    Raises:
        DataError: If the clip is missing, empty, damaged or wrongly named; names the file. Damage
            inside of the compressed pixels may only show when they are read.
        ValueError: If ``frame_width`` is given for something that is not a strip.

    Example:
        >>> import tempfile
        >>> from stgan.io import write_strip
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_strip(torch.zeros(3, 5, 16, 16), f"{folder}/gray.png")
        ...     count_frames(f"{folder}/gray.png")
        5
    """
    path = Path(path)
    kind = clip_kind(path)
    if kind == "strip":
        return _strip_frames(path, picture_size(path), frame_width)[0]
    _refuse_frame_width(path, frame_width)
    if kind == "frames":
        return len(frame_paths(path))
    return _at_least_one(path, count_video(path) if kind == "video" else count_animation(path))


def _at_least_one(path: Path, count: int) -> int:
    if count == 0:
        raise DataError(f"clip {path} has no frames; write it again or leave it out")
    return count


def _frames(
    path: Path, start: int, stop: int | None, stride: int, frame_width: int | None
) -> Iterator[Frame]:
    kind = clip_kind(path)
    if kind == "strip":
        return _from_strip(path, start, stop, stride, frame_width)
    _refuse_frame_width(path, frame_width)
    readers = {"video": video_frames, "animation": animation_frames, "frames": folder_frames}
    return readers[kind](path, start, stop, stride)


def _refuse_frame_width(path: Path, frame_width: int | None) -> None:
    if frame_width is not None:
        raise ValueError(
            f"frame_width is for strips, which {path} is not; leave it out, got {frame_width}"
        )


def _strip_frames(path: Path, size: tuple[int, int], frame_width: int | None) -> tuple[int, int]:
    """Return ``(count, width)`` of the frames of a strip."""
    height, width = size
    one = height if frame_width is None else check_positive(frame_width, "frame_width")
    count, rest = divmod(width, one)
    if rest or not count:
        raise DataError(
            f"strip {path} must be a multiple of the frame width {one} wide, got {width}; pass "
            f"frame_width= if its frames are not square"
        )
    return count, one


def _from_strip(
    path: Path, start: int, stop: int | None, stride: int, frame_width: int | None
) -> Iterator[Frame]:
    strip = read_picture(path)
    count, width = _strip_frames(path, (strip.shape[0], strip.shape[1]), frame_width)
    for index in range(start, count if stop is None else min(stop, count), stride):
        yield strip[:, index * width : (index + 1) * width]
