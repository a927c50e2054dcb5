"""Pictures and films that a page holds within itself."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from stgan.io import write_video
from stgan.visual import clip_grid

if TYPE_CHECKING:
    import matplotlib.figure

__all__ = ["Figure", "film", "picture"]

# Shorter side of a clip on the page, in pixels, at least.
_SHOWN_SIDE = 96
_FPS = 10.0


@dataclass(frozen=True)
class Figure:
    """A picture or film of a report, with what a reader should see in it.

    Attributes:
        title: Above it.
        about: One or two sentences below it.
        source: ``data:`` address of the picture.
        alternative: What it shows, for those who do not see it.
        moves: Whether it is a film.
    """

    title: str
    about: str
    source: str
    alternative: str
    moves: bool = False


def film(
    title: str,
    about: str,
    rows: Sequence[Sequence[Tensor]] | Tensor,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
) -> Figure:
    """Return clips that play in a grid.

    Args:
        title: Above the film.
        about: Below it.
        rows: Rows of clips or images, as of :func:`stgan.visual.clip_grid`.
        row_labels: Captions to the left.
        column_labels: Captions above.

    Raises:
        ShapeError: If clips differ in size.

    Example:
        >>> import torch
        >>> clips = torch.rand(2, 3, 4, 16, 16) * 2 - 1
        >>> film("Clips", "Two of noise.", [clips], column_labels=["a", "b"]).alternative
        'film: clips'
    """
    scale = max(1, -(-_SHOWN_SIDE // min(rows[0][0].shape[-2:])))
    grid = clip_grid(rows, row_labels=row_labels, column_labels=column_labels, scale=scale)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grid.gif"
        write_video(grid, path, fps=_FPS)
        source = _address(path.read_bytes(), "gif")
    return Figure(title, about, source, f"film: {title.lower()}", moves=True)


def picture(title: str, about: str, drawing: matplotlib.figure.Figure, alternative: str) -> Figure:
    """Return what matplotlib drew, such as a figure of :mod:`stgan.visual`.

    Args:
        title: Above the picture.
        about: Below it.
        drawing: The figure.
        alternative: What it shows, in words.

    Example:
        >>> from stgan.visual import plot_curves
        >>> drawing = plot_curves({"loss": [3.0, 2.0, 1.0]})
        >>> picture("Loss", "It falls.", drawing, "a falling line").source[:21]
        'data:image/png;base64'
    """
    file = BytesIO()
    drawing.savefig(file, format="png")
    return Figure(title, about, _address(file.getvalue(), "png"), alternative)


def _address(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
