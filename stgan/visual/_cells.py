"""Clips as bytes of one size, and captions that fit: what both kinds of grid are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from stgan._checks import check_positive
from stgan.errors import ShapeError
from stgan.visual._names import caption

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

__all__ = [
    "INK",
    "PAPER",
    "Font",
    "as_bytes",
    "check_labels",
    "fit_text",
    "load_font",
    "read_cells",
]

if TYPE_CHECKING:
    Font = FreeTypeFont | ImageFont

#: Colors of captions and of the ground.
INK, PAPER = (30, 30, 30), (255, 255, 255)


def _to_bytes(clip: Tensor, row: int, column: int) -> Tensor:
    """Bytes ``(3, T, H, W)`` of a clip or an image, of one channel or three."""
    if clip.ndim == 3:
        clip = clip.unsqueeze(1)
    if clip.ndim != 4 or clip.shape[0] not in (1, 3):
        raise ShapeError(
            f"cell ({row}, {column}) must be a clip (3, T, H, W) or an image (3, H, W), "
            f"got {tuple(clip.shape)}"
        )
    return as_bytes(clip).expand(3, -1, -1, -1)


def as_bytes(picture: Tensor) -> Tensor:
    """Bytes of pixels in [-1, 1], or of bytes, in the memory of the host."""
    from stgan.io import to_uint8

    picture = picture.detach().cpu()
    return picture if picture.dtype == torch.uint8 else to_uint8(picture)


def read_cells(rows: Sequence[Sequence[Tensor]] | Tensor, scale: int) -> list[list[Tensor]]:
    """Check that the cells make a grid; enlarge them and repeat images to the common length."""
    check_positive(scale, "scale")
    cells = [[_to_bytes(clip, i, j) for j, clip in enumerate(row)] for i, row in enumerate(rows)]
    if not cells or not cells[0]:
        raise ShapeError("rows must hold at least one clip, got none")
    if len({len(row) for row in cells}) > 1:
        raise ShapeError(
            f"rows must all have as many clips as the first, got {[len(row) for row in cells]}"
        )
    sides = {tuple(clip.shape[2:]) for row in cells for clip in row}
    lengths = {clip.shape[1] for row in cells for clip in row} - {1}
    if len(sides) > 1 or len(lengths) > 1:
        raise ShapeError(
            f"all clips of a grid must have one size, got sides {sorted(sides)} and lengths "
            f"{sorted(lengths)}"
        )
    num_frames = max(lengths, default=1)
    return [
        [
            clip.expand(-1, num_frames, -1, -1)
            .repeat_interleave(scale, dim=2)
            .repeat_interleave(scale, dim=3)
            for clip in row
        ]
        for row in cells
    ]


def check_labels(labels: Sequence[str] | None, count: int, name: str) -> list[str]:
    """One caption for each row or column; empty ones where none are wanted."""
    if labels is None:
        return [""] * count
    if isinstance(labels, str) or len(labels) != count:
        raise ValueError(f"{name} must be {count} captions, got {labels!r}")
    return [caption(label) for label in labels]


def load_font(size: int) -> Font:
    """DejaVu Sans as matplotlib brings it, or else the font that comes with Pillow.

    The first has the letters of most alphabets, the second little more than those of English.
    Neither is one of the system, so that pictures look the same on every machine.
    """
    from PIL import ImageFont

    try:
        from matplotlib import get_data_path

        return ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)
    except (ImportError, OSError):  # some systems pack matplotlib without its fonts
        return ImageFont.load_default(size=size)


def fit_text(text: str, font: Font, width: float) -> tuple[list[str], int]:
    """Break a caption between words into lines of at most ``width`` pixels.

    Returns:
        The lines, and the pixels that they need: more than ``width`` if one word does.
    """
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines, max((math.ceil(font.getlength(line)) for line in lines), default=0)
