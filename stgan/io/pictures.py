"""Pictures and GIFs by Pillow, as RGB bytes, whatever mode they were stored in."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

from stgan.errors import DataError
from stgan.io.kinds import check_size, reading

__all__ = ["animation_frames", "count_animation", "picture_size", "read_picture", "to_rgb"]

# Whatever the name says: of other kinds Pillow would start a program, as it does for PostScript.
_FORMATS = ["PNG", "JPEG", "BMP", "WEBP", "TIFF", "PPM", "GIF"]


def read_picture(path: str | Path) -> npt.NDArray[np.uint8]:
    """Read a picture as RGB bytes ``(H, W, 3)``.

    Gray becomes three equal channels, a palette its colors, and what is transparent lies over
    black. 16 bits of gray are rounded to 8; of 16 bits of color, or of gray with transparency,
    only the high byte is taken, since Pillow gives no more. A picture that its metadata say to be
    turned, as phones write it, comes upright.

    Args:
        path: The picture.

    Raises:
        DataError: If the file is damaged, animated, or of a mode without a known range.
    """
    path = Path(path)
    with reading(path, "a picture"), Image.open(path, formats=_FORMATS) as picture:
        _refuse_animation(picture, path)
        return to_rgb(ImageOps.exif_transpose(picture), path)


def picture_size(path: Path) -> tuple[int, int]:
    """Return ``(height, width)`` from the header alone."""
    with reading(path, "a picture"), Image.open(path, formats=_FORMATS) as picture:
        _refuse_animation(picture, path)
        # Of a TIFF Pillow states the size that it has when it is turned.
        stored = picture.format != "TIFF"
        lying = stored and picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        return (picture.width, picture.height) if lying else (picture.height, picture.width)


def _refuse_animation(picture: Image.Image, path: Path) -> None:
    # MPO is how phones store a photograph with a preview: the first picture is the photograph.
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":
        raise DataError(
            f"picture {path} must hold one picture, got {frames}; save its frames as a GIF, a "
            f"video or a folder"
        )


def to_rgb(picture: Image.Image, path: Path) -> npt.NDArray[np.uint8]:
    """Return the pixels of an open picture as RGB bytes ``(H, W, 3)``; see :func:`read_picture`."""
    if picture.mode == "I" or picture.mode.startswith("I;16"):
        gray = np.asarray(picture).astype(np.int64)
        if gray.min() < 0 or gray.max() > 65535:
            raise DataError(
                f"picture {path} must have values of 0 to 65535 when stored as integers, got "
                f"{gray.min()} to {gray.max()}; save it with 8 or 16 bits"
            )
        gray[gray == picture.info.get("transparency", -1)] = 0
        # Pillow's own conversion clips at 255 and would turn nearly all of the picture white.
        narrow = ((gray * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(narrow[..., None], 3, axis=2)
    if picture.mode == "F":
        raise DataError(
            f"picture {path} must be stored as integers, got floating point, which has no known "
            f"range; save it with 8 or 16 bits"
        )
    if "A" in picture.mode or "a" in picture.mode or "transparency" in picture.info:
        key = picture.info.get("transparency")
        if isinstance(key, tuple) and max(key) > 255:  # of 16 bits, of which Pillow keeps eight
            picture.info["transparency"] = tuple(value >> 8 for value in key)
        layer = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        return np.array(Image.alpha_composite(black, layer).convert("RGB"))
    return np.array(picture.convert("RGB"))


class _Watched(io.FileIO):
    """A file that knows whether more bytes were asked of it than it has."""

    ran_out = False

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size)
        self.ran_out |= size is not None and len(data) < size
        return data


@contextmanager
def _open_gif(path: Path) -> Iterator[tuple[Image.Image, int]]:
    """Lend an open GIF and the number of its frames; refuse one that is cut short."""
    with reading(path, "a GIF"), _Watched(path) as file, Image.open(file, formats=["GIF"]) as gif:
        count = int(getattr(gif, "n_frames", 1))
        # Pillow ends a cut GIF at the last whole frame. Looking for frames it reads up to the
        # closing mark and no byte further; there is no pixel among what it has read by now.
        if file.ran_out:
            raise DataError(f"clip {path} is cut short: it has no end; copy or download it again")
        yield gif, count


def animation_frames(
    path: Path, start: int, stop: int | None, stride: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the RGB bytes ``(H, W, 3)`` of every ``stride``-th frame of a GIF.

    Raises:
        DataError: If the file is damaged, cut short, or changes its size on the way.
    """
    with _open_gif(path) as (gif, count):
        size: tuple[int, int] | None = None
        for index in range(start, count if stop is None else min(stop, count), stride):
            gif.seek(index)
            # A frame that reaches beyond the canvas makes Pillow enlarge it.
            size = size or (gif.height, gif.width)
            check_size(path, index, (gif.height, gif.width), size)
            yield to_rgb(gif, path)


def count_animation(path: Path) -> int:
    """Count the frames of a GIF without decoding them."""
    with _open_gif(path) as (_, count):
        return count
