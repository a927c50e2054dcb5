"""Pictures and films that a page holds within itself."""

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
    from matplotlib.figure import Figure as Drawing

__all__ = ["Figure", "film", "picture"]

# Shorter side of a clip on the page, in pixels, at least.
_SHOWN_SIDE = 64
_FPS = 10.0


@dataclass(frozen=True)
class Figure:
    """A picture or film with what a reader should see in it.

    Attributes:
        title: Above it.
        about: One or two sentences below it.
        source: ``data:`` address of the picture.
        alternative: What it shows, for those who do not see it.
    """

    title: str
    about: str
    source: str
    alternative: str


def film(
    title: str,
    about: str,
    rows: Sequence[Sequence[Tensor]],
    row_labels: Sequence[str] | None,
    column_labels: Sequence[str],
) -> Figure:
    """Play clips in a grid; see :func:`stgan.visual.clip_grid` for rows and captions."""
    scale = max(1, -(-_SHOWN_SIDE // min(rows[0][0].shape[-2:])))
    grid = clip_grid(rows, row_labels=row_labels, column_labels=column_labels, scale=scale)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grid.gif"
        write_video(grid, path, fps=_FPS)
        return Figure(title, about, _address(path.read_bytes(), "gif"), f"film: {title.lower()}")


def picture(title: str, about: str, drawing: "Drawing", alternative: str) -> Figure:
    """Show what matplotlib drew."""
    file = BytesIO()
    drawing.savefig(file, format="png")
    return Figure(title, about, _address(file.getvalue(), "png"), alternative)


def _address(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
