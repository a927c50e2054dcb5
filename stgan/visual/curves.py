"""How losses and speed went over a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from stgan._files import json_lines
from stgan.errors import DataError
from stgan.visual._names import AS_IT_IS, add_legend, caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

__all__ = ["plot_curves"]

# A smoothed point averages this share of its curve.
_SMOOTHED_SHARE = 1 / 25
# Curves of one panel whose usual sizes lie further apart than this need a logarithmic axis.
_LOG_BEYOND = 20.0
# No number of float32 that is larger is finite, and axes of double precision overflow.
_LARGEST = 1e38


def plot_curves(
    history: Mapping[str, Sequence[float]] | str | Path,
    path: str | Path | None = None,
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw every curve of a run over its steps, a panel for each group.

    A smoothed line (centered moving average over a twenty-fifth of the curve) lies over the faint
    raw one. A panel whose curves are positive and of very different size gets a logarithmic axis.
    Values that are not finite, or as large as only float64 can hold, are left out and leave a hole.

    Args:
        history: Name to one value per step, with the steps under ``step`` or else counted from 1;
            or the path of a file of JSON lines, each with its ``step`` and any of the values.
            Entries of a line that are no numbers are no curves.
        path: Of the picture; its ending gives the format, such as ``.png`` or ``.pdf``. Its
            folder must exist. ``None`` to write nothing.
        groups: Title of a panel to the names that it shows, in order; names in no group are left
            out. Without it names are grouped by what stands before their first ``/``
            (``generator/l1``), and each name without one gets a panel of its own.
        title: Above all panels.

    Returns:
        The figure of matplotlib, to be shown in a notebook or changed.

    Raises:
        DataError: If the file is missing or not of JSON lines, or there is nothing to draw.
        ValueError: If a curve and its steps differ in length, or a group names no curve.

    Example:
        >>> import tempfile
        >>> history = {"generator/l1": [0.5, 0.3, 0.2], "generator/video": [0.7, 0.8, 0.7]}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     figure = plot_curves(history, f"{folder}/curves.png")
        ...     Path(folder, "curves.png").stat().st_size > 1000
        True
    """
    # The Figure itself, not pyplot, which keeps figures and a choice of screen for the process.
    from matplotlib.figure import Figure

    curves = _read(history) if isinstance(history, str | Path) else _from_mapping(history)
    if not curves:
        raise DataError(
            "history holds no curve to draw; give at least one name with a list of numbers"
        )
    panels = _group(curves, groups)
    columns = min(2, len(panels))
    lines = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(6.2 * columns, 3.4 * lines), layout="constrained", dpi=110)
    figure.suptitle(caption(title or ""), **AS_IT_IS)
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel, (name, members) in zip(axes, panels.items(), strict=False):
        _draw(panel, name, {member: curves[member] for member in members})
    for panel in axes[len(panels) :]:
        panel.set_visible(False)
    if path is not None:
        figure.savefig(path)
    return figure


Curve = tuple["NDArray[np.float64]", "NDArray[np.float64]"]


def _from_mapping(history: Mapping[str, Sequence[float]]) -> dict[str, Curve]:
    curves = {}
    steps = history.get("step")
    for name, values in history.items():
        if name == "step":
            continue
        y = np.asarray(values, dtype=np.float64)
        x = np.arange(1, len(y) + 1) if steps is None else np.asarray(steps)
        if len(x) != len(y):
            raise ValueError(f"{name} has {len(y)} values for {len(x)} steps; give as many")
        if len(y):
            curves[name] = (x.astype(np.float64), y)
    return curves


def _read(path: str | Path) -> dict[str, Curve]:
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} does not exist; give the file of JSON lines that a run wrote")
    points: dict[str, list[tuple[float, float]]] = {}
    for _, entry in json_lines(path):
        step = float(cast(float, entry.pop("step")))
        for name, value in entry.items():
            if value is not None:
                points.setdefault(name, []).append((step, float(value)))
    return {
        name: (np.array([x for x, _ in pairs]), np.array([y for _, y in pairs]))
        for name, pairs in points.items()
    }


def _group(
    curves: Mapping[str, Curve], groups: Mapping[str, Sequence[str]] | None
) -> dict[str, list[str]]:
    if groups is not None:
        unknown = sorted({name for names in groups.values() for name in names} - set(curves))
        if unknown or not groups:
            raise ValueError(
                f"groups name no curve by {', '.join(unknown) or 'anything'}; "
                f"the curves are {', '.join(sorted(curves))}"
            )
        return {title: list(names) for title, names in groups.items()}
    panels: dict[str, list[str]] = {}
    for name in curves:
        panels.setdefault(name.partition("/")[0], []).append(name)
    return panels


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centered moving average, over fewer values at the ends, without those that are not finite."""
    half = max(1, round(len(values) * _SMOOTHED_SHARE / 2))
    window = np.ones(2 * half + 1)
    finite = np.isfinite(values)
    total = np.convolve(np.where(finite, values, 0.0), window)[half : half + len(values)]
    count = np.convolve(finite.astype(np.float64), window)[half : half + len(values)]
    return np.where(finite, total / np.maximum(count, 1), np.nan)


def _draw(axes: Axes, title: str, curves: Mapping[str, Curve]) -> None:
    sizes: list[NDArray[np.float64]] = []
    lines: list[Line2D] = []
    for index, (name, (steps, values)) in enumerate(curves.items()):
        values = np.where(np.abs(values) < _LARGEST, values, np.nan)
        color = f"C{index % 10}"
        # A handful of points is a curve already; smoothing would only bend it.
        smoothed = len(values) >= 20
        if smoothed:
            axes.plot(steps, values, color=color, alpha=0.25, linewidth=0.8)
        lines += axes.plot(
            steps,
            _smooth(values) if smoothed else values,
            color=color,
            label=name.removeprefix(f"{title}/"),
            linewidth=1.6,
            marker="o" if len(values) < 20 else None,
            markersize=3,
        )
        sizes.append(values[np.isfinite(values)])
    if all(len(size) and size.min() > 0 for size in sizes):
        medians = [float(np.median(size)) for size in sizes]
        if max(medians) / min(medians) > _LOG_BEYOND:
            axes.set_yscale("log")
    axes.set_title(caption(title), **AS_IT_IS)
    axes.set_xlabel("step")
    axes.set_ylabel("value, log scale" if axes.get_yscale() == "log" else "value")
    axes.grid(alpha=0.3, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if len(curves) > 1 or title not in curves:
        add_legend(axes, lines, frameon=False)
