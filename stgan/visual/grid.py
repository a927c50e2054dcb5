"""Many clips in one: a grid with captions, to be looked at side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from stgan._checks import check_layout, check_positive
from stgan.visual._cells import INK, PAPER, check_labels, fit_text, load_font, read_cells

__all__ = ["clip_grid", "film_strip_grid", "write_picture"]

# Widest caption of a row, in characters' heights, before it is broken into lines.
_LABEL_WIDTH = 8
# Between the frames of one strip, in pixels: enough to tell them apart, too little to part them.
_FRAME_GAP = 1


def clip_grid(
    rows: Sequence[Sequence[Tensor]] | Tensor,
    *,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    scale: int = 2,
    gap: int = 4,
    font_size: int = 14,
) -> Tensor:
    """Play many clips beside each other, with captions.

    Write it by ``stgan.io.write_video(grid, "grid.gif", fps=...)``.

    Args:
        rows: Rows of clips in [-1, 1] or bytes, all of one size. An image stands still; a video
            ``(N, C, T, H, W)`` serves as a row of N clips.
        row_labels: Captions to the left, one for each row.
        column_labels: Captions above, one for each column; too long ones are broken into lines.
        scale: Every pixel becomes a square of this many, so that small clips can be seen.
        gap: Pixels between clips.
        font_size: Of the captions, in pixels.

    Returns:
        Clip of bytes ``(3, T, H', W')``, both sides even, as most video formats want.

    Shape:
        - Cell: ``(3, T, H, W)``, ``(3, H, W)``, or one channel instead of three.
        - Output: ``(3, T, H', W')`` uint8.

    Raises:
        ShapeError: If a cell has another layout, or rows or clips differ in size.
        ValueError: If there are not as many captions as rows or columns.

    Example:
        >>> clips = torch.rand(3, 3, 8, 32, 32) * 2 - 1
        >>> clip_grid([clips, clips], column_labels=["a", "b", "c"], gap=4, scale=1).shape
        torch.Size([3, 8, 94, 112])
    """
    return _compose(read_cells(rows, scale), row_labels, column_labels, gap, font_size)


def film_strip_grid(
    rows: Sequence[Sequence[Tensor]] | Tensor,
    *,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    num_frames: int = 6,
    scale: int = 2,
    gap: int = 10,
    font_size: int = 14,
) -> Tensor:
    """The same grid as a still: each clip as a strip of its frames, evenly spread in time.

    The first and the last frame are always among them; the numbers above the strips are those of
    the frames, counted from 1. Images are shown once.

    Args:
        rows: As for :func:`clip_grid`.
        row_labels: Captions to the left, one for each row.
        column_labels: Captions above, one for each column.
        num_frames: Frames of each clip to show; fewer where the clip is shorter.
        scale: Every pixel becomes a square of this many.
        gap: Pixels between strips.
        font_size: Of the captions, in pixels.

    Returns:
        Picture of bytes ``(3, H', W')``; write it by :func:`write_picture`.

    Raises:
        ShapeError: If a cell has another layout, or rows or clips differ in size.
        ValueError: If there are not as many captions as rows or columns.

    Example:
        >>> clips = torch.rand(2, 3, 16, 32, 32) * 2 - 1
        >>> film_strip_grid([clips], num_frames=4, scale=1).shape
        torch.Size([3, 70, 292])
    """
    check_positive(num_frames, "num_frames")
    still = [all(cell.ndim == 3 for cell in column) for column in zip(*rows, strict=False)]
    cells = read_cells(rows, scale)
    length = cells[0][0].shape[1]
    shown = torch.linspace(0, length - 1, min(num_frames, length)).round().long().tolist()
    strips = [
        [_strip(clip, [0] if still[j] else shown) for j, clip in enumerate(row)] for row in cells
    ]
    numbers = [["" if alone else str(t + 1) for t in ([0] if alone else shown)] for alone in still]
    return _compose(strips, row_labels, column_labels, gap, font_size, numbers)[:, 0]


def _strip(clip: Tensor, shown: Sequence[int]) -> Tensor:
    """Frames beside each other, ``(3, T, H, W)`` to ``(3, 1, H, W')``."""
    height = clip.shape[2]
    paper = torch.tensor(PAPER, dtype=torch.uint8).view(3, 1, 1).expand(3, height, _FRAME_GAP)
    pieces = [piece for t in shown for piece in (paper, clip[:, t])][1:]
    return torch.cat(pieces, dim=2).unsqueeze(1)


def _compose(
    cells: list[list[Tensor]],
    row_labels: Sequence[str] | None,
    column_labels: Sequence[str] | None,
    gap: int,
    font_size: int,
    numbers: list[list[str]] | None = None,
) -> Tensor:
    """Paste ``(3, T, H, W)`` cells onto paper with captions."""
    import numpy as np
    from PIL import Image, ImageDraw

    if gap < 0:
        raise ValueError(f"gap must be at least 0, got {gap}")
    check_positive(font_size, "font_size")
    font, small = load_font(font_size), load_font(max(8, round(font_size * 0.8)))
    line = font_size + 3
    length, height = cells[0][0].shape[1:3]
    widths = [cell.shape[3] for cell in cells[0]]
    above = [
        fit_text(label, font, width)
        for label, width in zip(
            check_labels(column_labels, len(widths), "column_labels"), widths, strict=True
        )
    ]
    beside = [
        fit_text(label, font, _LABEL_WIDTH * font_size)
        for label in check_labels(row_labels, len(cells), "row_labels")
    ]
    # Where a caption needs more room than its clip, the column or row grows: nothing is cut off.
    slots = [max(width, needed) for width, (_, needed) in zip(widths, above, strict=True)]
    heights = [max(height, line * len(texts)) for texts, _ in beside]
    label_width = max(needed for _, needed in beside)
    numbered = line if numbers and any(any(texts) for texts in numbers) else 0
    left = gap + (label_width + 8 if label_width else 0)
    top = gap + line * max(len(texts) for texts, _ in above) + numbered
    centers = [left + sum(slots[:j]) + gap * j + slot // 2 for j, slot in enumerate(slots)]
    middles = [top + sum(heights[:i]) + gap * i + tall // 2 for i, tall in enumerate(heights)]

    sides = (left + sum(slots) + gap * len(slots), top + sum(heights) + gap * len(heights))
    page = Image.new("RGB", (sides[0] + sides[0] % 2, sides[1] + sides[1] % 2), PAPER)
    draw = ImageDraw.Draw(page)
    for x, (texts, _) in zip(centers, above, strict=True):
        # Captions stand on the clips, however many lines their neighbors take.
        for k, text in enumerate(reversed(texts)):
            draw.text((x, top - numbered - 4 - line * k), text, INK, font, anchor="ms")
    for y, (texts, _) in zip(middles, beside, strict=True):
        for k, text in enumerate(texts):
            baseline = y + line * (k - (len(texts) - 1) / 2)
            draw.text((left - 8, baseline), text, INK, font, anchor="rm")
    for x, width, texts in zip(centers, widths, numbers or [], strict=False):
        step = width / len(texts)
        for k, text in enumerate(texts):
            center = x - width / 2 + step * (k + 0.5)
            draw.text((center, top - 3), text, INK, small, anchor="ms")

    ground = torch.from_numpy(np.array(page)).permute(2, 0, 1).unsqueeze(1)
    grid = ground.repeat(1, length, 1, 1)
    for y, row in zip(middles, cells, strict=True):
        for x, width, cell in zip(centers, widths, row, strict=True):
            grid[:, :, _around(y, height), _around(x, width)] = cell
    return grid


def _around(middle: int, size: int) -> slice:
    return slice(middle - size // 2, middle - size // 2 + size)


def write_picture(picture: Tensor, path: str | Path) -> None:
    """Write a picture to a PNG file, which keeps every pixel.

    Args:
        picture: ``(3, H, W)`` in [-1, 1] or bytes, such as :func:`film_strip_grid` returns.
        path: File to write or replace, ending in ``.png``; its folder must exist.

    Raises:
        ShapeError: If the picture has another layout.
        ValueError: If the path does not end in ``.png``.
        FileNotFoundError: If the folder does not exist.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_picture(torch.zeros(3, 4, 4), f"{folder}/gray.png")
        ...     Path(folder, "gray.png").is_file()
        True
    """
    from stgan.io import write_strip

    check_layout(picture, "C H W", name="picture", kind="any", C=3)
    write_strip(picture.unsqueeze(1), path)
