"""How much clips move, from frame to frame and clip by clip."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from stgan.errors import ShapeError
from stgan.visual._kinds import check_kinds
from stgan.visual._names import AS_IT_IS, add_legend, caption

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["plot_motion_energy"]


def plot_motion_energy(
    clips: Mapping[str, Tensor], path: str | Path | None = None, *, title: str | None = None
) -> Figure:
    r"""Draw how much clips move: from frame to frame, and clip by clip.

    The energy is :math:`\mathrm{mean}\,|x_{t+1} - x_t|`, as of
    :func:`stgan.metrics.motion_energy`. The left panel shows its mean over the clips of a kind at
    every step of time, with one standard deviation around it; the right one how its values for
    whole clips are spread. Flicker raises it as motion does: look at slices, too.

    Args:
        clips: Name of a kind, such as ``"real"``, to its clips in [-1, 1], or to the energies of
            their steps, gathered where the clips are too many to be held; kinds may differ in size
            and number.
        path: Of the picture; its ending gives the format. Its folder must exist. ``None`` to write
            nothing.
        title: Above both panels.

    Returns:
        The figure of matplotlib, to be shown in a notebook or changed.

    Shape:
        - Each of ``clips``: ``(N, C, T, H, W)``, T at least 2, or energies ``(N, T - 1)``.

    Raises:
        ShapeError: If clips have another layout or a single frame.
        ValueError: If there are no clips.

    Example:
        >>> import tempfile
        >>> clips = {"real": torch.rand(4, 3, 8, 16, 16) - 0.5, "fake": torch.zeros(4, 3, 8, 8, 8)}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     figure = plot_motion_energy(clips, f"{folder}/energy.png")
        ...     Path(folder, "energy.png").stat().st_size > 1000
        True
    """
    from matplotlib.figure import Figure

    check_kinds(clips, "N C T H W", "N T")
    energies: dict[str, Tensor] = {}
    for name, video in clips.items():
        if video.ndim == 2:
            energies[name] = video.float().cpu()
            continue
        if video.shape[2] < 2:
            raise ShapeError(
                f"clips of {name!r} must have at least 2 frames to move, got {video.shape[2]}"
            )
        energies[name] = torch.diff(video.float(), dim=2).abs().mean(dim=(1, 3, 4)).cpu()

    figure = Figure(figsize=(11, 4.1), layout="constrained", dpi=110)
    figure.suptitle(caption(title or ""), **AS_IT_IS)
    over_time, over_clips = figure.subplots(1, 2)
    most = max(float(energy.mean(dim=1).max()) for energy in energies.values()) or 1.0
    edges = np.linspace(0, most * 1.02, 21)
    lines: list[Line2D] = []
    for index, (name, energy) in enumerate(energies.items()):
        color, label = f"C{index}", f"{name} (n = {len(energy)})"
        steps = np.arange(1, energy.shape[1] + 1)
        mean, spread = energy.mean(dim=0).numpy(), energy.std(dim=0, correction=0).numpy()
        lines += over_time.plot(steps, mean, color=color, label=label, marker="o", markersize=3)
        over_time.fill_between(
            steps, (mean - spread).clip(min=0), mean + spread, color=color, alpha=0.15, linewidth=0
        )
        over_clips.hist(
            energy.mean(dim=1).numpy(),
            bins=edges.tolist(),
            # Shares, so that kinds of different number compare.
            weights=np.full(len(energy), 1 / len(energy)),
            color=color,
            alpha=0.45,
        )
    over_time.set(title="from frame to frame", xlabel="frame t, compared with frame t + 1")
    over_time.set_ylabel("mean |difference|, in [-1, 1] units")
    over_time.set_ylim(bottom=0)
    over_time.locator_params(axis="x", integer=True)
    over_clips.set(title="clip by clip", xlabel="motion energy of a clip", ylabel="share of clips")
    for panel in (over_time, over_clips):
        panel.grid(alpha=0.3, linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
    add_legend(figure, lines, loc="outside lower center", ncols=len(lines), frameon=False)
    if path is not None:
        figure.savefig(path)
    return figure
