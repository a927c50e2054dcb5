"""Motion at a glance: one line of every frame over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from torch import Tensor

from stgan._checks import check_positive
from stgan.errors import ShapeError
from stgan.registry import unknown_name
from stgan.visual._cells import as_bytes
from stgan.visual._kinds import check_kinds
from stgan.visual._names import AS_IT_IS, caption

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["plot_slices"]


def plot_slices(
    clips: Mapping[str, Tensor],
    path: str | Path | None = None,
    *,
    position: int | Sequence[int] | None = None,
    axis: Literal["x", "y"] = "x",
    max_clips: int = 4,
    title: str | None = None,
) -> Figure:
    """Draw one line of every frame over time, a row for each clip and a column for each kind.

    What stands still draws straight lines down the picture, what moves steadily slanted ones; a
    loop repeats, flicker is a horizontal stripe. At the left stands the first frame of the first
    kind, with the line that is cut out marked in it; time runs down.

    Args:
        clips: Caption of a column to its clips in [-1, 1] or bytes; all of one size, and as many
            of each kind where they belong together, as real and generated do.
        path: Of the picture; its ending gives the format. Its folder must exist. ``None`` to write
            nothing.
        position: The row that is cut for ``"x"``, or the column for ``"y"``; a sequence has one
            for each clip, the same in every kind; ``None`` for the middle.
        axis: The axis of space that stays.
        max_clips: Rows at most; the first clips are shown.
        title: Above all panels.

    Returns:
        The figure of matplotlib, to be shown in a notebook or changed.

    Shape:
        - Each of ``clips``: ``(N, C, T, H, W)``, C 1 or 3.

    Raises:
        ShapeError: If clips have another layout or differ in size, or the position lies outside.
        UnknownNameError: If the axis is not known.
        ValueError: If there are no clips, fewer positions than clips are shown, or ``max_clips``
            is not positive.

    Example:
        >>> import tempfile
        >>> import torch
        >>> clip = torch.zeros(2, 3, 8, 16, 16)
        >>> for t in range(8):
        ...     clip[:, :, t, 6:10, t : t + 4] = 1
        >>> kinds = {"moves": clip, "stands": clip[:, :, :1].repeat(1, 1, 8, 1, 1)}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     figure = plot_slices(kinds, f"{folder}/slices.png")
        ...     Path(folder, "slices.png").stat().st_size > 1000
        True

    References:
        Adelson and Bergen, Spatiotemporal energy models for the perception of motion, 1985.
    """
    from matplotlib.figure import Figure

    check_positive(max_clips, "max_clips")
    if axis not in ("x", "y"):
        raise unknown_name("a slice", axis, ("x", "y"), what="axis")
    length, height, width = _common_size(clips)
    across = height if axis == "x" else width
    lines = min(max_clips, max(len(kind) for kind in clips.values()))
    positions = _positions(position, lines, across)

    figure = Figure(
        figsize=(1.9 * (len(clips) + 1) + 0.4, 1.9 * lines + 0.5), layout="constrained", dpi=110
    )
    figure.suptitle(caption(title or ""), **AS_IT_IS)
    panels = figure.subplots(lines, len(clips) + 1, squeeze=False)
    first = next(iter(clips.values()))
    for row, line in enumerate(panels):
        title = f"{caption(next(iter(clips)))}, frame 1" if row == 0 else ""
        line[0].set_title(title, **AS_IT_IS)
        if row < len(first):
            line[0].imshow(_picture(first[row, :, 0]), interpolation="nearest")
            mark = line[0].axhline if axis == "x" else line[0].axvline
            mark(positions[row], color="C3", linewidth=1.4, linestyle="--")
        line[0].set_axis_off()
        for panel, (name, kind) in zip(line[1:], clips.items(), strict=True):
            panel.set_title(caption(name) if row == 0 else "", **AS_IT_IS)
            if row >= len(kind):
                panel.set_axis_off()
                continue
            # From (C, T, H, W), the axis of space that goes is the second or the last.
            cut = kind[row].select(2 if axis == "x" else 3, positions[row])
            side = cut.shape[2]
            # Frames are counted from 1, and both axes fill the square.
            extent = (-0.5, side - 0.5, length + 0.5, 0.5)
            panel.imshow(_picture(cut), interpolation="nearest", aspect="auto", extent=extent)
            panel.locator_params(nbins=5, integer=True)
            # The picture at the far left has no axes, so that the first column shows the frames.
            panel.tick_params(labelleft=panel is line[1], labelbottom=row == lines - 1)
        line[1].set_ylabel("frame")
    for panel in panels[-1, 1:]:
        panel.set_xlabel(f"{axis} in pixels")
    if path is not None:
        figure.savefig(path)
    return figure


def _positions(position: int | Sequence[int] | None, lines: int, across: int) -> list[int]:
    """The line that is cut from each of the clips that are shown."""
    if position is None:
        position = across // 2
    found = list(position)[:lines] if isinstance(position, Sequence) else [position] * lines
    if len(found) < lines:
        raise ValueError(
            f"position must be one number, or one for each of {lines} clips, got {len(found)}"
        )
    for one in found:
        if not 0 <= one < across:
            raise ShapeError(f"position must lie between 0 and {across - 1}, got {one}")
    return found


def _common_size(clips: Mapping[str, Tensor]) -> tuple[int, int, int]:
    check_kinds(clips)
    sizes = {name: (video.shape[2], video.shape[3], video.shape[4])
             for name, video in clips.items()}  # fmt: skip
    size = next(iter(sizes.values()))
    for name, other in sizes.items():
        if other != size:
            raise ShapeError(
                f"clips of {name!r} must be of the size (T, H, W) of the first, {size}, got "
                f"{other}; resize them"
            )
    return size


def _picture(image: Tensor) -> NDArray[np.uint8]:
    """``(C, H, W)`` in [-1, 1] or bytes, to what matplotlib shows."""
    pixels = as_bytes(image).expand(3, -1, -1).permute(1, 2, 0)
    found: NDArray[np.uint8] = pixels.numpy()
    return found
