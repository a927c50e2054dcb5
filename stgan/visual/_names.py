"""Names of classes, kinds and curves on figures: shown as they are, whoever chose them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stgan.errors import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["AS_IT_IS", "add_legend", "caption"]

#: Settings of a text of matplotlib, which would read what lies between two dollars as mathematics.
AS_IT_IS: dict[str, Any] = {"parse_math": False}
# Characters of a name that a figure has room for.
_LONGEST = 100


def caption(name: object) -> str:
    """Return what a figure shows of a name; see :func:`stgan.errors.printable`."""
    return printable(name, _LONGEST)


def add_legend(owner: Axes | Figure, lines: Sequence[Line2D], **settings: Any) -> None:
    """Show the label of every line, also one that matplotlib would leave out or typeset."""
    names = [caption(line.get_label()) for line in lines]
    legend = owner.legend(lines, [str(k) for k in range(len(lines))], **settings)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=name, **AS_IT_IS)
