"""Which class is taken for which, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from stgan._checks import check_layout
from stgan.errors import ShapeError
from stgan.visual._names import AS_IT_IS, caption

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_confusion"]

# More classes than this are told by color alone.
_MOST_NUMBERS = 12


def plot_confusion(
    confusion: Mapping[str, Tensor],
    path: str | Path | None = None,
    *,
    classes: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw how often each class is taken for each, a panel for every kind of clips.

    A row is a class that was asked for, a column one that a classifier took the clips for; the
    diagonal is what should be. The rows of real clips that the classifier has not seen are the
    best that generated ones can reach.

    Args:
        confusion: Title of a panel, such as ``"generated"``, to its shares, as of
            :func:`stgan.metrics.motion_confusion`. A row of NaN, a class that was not asked for,
            stays empty.
        path: Of the picture; its ending gives the format. Its folder must exist. ``None`` to write
            nothing.
        classes: Their names, in order; numbers without it.
        title: Above all panels.

    Returns:
        The figure of matplotlib, to be shown in a notebook or changed.

    Shape:
        - Each of ``confusion``: ``(K, K)``, in [0, 1], the same K for all.

    Raises:
        ShapeError: If a matrix is not square, or one has another size than the first.
        ValueError: If there is no matrix, a share lies outside [0, 1], or there are not as many
            names as classes.

    Example:
        >>> import tempfile
        >>> found = {"real": torch.eye(3), "generated": torch.full((3, 3), 1 / 3)}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = f"{folder}/confusion.png"
        ...     figure = plot_confusion(found, path, classes=["walk", "run", "jump"])
        ...     Path(folder, "confusion.png").stat().st_size > 1000
        True
    """
    from matplotlib.figure import Figure

    count = _count_classes(confusion)
    names = (
        [str(k) for k in range(count)] if classes is None else [caption(name) for name in classes]
    )
    if isinstance(classes, str) or len(names) != count:
        raise ValueError(f"classes must be {count} names, one for each row, got {classes!r}")
    side = max(2.6, 0.42 * count + 1.4)
    figure = Figure(
        figsize=(side * len(confusion) + 1.2, side + 1.1), layout="constrained", dpi=110
    )
    figure.suptitle(caption(title or ""), **AS_IT_IS)
    panels = figure.subplots(1, len(confusion), squeeze=False, sharey=True)[0]
    for panel, (name, shares) in zip(panels, confusion.items(), strict=True):
        shown = shares.detach().float().cpu().numpy()
        image = panel.imshow(shown, vmin=0, vmax=1, cmap="Blues")
        panel.set_title(caption(name), **AS_IT_IS)
        turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        panel.set_xticks(range(count), names, **turned, **AS_IT_IS)
        panel.set_yticks(range(count), names, **AS_IT_IS)
        panel.set_xlabel("taken for")
        for i, row in enumerate(shown):
            for j, share in enumerate(row):
                if share == share and count <= _MOST_NUMBERS:
                    ink = "white" if share > 0.5 else "0.25"
                    text = f"{share:.2f}".removeprefix("0") if share < 1 else "1"
                    panel.text(j, i, text if share > 0 else "·", color=ink, ha="center",
                               va="center", fontsize=8)  # fmt: skip
    panels[0].set_ylabel("asked for")
    figure.colorbar(image, ax=list(panels), label="share of the clips asked for", shrink=0.8)
    if path is not None:
        figure.savefig(path)
    return figure


def _count_classes(confusion: Mapping[str, Tensor]) -> int:
    if not confusion:
        raise ValueError("confusion must hold at least one matrix, got none to draw")
    count = len(next(iter(confusion.values())))
    for name, shares in confusion.items():
        check_layout(shares, "K K", name=f"confusion of {name!r}", kind="real")
        if shares.shape != (count, count):
            raise ShapeError(
                f"confusion of {name!r} must be ({count}, {count}), got {tuple(shares.shape)}"
            )
        given = shares[~shares.isnan()]
        if bool(((given < 0) | (given > 1)).any()):
            raise ValueError(
                f"confusion of {name!r} must hold shares in [0, 1], got {given.min():.3g} to "
                f"{given.max():.3g}; divide counts by the sum of their row"
            )
    return count
