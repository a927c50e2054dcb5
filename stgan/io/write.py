"""One door for writing clips: mp4, lossless avi, gif, folders of frames, frame strips."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import GifImagePlugin, Image
from torch import Tensor

from stgan._checks import check_layout
from stgan._files import replacing
from stgan.errors import ShapeError
from stgan.io._av import load_av, open_av
from stgan.io.ranges import to_uint8

__all__ = ["write_frames", "write_strip", "write_video"]

Frames = npt.NDArray[np.uint8]


def write_video(video: Tensor, path: str | Path, *, fps: float | Fraction = 25) -> None:
    """Write a clip; the suffix decides how.

    ========  ==================================================================================
    ``.mp4``  H.264 at constant rate factor 18, for players; YUV 4:2:0, or 4:4:4 if a side is odd,
              which fewer players show. Small losses. 0.001 to 1000 frames per second.
    ``.avi``  FFV1 on RGB. Lossless. 0.001 to 1000 frames per second.
    ``.gif``  256 colors a frame, without dither. A GIF counts time in 1/100 s: frame times are
              rounded so that they never drift from ``fps``. 0.002 to 50 frames per second, which
              is the most that players obey.
    ========  ==================================================================================

    The file appears whole or not at all. For lossless pictures see :func:`write_frames` and
    :func:`write_strip`.

    Args:
        video: ``(3, T, H, W)``, float in [-1, 1] (see :func:`to_uint8`) or ``torch.uint8``.
        path: File to write or replace; its folder must exist.
        fps: Frames per second, within the bounds of the suffix.

    Raises:
        ShapeError: If the layout differs or a side is zero.
        TypeError: If ``video`` is neither floating point nor ``torch.uint8``.
        ValueError: If a value is not finite, the suffix is not known, or ``fps`` is out of range.
        FileNotFoundError: If the folder does not exist.

    Example:
        >>> import tempfile
        >>> from stgan.io import count_frames
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_video(torch.zeros(3, 8, 16, 16), f"{folder}/gray.gif", fps=12.5)
        ...     count_frames(f"{folder}/gray.gif")
        8
    """
    path = Path(path)
    if path.suffix.lower() not in _WRITERS:
        raise ValueError(
            f"path must end in one of {' '.join(_WRITERS)}, got {path.name!r}; write_frames and "
            f"write_strip write pictures"
        )
    if not 0 < fps < float("inf"):
        raise ValueError(f"fps must be a positive number of frames per second, got {fps}")
    # Limited to what containers store, and so that 29.97 becomes a fraction near it.
    rate = Fraction(fps).limit_denominator(1001)
    _check_rate(path.suffix.lower(), rate, fps)
    frames = _frames(video)
    write = _WRITERS[path.suffix.lower()]
    with replacing(path) as part:
        write(frames, part, rate)


def write_frames(video: Tensor, folder: str | Path) -> None:
    """Write a clip as a folder of PNG files ``frame_00000.png``, ...; lossless.

    Args:
        video: ``(3, T, H, W)``, float in [-1, 1] or ``torch.uint8``.
        folder: Folder to create; it may exist if it is empty.

    Raises:
        FileExistsError: If the folder holds something already, which would mix two clips.
        ShapeError: If the layout differs or a side is zero.
        TypeError: If ``video`` is neither floating point nor ``torch.uint8``.
        ValueError: If a value is not finite.
        FileNotFoundError: If the folder around ``folder`` does not exist.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_frames(torch.zeros(3, 2, 16, 16), f"{folder}/gray")
        ...     sorted(path.name for path in Path(folder, "gray").iterdir())
        ['frame_00000.png', 'frame_00001.png']
    """
    folder = Path(folder)
    frames = _frames(video)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(
            f"folder {folder} must be new or empty to take frames; remove what is there or choose "
            f"another name"
        )
    with replacing(folder) as part:
        part.mkdir()
        for index, frame in enumerate(frames):
            Image.fromarray(frame).save(part / f"frame_{index:05d}.png")


def write_strip(video: Tensor, path: str | Path) -> None:
    """Write a clip as one PNG with its frames side by side; lossless.

    Reading it back needs ``frame_width=`` if the frames are not square.

    Args:
        video: ``(3, T, H, W)``, float in [-1, 1] or ``torch.uint8``.
        path: File to write or replace, ending in ``.png``; its folder must exist.

    Raises:
        ShapeError: If the layout differs or a side is zero.
        TypeError: If ``video`` is neither floating point nor ``torch.uint8``.
        ValueError: If a value is not finite or the suffix is another.
        FileNotFoundError: If the folder does not exist.

    Example:
        >>> import tempfile
        >>> from stgan.io.pictures import picture_size
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_strip(torch.zeros(3, 4, 16, 16), f"{folder}/gray.png")
        ...     picture_size(Path(folder, "gray.png"))
        (16, 64)
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"path of a strip must end in .png, got {path.name!r}")
    frames = _frames(video)
    with replacing(path) as part:
        Image.fromarray(np.concatenate(list(frames), axis=1)).save(part, format="PNG")


# Least and most frames per second. Of a faster mp4, which counts its length in 1/1000 s, the last
# frames are hidden; FFmpeg reads another rate from a faster avi; players slow a faster GIF down.
# Slower rates would be rounded to a fraction, and a GIF has 16 bits for the 1/100 s of a frame.
_RATES = {
    ".mp4": ("an mp4", Fraction(1, 1000), 1000),
    ".avi": ("an avi", Fraction(1, 1000), 1000),
    ".gif": ("a GIF", Fraction(1, 500), 50),
}


def _check_rate(suffix: str, rate: Fraction, fps: float | Fraction) -> None:
    name, least, most = _RATES[suffix]
    if not least <= rate <= most:
        fix = "drop frames" if rate > most else "repeat frames"
        raise ValueError(
            f"fps must be {float(least):g} to {most} for {name}, got {float(fps):g}; {fix}"
            f"{' or write an mp4' if suffix == '.gif' else ''}"
        )


def _frames(video: Tensor) -> Frames:
    """Check a clip and return its bytes as ``(T, H, W, 3)``."""
    check_layout(video, "C T H W", name="video", kind="any", C=3)
    if video.numel() == 0:
        raise ShapeError(f"video must have at least one frame and pixel, got {tuple(video.shape)}")
    if video.dtype != torch.uint8 and not video.is_floating_point():
        raise TypeError(f"video must be float in [-1, 1] or torch.uint8, got {video.dtype}")
    pixels = video if video.dtype == torch.uint8 else to_uint8(video)
    return np.ascontiguousarray(pixels.permute(1, 2, 3, 0).cpu().numpy())


def _write_with_av(
    frames: Frames,
    path: Path,
    fps: Fraction,
    *,
    container_format: str,
    codec: str,
    pix_fmt: str,
    options: dict[str, str],
) -> None:
    av = load_av()
    with open_av(path, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pix_fmt
        stream.codec_context.thread_count = 1
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def _write_mp4(frames: Frames, path: Path, fps: Fraction) -> None:
    even = frames.shape[1] % 2 == 0 and frames.shape[2] % 2 == 0
    _write_with_av(
        frames,
        path,
        fps,
        container_format="mp4",
        codec="libx264",
        pix_fmt="yuv420p" if even else "yuv444p",
        options={"crf": "18", "preset": "veryfast"},
    )


def _write_avi(frames: Frames, path: Path, fps: Fraction) -> None:
    _write_with_av(
        frames,
        path,
        fps,
        container_format="avi",
        codec="ffv1",
        pix_fmt="bgr0",
        # The encoder's own choice of four slices refuses frames that are one pixel wide.
        options={"slices": "1"},
    )


def _write_gif(frames: Frames, path: Path, fps: Fraction) -> None:
    ends = [round(100 * (index + 1) / fps) for index in range(len(frames))]
    pictures = [
        Image.fromarray(pixels).quantize(
            256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
        for pixels in frames
    ]
    # Pillow's save_all joins equal neighbors into one long frame, which would lose frames.
    head, _ = GifImagePlugin.getheader(pictures[0].copy(), info={"loop": 0})
    with path.open("wb") as file:
        file.writelines(head)
        for picture, (begin, end) in zip(pictures, pairwise([0, *ends]), strict=True):
            milliseconds = 10 * (end - begin)
            file.writelines(
                GifImagePlugin.getdata(picture, duration=milliseconds, include_color_table=True)
            )
        file.write(b";")


_WRITERS: dict[str, Callable[[Frames, Path, Fraction], None]] = {
    ".mp4": _write_mp4,
    ".avi": _write_avi,
    ".gif": _write_gif,
}
