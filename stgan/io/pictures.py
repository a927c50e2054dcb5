"""Still pictures as RGB bytes, whatever mode they were stored in."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

from stgan.errors import DataError
from stgan.io.kinds import reading

__all__ = ["picture_size", "read_picture"]


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
    with reading(path, "a picture"), Image.open(path) as picture:
        _refuse_animation(picture, path)
        return to_rgb(ImageOps.exif_transpose(picture), path)


def picture_size(path: Path) -> tuple[int, int]:
    """Return ``(height, width)`` from the header alone."""
    with reading(path, "a picture"), Image.open(path) as picture:
        _refuse_animation(picture, path)
        lying = picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5
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
        # Pillow's own conversion clips at 255 and would turn nearly all of the picture white.
        narrow = ((gray * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(narrow[..., None], 3, axis=2)
    if picture.mode == "F":
        raise DataError(
            f"picture {path} must be stored as integers, got floating point, which has no known "
            f"range; save it with 8 or 16 bits"
        )
    if "A" in picture.mode or "a" in picture.mode or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        return np.array(Image.alpha_composite(black, layer).convert("RGB"))
    return np.array(picture.convert("RGB"))
